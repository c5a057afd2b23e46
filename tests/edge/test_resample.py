import itertools

import numpy as np
import pytest
import scipy.signal
import soxr
from hypothesis import given
from hypothesis import strategies as st

from edge.resample import Resampler

RATES = [8000, 11025, 22050, 32000, 44100, 48000, 96000]


def whole(samples, rate):
    resampler = Resampler(rate, 16000)
    return np.concatenate((resampler.feed(samples), resampler.flush()))


def decibels(values):
    return 20 * np.log10(np.abs(values).max() + 1e-12)


def tone(hz, rate, seconds=1.0):
    return np.sin(2 * np.pi * hz * np.arange(int(rate * seconds)) / rate).astype(np.float32)


@pytest.mark.parametrize("rate", RATES)
def test_passes_voices_unchanged(rate):
    for hz in (60, 440, 1000, 3000):
        result = whole(tone(hz, rate), rate)
        assert decibels((result - tone(hz, 16000))[1000:-1000]) < -80


@pytest.mark.parametrize("rate", [22050, 44100, 48000, 96000])
def test_nothing_folds_back(rate):
    for hz in (8100, 9000, 10500):
        assert decibels(whole(tone(hz, rate), rate)[1000:-1000]) < -78


@pytest.mark.parametrize("rate", RATES)
def test_agrees_with_soxr_and_scipy_in_the_pass_band(rate):
    rng = np.random.default_rng(0)
    band = scipy.signal.firwin(301, 0.8 * min(rate, 16000) / 2, fs=rate)
    noise = np.convolve(rng.normal(size=rate), band, "same").astype(np.float32) * 0.1
    ours = whole(noise, rate)
    others = (
        soxr.resample(noise, rate, 16000, "VHQ"),
        scipy.signal.resample(noise, int(rate * 16000 / rate)),
    )
    for other in others:
        assert ours.size == other.size
        error = (ours - other)[1000:-1000]
        assert np.sqrt(np.mean(error**2)) < 10 ** (-60 / 20) * np.sqrt(np.mean(ours**2))


@given(st.lists(st.integers(0, 4000), max_size=10), st.sampled_from([8000, 11025, 44100, 48000]))
def test_every_split_gives_the_same_bits(cuts, rate):
    samples = np.random.default_rng(1).normal(size=4000).astype(np.float32)
    resampler = Resampler(rate, 16000)
    edges = [0, *sorted(cuts), 4000]
    parts = [resampler.feed(samples[a:b]) for a, b in itertools.pairwise(edges)]
    assert np.array_equal(np.concatenate([*parts, resampler.flush()]), whole(samples, rate))


def test_single_samples():
    samples = np.random.default_rng(1).normal(size=600).astype(np.float32)
    resampler = Resampler(44100, 16000)
    parts = [resampler.feed(samples[at : at + 1]) for at in range(600)]
    assert np.array_equal(np.concatenate([*parts, resampler.flush()]), whole(samples, 44100))


@pytest.mark.parametrize("count", [0, 1, 2, 441, 44100])
def test_length(count):
    assert whole(np.zeros(count, np.float32), 44100).size == -(-count * 160 // 441)


def test_a_constant_stays_one():
    result = whole(np.full(44100, 0.5, np.float32), 44100)
    assert result[500:-500] == pytest.approx(0.5, abs=1e-5)
