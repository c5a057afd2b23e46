"""The engine writes a burst in as few statements for many beds as for a few, and the board misses none."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator

from engine_parts import T0, Clock, Loose, alerts, arrival, engine, hear, put, restamped
from simulate import Device, hex_id
from sqlalchemy import Engine, event, insert, select, update

from edge.messages import MAX_BYTES, to_json
from hub import board
from hub.arrivals import Arrival
from hub.escalation import BED, LEAD
from hub.store import PAIRS, Store, find_pairs, is_pair, revision
from hub.tables import AlertRow, Boot
from hub.tables import Device as DeviceRow

FEW, MANY = 3, 40


@contextlib.contextmanager
def statements() -> Iterator[list[str]]:
    """What is sent to any database meanwhile."""
    found: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        found.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield found
    finally:
        event.remove(Engine, "before_cursor_execute", note)


def add_beds(store: Store, ward: str, count: int) -> list[Device]:
    devices = [Device(Loose(), f"{ward}-{number}", f"Bed {number}", ward) for number in range(count)]  # type: ignore[arg-type]
    put(store, *(arrival(device, device.state_message()) for device in devices))
    return devices


def tell(store: Store, devices: list[Device], phase: str, duration: float, at: float) -> None:
    for device in devices:
        device.episode("a" * 32, phase, duration, send=False)
    put(store, *(arrival(device, device.sent[device.seq], at) for device in devices))


def burst(store: Store, clock: Clock, devices: list[Device]) -> list[int]:
    """One alert at each of these beds, its first call, its second, its end; the statements of each step."""
    keeper = engine(store, clock)
    keeper.watch_devices()
    start = clock.now
    counts = []
    for phase, seconds in (("onset", 6.0), ("update", 30.0), ("end", 66.0)):
        clock.now = start + seconds
        hear(store, clock)
        tell(store, devices, phase, seconds, clock.now)
        with statements() as found:
            keeper.follow_episodes()
        counts.append(len(found))
        with statements() as found:
            keeper.call_people()
        counts.append(len(found))
    clock.now = start + 400.0  # the conditions have ended; and no device has been heard lately
    hear(store, clock)
    for step in (keeper.follow_episodes, keeper.watch_devices, keeper.call_people):
        with statements() as found:
            step()
        counts.append(len(found))
    with store.write() as connection:  # and nobody is called to them any more
        connection.execute(update(AlertRow).values(call_at=None))
    return counts


def test_many_beds_cost_hardly_more_statements_than_few(store: Store) -> None:
    """Episodes are looked for by device and name, some at a time: those just told of, those of alerts."""
    clock = Clock()
    few: list[int] = []
    for ward in ("first", "a"):  # what the very first one costs, later ones do not
        few = burst(store, clock, add_beds(store, ward, FEW))
        clock.now += 10_000.0
    many = burst(store, clock, add_beds(store, "b", MANY))
    more = 2 * (MANY // PAIRS)
    assert all(less <= count <= less + more for count, less in zip(many, few, strict=True)), (few, many)
    with store.read() as connection:
        alerts = board.changes(connection, 0)["alerts"]
    levels = [alert["level"] for alert in alerts if alert["kind"] == "distress"]
    assert levels == [LEAD] * (2 * FEW + MANY)


def test_pairs_are_found_once_and_no_other_is(store: Store) -> None:
    """Also where two devices' starts have one name, and in whatever portions they are looked for."""
    devices = add_beds(store, "a", MANY)
    names = [device.boot_id for device in devices[:2]]
    with store.write() as connection:
        ids = list(connection.scalars(select(DeviceRow.id).order_by(DeviceRow.id)))
        rows = [{"device_id": one, "boot_id": name, "origin": 0.0} for one in ids for name in ("x", "y")]
        connection.execute(insert(Boot), rows)
    wanted = [*((one, "x") for one in ids), (ids[-1], "y"), (ids[0], names[0]), (ids[1], names[0])]
    query = select(Boot.device_id, Boot.boot_id).where(is_pair(Boot.device_id, Boot.boot_id))
    with store.read() as connection:
        found = [tuple(row) for row in find_pairs(connection, query, wanted)]
    assert sorted(found) == sorted(wanted[:-1]), "the last is another device's"


def test_rows_that_share_a_revision_are_all_after_the_one_before(store: Store) -> None:
    """A listener that has seen everything up to a number is told of each row that changed since, once."""
    clock = Clock()
    devices = add_beds(store, "a", MANY)
    keeper = engine(store, clock)
    with store.read() as connection:
        seen = revision(connection)
    tell(store, devices, "onset", 6.0, T0)
    for step, level in ((keeper.follow_episodes, 0), (keeper.call_people, BED), (keeper.call_people, LEAD)):
        clock.now = T0 + 60.0 * (level == LEAD)
        step()
        with store.read() as connection:
            told = board.changes(connection, seen)
            seen = told["revision"]
            assert board.changes(connection, seen)["alerts"] == []
        assert [alert["level"] for alert in told["alerts"]] == [level] * MANY


def test_an_episode_as_long_as_the_wire_allows_stops_no_engine(store: Store) -> None:
    """The hub writes 1 as 1.0, so what it keeps is longer than what came."""
    clock = Clock()
    [device] = add_beds(store, "3b", 1)
    hear(store, clock)
    number = device.episode(hex_id(), "onset", 10.0, send=False)
    said = json.loads(to_json(restamped(device.sent[number], clock.now)))
    said |= {"distress": 1, "peak": 1, "duration_s": 10, "level_db": -20, "reason": ""}
    room = MAX_BYTES - len(json.dumps(said, separators=(",", ":")))
    said["reason"] = "\x01" * (room // 6) + "x" * (room % 6)
    payload = json.dumps(said, separators=(",", ":")).encode()
    assert len(payload) == MAX_BYTES
    topic = device.address.topic("episode")
    assert put(store, Arrival(topic, payload, retained=False, at=clock.now))
    engine(store, clock).follow_episodes()
    assert [one["kind"] for one in alerts(store)] == ["distress"]
