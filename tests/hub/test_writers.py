"""Writers take turns in both databases, so nothing becomes visible behind somebody who follows numbers."""

from __future__ import annotations

import contextlib
import random
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import URL, Connection, insert, select, text, update

from edge.errors import StorageError
from hub import databases, ledger
from hub.store import Store, counter, next_revision, revision
from hub.tables import Boot, Device, Record

TRANSACTIONS = 40


class Work(threading.Thread):
    """Runs a function beside the test and hands on what it raised."""

    def __init__(self, work: Callable[[], None]) -> None:
        super().__init__()
        self._work = work
        self.error: BaseException | None = None
        self.start()

    def run(self) -> None:
        try:
            self._work()
        except BaseException as error:  # noqa: BLE001 - raised again in finish()
            self.error = error

    def finish(self) -> None:
        self.join(60)
        assert not self.is_alive()
        if self.error is not None:
            raise self.error


def add_devices(store: Store, count: int) -> None:
    with store.write() as connection:
        for number in range(1, count + 1):
            texts = dict.fromkeys(("ward", "bed", "status", "status_reason", "microphone"), "")
            numbers = dict.fromkeys(("status_at", "microphone_at", "heard_at", "revision"), 0)
            connection.execute(insert(Device).values(id=number, name=str(number), **texts, **numbers))
        assert next_revision(connection) == 1


def add_record(connection: Connection, device_id: int, seq: int) -> None:
    values = {"device_id": device_id, "boot_id": "b", "seq": seq, "kind": "summary", "body": "{}"}
    connection.execute(insert(Record).values(**values, at=0.0, received_at=0.0))


def test_a_second_writer_waits_for_the_first(place: Path | URL) -> None:
    """The first takes its numbers first and commits last; the second must not overtake it."""
    first, second = Store(place), Store(place)
    add_devices(first, 2)
    order: list[str] = []

    def follow() -> None:
        with second.write() as connection:
            order.append("second")
            add_record(connection, 2, 1)
            assert next_revision(connection) == 3

    with first.write() as connection:
        add_record(connection, 1, 1)
        assert next_revision(connection) == 2
        other = Work(follow)
        other.join(0.5)
        order.append("first")
        with second.read() as reading:  # waits for nobody
            assert reading.execute(select(Record.id)).all() == [], "seen before it was committed"
    other.finish()
    assert order == ["first", "second"]
    with first.read() as connection:
        rows = connection.execute(select(Record.device_id).order_by(Record.id)).scalars().all()
    assert rows == [1, 2]
    first.close()
    second.close()


class GivenUpError(Exception):
    """Half-way through a transaction: its id is lost, or given away again."""


class Writer:
    """Adds records as fast as it can; `kept` are the revisions that were committed."""

    def __init__(self, place: Path | URL, device_id: int) -> None:
        self.kept: list[int] = []
        self._store = Store(place)
        self._device_id = device_id
        self._dice = random.Random(device_id)

    def __call__(self) -> None:
        for seq in range(1, TRANSACTIONS + 1):
            with contextlib.suppress(GivenUpError):
                self.kept.append(self._write(seq))
        self._store.close()

    def _write(self, seq: int) -> int:
        with self._store.write() as connection:
            add_record(connection, self._device_id, seq)
            time.sleep(self._dice.choice((0.0, 0.001, 0.004)))
            number = next_revision(connection)
            connection.execute(update(Device).where(Device.id == self._device_id).values(revision=number))
            if self._dice.random() < 0.2:
                raise GivenUpError
        return number


class Follower:
    """Looks again and again, and once more when the writers have finished."""

    def __init__(self, place: Path | URL, finished: threading.Event) -> None:
        self.found: list[int] = []
        self._store = Store(place)
        self._finished = finished

    def __call__(self) -> None:
        done = False
        while not done:
            done = self._finished.is_set()
            self.look(self._store)
        self._store.close()

    def look(self, store: Store) -> None:
        raise NotImplementedError


class EngineLike(Follower):
    """Follows the ids of records by the alert engine's own cursor."""

    def look(self, store: Store) -> None:
        with store.read() as connection:
            if not ledger.has_news(connection):
                return
        with store.write() as connection:
            cursor = counter(connection, "cursor")
            self.found += connection.scalars(select(Record.id).where(Record.id > cursor).order_by(Record.id))
            ledger.take_in(connection)


class StreamLike(Follower):
    """Follows revisions as the board's stream does."""

    seen = 0

    def look(self, store: Store) -> None:
        with store.read() as connection:
            newest = revision(connection)
            changed = connection.scalars(select(Device.revision).where(Device.revision > self.seen)).all()
        assert max(changed, default=max(self.seen, 1)) == newest, "the newest revision without its row"
        self.found += changed
        self.seen = newest


def test_whoever_follows_ids_and_revisions_misses_nothing(place: Path | URL) -> None:
    store = Store(place)
    add_devices(store, 2)
    finished = threading.Event()
    writers = [Writer(place, 1), Writer(place, 2)]
    followers = [EngineLike(place, finished), StreamLike(place, finished)]
    writing = [Work(writer) for writer in writers]
    following = [Work(follower) for follower in followers]
    for work in writing:
        work.join(60)
    finished.set()
    for work in (*writing, *following):
        work.finish()
    with store.read() as connection:
        everything = list(connection.scalars(select(Record.id).order_by(Record.id)))
    engine, stream = followers
    assert engine.found == everything, "the cursor passed over a record, or met one twice"
    kept = sorted(writers[0].kept + writers[1].kept)
    assert kept == list(range(2, len(everything) + 2)), "revisions have no holes"
    assert len(kept) < 2 * TRANSACTIONS, "some were given up"
    assert len(set(stream.found)) == len(stream.found)
    assert max(stream.found) == kept[-1]
    store.close()


def test_a_writer_that_waits_in_vain_says_so(place: Path | URL, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(databases, "WAIT_S", 0.3)
    first, second = Store(place), Store(place)
    with (
        first.write(),
        pytest.raises(StorageError, match=r"lock") as caught,
        second.write() as connection,
    ):
        connection.execute(text("SELECT 1"))
    assert "\n" not in str(caught.value)
    with second.write() as connection:
        connection.execute(text("SELECT 1"))
    first.close()
    second.close()


def test_a_reader_sees_one_state_and_can_write_nothing(place: Path | URL) -> None:
    store = Store(place)
    with store.read() as reading:
        assert reading.execute(select(Device.id)).all() == []
        add_devices(store, 1)
        assert reading.execute(select(Device.id)).all() == []
    if isinstance(place, URL):
        with pytest.raises(StorageError, match="read-only"), store.read() as reading:
            reading.execute(insert(Boot).values(device_id=1, boot_id="b", origin=0.0))
    store.close()
