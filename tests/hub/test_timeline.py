"""A bed's day: slices, what counts as heard, and what stands in the hub's database of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from engine_parts import T0, Clock, arrival, close, engine, hear, put, raised
from simulate import Device
from sqlalchemy import event, func, select

from edge.messages import State, Summary
from hub import history, mutes, states, timeline
from hub.alerts import Timers
from hub.arrivals import Arrival
from hub.audit import Actor
from hub.history import Limits
from hub.states import Change
from hub.store import Store
from hub.tables import StateRow
from hub.timeline import Minute, Stretch

LIMITS = Limits(45.0, Timers())
HOUR = 3600.0


def minutes(first: float, count: int, **changes: Any) -> list[Minute]:
    one = Minute(0, 0.1, 60.0, 12.0, {"calm": 9, "sad": 3}, 0.1, 0.4, -40.0, 200.0, 0.2)
    return [replace(one, at=first + 60 * (number + 1), **changes) for number in range(count)]


def test_slices_hold_the_minutes_by_their_middle() -> None:
    spoken = minutes(0, 5) + minutes(300, 4, emotions={"fearful": 30}, distress_mean=0.8, distress_peak=0.9)
    quiet = minutes(540, 1, emotions={}, speech_s=0.0, distress_mean=0.0, distress_peak=0.0, pitch_hz=None)
    first, second = timeline.slices(spoken + quiet, 0, 600, 300)
    assert (first.heard_s, first.speech_s, first.emotions) == (300, 60, {"calm": 45, "sad": 15})
    assert (second.at, second.peak, second.distress) == (300, 0.9, 0.8)  # the quiet minute does not thin it
    [nothing] = timeline.slices([], 600, 900, 300)
    assert (nothing.heard_s, nothing.distress, nothing.peak, nothing.emotions) == (0, None, None, {})


def test_the_mean_of_distress_weighs_by_how_much_was_said() -> None:
    both = minutes(0, 1, emotions={"calm": 30}, distress_mean=0.1)
    both += minutes(60, 1, emotions={"sad": 10}, distress_mean=0.5)
    assert timeline.slices(both, 0, 120, 300)[0].distress == pytest.approx(0.2)


@pytest.mark.parametrize(("hours", "length"), [(1, 60), (6, 300), (24, 900), (25, 900), (48, 3600)])
def test_a_page_has_not_too_many_slices(hours: float, length: float) -> None:
    assert timeline.slice_length(0, hours * HOUR) == length


ON = Change(-100.0, "online", "healthy")


@pytest.mark.parametrize(
    ("covered", "changes", "expected"),
    [
        (minutes(0, 60), [ON], []),
        ([], [], [Stretch(0, 3600, "unknown")]),
        ([], [ON], [Stretch(0, 3600, "no report")]),
        (minutes(0, 20) + minutes(2400, 20), [ON], [Stretch(1200, 2400, "no report")]),
        (minutes(0, 60), [ON, Change(600, "online", "muted"), Change(900, "online", "healthy")],
         [Stretch(600, 900, "muted")]),
        (minutes(0, 10) + minutes(1200, 40),
         [ON, Change(600, "offline", "healthy"), Change(1200, "online", "healthy")],
         [Stretch(600, 1200, "offline")]),
        # Heard by the device while it was cut off, and told later: that is not "not heard".
        (minutes(0, 60, lag_s=900.0), [ON, Change(600, "offline", "healthy")], []),
        (minutes(0, 60), [ON, Change(600, "silent", "healthy")], []),
        (minutes(0, 10), [ON, Change(600, "silent", "healthy")], [Stretch(600, 3600, "not heard")]),
        (minutes(0, 10), [ON, Change(600, "deaf", "healthy")], [Stretch(600, 3600, "deaf")]),
        # A loose plug is one stretch.
        (minutes(0, 60), [ON, *(Change(600.0 + 15 * n, "online", ("lost", "recovering", "healthy")[n % 3])
                                for n in range(60)), Change(1500, "online", "healthy")],
         [Stretch(600, 1485, "lost")]),
    ],
)  # fmt: skip
def test_when_nothing_was_heard_and_why(
    covered: list[Minute], changes: list[Change], expected: list[Stretch]
) -> None:
    assert timeline.unheard(covered, changes, "", 0, 3600, now=4000) == expected


def test_the_minute_not_told_yet_is_no_hole() -> None:
    assert timeline.unheard(minutes(0, 58), [ON], "", 0, 7200, now=3600) == []
    [hole] = timeline.unheard(minutes(0, 50), [ON], "", 0, 7200, now=3600)
    assert (hole.start, hole.end) == (3000, 3600 - timeline.PENDING_S)


def test_minutes_that_came_late_are_told_apart() -> None:
    heard = minutes(0, 10) + minutes(600, 10, lag_s=1200.0) + minutes(1200, 10)
    assert timeline.late(heard, 300) == [Stretch(600, 1200)]


def summary(device: Device, at: float, received_at: float | None = None, **changes: Any) -> Arrival:
    number = device.summary(send=False)
    message = device.sent[number]
    assert isinstance(message, Summary)
    return arrival(device, replace(message, **changes), received_at or at, made_at=at)


def state(device: Device, at: float, *, retained: bool = False, **changes: Any) -> Arrival:
    message: State = replace(device.state_message(), **changes)
    return replace(arrival(device, message, at), retained=retained)


def listened(device: Device, first: float, count: int) -> list[Arrival]:
    """So many minutes, and signs of life between them."""
    found = []
    for number in range(count):
        end = first + 60 * (number + 1)
        found += [state(device, end - 30), summary(device, end)]
    return found


def rows(store: Store) -> list[tuple[Any, ...]]:
    columns = (StateRow.at, StateRow.link, StateRow.microphone, StateRow.reason)
    with store.read() as connection:
        return [tuple(row) for row in connection.execute(select(*columns).order_by(StateRow.number))]


def test_each_change_of_link_and_microphone_is_kept_also_within_one_commit(
    store: Store, device: Device
) -> None:
    put(
        store,
        state(device, T0),
        state(device, T0 + 1, microphone="lost", reason="unplugged"),
        state(device, T0 + 2),
        summary(device, T0 + 3),
        state(device, T0 + 9, status="offline", reason="power lost", retained=True),
    )
    put(store, state(device, T0 + 20, status="offline", reason="power lost", retained=True))
    put(store, summary(device, T0 + 30), state(device, T0 + 30, microphone="muted", reason="muted"))
    assert rows(store) == [
        (T0, "online", "healthy", "started"),
        (T0 + 1, "online", "lost", "unplugged"),
        (T0 + 2, "online", "healthy", "started"),
        (T0 + 9, "offline", "healthy", "power lost"),
        (T0 + 30, "online", "healthy", ""),
        (T0 + 30, "online", "muted", "muted"),
    ]


def test_a_silence_is_written_when_it_ends_and_whose_it_was(store: Store, device: Device) -> None:
    clock = Clock()
    engine(store, clock)  # ingest listens since T0
    put(store, state(device, T0 + 1))
    clock.now = T0 + 400
    hear(store, clock)
    put(store, summary(device, T0 + 401))
    assert rows(store)[1:] == [
        (T0 + 1, "silent", "healthy", ""),
        (T0 + 401, "online", "healthy", ""),
    ]
    put(store, summary(device, T0 + 1401))  # no sign of life of ingest itself for so long
    assert [row[:2] for row in rows(store)[3:]] == [(T0 + 401, "deaf"), (T0 + 1401, "online")]


def test_what_is_kept_of_a_device_is_bounded(
    store: Store, device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(states, "KEPT", 10)
    for number in range(40):
        put(store, state(device, T0 + number, microphone=("lost", "healthy")[number % 2]))
    assert [row[0] for row in rows(store)] == [T0 + number for number in range(30, 40)]


def past(store: Store, now: float, hours: float = 24.0) -> dict[str, Any]:
    with store.read() as connection:
        bed = history.device(connection, 1)
        assert bed is not None
        return history.past(connection, bed, bed["bed"], now - hours * HOUR, now, now, LIMITS)


def test_a_night_with_an_alert_a_mute_and_an_absence(store: Store, device: Device) -> None:
    clock = Clock()
    put(store, state(device, T0))
    put(store, *listened(device, T0, 30))
    clock.now = T0 + 1800
    alert = raised(store, device, clock)
    close(store, alert, T0 + 1900)
    with store.write() as connection:
        mutes.mute(connection, 1, Actor("Ben"), 15, "family visit", T0 + 2000)
        mutes.lift(connection, 1, Actor("Amara"), T0 + 2300)
        mutes.mute(connection, 1, Actor("Ben"), 15, "again", T0 + 2400)
    put(store, state(device, T0 + 2000, status="offline", reason="power lost"))
    put(store, state(device, T0 + 5600))
    put(store, *(summary(device, T0 + 1800 + 60 * n, T0 + 5600) for n in range(1, 11)))  # from its outbox
    found = past(store, T0 + 5600)
    assert (found["slice_s"], len(found["slices"])) == (900, 97)
    assert sum(one["heard_s"] for one in found["slices"]) == 40 * 60
    why = [(one["start"], one["end"], one["why"]) for one in found["unheard"]]
    assert why == [(found["from"], T0, "unknown"), (T0 + 2400, T0 + 5600, "offline")]
    assert [(one["start"], one["end"]) for one in found["late"]] == [(T0 + 1800, T0 + 2400)]
    assert [one["alert_id"] for one in found["episodes"]] == [alert]
    assert [(one["id"], one["state"], one["outcome"]) for one in found["alerts"]] == [
        (alert, "closed", "distress")
    ]
    told = [(one["at"] - T0, one["what"], one.get("person")) for one in found["happenings"]]
    assert told == [
        (5600, "online", None),
        (3300, "mute over", None),
        (2400, "mute", "Ben"),
        (2300, "unmute", "Amara"),
        (2000, "offline", None),
        (2000, "mute", "Ben"),
        (1900, "close", "Amara"),
        (1900, "accept", "Amara"),
        (1800, "raised", None),
    ]
    assert [one["link"] for one in found["states"]] == ["online", "offline", "online"]


def test_since_when_an_alert_was_high_is_told(store: Store, device: Device) -> None:
    clock = Clock()
    put(store, state(device, T0))
    alert = raised(store, device, clock)
    clock.now = T0 + 70
    device.episode("a" * 32, "update", 76.0, send=False)
    put(store, arrival(device, device.sent[device.seq], clock.now))
    engine(store, clock).follow_episodes()
    told = [one for one in past(store, T0 + 100)["happenings"] if "alert" in one]
    assert [(one["at"] - T0, one["what"], one.get("priority"), one["alert"]) for one in told] == [
        (70, "high", None, alert),
        (0, "raised", "medium", alert),
    ]


def test_a_device_silent_now_is_not_calm(store: Store, device: Device) -> None:
    put(store, state(device, T0), *listened(device, T0, 30))
    found = past(store, T0 + 3600, 1)
    assert [(one["start"], one["why"]) for one in found["unheard"]][-1] == (T0 + 1800, "not heard")


def test_the_number_of_statements_does_not_grow(store: Store, device: Device) -> None:
    clock = Clock()

    def count() -> int:
        seen: list[str] = []
        with store.read() as connection:
            event.listen(connection, "before_cursor_execute", lambda *args: seen.append(args[2]))
            bed = history.device(connection, 1)
            assert bed is not None
            history.past(connection, bed, bed["bed"], T0 - 80_000, T0 + 5000, T0 + 5000, LIMITS)
        return len(seen)

    put(store, state(device, T0))
    before = count()
    put(store, *listened(device, T0, 30))
    for number in range(5):
        clock.now = T0 + 2000 + 400 * number
        device.episode(f"{number:032x}", "end", 20.0, send=False)
        put(store, arrival(device, device.sent[device.seq], clock.now))
        engine(store, clock).follow_episodes()
    with store.read() as connection:
        assert connection.scalar(select(func.count()).select_from(StateRow)) == 11  # five silences
    assert len(past(store, T0 + 5000)["alerts"]) == 5
    assert count() == before
