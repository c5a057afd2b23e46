"""A device that moves to another bed: what it told of the first one stays there."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from engine_parts import T0, Clock, alerts, arrival, engine, put, raised
from simulate import Device
from sqlalchemy import select

from edge.messages import Summary
from hub import history, mutes, states
from hub.alerts import Timers
from hub.arrivals import Arrival
from hub.audit import Actor
from hub.history import Limits
from hub.states import Change
from hub.store import Store
from hub.tables import AuditRow
from hub.tables import Device as DeviceRow

LIMITS = Limits(45.0, Timers())


def state(device: Device, at: float, **changes: Any) -> Arrival:
    return arrival(device, replace(device.state_message(), **changes), at)


def listened(device: Device, first: float, count: int, **changes: Any) -> list[Arrival]:
    """So many minutes, and signs of life between them."""
    found = []
    for end in (first + 60.0 * number for number in range(1, count + 1)):
        summary = device.sent[device.summary(send=False)]
        assert isinstance(summary, Summary)
        found += [state(device, end - 30, **changes), arrival(device, summary, end)]
    return found


def past(store: Store, place: str, now: float) -> dict[str, Any]:
    with store.read() as connection:
        row = history.device(connection, 1)
        assert row is not None
        return history.past(connection, row, place, now - 7200, now, now, LIMITS)


def test_what_was_told_of_a_bed_stays_there_when_the_device_moves(store: Store, device: Device) -> None:
    clock, moved_at = Clock(), T0 + 1800
    put(store, state(device, T0), *listened(device, T0, 20))
    clock.now = T0 + 1200
    alert = raised(store, device, clock)
    with store.write() as connection:
        mutes.mute(connection, 1, Actor("Ben"), 15, "visit", T0 + 1300)
    put(store, state(device, T0 + 1500, status="offline", reason="stopped"))
    put(store, state(device, moved_at, bed="Bed 9"))
    put(store, *listened(device, moved_at, 10, bed="Bed 9"))
    now = moved_at + 620

    here = past(store, "Bed 9", now)
    assert [(one["why"], one["end"]) for one in here["unheard"]][-1] == ("elsewhere", moved_at)
    assert sum(one["heard_s"] for one in here["slices"]) == 600
    assert (here["alerts"], here["episodes"], here["mutes"]) == ([], [], [])
    told = [(one["at"], one["what"]) for one in here["happenings"]]
    assert sorted(told) == [(moved_at, "moved"), (moved_at, "online")]
    [moved] = [one for one in here["happenings"] if one["what"] == "moved"]
    assert (moved["from_bed"], moved["to_bed"]) == ("Bed 1", "Bed 9")

    there = past(store, "Bed 1", now)
    assert (there["unheard"][-1]["why"], there["unheard"][-1]["start"]) == ("elsewhere", moved_at)
    assert sum(one["heard_s"] for one in there["slices"]) == 1200
    assert [one["id"] for one in there["alerts"]] == [alert]
    assert len(there["episodes"]) == len(there["mutes"]) == 1
    told = [one["what"] for one in there["happenings"] if one["at"] > T0]
    assert sorted(told[:2]) == ["moved", "unmute"]
    assert told[2:] == ["offline", "mute", "raised"]
    with store.read() as connection:
        assert history.stood_at(connection, 1, "Bed 1")
        assert not history.stood_at(connection, 1, "Bed 2")


def test_a_mute_ends_where_its_device_moves_to_another_bed(store: Store, device: Device) -> None:
    put(store, state(device, T0))
    with store.write() as connection:
        mutes.mute(connection, 1, Actor("Ben"), 60, "visit", T0 + 10)
    put(store, state(device, T0 + 20))
    with store.read() as connection:
        assert connection.scalar(select(DeviceRow.muted_until)) is not None
    put(store, state(device, T0 + 30, bed="Bed 9"))
    with store.read() as connection:
        assert connection.scalar(select(DeviceRow.muted_until)) is None
        last = connection.execute(select(AuditRow).order_by(AuditRow.number.desc()).limit(1)).one()
    assert (last.person, last.action, last.at) == ("hub", "unmute", T0 + 30)
    assert past(store, "Bed 9", T0 + 60)["mutes"] == []


def test_a_device_first_heard_by_its_name_has_not_moved(store: Store, device: Device) -> None:
    """Until its first state the hub does not know its bed."""
    sent: list[Any] = []
    device.send = lambda message, **_: sent.append(message)  # type: ignore[method-assign]
    device.health()
    put(store, arrival(device, sent[0], T0), state(device, T0 + 10))
    found = past(store, "Bed 1", T0 + 20)
    assert [one["why"] for one in found["unheard"]] == ["unknown"]
    assert "moved" not in [one["what"] for one in found["happenings"]]


def test_what_is_told_late_is_an_alert_of_the_bed_where_it_was_heard(store: Store, device: Device) -> None:
    clock = Clock()
    watch = engine(store, clock)
    put(store, state(device, T0), state(device, T0 + 60, status="offline", reason="connection lost"))
    number = device.episode("b" * 32, "end", 30.0, send=False)
    put(store, state(device, T0 + 3000, bed="Bed 9"))
    clock.now = T0 + 3010
    put(store, arrival(device, device.sent[number], clock.now, made_at=T0 + 200))
    watch.follow_episodes()
    [alert] = alerts(store)
    assert (alert["bed"], alert["missed"]) == ("Bed 1", True)
    number = device.episode("c" * 32, "end", 30.0, send=False)
    clock.now = T0 + 3400
    put(store, arrival(device, device.sent[number], clock.now))
    watch.follow_episodes()
    assert [one["bed"] for one in alerts(store) if not one["missed"]] == ["Bed 9"]


def test_the_last_word_counts_also_where_the_clock_was_set_back() -> None:
    told = [Change(10, "online", "healthy"), Change(50, "offline", "healthy"), Change(20, "online", "lost")]
    assert states.in_force(told) == [told[0], told[2]]
    same = [Change(10, "silent", "healthy"), Change(10, "online", "healthy")]
    assert states.in_force(same) == same


def test_what_is_so_now_is_read_by_its_number(store: Store, device: Device) -> None:
    """The hub's clock went back when the device was offline: it is online, whatever the times say."""
    put(store, state(device, T0), state(device, T0 + 900, status="offline", reason="stopped"))
    put(store, state(device, T0 + 10), *listened(device, T0 + 10, 9))
    found = past(store, "Bed 1", T0 + 1000)
    assert [one["why"] for one in found["unheard"]] == ["unknown", "not heard"]
