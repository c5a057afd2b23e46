import numpy as np
import pytest

from train.made_noise import made_noise

RATE = 16000


def peak_over_level(noise):
    """The loudest sample against the root mean square, in dB."""
    return 20 * np.log10(np.abs(noise).max() / np.sqrt(np.mean(noise**2)))


def test_some_noises_go_on_and_in_some_things_clatter():
    noises = [made_noise(10 * RATE, RATE, np.random.default_rng(seed)) for seed in range(40)]
    peaks = np.array([peak_over_level(noise) for noise in noises])
    assert all(noise.shape == (10 * RATE,) and np.isfinite(noise).all() for noise in noises)
    assert (peaks < 16).sum() >= 10  # noise alone: its peaks are those of a Gaussian
    assert (peaks > 22).sum() >= 5


@pytest.mark.parametrize("seed", [0, 1])
def test_the_same_seed_makes_the_same(seed):
    first, again = (made_noise(RATE, RATE, np.random.default_rng(seed)) for _ in range(2))
    assert np.array_equal(first, again)
