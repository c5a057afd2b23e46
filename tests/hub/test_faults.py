"""Technical alarms, pure: by hand, then what must hold for any ward."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.delivery import Delivery, Recipient
from hub.faults import CAUSES, DeviceHealth, Fault, Limits, Place, cause, device_faults
from hub.reach import Reach, Sign, unreached, unwatched
from hub.ward_faults import chain_fault, hub_clock_fault, wanted

L = Limits()
T0 = 1_700_000_000.0
WELL = DeviceHealth("ward-1", "online", T0, "started", T0 + 100, "healthy", T0, model="bedside-ser 1.0.0")


def at(seconds: float, listening: float = 0.0, limits: Limits = L, **changes: object) -> list[str]:
    """The kinds of all that is wrong with a device, so many seconds after T0."""
    device = replace(WELL, **changes)  # type: ignore[arg-type]
    return [fault.kind for fault in device_faults(device, T0 + listening, T0 + seconds, limits)]


def test_a_well_device_has_no_fault() -> None:
    assert at(110) == []


def test_a_device_not_heard_of_for_45_s() -> None:
    assert at(144.9) == []
    assert at(145) == ["link"]


def test_nobody_is_silent_for_longer_than_the_hub_could_listen() -> None:
    assert at(1040, listening=1000) == []
    assert at(1045, listening=1000) == ["link"]


def test_an_offline_device_until_it_is_heard_again() -> None:
    assert at(105.9, status="offline", status_at=T0 + 101) == []
    assert at(106, status="offline", status_at=T0 + 101) == ["link"]
    assert at(110, status="offline", status_at=T0 + 101, heard_at=T0 + 102) == []


@pytest.mark.parametrize("state", ["lost", "stalled", "silent"])
def test_a_dead_microphone(state: str) -> None:
    assert at(104, microphone=state, microphone_at=T0 + 100) == []
    assert at(105, microphone=state, microphone_at=T0 + 100) == ["microphone"]


def test_a_mute_that_seems_forgotten() -> None:
    hours = 4 * 3600
    assert at(hours - 1, heard_at=T0 + hours, microphone="muted") == []
    assert at(hours, heard_at=T0 + hours, microphone="muted") == ["microphone"]


def test_what_is_shown_stays_until_it_has_gone_whatever_the_hub_goes_through() -> None:
    shown = {"link": cause("unheard", T0 + 100, seconds=45), "microphone": cause("microphone_lost", T0)}

    def still(seconds: float, listening: float = 0.0, **changes: object) -> list[str]:
        device = replace(WELL, **changes)  # type: ignore[arg-type]
        faults = device_faults(device, T0 + listening, T0 + seconds, L, shown)
        return [fault.code for fault in faults]

    assert still(201, listening=200) == ["unheard"], "ingest has only just come back"
    assert still(201, status="offline", status_at=T0 + 200) == ["offline"], "the broker gives it up, too"
    assert still(201, heard_at=T0 + 200) == []
    stalled = {"microphone": "stalled", "microphone_at": T0 + 200}
    assert still(201, heard_at=T0 + 200, **stalled) == ["microphone_stalled"]
    lost = {(Place(ward="ward-1"), "link"): cause("ward", T0 + 100, lost=3, all=4)}
    assert set(wanted(ward(4, 0), lost, T0 + 1000, T0 + 1001, L)) == set(lost)
    chain = chain_fault(T0, T0, T0 + 150, L)
    assert chain_fault(T0, T0 + 160, T0 + 161, L, chain) == chain
    assert chain_fault(T0 + 155, T0 + 160, T0 + 161, L, chain) is None


@pytest.mark.parametrize(
    ("changes", "kinds"),
    [
        ({"clock_off_at": T0 - 500}, ["clock"]),
        ({"clock_off_at": T0 - 400}, []),
        ({"storage_refused_at": T0 + 90}, ["disk"]),
        ({"disk_free_mb": 199.0}, ["disk"]),
        ({"disk_free_mb": 200.0}, []),
        ({"disk_free_mb": 10.0, "storage_refused_at": T0}, ["disk"]),
        ({"certificate_days": 13.9}, ["certificate"]),
        ({"certificate_days": -1.0}, ["certificate"]),
        ({"certificate_days": 14.0}, []),
        ({"certificate_days": 1.0, "clock_off_at": T0 - 900, "microphone": "lost"},
         ["microphone", "clock", "certificate"]),
    ],
)  # fmt: skip
def test_what_a_device_says_of_itself(changes: dict[str, object], kinds: list[str]) -> None:
    assert at(110, **changes) == kinds
    assert at(600, **changes) == ["link"]  # of a device that cannot be heard nothing else is known


def test_an_unknown_model() -> None:
    known = Limits(models=("bedside-ser 1.0.0",))
    assert at(110, limits=known) == []
    assert at(110, limits=known, model="other 2.0") == ["model"]
    assert at(110, limits=known, model=None) == []


def test_a_refused_model_is_told_with_what_runs_instead() -> None:
    device = replace(WELL, model="bedside-ser 1.0.0", model_refused="it is not signed")
    (fault,) = device_faults(device, T0, T0 + 110, Limits(models=("other 2.0",)))
    assert fault.kind == "model"
    assert fault.reason == "runs bedside-ser 1.0.0, as the model it should run is refused: it is not signed"


def ward(lost: int, well: int, name: str = "ward-1", first: int = 1) -> dict[int, DeviceHealth]:
    gone = replace(WELL, ward=name, heard_at=T0)
    near = replace(WELL, ward=name)
    devices = [gone] * lost + [near] * well
    return dict(enumerate(devices, start=first))


def test_a_whole_ward_lost_is_one_alarm() -> None:
    found = wanted(ward(200, 0), {}, T0, T0 + 110, L)
    assert found == {
        (Place(ward="ward-1"), "link"): Fault(
            "link",
            T0,
            "200 of 200 devices lost: check the ward's network and power",
            "ward",
            {"lost": 200, "all": 200},
        )
    }


@pytest.mark.parametrize(("lost", "well", "alarms"), [(2, 0, 2), (3, 0, 1), (3, 3, 3), (4, 3, 1), (0, 5, 0)])
def test_a_few_lost_devices_are_alarms_of_their_own(lost: int, well: int, alarms: int) -> None:
    assert len(wanted(ward(lost, well), {}, T0, T0 + 110, L)) == alarms


def test_one_ward_s_trouble_is_not_another_s() -> None:
    devices = ward(5, 0) | ward(1, 5, "ward-2", 10)
    places = {place for place, _ in wanted(devices, {}, T0, T0 + 110, L)}
    assert places == {Place(ward="ward-1"), Place(10)}


def test_what_was_wrong_with_a_device_stays_while_it_cannot_be_heard() -> None:
    dead = Fault("microphone", T0, "microphone lost")
    known = {(Place(1), "microphone"): dead, (Place(2), "microphone"): dead}
    devices = ward(1, 1)
    found = wanted(devices, known, T0, T0 + 110, L)
    assert found[Place(1), "microphone"] == dead
    assert (Place(2), "microphone") not in found
    assert set(found) == {(Place(1), "link"), (Place(1), "microphone")}


@given(st.integers(0, 12), st.integers(0, 12), st.integers(0, 12), st.integers(0, 12))
def test_every_lost_device_is_told_of_once(a_lost: int, a_well: int, b_lost: int, b_well: int) -> None:
    devices = ward(a_lost, a_well, "a") | ward(b_lost, b_well, "b", 100)
    found = wanted(devices, {}, T0, T0 + 110, L)
    for number, device in devices.items():
        told = ((Place(number), "link") in found) + ((Place(ward=device.ward), "link") in found)
        assert told == (device.heard_at == T0) or (told == 1 and (Place(ward=device.ward), "link") in found)


def test_every_cause_comes_of_something_with_its_code_and_values() -> None:
    limits = replace(L, models=("bedside-ser 1.0.0",))
    states: list[dict[str, object]] = [
        *(
            {"status": "offline", "status_at": T0 + 101, "reason": reason}
            for reason in ("connection lost", "stopped", "failed", "recording ended", "battery removed")
        ),
        {"heard_at": T0 - 9000},
        *(
            {"microphone": state, "microphone_at": T0 - 20000}
            for state in ("lost", "stalled", "silent", "muted")
        ),
        {"clock_off_at": T0 - 900},
        {"clock_apart_s": -61.0},
        {"storage_refused_at": T0},
        {"disk_free_mb": 10.0},
        {"certificate_days": -1.0},
        {"certificate_days": 3.0},
        {"model": "other 2.0"},
        {"model_refused": "it is not signed"},
    ]
    found = [
        device_faults(replace(WELL, **state), T0, T0 + 110, limits)[0]  # type: ignore[arg-type]
        for state in states
    ]
    found += [*wanted(ward(4, 0), {}, T0, T0 + 110, L).values(), cause("deaf", T0)]
    chain = chain_fault(None, T0, T0 + 150, L)
    hub_clock = hub_clock_fault(T0, T0 + 600, L)
    assert chain is not None
    assert hub_clock is not None
    found += [chain, hub_clock]
    apart = {number: replace(one, clock_apart_s=600.0) for number, one in ward(0, 4).items()}
    found += wanted(apart, {}, T0, T0 + 101, L).values()
    found += told_to_nobody()
    assert {one.code for one in found} == set(CAUSES)
    for one in found:
        kind, sentence = CAUSES[one.code]
        assert (one.kind, one.reason) == (kind, sentence.format(**one.values))


def told_to_nobody() -> list[Fault]:
    """The causes of hub.reach: no board is seen, none has sound; nobody outside is there or answers."""
    now, limits = T0 + 1000, Delivery()
    lead = Recipient("push", "lead", (), 4)
    sign = Sign((), now, None)
    failing = {("push", "lead"): Reach(T0, "no route")}
    found = [
        *unwatched({"a": T0}, [], {}, T0, now, limits).values(),
        *unwatched({"a": T0}, [sign], {}, T0, now, limits).values(),
    ]
    for recipients, calling, sending_at in (([], ["a"], now), ([lead], [], now), ([lead], [], T0)):
        fault = unreached(recipients, failing, (), calling, sending_at, now, limits)
        assert fault is not None
        found.append(fault)
    return found
