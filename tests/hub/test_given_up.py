"""What a full outbox has given up: the real publisher tells the real ingest, which then asks no more."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hub_parts import Broker, Hub, until
from samples import CLOCK, SampleDevice, summary
from simulate import Line

from edge.config import Broker as BrokerSettings
from edge.publisher import Publisher
from edge.storage import Storage
from edge.topics import Address

BOUND = 726_000  # most of it is the share of SQLite's log


@pytest.fixture
def full(tmp_path: Path) -> Iterator[Storage]:
    """An outbox that has been without a hub until the oldest of 600 summaries had to go."""
    outbox = Storage(tmp_path / "edge", CLOCK.boot_id, BOUND)
    for _ in range(600):
        outbox.append(summary)
    yield outbox
    outbox.close()


def test_the_hub_is_told_and_asks_no_more(hub: Hub, broker: Broker, line: Line, full: Storage) -> None:
    assert 0 < full.dropped < 600
    hub.start("ingest")
    until(lambda: "listening to" in hub.log(), 20, "ingest's subscription")
    publisher = Publisher(
        BrokerSettings(host="127.0.0.1", port=broker.port),
        Address(hub.site, "ward-1", "bed-1"),
        full,
        SampleDevice(),
    )
    publisher.start()
    try:
        until(lambda: len(full) == 0, 30, "a receipt for all that is left")
        until(
            lambda: hub.rows("SELECT first, last FROM held") == [(1, 600)],
            20,
            "the hub's word that nothing is missing",
        )
    finally:
        publisher.stop("stopped")
    last = line.receipts[-1][1]
    assert (last.upto_seq, last.gaps) == (600, ())
    assert hub.rows("SELECT value FROM counters WHERE name = 'given_up'") == [(full.dropped,)]
    assert hub.rows("SELECT count(*), min(seq) FROM records") == [(600 - full.dropped, full.dropped + 1)]
