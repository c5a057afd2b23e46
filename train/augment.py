"""What training changes about a recording so that the model hears more than one room and one voice."""

from __future__ import annotations

import numpy as np
import soxr

from edge.features import FloatArray

SPEED = 0.1  # at most 10 % faster or slower, pitch with it
GAIN_DB = 6.0
SNR_DB = (5.0, 30.0)
NOISE_SHARE = 0.5


def augment_samples(samples: FloatArray, sample_rate: int, rng: np.random.Generator) -> FloatArray:
    """The recording at another speed and gain, half of the time with coloured noise; shape (n',)."""
    speed = 1 + rng.uniform(-SPEED, SPEED)
    changed = soxr.resample(samples, sample_rate * speed, sample_rate, quality="MQ")
    if rng.random() < NOISE_SHARE:
        changed = add_noise(changed, coloured_noise(changed.size, rng), rng.uniform(*SNR_DB))
    gain = 10 ** (rng.uniform(-GAIN_DB, GAIN_DB) / 20)
    louder: FloatArray = np.clip(changed * gain, -1, 1).astype(np.float32)
    return louder


def coloured_noise(size: int, rng: np.random.Generator) -> FloatArray:
    """Noise whose power falls with frequency by 0 to 6 dB an octave, peak level 1, shape (size,)."""
    spectrum = np.fft.rfft(rng.standard_normal(size))
    frequencies = np.maximum(np.arange(spectrum.size), 1)
    noise = np.fft.irfft(spectrum / frequencies ** rng.uniform(0, 1), size)
    scaled: FloatArray = (noise / np.abs(noise).max()).astype(np.float32)
    return scaled


def add_noise(samples: FloatArray, noise: FloatArray, snr_db: float) -> FloatArray:
    """`samples` plus `noise` scaled to a signal-to-noise ratio of `snr_db` over the whole clip."""
    signal_power, noise_power = float(np.mean(samples**2)), float(np.mean(noise**2))
    if signal_power == 0 or noise_power == 0:
        return samples
    scale = np.sqrt(signal_power / noise_power / 10 ** (snr_db / 10))
    mixed: FloatArray = (samples + scale * noise).astype(np.float32)
    return mixed


def crop(frames: FloatArray, length: int, padding: FloatArray, rng: np.random.Generator) -> FloatArray:
    """A window of `length` frames from a random place, shape (length, coefficients).

    One window in four begins up to a third before the recording or ends up to a third after it, as
    windows on the device do; what is missing is `padding` (coefficients,), the frame of silence.
    """
    slack = length // 3 if rng.random() < 0.25 else 0
    after = min(slack, frames.shape[0] // 2)  # a short recording must not slip out of the window
    first = rng.integers(-slack, max(0, frames.shape[0] - length) + after + 1)
    return take(frames, int(first), length, padding)


def take(frames: FloatArray, first: int, length: int, padding: FloatArray) -> FloatArray:
    """Frames [first, first + length), those outside the recording replaced by `padding`."""
    window = np.tile(padding, (length, 1))
    begin, end = max(first, 0), min(first + length, frames.shape[0])
    if begin < end:
        window[begin - first : end - first] = frames[begin:end]
    return window


def mask_time(window: FloatArray, value: FloatArray, rng: np.random.Generator) -> FloatArray:
    """SpecAugment's time mask (Park et al., 2019): up to two stretches replaced by `value`."""
    masked = window.copy()
    for _ in range(2):
        width = int(rng.integers(0, window.shape[0] // 8))
        first = int(rng.integers(0, window.shape[0] - width + 1))
        masked[first : first + width] = value
    return masked
