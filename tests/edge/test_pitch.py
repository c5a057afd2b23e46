import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.pitch import HIGHEST_HZ, HOP, LENGTH, LOWEST_HZ, PitchTrack, pitch
from edge.sound_files import to_int16

RATE = 16000
TIME = np.arange(RATE) / RATE


def tone(hertz):
    return np.sin(2 * np.pi * hertz * TIME)


def buzz(hertz):
    """All harmonics below 4 kHz, falling by 6 dB an octave, as a voice's."""
    return sum(np.sin(2 * np.pi * hertz * n * TIME) / n for n in range(1, int(4000 / hertz) + 1))


def missing_fundamental(hertz):
    return sum(np.sin(2 * np.pi * hertz * n * TIME) for n in range(2, 8))


def frames_of(samples):
    return np.lib.stride_tricks.sliding_window_view(samples, LENGTH)[::HOP]


def noisy(samples, snr_db):
    noise = np.random.default_rng(0).normal(size=samples.size)
    return 0.1 * (samples + noise * samples.std() * 10 ** (-snr_db / 20))


@pytest.mark.parametrize("hertz", [62, 80, 120, 200, 333, 500, 700, 950])
@pytest.mark.parametrize("sound", [tone, buzz, missing_fundamental])
@pytest.mark.parametrize(
    ("snr_db", "median", "gross", "found"),
    [(60, 0.004, 0, 1), (20, 0.004, 0.02, 0.95), (10, 0.015, 0.1, 0.9)],
)
def test_known_pitch(hertz, sound, snr_db, median, gross, found):
    heard = pitch(frames_of(noisy(sound(hertz), snr_db)))
    voiced = heard[heard > 0]
    error = np.abs(voiced / hertz - 1)
    assert voiced.size >= found * heard.size
    assert np.median(error) <= median
    assert (error > 0.2).mean() <= gross


def test_a_glide_is_followed():
    hertz = np.geomspace(110, 880, TIME.size)
    phase = 2 * np.pi * np.cumsum(hertz) / RATE
    heard = pitch(frames_of(0.1 * sum(np.sin(n * phase) / n for n in range(1, 5))))
    centres = hertz[LENGTH // 2 :: HOP][: heard.size]
    assert (heard > 0).all()
    assert np.abs(heard / centres - 1).max() < 0.02


@pytest.mark.parametrize("level", [1.0, 0.1, 0.001])
def test_noise_has_no_pitch(level):
    noise = np.random.default_rng(1).normal(size=RATE * 5) * level
    assert (pitch(frames_of(noise)) > 0).mean() <= 0.005


def test_silence_has_no_pitch():
    assert not pitch(np.zeros((3, LENGTH))).any()
    assert not pitch(np.full((3, LENGTH), 0.5)).any()
    assert pitch(np.zeros((0, LENGTH))).shape == (0,)


@given(st.integers(0, 2**32 - 1), st.floats(1e-6, 1))
def test_always_within_its_range(seed, level):
    rng = np.random.default_rng(seed)
    frames = level * np.cumsum(rng.normal(size=(4, LENGTH)), axis=1) ** rng.integers(1, 4)
    heard = pitch(frames)
    assert np.isfinite(heard).all()
    assert ((heard == 0) | ((heard >= LOWEST_HZ) & (heard <= HIGHEST_HZ))).all()


@given(st.lists(st.integers(0, 32000), max_size=10))
def test_every_split_gives_the_same(voice, cuts):
    samples = to_int16(voice(2))
    whole, split = PitchTrack(), PitchTrack()
    whole.feed(samples)
    for a, b in itertools.pairwise([0, *sorted(cuts), 32000]):
        split.feed(samples[a:b])
    wanted = np.arange(0, 100, 3)
    assert np.array_equal(whole.hertz(wanted), split.hertz(wanted))
    split.forget(10000)
    later = np.arange(32, 100)
    assert np.array_equal(split.hertz(later), whole.hertz(later))


def test_a_frame_ends_where_the_gates_frame_ends(voice):
    samples = to_int16(voice(1))
    track = PitchTrack()
    track.feed(samples)
    ends = range(3 * HOP, 50 * HOP + 1, HOP)  # the first that lie wholly in the sound
    frames = np.stack([samples[end - LENGTH : end] for end in ends]) / 32768
    assert track.hertz(np.arange(2, 50)) == pytest.approx(pitch(frames))
