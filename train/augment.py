"""What training changes about a recording so that the model hears more than one room and one voice."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import soxr

from edge.features import FloatArray
from train.made_noise import coloured_noise

SPEED = 0.13  # at most so much faster or slower, pitch with it
GAIN_DB = 10.0
SNR_DB = (5.0, 30.0)
_COLOURED = 0.7  # of the beds have a microphone and a room of their own
_NOISY = 0.6  # of these have noise
_REVERBERANT = 0.75  # of these have a room one hears
_EQUALISER_DB = 6.0
_TAPS = 512


@dataclass(frozen=True, slots=True)
class VirtualBed:
    """What a bed does to a voice: speed, gain, the response of microphone and room, shape (taps,), noise."""

    speed: float
    gain_db: float
    response: FloatArray | None
    snr_db: float | None


def draw_bed(sample_rate: int, rng: np.random.Generator) -> VirtualBed:
    """A bed nobody has lain in."""
    speed, gain_db = 1 + rng.uniform(-SPEED, SPEED), rng.uniform(-GAIN_DB, GAIN_DB)
    if rng.random() >= _COLOURED:
        return VirtualBed(speed, gain_db, None, None)
    response = _microphone(rng)
    if rng.random() < _REVERBERANT:
        response = np.convolve(response, _room(sample_rate, rng)).astype(np.float32)
    return VirtualBed(speed, gain_db, response, rng.uniform(*SNR_DB) if rng.random() < _NOISY else None)


def at_bed(samples: FloatArray, sample_rate: int, bed: VirtualBed, rng: np.random.Generator) -> FloatArray:
    """The recording as it is heard at the bed, no two times the same; shape (n',)."""
    speed = bed.speed * (1 + rng.uniform(-0.02, 0.02))
    changed = soxr.resample(samples, sample_rate * speed, sample_rate, quality="MQ")
    if bed.response is not None:
        size = changed.size + bed.response.size - 1
        changed = np.fft.irfft(np.fft.rfft(changed, size) * np.fft.rfft(bed.response, size), size)
        changed = changed[_TAPS // 2 :].astype(np.float32)
    if bed.snr_db is not None:
        changed = add_noise(changed, coloured_noise(changed.size, rng), bed.snr_db + rng.uniform(-4, 4))
    gain = 10 ** ((bed.gain_db + rng.uniform(-2, 2)) / 20)
    louder: FloatArray = np.clip(changed * gain, -1, 1).astype(np.float32)
    return louder


def _microphone(rng: np.random.Generator) -> FloatArray:
    """A smooth linear-phase response of three gentle hills and valleys, shape (_TAPS,)."""
    frequency = np.linspace(0, 1, _TAPS // 2 + 1)
    curve_db = np.zeros_like(frequency)
    for _ in range(3):
        distance = (frequency - rng.uniform(0, 1)) / rng.uniform(0.08, 0.4)
        curve_db += rng.uniform(-_EQUALISER_DB, _EQUALISER_DB) * np.exp(-0.5 * distance**2)
    taps = np.roll(np.fft.irfft(10 ** (curve_db / 20)), _TAPS // 2) * np.hanning(_TAPS)
    response: FloatArray = taps.astype(np.float32)
    return response


def _room(sample_rate: int, rng: np.random.Generator) -> FloatArray:
    """The direct sound and an exponentially decaying tail of noise, shape (taps,)."""
    size = int(sample_rate * rng.uniform(0.15, 0.6))  # until it has decayed by 60 dB
    tail = rng.standard_normal(size) * np.exp(-6.9 * np.arange(size) / size)
    tail *= rng.uniform(0.2, 1.2) / np.sqrt(np.sum(tail**2))
    response: FloatArray = np.concatenate(([1.0], np.zeros(rng.integers(20, 160)), tail)).astype(np.float32)
    return response


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
