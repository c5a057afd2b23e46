"""Noise that is made, to learn from: the recordings of noise that a ward is judged with stay unheard."""

from __future__ import annotations

import numpy as np
from scipy import signal

from edge.features import FloatArray

SWELLING, CLATTERING = 0.5, 0.6
"""The share of noises that swell, as engines and water do, and in which things are put down and knock."""
_SWELLS_HZ = (0.1, 8.0)
_OBJECTS = (1, 4)
_MODES = (3, 8)  # an object rings at
_MODES_HZ = (250.0, 7000.0)
_RINGS_S = (0.03, 0.5)  # until it has decayed by 60 dB
_STROKES_HZ = (0.2, 6.0)
_LOUDER_DB = (0.0, 30.0)
"""The peaks of clatter against the root mean square of the noise it is in."""


def made_noise(size: int, sample_rate: int, rng: np.random.Generator) -> FloatArray:
    """Coloured noise that may swell and clatter, root mean square about 1, shape (size,)."""
    noise = coloured_noise(size, rng)
    noise /= np.float32(np.sqrt(np.mean(noise**2)))
    if rng.random() < SWELLING:
        noise *= _swells(size, sample_rate, rng)
    if rng.random() < CLATTERING:
        noise += _clatter(size, sample_rate, rng)
    return noise


def coloured_noise(size: int, rng: np.random.Generator) -> FloatArray:
    """Noise whose power falls with frequency by 0 to 6 dB an octave, peak level 1, shape (size,)."""
    spectrum = np.fft.rfft(rng.standard_normal(size))
    frequencies = np.maximum(np.arange(spectrum.size), 1)
    noise = np.fft.irfft(spectrum / frequencies ** rng.uniform(0, 1), size)
    scaled: FloatArray = (noise / np.abs(noise).max()).astype(np.float32)
    return scaled


def _swells(size: int, sample_rate: int, rng: np.random.Generator) -> FloatArray:
    """Factors between almost nothing and 2, shape (size,)."""
    hertz = _anywhere(_SWELLS_HZ, 1, rng)[0]
    depth, phase = rng.uniform(0.2, 0.95), rng.uniform(0, 2 * np.pi)
    factors: FloatArray = (
        1 + depth * np.sin(2 * np.pi * hertz * np.arange(size) / sample_rate + phase)
    ).astype(np.float32)
    return factors


def _clatter(size: int, sample_rate: int, rng: np.random.Generator) -> FloatArray:
    """Things that are struck at random times, each ringing at its own frequencies (modal synthesis)."""
    heard = np.zeros(size)
    for _ in range(rng.integers(_OBJECTS[0], _OBJECTS[1] + 1)):
        struck = np.zeros(size)
        hertz = _anywhere(_STROKES_HZ, 1, rng)[0]
        times = rng.integers(0, size, rng.poisson(hertz * size / sample_rate))
        struck[times] = 10 ** (rng.normal(0, 8, times.size) / 20)
        rung = signal.oaconvolve(struck, _ringing(sample_rate, rng))[:size]
        heard += rung / (np.abs(rung).max() + 1e-9) * 10 ** (rng.uniform(*_LOUDER_DB) / 20)
    return heard.astype(np.float32)


def _ringing(sample_rate: int, rng: np.random.Generator) -> FloatArray:
    """What one stroke sounds like, shape (samples,)."""
    seconds = np.arange(round(_RINGS_S[1] * sample_rate)) / sample_rate
    modes = rng.integers(_MODES[0], _MODES[1] + 1)
    hertz = _anywhere(_MODES_HZ, modes, rng)[:, None]
    decay = 6.9 / _anywhere(_RINGS_S, modes, rng)[:, None]
    loud, phase = rng.uniform(0.2, 1, modes)[:, None], rng.uniform(0, 2 * np.pi, modes)[:, None]
    rings = loud * np.exp(-decay * seconds) * np.sin(2 * np.pi * hertz * seconds + phase)
    response: FloatArray = rings.sum(axis=0).astype(np.float32)
    return response


def _anywhere(limits: tuple[float, float], count: int, rng: np.random.Generator) -> FloatArray:
    """Values between the limits, each factor as likely, shape (count,)."""
    low, high = np.log(limits)
    values: FloatArray = np.exp(rng.uniform(low, high, count))
    return values
