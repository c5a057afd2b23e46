"""The hub's clock is set back by an hour: nobody waits for it, and what is dead does not look alive."""

from __future__ import annotations

from dataclasses import replace

import pytest
from engine_parts import T0, Clock, alerts, arrival, close, engine, hear, put, raised, restamped
from simulate import Device, hex_id

from edge.findings import Finding
from edge.messages import Episode, to_json
from edge.utc import utc_text
from hub import check, health, mutes
from hub.arrivals import Arrival
from hub.audit import Actor
from hub.config import Settings
from hub.engine import Engine
from hub.escalation import BUDDY, QUIET
from hub.faults import Limits
from hub.freshness import AHEAD_S, is_fresh
from hub.store import Store, beat, begin_work
from hub.stream import SILENT_S, Stream

BACK_S = 3600.0
QUIET_CHAIN = Limits(canary_s=3600)


def set_back(clock: Clock, keeper: Engine) -> None:
    """Under the engine's eyes."""
    keeper.mind_the_clock()
    clock.now -= BACK_S
    keeper.mind_the_clock()


def levels(store: Store) -> dict[str, int]:
    return {alert["kind"]: alert["level"] for alert in alerts(store) if alert["state"] == "waiting"}


@pytest.mark.parametrize("anew", [False, True], ids=["under its eyes", "while it was dead"])
def test_calls_come_when_they_would_have_come(store: Store, device: Device, *, anew: bool) -> None:
    clock = Clock()
    alert = raised(store, device, clock)
    keeper = engine(store, clock, QUIET_CHAIN)

    def look(at: float) -> None:
        clock.now = at
        hear(store, clock)
        keeper.mind_the_clock()
        keeper.follow_episodes()
        keeper.call_people()
        keeper.watch_devices()

    look(T0)
    look(T0 + 50)
    if anew:
        keeper = engine(store, clock, QUIET_CHAIN)
    look(T0 + 50 - BACK_S)
    assert levels(store)["distress"] < BUDDY
    look(T0 + 61 - BACK_S)
    assert levels(store)["distress"] == BUDDY
    assert {one["id"] for one in alerts(store) if one["kind"] == "distress"} == {alert}


def test_distress_after_it_does_not_hide_in_what_was_closed_before(store: Store, device: Device) -> None:
    clock = Clock()
    alert = raised(store, device, clock)
    keeper = engine(store, clock, QUIET_CHAIN)
    close(store, alert, T0 + 20)
    clock.now = T0 + 30
    set_back(clock, keeper)
    keeper.follow_episodes()
    assert [one["state"] for one in alerts(store)] == ["closed"]
    device.episode(hex_id(), "onset", 6.0, send=False)
    clock.now += 60
    message: Episode = restamped(device.sent[device.seq], T0 + 90)  # the device's own count goes on
    message = replace(message, stamp=replace(message.stamp, time=utc_text(clock.now)))
    put(store, Arrival(device.address.topic("episode"), to_json(message), retained=False, at=clock.now))
    keeper.follow_episodes()
    assert sorted(one["state"] for one in alerts(store)) == ["closed", "waiting"]


def test_a_mute_ends_when_it_would_have_ended(store: Store, device: Device) -> None:
    clock = Clock()
    raised(store, device, clock)
    keeper = engine(store, clock, QUIET_CHAIN)
    with store.write() as connection:
        mutes.mute(connection, 1, Actor("Amara"), 15, "visit", T0 + 10)
    clock.now = T0 + 10
    set_back(clock, keeper)
    for seconds, quiet in ((20 - BACK_S, True), (909 - BACK_S, True), (911 - BACK_S, False)):
        clock.now = T0 + seconds
        keeper.call_people()
        assert (levels(store)["distress"] == QUIET) == quiet


def test_a_device_that_died_before_it_is_missed_in_time(store: Store, device: Device) -> None:
    clock = Clock()
    put(store, arrival(device, device.state_message()))
    keeper = engine(store, clock, QUIET_CHAIN)
    clock.now = T0 + 5
    set_back(clock, keeper)
    for seconds, expected in ((10, set()), (44, set()), (46, {"link"})):
        clock.now = T0 + seconds - BACK_S
        hear(store, clock)
        keeper.watch_devices()
        assert set(levels(store)) == expected


def test_a_sign_of_life_from_the_future_is_none(store: Store) -> None:
    """To the board, to monitors, to `check`, and to the engine; each where ingest and engine died before."""
    clock = Clock()
    with store.write() as connection:
        for name in ("ingest", "engine"):
            begin_work(connection, name, T0)
            beat(connection, name, T0, working=True)
    [route] = health.router(Settings(site="test"), store, clock).routes

    def found() -> tuple[list[str], int, list[Finding]]:
        with store.read() as connection:
            findings = check.processes(connection, Settings(site="test"), clock.now)
        return Stream(store, clock).ping()["silent"], route.endpoint().status_code, findings

    silent, status, [finding] = found()
    assert (silent, status, finding.kind) == ([], 200, "well")
    clock.now = T0 - BACK_S
    silent, status, findings = found()
    assert (silent, status) == (["ingest", "engine"], 503)
    assert ["set back" in one.words[0] for one in findings] == [True, True]


def test_the_engine_gives_its_sign_of_life_all_the_same(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, ticks = Clock(), Clock()
    monkeypatch.setattr("hub.engine.time.monotonic", ticks)
    keeper = engine(store, clock, QUIET_CHAIN)
    keeper.watch_devices()
    clock.now -= BACK_S
    ticks.now += 4
    hear(store, clock)
    keeper.watch_devices()
    assert Stream(store, clock).ping()["silent"] == []


def test_what_is_fresh() -> None:
    ages = {
        -BACK_S: False,
        -AHEAD_S - 0.1: False,
        -1.0: True,
        0.0: True,
        SILENT_S - 0.1: True,
        SILENT_S: False,
    }
    assert {age: is_fresh(T0 - age, T0, SILENT_S) for age in ages} == ages
    assert not is_fresh(None, T0, SILENT_S)
