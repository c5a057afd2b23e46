import logging
import threading
import time

import numpy as np
import pytest
from fake_sound import FakeSound
from hypothesis import given
from hypothesis import strategies as st

from edge.config import Microphone as Settings
from edge.keeper import Keeper
from edge.liveness import Limits

CHUNK = np.arange(1, 801)


@pytest.fixture
def sound():
    return FakeSound()


@pytest.fixture
def keeper(sound):
    return sound.keeper()


def live(keeper, sound, seconds, samples=CHUNK):
    for _ in range(round(seconds * 20)):
        sound.deliver(samples)
        keeper.inbox.take(0)
        keeper.step()


def wait(keeper, sound, seconds):
    for _ in range(round(seconds * 5)):
        sound.now_s += 0.2
        keeper.step()


def test_opens_listens_and_lets_go(keeper, sound):
    assert keeper.condition.state == "recovering"
    assert not keeper.condition.recording
    keeper.step()
    live(keeper, sound, 1)
    assert keeper.condition.state == "healthy"
    assert keeper.condition.recording
    assert keeper.name == "fake"
    keeper.close()
    assert sound.callback is None
    assert not keeper.condition.recording


def test_whoever_keeps_a_light_is_told_before_recording_and_after(sound):
    told = []
    keeper = sound.keeper(on_recording=lambda on: told.append((on, sound.callback is not None)))
    sound.plugged = False
    wait(keeper, sound, 10)
    assert told == []
    sound.plugged = True
    while not sound.opened:
        wait(keeper, sound, 0.2)
    live(keeper, sound, 1)
    keeper.muted = True
    keeper.step()
    assert told == [(True, False), (False, False)]


def test_unplugged_and_plugged_in_again(keeper, sound, caplog):
    caplog.set_level(logging.INFO)
    live(keeper, sound, 20)
    sound.plugged = sound.active = False
    sound.cards = ("card0",)
    keeper.step()
    wait(keeper, sound, 300)
    assert keeper.condition.state == "lost"
    assert caplog.text.count("there is no microphone") == 1
    assert sound.opened == 1
    sound.plugged = True
    wait(keeper, sound, 0.2)
    sound.cards = ("card0", "card1")  # the kernel has seen it
    wait(keeper, sound, 0.4)
    assert sound.opened == 2
    live(keeper, sound, 1)
    condition = keeper.condition
    assert (condition.state, condition.stalls, condition.reopened) == ("healthy", 1, 1)
    assert caplog.text.count("delivers again") == 1


def test_plugged_in_without_a_sign_is_found_within_half_a_minute(keeper, sound):
    sound.plugged = False
    wait(keeper, sound, 300)
    sound.plugged = True
    wait(keeper, sound, 31)
    assert sound.opened == 1


def test_a_stream_that_opens_and_stays_mute_is_tried_ever_less_often(keeper, sound):
    wait(keeper, sound, 300)
    assert 5 < sound.opened < 20
    assert keeper.condition.stalls == 1


def test_muted_lets_go_and_throws_away(keeper, sound):
    live(keeper, sound, 1)
    sound.deliver(CHUNK)
    keeper.muted = True
    assert keeper.condition.state == "muted"
    assert keeper.inbox.take(0) is None
    sound.deliver(CHUNK)  # PortAudio's thread may be in the middle of it
    assert keeper.inbox.take(0) is None
    keeper.step()
    assert sound.callback is None
    assert not keeper.condition.recording
    wait(keeper, sound, 100)
    assert keeper.condition.state == "muted"
    keeper.muted = False
    keeper.step()
    live(keeper, sound, 1)
    condition = keeper.condition
    assert (condition.state, condition.stalls, condition.reopened) == ("healthy", 0, 0)


def test_zeros_and_back(keeper, sound):
    live(keeper, sound, 2)
    live(keeper, sound, 11, np.zeros(800))
    assert keeper.condition.state == "silent"
    live(keeper, sound, 100, np.zeros(800))
    condition = keeper.condition
    assert (condition.state, condition.silences) == ("silent", 1)
    assert condition.reopened == 2  # after 30 s, and 60 s later
    sound.deliver(CHUNK)
    assert keeper.condition.state == "healthy"


def test_what_nobody_takes_is_bounded_lost_and_said(keeper, sound, caplog):
    keeper.step()
    for _ in range(400):
        sound.deliver(CHUNK)
    condition = keeper.condition
    assert (condition.state, condition.overruns) == ("stalled", 200)
    assert condition.lag_s == pytest.approx(20.0, abs=0.1)
    assert condition.reason.startswith("this box is too slow")
    assert caplog.text.count("chunks of sound lost") == 1
    while keeper.inbox.take(0):
        pass
    live(keeper, sound, 1)
    assert keeper.condition.state == "healthy"


