"""Clocks that are wrong, or are set: what is said live is never late, and what waited is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from engine_parts import T0, Clock, Loose, alerts, engine, put, restamped
from simulate import Device
from sqlalchemy import select

from edge.messages import Message, to_json
from edge.utc import utc_text
from hub.arrivals import Arrival
from hub.config import Settings
from hub.faults import Limits
from hub.ingest import Ingest
from hub.store import Store
from hub.tables import Record
from hub.time_lines import JUMP_S, Line, moved

AHEAD_S = 600.0


def said(
    device: Device,
    message: Any,
    at: float,
    *,
    made_at: float | None = None,
    synced: bool = True,
    ahead: float = 0.0,
) -> Arrival:
    """A message that reaches the hub `at`, made then or at `made_at`, by a clock behind the hub's."""
    made = at if made_at is None else made_at
    message = restamped(message, at, synced=synced, made_at=made)
    message = replace(message, stamp=replace(message.stamp, time=utc_text(made - ahead)))
    return Arrival(device.address.topic(message.kind), to_json(message), retained=False, at=at)


def onset(device: Device, lasted: float = 6.0) -> Message:
    return device.sent[device.episode("a" * 32, "onset", lasted, send=False)]


def raised(store: Store, at: float) -> list[tuple[str, bool, float]]:
    """Kind, missed and beginning of each alert that the engine finds then."""
    clock = Clock()
    clock.now = at
    keeper = engine(store, clock, Limits(canary_s=3600))
    keeper.follow_episodes()
    keeper.call_people()
    return [(alert["kind"], alert["missed"], alert["opened_at"]) for alert in alerts(store)]


@pytest.mark.parametrize("ahead", [AHEAD_S, -AHEAD_S])
def test_a_hub_and_a_device_whose_clocks_differ_call_at_once(
    store: Store, device: Device, ahead: float
) -> None:
    put(store, said(device, device.state_message(), T0, ahead=ahead))
    put(store, said(device, onset(device), T0 + 10, ahead=ahead))
    assert raised(store, T0 + 10) == [("distress", False, pytest.approx(T0 + 4, abs=0.01))]
    assert alerts(store)[0]["level"] > 0


def test_what_waited_is_late_whatever_the_clocks_show(store: Store, device: Device) -> None:
    """Also that of a start which the hub has never heard live."""
    put(store, said(device, device.state_message(), T0, ahead=AHEAD_S))
    put(store, said(device, onset(device), T0 + 400, made_at=T0 + 50, ahead=AHEAD_S))
    before = Device(Loose(), "bed-1", "Bed 1")  # type: ignore[arg-type]
    number = before.episode("b" * 32, "end", 10.0, send=False)
    put(store, said(before, before.sent[number], T0 + 400, made_at=T0 - 500, ahead=AHEAD_S))
    assert sorted(raised(store, T0 + 400)) == [
        ("distress", True, pytest.approx(T0 - 510, abs=0.01)),
        ("distress", True, pytest.approx(T0 + 44, abs=0.01)),
    ]


@pytest.mark.parametrize("synced", [True, False])
def test_a_live_message_puts_a_line_right_after_the_hubs_clock_was_set(
    store: Store, device: Device, *, synced: bool
) -> None:
    """Ten minutes forward while no ingest was there to see it."""
    put(store, said(device, device.state_message(), T0, synced=synced))
    jumped = {"made_at": T0 + 20, "synced": synced, "ahead": AHEAD_S}
    put(store, said(device, device.state_message(), T0 + 20 + AHEAD_S, **jumped))
    put(store, said(device, onset(device), T0 + 20 + AHEAD_S, **jumped))
    assert [missed for _, missed, _ in raised(store, T0 + 20 + AHEAD_S)] == [False]


@pytest.mark.parametrize("jump", [AHEAD_S, -AHEAD_S])
def test_ingest_moves_the_lines_when_it_sees_the_clock_being_set(
    store: Store, device: Device, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, jump: float
) -> None:
    """The very next message is in its place, and so is one that came just before."""
    clock, ticks = Clock(), Clock()
    monkeypatch.setattr("hub.ingest.time.monotonic", ticks)
    inbox = Ingest(Settings(site="test", data=str(tmp_path)), store, clock)

    def hear(message: Message, seconds: float) -> None:
        arrival = said(device, message, T0 + seconds, synced=False)
        clock.now += T0 + seconds - ticks.now
        ticks.now = T0 + seconds
        inbox._receive(arrival.topic, arrival.payload, retained=False, durable=True)

    def commit() -> None:
        inbox.commit(inbox._gather())

    hear(device.state_message(), 0)
    commit()
    hear(onset(device), 10)
    clock.now += jump
    hear(device.sent[device.episode("a" * 32, "update", 16.0, send=False)], 20)
    commit()
    with store.read() as connection:
        found = connection.execute(select(Record.at, Record.received_at)).all()
    assert [tuple(row) for row in found] == [
        (pytest.approx(T0 + second + jump, abs=0.01),) * 2 for second in (10, 20)
    ]


def test_a_line_follows_the_quickest_and_rises_only_for_what_is_live() -> None:
    assert moved(None, [(5.0, False), (3.0, True)]) == Line(3.0, is_live=True)
    known = Line(3.0, is_live=True)
    assert moved(known, [(2.0, False)]) == Line(2.0, is_live=True)
    assert moved(known, [(3.0 + JUMP_S, True)]) == known
    assert moved(known, [(4.0 + JUMP_S, False)]) == known
    assert moved(known, [(9.0 + JUMP_S, False), (8.0 + JUMP_S, True)]) == Line(8.0 + JUMP_S, is_live=True)
    assert moved(known, [(8.0 + JUMP_S, True), (4.0, False)]) == known


def test_clocks_that_differ_are_an_alarm(store: Store) -> None:
    """Of one device its own; of most the hub's."""
    ward = [Device(Loose(), f"bed-{number}", f"Bed {number}") for number in range(4)]  # type: ignore[arg-type]
    clock = Clock()
    keeper = engine(store, clock, Limits(canary_s=3600))

    def faults(apart: int) -> list[str]:
        aheads = [AHEAD_S] * apart + [0.0] * (len(ward) - apart)
        put(
            store,
            *(
                said(one, one.state_message(), T0, ahead=ahead)
                for one, ahead in zip(ward, aheads, strict=True)
            ),
        )
        keeper.watch_devices()
        return sorted(f"{one['bed']}: {one['fault']}" for one in alerts(store) if one["state"] == "waiting")

    assert faults(1) == ["Bed 0: clock_apart"]
    assert faults(3) == ["Hub: clock_hub_apart"]
    assert faults(0) == []


def test_a_hub_whose_own_clock_is_not_synchronised_says_so(store: Store) -> None:
    clock = Clock()
    keeper = engine(store, clock, Limits(canary_s=3600))
    keeper._synced = lambda: False
    for seconds, expected in ((0, []), (599, []), (600, ["clock_hub"])):
        clock.now = T0 + seconds
        keeper.watch_devices()
        found = [
            one["fault"] for one in alerts(store) if one["state"] == "waiting" and one["kind"] == "clock"
        ]
        assert found == expected
    keeper._synced = lambda: True
    keeper.watch_devices()
    assert [one["state"] for one in alerts(store) if one["kind"] == "clock"] == ["resolved"]
