"""Ingest's loop without its process: a message nobody can write, live messages that find no room."""

from __future__ import annotations

from pathlib import Path

import pytest
from engine_parts import T0, Clock, Loose, arrival, engine, put, raised
from simulate import Device
from sqlalchemy import func, select, text, update

from edge.errors import StorageError
from hub import deliveries, ingest, pruning
from hub.config import Settings
from hub.delivery import PUSH, Recipient
from hub.delivery_tables import DeliveryRow
from hub.escalation import BED
from hub.ingest import Ingest
from hub.pruning import DAY_S
from hub.store import Store, counter
from hub.tables import AlertRow, Record, Reject

UNWANTED = 13
REFUSE = {
    "sqlite": "CREATE TRIGGER refuse BEFORE INSERT ON records WHEN new.seq = 13"
    " BEGIN SELECT RAISE(ABORT, 'not this one'); END",
    "postgresql": "ALTER TABLE records ADD CONSTRAINT refuse CHECK (seq <> 13)",
}


@pytest.fixture
def inbox(store: Store, tmp_path: Path) -> Ingest:
    return Ingest(Settings(site="test", data=str(tmp_path)), store, lambda: T0)


def test_a_message_that_cannot_be_written_keeps_no_other_out(
    inbox: Ingest, store: Store, device: Device
) -> None:
    with store.write() as connection:
        connection.execute(text(REFUSE[connection.dialect.name]))
    for _ in range(20):
        device.summary(send=False)
    answers = inbox.commit([arrival(device, message) for message in device.sent.values()])
    address, receipt = answers[-1]
    assert (address, receipt.upto_seq, receipt.gaps) == (device.address, 20, ((UNWANTED, UNWANTED),))
    with store.read() as connection:
        assert connection.scalar(select(func.count(Record.id))) == 19
        [reason] = connection.scalars(select(Reject.reason))
        assert counter(connection, "rejects") == 1
    assert reason.startswith("cannot be written: ")


def test_a_defect_for_one_message_keeps_no_other_out(
    inbox: Ingest, store: Store, device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = ingest.save

    def save(connection: object, batch: list[object]) -> object:
        if any(getattr(item.message, "seq", 0) == UNWANTED for item in batch):  # type: ignore[attr-defined]
            raise KeyError(UNWANTED)
        return real(connection, batch)  # type: ignore[arg-type]

    monkeypatch.setattr(ingest, "save", save)
    for _ in range(20):
        device.summary(send=False)
    inbox.commit([arrival(device, message) for message in device.sent.values()])
    with store.read() as connection:
        assert connection.scalar(select(func.count(Record.id))) == 19


def test_a_database_in_trouble_sets_nothing_aside(inbox: Ingest, store: Store, device: Device) -> None:
    with store.write() as connection:
        connection.execute(text("DROP TABLE records"))
    device.summary(send=False)
    with pytest.raises(StorageError):
        inbox.commit([arrival(device, device.sent[1])])
    with store.read() as connection:
        assert counter(connection, "rejects") == 0


def test_what_is_too_old_goes_a_little_at_a_time(
    inbox: Ingest, store: Store, device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pruning, "PORTION", 4)
    clock = Clock()
    device.summary(send=False)
    for number in range(10):
        device.summary(send=False)
        put(store, arrival(device, device.sent[device.seq], clock.now - number))
    with store.write() as connection:
        assert not pruning.prune(connection, clock.now + 401 * DAY_S, 400), "the engine has not taken them in"
    engine(store, clock).follow_episodes()
    alert = raised(store, Device(Loose(), "bed-2", "Bed 2"), clock)  # type: ignore[arg-type]
    keeper = engine(store, clock)
    keeper.follow_episodes()
    keeper.call_people()
    told = [("phone", True), ("pager", False)]
    with store.write() as connection:
        deliveries.write(connection, [alert], [Recipient(PUSH, name, (), BED) for name, _ in told], T0 + 1)
        connection.execute(update(DeliveryRow).where(DeliveryRow.recipient == "pager").values(open=False))
    with store.write() as connection:
        assert not pruning.prune(connection, clock.now + 399 * DAY_S, 400), "nothing is too old"
    more = []
    for _ in range(4):
        with store.write() as connection:
            more.append(pruning.prune(connection, clock.now + 401 * DAY_S, 400))
    assert more == [True, True, False, False]
    with store.read() as connection:
        assert connection.scalar(select(func.count(Record.id))) == 1, (
            "the newest: its number is not given again"
        )
        assert set(connection.scalars(select(DeliveryRow.recipient))) == {"phone"}
        assert connection.scalar(select(func.count(AlertRow.id))) == 1
    assert put(store, arrival(device, device.sent[3], clock.now))[0].gaps == ((1, 1),), "known for ever"


def test_nothing_is_too_old_by_a_clock_nobody_has_set(
    store: Store, device: Device, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pruning, "PORTION", 1)
    for number in range(3):
        device.summary(send=False)
        put(store, arrival(device, device.sent[device.seq], T0 + number))
    engine(store, Clock()).follow_episodes()
    settings, years_on = Settings(site="test", data=str(tmp_path)), T0 + 900 * DAY_S
    assert not Ingest(settings, store, lambda: years_on, lambda: False).prune()
    assert Ingest(settings, store, lambda: years_on, lambda: True).prune()


def test_live_messages_without_room_are_counted_once(
    inbox: Ingest, store: Store, device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also those that come while others are being counted."""
    inbox._inbox.maxsize = 1
    real = ingest.count

    def drop() -> None:
        inbox._receive("ser/v1/test/3b/bed-1/emotion", b"{}", retained=False, durable=False)

    def count(connection: object, name: str, by: int = 1) -> int:
        drop()
        return real(connection, name, by)  # type: ignore[arg-type]

    monkeypatch.setattr(ingest, "count", count)
    for _ in range(4):
        drop()
    device.summary(send=False)
    for _ in range(3):
        inbox.commit([arrival(device, device.sent[1])])
    monkeypatch.setattr(ingest, "count", real)
    inbox.commit([arrival(device, device.sent[1])])
    with store.read() as connection:
        assert counter(connection, "dropped") == 3 + 3
