import dataclasses
import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.config import Gate
from edge.sound_files import SoundFile, to_int16
from edge.speech_gate import FRAME, LOWEST_DB, SpeechGate, segments

SECONDS = 12
TIME = np.arange(16000 * SECONDS) / 16000


def noise(level):
    return np.random.default_rng(0).normal(size=TIME.size) * level


def pink(level):
    spectrum = np.fft.rfft(np.random.default_rng(1).normal(size=TIME.size))
    shaped = np.fft.irfft(spectrum / np.sqrt(np.arange(spectrum.size) + 1))
    return shaped / shaped.std() * level


def hum(level, harmonics=(1, 2, 3, 5, 7, 11, 21)):
    return level * sum(np.sin(2 * np.pi * 50 * n * TIME) / n for n in harmonics)


NOT_SPEECH = {
    "silence": np.zeros(TIME.size),
    "quantisation noise": noise(1 / 32768),
    "white noise, loud": noise(0.1),
    "white noise": noise(0.01),
    "white noise, quiet": noise(0.001),
    "pink noise": pink(0.05),
    "hum": hum(0.2),
    "hum, quiet": hum(0.01),
    "alarm tone": 0.1 * np.sin(2 * np.pi * 440 * TIME),
    "rumble": 0.2 * np.sin(2 * np.pi * 30 * TIME) + noise(0.001),
}


def stretches(samples, settings=None, seconds=3):
    gate = SpeechGate(settings or Gate())
    gate.feed(to_int16(np.asarray(samples, np.float32)))
    return [
        gate.stretch(start, start + 16000 * seconds)
        for start in range(0, samples.size - 16000 * seconds + 1, 16000)
    ]


@pytest.mark.parametrize("name", NOT_SPEECH)
def test_is_not_speech(name):
    for settings in (Gate(), Gate(aggressiveness=1), Gate(aggressiveness=3)):
        assert not any(one.is_speech for one in stretches(NOT_SPEECH[name], settings))


def test_a_voice_is_speech(voice):
    assert all(one.is_speech for one in stretches(voice(8)))


def test_a_voice_over_hum_and_noise_is_speech(voice):
    samples = voice(8) + (hum(0.2, (1, 2, 3)) + noise(0.003))[: 16000 * 8]
    assert all(one.is_speech for one in stretches(samples))


def test_recorded_clips_are_speech(clips):
    for path in clips:
        with SoundFile(path) as sound:
            samples = np.concatenate(list(sound.blocks()))
        assert any(one.is_speech for one in stretches(samples / 32768)), path.name


def test_level(voice):
    (silence,) = stretches(np.zeros(48000))
    assert silence.level_db == LOWEST_DB
    (tone,) = stretches(0.5 * np.sin(2 * np.pi * 1000 * TIME[:48000]))
    assert tone.level_db == pytest.approx(-9.03, abs=0.1)


def test_too_quiet_is_no_speech(voice):
    assert any(one.is_speech for one in stretches(voice(5, level=0.01)))
    assert not any(one.is_speech for one in stretches(voice(5, level=0.01), Gate(min_level_db=-35.0)))


def test_share(voice):
    half = np.concatenate((voice(3), np.zeros(48000)))
    gate = SpeechGate(Gate())
    gate.feed(to_int16(half.astype(np.float32)))
    assert gate.stretch(0, 96000).speech_share == pytest.approx(
        gate.stretch(0, 48000).speech_share / 2, abs=0.06
    )
    strict = SpeechGate(dataclasses.replace(Gate(), min_speech=0.9))
    strict.feed(to_int16(half.astype(np.float32)))
    assert not strict.stretch(0, 96000).is_speech


def flags(*runs):
    """Runs of frames, alternately silent and active."""
    return np.repeat(np.arange(len(runs)) % 2 == 1, runs)


@pytest.mark.parametrize(
    ("active", "expected"),
    [
        (flags(5, 6, 20), flags(5, 6 + 3, 17)),  # the hangover
        (flags(5, 6, 3, 6, 20), flags(5, 15 + 3, 17)),  # a short pause belongs to it
        (flags(5, 6, 4, 6, 20), flags(5, 9, 1, 9, 17)),  # a longer one does not
        (flags(5, 4, 30), flags(39)),  # a knock
        (flags(5, 2, 2, 3, 30), flags(5, 10, 27)),  # together long enough
        (flags(0, 6), flags(0, 6)),
        (flags(20), flags(20)),
        (flags(), flags()),
    ],
)
def test_segments(active, expected):
    assert np.array_equal(segments(active, shortest=5, hangover=3), expected)


@given(st.lists(st.booleans(), max_size=200), st.integers(0, 20), st.integers(0, 20))
def test_segments_are_long_enough_and_end_in_time(active, shortest, hangover):
    heard = np.array(active, bool)
    found = segments(heard, shortest, hangover)
    starts = np.flatnonzero(np.diff(found, prepend=False) & found)
    for start in starts:
        end = start + int(np.argmin(np.append(found[start:], False)))
        assert heard[start], "a segment begins with a voice"
        assert heard[start:end].sum() >= shortest
        assert end - 1 - int(np.flatnonzero(heard[:end])[-1]) <= hangover
    if shortest <= 1:
        assert (found | ~heard).all(), "no frame of a voice is left out"


def test_the_hangover_opens_no_gate(voice):
    samples = np.concatenate((voice(0.3), np.zeros(16000 * 3 - 4800)))
    (short,), (long,) = (
        stretches(samples, Gate(hangover_s=hangover_s, min_speech=0.2)) for hangover_s in (0.0, 1.0)
    )
    assert not short.is_speech
    assert not long.is_speech
    assert long.speech_share > short.speech_share + 0.2


def test_what_frames_say(voice):
    gate = SpeechGate(Gate())
    gate.feed(to_int16(voice(4)))
    one = gate.stretch(1000, 49000)
    assert one.first == 4
    assert one.levels.shape == one.active.shape == one.speech.shape == (49000 // FRAME - 4,)
    assert not (one.active & ~one.speech).any()
    assert one.speech_share == pytest.approx(one.speech.mean(), abs=1e-4)
    assert one.speech.sum() > one.active.sum()
    assert one.is_speech == (one.active.mean() >= Gate().min_speech)


@pytest.mark.parametrize("snr_db", [10, 20, 30])
def test_snr(voice, snr_db):
    speech = voice(8)
    hiss = noise(1.0)[: speech.size] * speech.std() * 10 ** (-snr_db / 20)
    for one in stretches(speech + hiss):
        assert one.snr_db == pytest.approx(snr_db, abs=8)


@given(st.lists(st.integers(0, 16000), max_size=12))
def test_every_split_gives_the_same(voice, cuts):
    samples = to_int16(voice(1))
    edges = [0, *sorted(cuts), 16000]
    gate, other = SpeechGate(Gate()), SpeechGate(Gate())
    gate.feed(samples)
    for a, b in itertools.pairwise(edges):
        other.feed(samples[a:b])
    assert gate.stretch(0, 16000) == other.stretch(0, 16000)
    assert gate.stretch(4321, 12345) == other.stretch(4321, 12345)


def test_forgetting_changes_nothing_later(voice):
    samples = to_int16(voice(4))
    gate = SpeechGate(Gate())
    gate.feed(samples)
    before = gate.stretch(16000, 64000)
    gate.forget(16000)
    assert gate.stretch(16000, 64000) == before


def test_nothing_is_no_speech():
    assert not SpeechGate(Gate()).stretch(0, 100).is_speech
