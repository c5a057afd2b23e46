"""MFCC and log energy, streaming, in numpy: the only feature code of the project.

The definition is that of python_speech_features 0.6 (`mfcc` with appendEnergy=True), which the tests
use as the oracle: pre-emphasis, frames, window, power spectrum |FFT|^2 / N, triangular mel filters
with edges on whole FFT bins, natural logarithm, orthonormal DCT-II, sinusoidal liftering, and the
logarithm of the frame's whole energy in place of coefficient 0.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge.fields import checked

FloatArray = npt.NDArray[np.float32]
Samples = npt.NDArray[np.int16] | npt.NDArray[np.float32] | npt.NDArray[np.float64]

_WINDOWS: dict[str, Callable[[int], npt.NDArray[np.float64]]] = {
    "hamming": np.hamming,
    "hanning": np.hanning,
    "rectangular": np.ones,
}
_BLOCK_FRAMES = 256  # bounds memory when somebody feeds an hour at once


@dataclass(frozen=True, slots=True)
class FrontEnd:
    """Everything that fixes the numbers between samples and coefficients; lengths are in samples."""

    sample_rate: int = checked(minimum=4000, maximum=96000)
    frame_length: int = checked(minimum=16, maximum=8192)
    hop_length: int = checked(minimum=16, maximum=8192)
    fft_length: int = checked(minimum=16, maximum=16384)
    window: str = checked(choices=tuple(_WINDOWS))
    mel_bins: int = checked(minimum=1, maximum=512)
    coefficients: int = checked(minimum=1, maximum=512)
    low_hz: float = checked(minimum=0)
    high_hz: float = checked(minimum=1)
    pre_emphasis: float = checked(minimum=0, maximum=1)
    lifter: int = checked(minimum=0, maximum=1000)
    log_floor: float = checked(minimum=1e-30, maximum=1)

    def __post_init__(self) -> None:
        """Raises ValueError where two values contradict each other."""
        if self.fft_length < self.frame_length:
            raise ValueError(f"fft_length {self.fft_length} is shorter than frame_length {self.frame_length}")
        if self.coefficients > self.mel_bins:
            raise ValueError(f"coefficients {self.coefficients} exceed mel_bins {self.mel_bins}")
        if not self.low_hz < self.high_hz <= self.sample_rate / 2:
            raise ValueError(
                f"the band {self.low_hz:g} to {self.high_hz:g} Hz does not fit below half of"
                f" sample_rate {self.sample_rate}"
            )


def mel_filterbank(front_end: FrontEnd) -> FloatArray:
    """Triangular mel filters, shape (mel_bins, fft_length // 2 + 1).

    mel = 2595 log10(1 + f / 700), O'Shaughnessy (1987); edges rounded down to whole FFT bins as
    python_speech_features does.
    """
    low, high = (2595 * np.log10(1 + hz / 700) for hz in (front_end.low_hz, front_end.high_hz))
    edges_hz = 700 * (10 ** (np.linspace(low, high, front_end.mel_bins + 2) / 2595) - 1)
    edges = np.floor((front_end.fft_length + 1) * edges_hz / front_end.sample_rate)
    bins = np.arange(front_end.fft_length // 2 + 1)
    filters = np.zeros((front_end.mel_bins, bins.size), np.float32)
    for row, (left, centre, right) in enumerate(zip(edges, edges[1:], edges[2:], strict=False)):
        rising, falling = (bins >= left) & (bins < centre), (bins >= centre) & (bins < right)
        filters[row, rising] = (bins[rising] - left) / (centre - left)
        filters[row, falling] = (right - bins[falling]) / (right - centre)
    return filters


def dct_matrix(inputs: int, outputs: int) -> FloatArray:
    """The first `outputs` rows of the orthonormal DCT-II of `inputs` points, shape (inputs, outputs)."""
    n, k = np.arange(inputs)[:, None], np.arange(outputs)[None, :]
    matrix = np.sqrt(2 / inputs) * np.cos(np.pi * k * (2 * n + 1) / (2 * inputs))
    matrix[:, 0] /= np.sqrt(2)
    result: FloatArray = matrix.astype(np.float32)
    return result


def lifter_weights(front_end: FrontEnd) -> FloatArray:
    """Sinusoidal liftering weights, shape (coefficients,); ones where lifter is 0."""
    if front_end.lifter == 0:
        return np.ones(front_end.coefficients, np.float32)
    n = np.arange(front_end.coefficients)
    weights: FloatArray = (1 + front_end.lifter / 2 * np.sin(np.pi * n / front_end.lifter)).astype(np.float32)
    return weights


class MfccStream:
    """MFCC frames from samples that arrive in chunks of any size, each frame exactly once.

    int16 samples are scaled by 1/32768; float samples are taken as they are, full scale being 1.
    """

    def __init__(self, front_end: FrontEnd) -> None:
        self.front_end = front_end
        self._window = _WINDOWS[front_end.window](front_end.frame_length).astype(np.float32)
        self._filters = np.ascontiguousarray(mel_filterbank(front_end).T)
        self._cosines = dct_matrix(front_end.mel_bins, front_end.coefficients) * lifter_weights(front_end)
        self.reset()

    def reset(self) -> None:
        """Forget everything heard so far."""
        self._pending = np.zeros(0, np.float32)
        self._previous: np.float32 | None = None
        self._skip = 0
        self._frames = 0

    def feed(self, samples: Samples) -> FloatArray:
        """The frames these samples complete, shape (frames, coefficients), oldest first.

        Frame i covers samples [i * hop_length, i * hop_length + frame_length) of the stream.
        """
        emphasised = self._emphasise(to_float(samples))
        # Where hops are longer than frames, the samples between two frames belong to none.
        dropped = min(self._skip, emphasised.size)
        self._skip -= dropped
        self._pending = np.concatenate((self._pending, emphasised[dropped:]))
        length, hop = self.front_end.frame_length, self.front_end.hop_length
        if self._pending.size < length:
            return np.zeros((0, self.front_end.coefficients), np.float32)
        frames = np.lib.stride_tricks.sliding_window_view(self._pending, length)[::hop]
        blocks = range(0, frames.shape[0], _BLOCK_FRAMES)
        result = np.concatenate([self._coefficients(frames[at : at + _BLOCK_FRAMES]) for at in blocks])
        used = frames.shape[0] * hop
        self._skip = max(0, used - self._pending.size)
        self._pending = self._pending[used:].copy()
        self._frames += frames.shape[0]
        return result

    def flush(self) -> FloatArray:
        """End the stream: the last samples as one frame filled with zeros, shape (0 or 1, coefficients)."""
        overlap = max(0, self.front_end.frame_length - self.front_end.hop_length) if self._frames else 0
        if self._pending.size <= overlap:
            result = np.zeros((0, self.front_end.coefficients), np.float32)
        else:
            filled = np.zeros((1, self.front_end.frame_length), np.float32)
            filled[0, : self._pending.size] = self._pending
            result = self._coefficients(filled)
        self.reset()
        return result

    def _emphasise(self, samples: FloatArray) -> FloatArray:
        if samples.size == 0:
            return samples
        result = samples.copy()
        result[1:] -= np.float32(self.front_end.pre_emphasis) * samples[:-1]
        if self._previous is not None:
            result[0] -= np.float32(self.front_end.pre_emphasis) * self._previous
        self._previous = samples[-1]
        return result

    def _coefficients(self, frames: FloatArray) -> FloatArray:
        front_end = self.front_end
        spectrum = np.fft.rfft(frames * self._window, front_end.fft_length)
        power = ((spectrum.real**2 + spectrum.imag**2) / front_end.fft_length).astype(np.float32)
        floor = np.float32(front_end.log_floor)
        coefficients: FloatArray = np.log(np.maximum(power @ self._filters, floor)) @ self._cosines
        coefficients[:, 0] = np.log(np.maximum(power.sum(axis=1), floor))
        return coefficients


def mfcc(samples: Samples, front_end: FrontEnd) -> FloatArray:
    """All frames of a whole recording, shape (frames, coefficients), the last filled up with zeros."""
    stream = MfccStream(front_end)
    return np.concatenate((stream.feed(samples), stream.flush()))


def to_float(samples: Samples) -> FloatArray:
    """float32 samples with full scale 1, shape (n,); int16 is divided by 32768."""
    if samples.ndim != 1:
        raise ValueError(f"samples have shape {samples.shape}; give one channel, shape (n,)")
    if samples.dtype == np.int16:
        return samples.astype(np.float32) / np.float32(32768)
    if not np.issubdtype(samples.dtype, np.floating):
        raise ValueError(f"samples are {samples.dtype}; give int16 or float32")
    return samples.astype(np.float32)
