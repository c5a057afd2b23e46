"""Calls, pauses and mutes over the real databases: who is called when, and that nothing forgets it."""

from __future__ import annotations

from typing import Any

import pytest
from engine_parts import T0, Clock, alerts, close, engine, hear, put, raised
from simulate import Device
from sqlalchemy import select

from hub import board, mutes
from hub.arrivals import Arrival
from hub.escalation import BED, BUDDY, LEAD, QUIET, WARD
from hub.store import Store, revision
from hub.tables import AlertRow, MuteRow


def level(store: Store, clock: Clock, second: float) -> int:
    """Who has been called to the one alert so many seconds after T0, by an engine that has just started."""
    clock.now = T0 + second
    engine(store, clock).call_people()
    [alert] = alerts(store)
    return int(alert["level"])


def bed(store: Store) -> dict[str, Any]:
    with store.read() as connection:
        [found] = board.snapshot(connection)["beds"]
    return dict(found)


def test_the_ladder_is_climbed_at_its_times_by_whichever_engine_lives(store: Store, device: Device) -> None:
    clock = Clock()
    raised(store, device, clock)
    assert [level(store, clock, second) for second in (0, 59, 60, 119, 120, 299, 300)] == [
        BED, BED, BUDDY, BUDDY, WARD, WARD, LEAD,
    ]  # fmt: skip
    level(store, clock, 900)  # dead meanwhile
    assert alerts(store)[0]["calls"] == 4 + 5
    with store.read() as connection:
        assert connection.scalar(select(AlertRow.call_at)) == T0 + 1020


def test_accepting_stops_the_calls_and_five_minutes_without_outcome_begin_them_anew(
    store: Store, device: Device
) -> None:
    clock = Clock()
    alert = raised(store, device, clock)
    assert level(store, clock, 130) == WARD
    with store.write() as connection:
        board.accept(connection, alert, "Amara", clock.now)
    assert level(store, clock, 131) == QUIET
    assert level(store, clock, 429) == QUIET
    assert level(store, clock, 430) == BED
    assert level(store, clock, 730) == LEAD
    with store.write() as connection:
        board.close(connection, alert, "Amara", "distress", clock.now)
    assert level(store, clock, 731) == QUIET
    with store.read() as connection:
        assert connection.scalar(select(AlertRow.call_at)) is None


def test_a_muted_bed_shows_its_alert_and_calls_nobody_until_the_mute_ends(
    store: Store, device: Device
) -> None:
    clock = Clock()
    raised(store, device, clock)
    assert level(store, clock, 30) == BED
    with store.write() as connection:
        assert mutes.mute(connection, 1, "Amara", 15, "physiotherapy", clock.now) == T0 + 930
    assert level(store, clock, 31) == QUIET
    assert [bed(store)[name] for name in ("muted_until", "muted_by", "muted_reason")] == [
        T0 + 930, "Amara", "physiotherapy",
    ]  # fmt: skip
    assert alerts(store)[0]["state"] == "waiting"
    assert level(store, clock, 929) == QUIET
    assert level(store, clock, 930) == BED
    assert level(store, clock, 960) == BUDDY


def test_a_mute_lifted_or_replaced_counts_no_longer(store: Store, device: Device) -> None:
    clock = Clock()
    raised(store, device, clock)
    with store.write() as connection:
        mutes.mute(connection, 1, "Amara", 240, "visit", T0)
    with store.write() as connection:
        mutes.mute(connection, 1, "Ben", 15, "washing", T0 + 10)
    assert level(store, clock, 20) == QUIET
    clock.now = T0 + 30
    with store.write() as connection:
        mutes.lift(connection, 1, "Ben", clock.now)
    assert level(store, clock, 30) == BED
    assert level(store, clock, 90) == BUDDY
    assert bed(store)["muted_until"] is None
    with store.read() as connection:
        rows = connection.execute(select(MuteRow.end_at, MuteRow.lifted_by).order_by(MuteRow.id)).all()
    assert [tuple(row) for row in rows] == [(T0 + 10, "Ben"), (T0 + 30, "Ben")]
    with store.write() as connection, pytest.raises(mutes.MuteError, match="is not muted"):
        mutes.lift(connection, 1, "Ben", clock.now)


def test_no_mute_without_an_end_nor_of_a_bed_that_is_not_there(store: Store, device: Device) -> None:
    raised(store, device, Clock())
    for minutes in (0, 1, 241, 1440):
        with store.write() as connection, pytest.raises(mutes.MuteError, match="not to be had"):
            mutes.mute(connection, 1, "Amara", minutes, "x", T0)
    with store.write() as connection, pytest.raises(mutes.MuteError, match="no such bed"):
        mutes.mute(connection, 99, "Amara", 15, "x", T0)
    with store.write() as connection, pytest.raises(mutes.MuteError, match="no such open alert"):
        mutes.pause(connection, 99, "Amara", T0)


def test_a_pause_is_for_the_ears_and_the_calls_go_on(store: Store, device: Device) -> None:
    clock = Clock()
    alert = raised(store, device, clock)
    with store.write() as connection:
        assert mutes.pause(connection, alert, "Amara", T0) == T0 + 120
    assert level(store, clock, 60) == BUDDY
    [shown] = alerts(store)
    assert (shown["paused_until"], shown["paused_by"]) == (T0 + 120, "Amara")
    close(store, alert, T0 + 70)
    with store.write() as connection, pytest.raises(mutes.MuteError):
        mutes.pause(connection, alert, "Amara", T0 + 80)


def test_a_technical_alarm_climbs_too_until_somebody_has_accepted_it(store: Store, device: Device) -> None:
    clock = Clock()
    device.state()
    topic, payload = device.line.sent[0]
    put(store, Arrival(topic, payload, retained=False, at=T0))
    keeper = engine(store, clock)
    clock.now = T0 + 46
    hear(store, clock)
    keeper.watch_devices()
    assert level(store, clock, 46) == BED
    assert level(store, clock, 46 + 300) == LEAD
    [alert] = alerts(store)
    with store.write() as connection:
        board.accept(connection, alert["id"], "Amara", clock.now)
    assert level(store, clock, 7200) == QUIET


def test_the_board_is_told_of_calls_and_of_nothing_else(store: Store, device: Device) -> None:
    clock = Clock()
    raised(store, device, clock)
    level(store, clock, 0)
    with store.read() as connection:
        before = revision(connection)
    level(store, clock, 59)
    with store.read() as connection:
        assert revision(connection) == before
    level(store, clock, 60)
    with store.read() as connection:
        assert revision(connection) == before + 1
