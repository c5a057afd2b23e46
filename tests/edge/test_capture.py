import time

import numpy as np
import pytest
from fake_sound import FakeSound
from hypothesis import given
from hypothesis import strategies as st
from waiting import until

from edge.capture import Microphone
from edge.config import Microphone as Settings
from edge.playback import Playback


@pytest.fixture
def start(until, monkeypatch):
    """A microphone on a sound system of our own, once it is open."""
    monkeypatch.setattr("edge.capture._POLL_S", 0.01)
    started = []

    def make(sound):
        source = sound.microphone()
        started.append(source)
        if sound.plugged:
            until(lambda: sound.callback)
        return source

    yield make
    for source in started:
        source.close()


def take(chunks, count):
    return [next(chunks) for _ in range(count)]


def test_samples_come_as_they_are(start):
    sound = FakeSound()
    chunks = start(sound).chunks()
    sound.deliver(np.arange(800))
    sound.deliver(np.arange(800, 1600))
    first, second = take(chunks, 2)
    assert (first.position, second.position) == (0, 800)
    assert np.array_equal(np.concatenate((first.samples, second.samples)), np.arange(1600))
    assert next(chunks).samples.size == 0


def test_stereo_at_another_rate(start):
    sound = FakeSound(48000, 2)
    chunks = start(sound).chunks()
    tone = np.rint(8000 * np.sin(2 * np.pi * 440 * np.arange(48000) / 48000))
    for part in np.split(tone, 20):
        sound.deliver(np.repeat(part, 2))
    samples = np.concatenate([chunk.samples for chunk in take(chunks, 20)])
    expected = 8000 * np.sin(2 * np.pi * 440 * np.arange(samples.size) / 16000)
    assert samples.size > 15900
    assert np.abs(samples - expected)[300:].max() < 3


def test_lost_chunks_leave_a_hole_in_time(start):
    sound = FakeSound()
    source = start(sound)
    chunks = source.chunks()
    for _ in range(205):
        sound.deliver(np.ones(800))
    assert source.condition.overruns == 5
    positions = [chunk.position for chunk in take(chunks, 200)]
    assert set(np.diff(positions)) == {800}
    sound.deliver(np.ones(800))
    assert next(chunks).position == positions[-1] + 800 * 6


def test_a_box_a_little_too_slow_still_hears_whole_windows(start):
    sound = FakeSound()
    chunks = start(sound).chunks()
    positions = []
    for number in range(4000):
        sound.deliver(np.ones(800))
        if number % 6:  # one in six is too much for it
            positions.append(next(chunks).position)
    holes = np.flatnonzero(np.diff(positions) != 800)
    assert 1 <= holes.size <= 8
    assert np.diff(holes).min() > 100  # five seconds and more without a hole


def test_losses_before_our_queue_count_too(start):
    sound = FakeSound()
    source = start(sound)
    sound.deliver(np.ones(800), status=2)
    assert source.condition.overruns == 1


@pytest.mark.parametrize("rate", [16000, 48000])
def test_losses_before_our_queue_leave_a_hole_in_time(start, rate):
    sound = FakeSound(rate)
    chunks = start(sound).chunks()
    sound.deliver(np.ones(rate // 20))
    first = next(chunks)
    sound.now_s += 0.5
    sound.deliver(np.ones(rate // 20), status=2)
    sound.deliver(np.ones(rate // 20), status=2)
    second, third = take(chunks, 2)
    assert second.position == pytest.approx(first.position + 800 + 8000, abs=2)
    assert third.position > second.position + second.samples.size


def test_between_two_openings_time_goes_on(start, until):
    sound = FakeSound()
    source = start(sound)
    chunks = source.chunks()
    sound.deliver(np.ones(800))
    take(chunks, 1)
    sound.now_s += 60.0
    until(lambda: sound.opened == 2)
    sound.deliver(np.ones(800))
    chunk = next(chunk for chunk in chunks if chunk.samples.size)
    assert chunk.position == pytest.approx(16000 * 60.05, abs=2)
    assert source.condition.state == "healthy"
    assert source.condition.reopened == 1


def test_no_microphone_at_the_start_is_no_error(start, until):
    sound = FakeSound()
    sound.plugged = False
    source = start(sound)
    until(lambda: source.condition.state == "lost")
    assert source.condition.reason == "there is no microphone"
    assert source.name == "the default microphone"
    chunks = source.chunks()
    started = time.monotonic()
    assert not any(chunk.samples.size for chunk in take(chunks, 5))
    assert time.monotonic() - started < 5
    sound.plugged = True
    sound.now_s += 31
    until(lambda: sound.callback)
    sound.deliver(np.ones(800))
    assert any(chunk.samples.size for chunk in take(chunks, 2))


def test_muted_gives_no_sample_and_then_goes_on(start, until):
    sound = FakeSound()
    source = start(sound)
    chunks = source.chunks()
    sound.deliver(np.ones(800))
    sound.deliver(np.ones(800))
    assert next(chunks).samples.size
    source.muted = True
    assert not any(chunk.samples.size for chunk in take(chunks, 3))
    until(lambda: sound.callback is None)
    source.muted = False
    until(lambda: sound.callback)
    sound.deliver(np.ones(800))
    assert any(chunk.samples.size for chunk in take(chunks, 2))


@given(
    st.lists(
        st.tuples(st.integers(1, 40), st.booleans(), st.sampled_from([0, 0, 0, 2])), min_size=1, max_size=12
    ),
    st.sampled_from([16000, 44100, 48000]),
)
def test_positions_only_rise_and_leave_holes_only_where_sound_is_missing(deliveries, rate):
    sound = FakeSound(rate)
    source = sound.microphone()
    try:
        until(lambda: sound.callback)
        chunks = source.chunks()
        sound.deliver(np.ones(rate // 20))
        first = next(chunks)
        position, before = first.position + first.samples.size, 0
        for count, pauses, status in deliveries:
            sound.now_s += 0.4 * pauses
            for _ in range(count):
                sound.deliver(np.ones(rate // 20), status)
                chunk = next(chunk for chunk in chunks if chunk.samples.size)
                lost, before = source.condition.overruns > before, source.condition.overruns
                assert (chunk.position > position) if lost else (chunk.position == position)
                position = chunk.position + chunk.samples.size
    finally:
        source.close()


def test_sustained_clipping_is_said(start):
    sound = FakeSound()
    source = start(sound)
    chunks = source.chunks()
    for _ in range(100):
        sound.deliver(np.full(800, 32767))
        next(chunks)
    assert "too loud" in source.condition.reason


def test_a_number_for_a_name_is_warned_of(caplog):
    sound = FakeSound()
    Microphone(Settings(device="3"), lambda: True, now=sound.now, opener=sound.open).close()
    assert "is the number 3" in caplog.text


def test_a_muted_recording_goes_on_unheard(wav):
    path = wav("a.wav", np.full(16000, 0.5))
    source = Playback([path], lambda: False, fast=True)
    chunks = source.chunks()
    assert next(chunks).samples.size == 800
    source.muted = True
    assert source.condition.state == "muted"
    assert not source.condition.recording
    assert [(chunk.position, chunk.samples.size) for chunk in take(chunks, 4)] == [
        (800, 0), (1600, 0), (2400, 0), (3200, 0),
    ]  # fmt: skip
    source.muted = False
    chunk = next(chunks)
    assert (chunk.position, chunk.samples.size) == (4000, 800)
    assert source.condition.state == "file"
