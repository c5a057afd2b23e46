import dataclasses
import itertools

import numpy as np
import pytest
import python_speech_features
from hypothesis import given
from hypothesis import strategies as st

from edge.features import MfccStream, mfcc

PARAMETERS = [
    {},
    {"frame_length": 400, "hop_length": 160, "mel_bins": 26, "coefficients": 13, "lifter": 0},
    {"frame_length": 1024, "hop_length": 256, "fft_length": 1024, "mel_bins": 128, "coefficients": 40},
    {"window": "hanning", "low_hz": 300, "high_hz": 3400, "pre_emphasis": 0.0},
    {"window": "rectangular", "frame_length": 320, "hop_length": 320},
    {"sample_rate": 8000, "high_hz": 4000, "frame_length": 200, "hop_length": 80, "fft_length": 256},
]


def sound(seconds=2.0, seed=0):
    rng = np.random.default_rng(seed)
    time_s = np.arange(int(16000 * seconds)) / 16000
    tone = np.sin(2 * np.pi * (200 + 300 * time_s) * time_s) * (0.2 + 0.2 * np.sin(5 * time_s))
    return np.rint((tone + rng.normal(size=time_s.size) * 0.01) * 32767).astype(np.int16)


def oracle(samples, front_end):
    windows = {"hamming": np.hamming, "hanning": np.hanning, "rectangular": np.ones}
    return python_speech_features.mfcc(
        samples / 32768,
        samplerate=front_end.sample_rate,
        winlen=front_end.frame_length / front_end.sample_rate,
        winstep=front_end.hop_length / front_end.sample_rate,
        numcep=front_end.coefficients,
        nfilt=front_end.mel_bins,
        nfft=front_end.fft_length,
        lowfreq=front_end.low_hz,
        highfreq=front_end.high_hz,
        preemph=front_end.pre_emphasis,
        ceplifter=front_end.lifter,
        appendEnergy=True,
        winfunc=windows[front_end.window],
    )


def assert_same(actual, expected):
    assert actual.shape == expected.shape
    spread = np.ptp(expected, axis=0)
    assert (np.abs(actual - expected).max(axis=0) <= 1e-4 * np.maximum(spread, 1e-3)).all()


@pytest.mark.parametrize("change", PARAMETERS)
def test_equals_python_speech_features(front_end, change):
    front_end = dataclasses.replace(front_end, **change)
    assert_same(mfcc(sound(), front_end), oracle(sound(), front_end))


def test_equals_python_speech_features_on_a_voice(front_end, clips):
    import wave

    with wave.open(str(clips[0])) as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), np.int16)
    assert_same(mfcc(samples, front_end), oracle(samples, front_end))


@pytest.mark.parametrize("size", [1, 7, 160, 319, 320, 511, 512, 513, 4096])
def test_every_chunk_size_gives_the_same(front_end, size):
    samples = sound(0.5)
    stream = MfccStream(front_end)
    frames = [stream.feed(samples[at : at + size]) for at in range(0, samples.size, size)]
    assert_same(np.concatenate([*frames, stream.flush()]), mfcc(samples, front_end))


@given(st.lists(st.integers(0, 3000), max_size=12), st.sampled_from([160, 320, 512, 700]))
def test_any_split_gives_the_same(front_end, cuts, hop):
    front_end = dataclasses.replace(front_end, hop_length=hop)
    samples = sound(0.3)
    stream = MfccStream(front_end)
    edges = [0, *sorted(min(cut, samples.size) for cut in cuts), samples.size]
    frames = [stream.feed(samples[a:b]) for a, b in itertools.pairwise(edges)]
    assert_same(np.concatenate([*frames, stream.flush()]), mfcc(samples, front_end))


def test_a_stream_starts_anew_after_its_end(front_end):
    stream = MfccStream(front_end)
    first = np.concatenate((stream.feed(sound()), stream.flush()))
    second = np.concatenate((stream.feed(sound()), stream.flush()))
    assert np.array_equal(first, second)


def test_digital_silence_is_finite(front_end):
    frames = mfcc(np.zeros(16000, np.int16), front_end)
    assert frames[:, 0] == pytest.approx(np.log(front_end.log_floor), rel=1e-5)
    assert np.abs(frames[:, 1:]).max() < 1e-3


def test_float_and_int16_agree(front_end):
    samples = sound()
    assert np.array_equal(mfcc(samples, front_end), mfcc(samples.astype(np.float32) / 32768, front_end))


def test_nothing_gives_nothing(front_end):
    assert mfcc(np.zeros(0, np.int16), front_end).shape == (0, 13)


@pytest.mark.parametrize("samples", [np.zeros((2, 3), np.float32), np.zeros(3, np.int32)])
def test_other_samples_are_refused(front_end, samples):
    with pytest.raises(ValueError, match="samples"):
        mfcc(samples, front_end)


@pytest.mark.parametrize(
    "change", [{"fft_length": 256}, {"coefficients": 41}, {"high_hz": 9000}, {"low_hz": 8000}]
)
def test_parameters_that_contradict_each_other(front_end, change):
    with pytest.raises(ValueError, match=r"fft_length|coefficients|band"):
        dataclasses.replace(front_end, **change)
