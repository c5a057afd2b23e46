"""The test message that goes the way of every alert, and the alarm where it does not arrive."""

from __future__ import annotations

import time

import pytest
from engine_parts import T0, Clock, Loose, alerts, engine, hear, put
from hub_parts import Broker, Hub, until
from simulate import Device, Line, hex_id

from hub import board
from hub.arrivals import Arrival
from hub.canary import Canary
from hub.config import load
from hub.faults import Limits
from hub.store import Store
from hub.tables import CANARY
from hub.ward_faults import chain_fault

L = Limits()


@pytest.mark.parametrize(
    ("heard_s", "since_s", "now_s", "kinds"),
    [
        (None, 0, 149.9, []),
        (None, 0, 150, ["chain"]),
        (100, 0, 249.9, []),
        (100, 0, 250, ["chain"]),
        (100, 200, 349.9, []),
    ],
)
def test_it_may_be_missing_for_150_s(heard_s: float, since_s: float, now_s: float, kinds: list[str]) -> None:
    heard_at = None if heard_s is None else T0 + heard_s
    fault = chain_fault(heard_at, T0 + since_s, T0 + now_s, L)
    assert ([fault.kind] if fault else []) == kinds


def test_missing_it_is_an_alarm_until_it_sings_again(store: Store) -> None:
    clock = Clock()
    keeper = engine(store, clock)
    bird = Device(Loose(), CANARY, "none", ward=CANARY)  # type: ignore[arg-type]

    def look(second: float, *, sings: bool) -> list[str]:
        clock.now = T0 + second
        hear(store, clock)
        if sings:
            bird.episode(hex_id(), "end", 0.0, emotion="none", distress=0.0)
            topic, payload = bird.line.sent[-1]  # type: ignore[attr-defined]
            put(store, Arrival(topic, payload, retained=False, at=clock.now))
        keeper.follow_episodes()
        keeper.watch_devices()
        return [f"{alert['kind']} {alert['state']}" for alert in alerts(store)]

    assert look(0, sings=True) == []
    assert look(60, sings=True) == []
    assert look(209, sings=False) == []
    assert look(210, sings=False) == ["chain waiting"]
    assert look(220, sings=True) == ["chain resolved"]
    with store.read() as connection:
        assert board.snapshot(connection)["beds"] == []


def test_it_sings_through_broker_ingest_and_engine(hub: Hub, broker: Broker) -> None:
    for verb in ("ingest", "alerts"):
        hub.start(verb)
    until(lambda: "listening to" in hub.log(), 20, "ingest's subscription")
    canary = Canary(load(hub.config), time.time, every_s=0.5)
    canary.start()
    try:
        first = until(hub.canary_at, 10, "the canary")
        until(lambda: (hub.canary_at() or 0) > first + 0.4, 10, "the next")
    finally:
        canary.stop()


def test_the_web_process_lets_it_sing(hub: Hub, line: Line) -> None:
    for verb in ("ingest", "alerts", "web"):
        hub.start(verb)
    until(hub.well, 60, "the hub")
    until(hub.canary_at, 15, "the canary")
    Device(line, "bed-1", "Bed 1").state()
    until(lambda: [bed["bed"] for bed in hub.board()["beds"]] == ["Bed 1"], what="a bed, and no other")