def test_a_slow_clock_is_found(sound):
    sound.rate = 16000
    keeper = sound.keeper()
    keeper.step()
    for number in range(2400):
        sound.now_s += 0.05 / 0.98 - 0.05  # the microphone runs 2 % slow
        sound.deliver(CHUNK)
        keeper.inbox.take(0)
        if number % 4 == 0:
            keeper.step()
    condition = keeper.condition
    assert condition.drift_ppm == pytest.approx(-20_000, abs=100)
    assert condition.drifts == 1


def test_whatever_the_sound_system_throws_it_is_tried_again(sound, caplog, until):
    tries = []

    def opener(settings, listen):
        tries.append(settings)
        if len(tries) == 1:
            raise RuntimeError("out of cheese")
        return sound.open(settings, listen)

    def light(_on):
        raise RuntimeError("no such pin")

    keeper = Keeper(Settings(), time.monotonic, opener=opener, cards=lambda: None, on_recording=light)
    keeper.start()
    try:
        until(lambda: keeper.condition.state == "lost")
        assert "out of cheese" in keeper.condition.reason
        until(lambda: len(tries) == 2)
        until(lambda: keeper.condition.recording)
        assert "the sound system failed" in caplog.text
        assert "no such pin" in caplog.text
    finally:
        keeper.close()


@pytest.mark.parametrize("call", ["open", "close"])
def test_a_call_that_hangs_stops_nothing_else(sound, until, call):
    gate = threading.Event()
    if call == "open":
        sound_open = sound.open
        sound.open = lambda *arguments: (gate.wait(), sound_open(*arguments))[1]
    else:
        sound.terminate = gate.wait
    limits = Limits(stall_s=0.3, answer_s=0.3)
    keeper = Keeper(Settings(), time.monotonic, opener=sound.open, cards=lambda: None, limits=limits)
    keeper.start()
    try:
        state = until(lambda: keeper.condition.stuck_s > 0.4 and keeper.condition.state)
        assert state == ("lost" if call == "open" else "stalled")
        assert "does not answer" in keeper.condition.reason
        started = time.monotonic()
        keeper.close()
        assert time.monotonic() - started < 0.9  # half a second, and a busy machine
    finally:
        gate.set()
    until(lambda: not keeper._thread.is_alive())


EVENTS = st.lists(
    st.one_of(
        st.tuples(st.just("deliver"), st.integers(1, 60)),
        st.tuples(st.just("zeros"), st.integers(1, 300)),
        st.tuples(st.just("untaken"), st.integers(1, 120)),
        st.tuples(st.just("wait"), st.integers(1, 200)),
        st.tuples(st.sampled_from(["unplug", "plug in", "die", "mute", "unmute"]), st.just(1)),
    ),
    max_size=25,
)


@given(EVENTS)
def test_whatever_happens_it_is_never_called_healthy_without_sound(events):
    sound = FakeSound()
    keeper = sound.keeper()
    heard_s, openings, before = -100.0, [], keeper.condition
    for event, times in events:
        for _ in range(times):
            opened = sound.opened
            if event in {"deliver", "zeros", "untaken"}:
                came = sound.callback is not None
                sound.deliver(np.zeros(800) if event == "zeros" else CHUNK)
                heard_s = sound.now_s if came else heard_s
                if event != "untaken":
                    while keeper.inbox.take(0):
                        pass
            else:
                sound.now_s += 0.2
            sound.plugged = {"unplug": False, "plug in": True}.get(event, sound.plugged)
            sound.active &= event not in {"unplug", "die"}
            keeper.muted = {"mute": True, "unmute": False}.get(event, keeper.muted)
            keeper.step()
            condition = keeper.condition
            if condition.state == "healthy":
                assert sound.now_s - heard_s < 5
                assert sound.callback is not None
            assert (condition.state == "muted") == keeper.muted
            assert keeper.muted <= (sound.callback is None)
            assert condition.recording == (sound.callback is not None)
            for count in ("overruns", "stalls", "silences", "reopened", "drifts"):
                assert getattr(condition, count) >= getattr(before, count)
            before = condition
            if sound.opened > opened:
                openings.append(sound.now_s)
    # Never a storm: the first attempts of a spell come fast, and only a mute or a new card begins anew.
    unmutes = sum(event == "unmute" for event, _ in events)
    for second in openings:
        assert sum(second <= other < second + 1.0 for other in openings) <= 3 + unmutes
