import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from train import augment, made_noise

PADDING = np.full(3, -9, np.float32)


@given(st.integers(1, 60), st.integers(-20, 70), st.integers(1, 40))
def test_take_pads_only_what_lies_outside(frames, first, length):
    recording = np.arange(frames * 3, dtype=np.float32).reshape(frames, 3)
    window = augment.take(recording, first, length, PADDING)
    assert window.shape == (length, 3)
    for row, place in zip(window, range(first, first + length), strict=True):
        expected = recording[place] if 0 <= place < frames else PADDING
        assert np.array_equal(row, expected)


@given(st.integers(1, 300), st.integers(0, 2**32))
def test_a_crop_always_has_the_window_length(frames, seed):
    rng = np.random.default_rng(seed)
    window = augment.crop(np.ones((frames, 3), np.float32), 150, PADDING, rng)
    assert window.shape == (150, 3)
    assert (window == 1).any()


@pytest.mark.parametrize("snr_db", [0, 10, 20])
def test_noise_is_added_at_the_ratio_asked_for(snr_db):
    rng = np.random.default_rng(1)
    voice = rng.normal(0, 0.1, 16000).astype(np.float32)
    noise = augment.add_noise(voice, made_noise.coloured_noise(16000, rng), snr_db) - voice
    assert 10 * np.log10(np.mean(voice**2) / np.mean(noise**2)) == pytest.approx(snr_db, abs=0.05)


def test_silence_stays_silent():
    silence = np.zeros(1600, np.float32)
    assert augment.add_noise(silence, np.ones(1600, np.float32), 10) is silence


@pytest.mark.parametrize("number", range(8))  # with and without a microphone, a room, noise
def test_the_same_bed_and_seed_give_the_same_within_full_scale(number):
    voice = np.sin(np.arange(16000) / 10).astype(np.float32)
    bed = augment.draw_bed(16000, np.random.default_rng(number))
    first, again = (augment.at_bed(voice, 16000, bed, np.random.default_rng(7)) for _ in range(2))
    assert np.array_equal(first, again)
    assert first.dtype == np.float32
    assert np.abs(first).max() <= 1
    tail = 0 if bed.response is None else bed.response.size
    assert 16000 / 1.16 < len(first) < 16000 / 0.85 + tail
    assert np.abs(first[:12000]).max() > 0.05
