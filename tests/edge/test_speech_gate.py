import dataclasses
import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.config import Gate
from edge.sound_files import SoundFile, to_int16
from edge.speech_gate import LOWEST_DB, SpeechGate

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
