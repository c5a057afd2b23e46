"""Calls, pauses and mutes over the real databases: who is called when, and that nothing forgets it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from engine_parts import T0, Clock, alerts, arrival, close, engine, hear, put, raised
from simulate import Device
from sqlalchemy import select, update

from hub import audit, board, mutes, tablets
from hub.accounts import TABLET
from hub.alerts import ENDED, TECHNICAL
from hub.audit import Actor
from hub.escalation import BED, BUDDY, LEAD, QUIET, WARD
from hub.refusals import RefusalError
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
        board.accept(connection, alert, Actor("Amara"), clock.now)
    assert level(store, clock, 131) == QUIET
    assert level(store, clock, 429) == QUIET
    assert level(store, clock, 430) == BED
    assert level(store, clock, 730) == LEAD
    with store.write() as connection:
        board.close(connection, alert, Actor("Amara"), "distress", clock.now)
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
        assert mutes.mute(connection, 1, Actor("Amara"), 15, "physiotherapy", clock.now) == T0 + 930
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
        mutes.mute(connection, 1, Actor("Amara"), 240, "visit", T0)
    with store.write() as connection:
        mutes.mute(connection, 1, Actor("Ben"), 15, "washing", T0 + 10)
    assert level(store, clock, 20) == QUIET
    clock.now = T0 + 30
    with store.write() as connection:
        mutes.lift(connection, 1, Actor("Ben"), clock.now)
    assert level(store, clock, 30) == BED
    assert level(store, clock, 90) == BUDDY
    assert bed(store)["muted_until"] is None
    with store.read() as connection:
        rows = connection.execute(select(MuteRow.end_at, MuteRow.lifted_by).order_by(MuteRow.id)).all()
    assert [tuple(row) for row in rows] == [(T0 + 10, "Ben"), (T0 + 30, "Ben")]
    with store.write() as connection, pytest.raises(mutes.MuteError, match="is not muted"):
        mutes.lift(connection, 1, Actor("Ben"), clock.now)


def test_no_mute_without_an_end_nor_of_a_bed_that_is_not_there(store: Store, device: Device) -> None:
    raised(store, device, Clock())
    for minutes in (0, 1, 241, 1440):
        with store.write() as connection, pytest.raises(mutes.MuteError, match="not to be had"):
            mutes.mute(connection, 1, Actor("Amara"), minutes, "x", T0)
    with store.write() as connection, pytest.raises(mutes.MuteError, match="no such bed"):
        mutes.mute(connection, 99, Actor("Amara"), 15, "x", T0)
    with store.write() as connection, pytest.raises(RefusalError, match="no such alert"):
        mutes.pause(connection, 99, Actor("Amara"), T0)


def state(store: Store) -> str:
    [alert] = alerts(store)
    return str(alert["state"])


def test_what_nobody_attends_waits_again_and_a_colleague_takes_it_over(store: Store, device: Device) -> None:
    clock = Clock()
    alert = raised(store, device, clock)
    assert level(store, clock, 130) == WARD
    with store.write() as connection:
        board.accept(connection, alert, Actor("Amara"), clock.now)
    assert state(store) == "accepted", "at once, also before the engine has looked"
    with store.write() as connection, pytest.raises(board.ActionError, match="Amara has already"):
        board.accept(connection, alert, Actor("Ben"), clock.now)
    assert level(store, clock, 429) == QUIET
    assert state(store) == "accepted"
    assert level(store, clock, 430) == BED
    assert (state(store), alerts(store)[0]["accepted_by"]) == ("waiting", "Amara")
    with store.write() as connection:
        mutes.pause(connection, alert, Actor("Ben"), clock.now)
        board.accept(connection, alert, Actor("Ben"), clock.now)
        [entry] = audit.latest(connection, 1)
    assert json.loads(entry.details)["instead_of"] == "Amara"
    assert [level(store, clock, second) for second in (430, 729, 730)] == [QUIET, QUIET, BED]
    with store.write() as connection:
        board.close(connection, alert, Actor("Ben"), "distress", clock.now)
    assert state(store) == "closed"


def test_somebody_with_a_name_takes_over_what_nobody_named_has_accepted(store: Store, device: Device) -> None:
    nobody = Actor(tablets.UNIDENTIFIED.format(name="desk"), TABLET, "desk")
    alert = raised(store, device, Clock())
    with store.write() as connection:
        board.accept(connection, alert, nobody, T0)
    with store.write() as connection, pytest.raises(board.ActionError, match="not identified has already"):
        board.accept(connection, alert, nobody, T0 + 1)
    with store.write() as connection:
        board.accept(connection, alert, Actor("Amara", "nurse"), T0 + 2)
    assert alerts(store)[0]["accepted_by"] == "Amara"
    with store.write() as connection, pytest.raises(board.ActionError, match="Amara has already"):
        board.accept(connection, alert, Actor("Ben", "nurse"), T0 + 3)


def test_only_what_sounds_can_be_paused(store: Store, device: Device) -> None:
    alert = raised(store, device, Clock())

    def refused(match: str) -> None:
        with store.write() as connection, pytest.raises(RefusalError, match=match):
            mutes.pause(connection, alert, Actor("Ben"), T0)

    for values, match in (
        ({"missed": True}, "makes no sound"),
        ({"missed": False, "priority": TECHNICAL}, "makes no sound"),
        ({"condition": ENDED}, "its cause has gone"),
        ({"condition": "present", "priority": "high", "merged_into": alert}, "part of another"),
        (
            {"merged_into": None, "accepted_by": "Amara", "accepted_at": T0, "level": QUIET},
            "Amara has already",
        ),
        ({"closed_by": "Amara", "closed_at": T0, "outcome": "distress"}, "already closed"),
    ):
        with store.write() as connection:
            connection.execute(update(AlertRow).values(values))
        refused(match)
    assert alerts(store)[0]["paused_until"] is None


def test_a_pause_is_for_the_ears_and_the_calls_go_on(store: Store, device: Device) -> None:
    clock = Clock()
    alert = raised(store, device, clock)
    with store.write() as connection:
        assert mutes.pause(connection, alert, Actor("Amara"), T0) == T0 + 120
    assert level(store, clock, 60) == BUDDY
    [shown] = alerts(store)
    assert (shown["paused_until"], shown["paused_by"]) == (T0 + 120, "Amara")
    close(store, alert, T0 + 70)
    with store.write() as connection, pytest.raises(RefusalError, match="already closed"):
        mutes.pause(connection, alert, Actor("Amara"), T0 + 80)


def test_a_technical_alarm_climbs_too_until_somebody_has_accepted_it(store: Store, device: Device) -> None:
    clock = Clock()
    put(store, arrival(device, device.state_message()))
    keeper = engine(store, clock)
    clock.now = T0 + 46
    hear(store, clock)
    keeper.watch_devices()
    assert level(store, clock, 46) == BED
    assert level(store, clock, 46 + 300) == LEAD
    [alert] = alerts(store)
    with store.write() as connection:
        board.accept(connection, alert["id"], Actor("Amara"), clock.now)
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
