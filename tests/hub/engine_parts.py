"""Ingest's and the engine's halves of the hub without their processes: put messages in, look at a time."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from simulate import Device

from edge.messages import Message, Receipt, to_json
from edge.utc import utc_text
from hub import board, boards
from hub.alerts import Timers
from hub.arrivals import Accepted, Arrival, Rejected, check
from hub.audit import Actor
from hub.delivery import Delivery
from hub.engine import Engine
from hub.escalation import BED, Ladder
from hub.faults import Limits
from hub.intake import save, set_aside
from hub.store import Store, beat, begin_work

T0 = 1_700_000_000.0


class Loose:
    """Stands in for a connection: keeps what a device sends."""

    site = "test"

    def __init__(self) -> None:
        self.sent: list[tuple[str, bytes]] = []

    def send(self, topic: str, payload: bytes, qos: int = 1, *, retain: bool = False) -> None:
        self.sent.append((topic, payload))


def arrival(device: Device, message: Message, at: float = T0, **changes: Any) -> Arrival:
    message = restamped(message, at, **changes)
    return Arrival(device.address.topic(message.kind), to_json(message), retained=False, at=at)


def restamped(message: Any, at: float, *, synced: bool = True, made_at: float | None = None) -> Any:
    made = at if made_at is None else made_at
    stamp = replace(
        message.stamp, time=utc_text(made), mono_ms=int((made - T0 + 1000) * 1000), clock_synced=synced
    )
    return replace(message, stamp=stamp)


def put(store: Store, *arrivals: Arrival) -> list[Receipt]:
    checked = [check(item) for item in arrivals]
    with store.write() as connection:
        answers = save(connection, [item for item in checked if isinstance(item, Accepted)])
        set_aside(connection, [item for item in checked if isinstance(item, Rejected)])
    return [receipt for _, receipt in answers]


class Clock:
    def __init__(self) -> None:
        self.now = T0

    def __call__(self) -> float:
        return self.now


def engine(store: Store, clock: Clock, limits: Limits | None = None) -> Engine:
    with store.write() as connection:
        begin_work(connection, "ingest", clock.now)
    boards_are_not_asked_for = Delivery(missing_s=86400)
    return Engine(store, Timers(), limits or Limits(), Ladder(), clock, delivery=boards_are_not_asked_for)


def raised(store: Store, device: Device, clock: Clock) -> int:
    device.episode("a" * 32, "onset", 6.0, send=False)
    put(store, arrival(device, device.sent[device.seq], clock.now))
    engine(store, clock).follow_episodes()
    alert = int(alerts(store)[0]["id"])
    with store.write() as connection:
        boards.confirm(connection, {alert: BED}, (), "a board", clock.now)
    return alert


def alerts(store: Store) -> list[dict[str, Any]]:
    with store.read() as connection:
        found: list[dict[str, Any]] = board.snapshot(connection)["alerts"]
    return found


def close(store: Store, alert: int, now: float) -> None:
    with store.write() as connection:
        board.accept(connection, alert, Actor("Amara"), now)
        board.close(connection, alert, Actor("Amara"), "distress", now)


def hear(store: Store, clock: Clock) -> None:
    with store.write() as connection:
        beat(connection, "ingest", clock.now, working=True)
