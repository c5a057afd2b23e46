import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.noise_reduction import HOP, NoiseReducer, reduce_noise
from edge.sound_files import to_int16

RATE = 16000


def noise(seconds, level=0.01):
    return (np.random.default_rng(0).normal(size=RATE * seconds) * level).astype(np.float32)


def power_db(samples):
    return 10 * np.log10(np.mean(np.square(samples, dtype=np.float64)) + 1e-20)


def test_steady_noise_falls():
    heard = noise(5)
    assert power_db(reduce_noise(heard)[RATE:]) < power_db(heard[RATE:]) - 8


def test_noise_that_becomes_louder_falls_again():
    heard = noise(12)
    heard[: RATE * 4] *= 0.01
    assert power_db(reduce_noise(heard)[RATE * 8 :]) < power_db(heard[RATE * 8 :]) - 8


def test_a_voice_stands_out_more(voice):
    speech, hiss = voice(6, level=0.1), noise(6, level=0.01)
    lead = noise(2, level=0.01)
    cleaned = reduce_noise(np.concatenate((lead, speech + hiss)))[lead.size :]
    gain = np.sum(cleaned.astype(np.float64) * speech) / np.sum(speech.astype(np.float64) ** 2)
    before = power_db(speech) - power_db(hiss)
    after = power_db(gain * speech) - power_db(cleaned - gain * speech)
    assert gain == pytest.approx(1, abs=0.25)
    assert after > before + 2


def test_a_voice_in_silence_stays_itself(voice):
    speech = voice(3)
    assert power_db(reduce_noise(speech) - speech) < power_db(speech) - 12


def test_silence_stays_silence():
    assert not reduce_noise(np.zeros(RATE, np.int16)).any()


@pytest.mark.parametrize("size", [0, 1, HOP - 1, HOP, HOP + 1, 2 * HOP, 2 * HOP + 1, 5000])
def test_as_long_as_it_was(size):
    assert reduce_noise(noise(1)[:size]).shape == (size,)


def test_never_late_by_two_hops():
    reducer, sound = NoiseReducer(), noise(1)
    out = 0
    for at in range(0, sound.size, 100):
        out += reducer.feed(sound[at : at + 100]).size
        assert min(at + 100, sound.size) - out < 2 * HOP


@given(st.integers(3 * HOP, RATE))
def test_what_comes_later_changes_nothing(at):
    sound, other = noise(1), noise(1)
    other[at:] = 0.5
    certain = at - 2 * HOP
    assert np.allclose(reduce_noise(sound)[:certain], reduce_noise(other)[:certain], atol=1e-6)


@given(st.lists(st.integers(0, 16000), max_size=12), st.booleans())
def test_every_split_gives_the_same(voice, cuts, once_more):
    samples = to_int16(voice(1) + noise(1))
    reducer = NoiseReducer()
    for _ in range(1 + once_more):
        edges = itertools.pairwise([0, *sorted(cuts), 16000])
        found = [*(reducer.feed(samples[a:b]) for a, b in edges), reducer.flush()]
        assert np.allclose(np.concatenate(found), reduce_noise(samples), atol=1e-6)
