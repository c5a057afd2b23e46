"""Steady noise taken out of a stream before the features see it: fans, pumps, taps, ventilation.

A decision-directed Wiener filter (Ephraim and Malah, 1984; Scalart and Vieira Filho, 1996) over a
noise spectrum that is tracked by speech presence probability (Gerkmann and Hendriks, "Unbiased
MMSE-based noise power estimation with low complexity and low tracking delay", 2012). Causal: nothing
is known of what comes later, and the output is the input's length and time, only late by less than
two hops.

The model learnt from clean recordings, room and all, and hears them worse once they are reduced; so
only noisy windows are given to it that way (train/NOTES.md has the figures).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from edge.features import FloatArray, Samples, to_float

HOP = 256  # samples: 16 ms at 16 kHz, half a frame
NOISY_BELOW_DB = 20.0
"""A window whose speech stands less than this above its quietest tenth (Stretch.snr_db) is noisy."""
_FRAME = 2 * HOP
_PRESENT = 10 ** (15 / 10)  # a priori SNR where there is speech, as published
_PRESENCE_MEMORY = 0.9
_STUCK = 0.99  # a presence that lasts is noise that has become louder
_NOISE_MEMORY = 0.8
_DIRECTED = 0.98  # how much of the a priori SNR comes from the frame before
_LEAST_GAIN = 10 ** (-12 / 20)  # what is left of noise; less would leave holes that sound like tones
_FLOOR = 1e-12  # power of digital silence
_LARGE = 80.0  # an exponent that makes presence certain

_WINDOW = np.sqrt(np.hanning(_FRAME + 1)[:-1])  # applied twice, its squares add up to one
_BINS = _FRAME // 2 + 1

Spectrum = npt.NDArray[np.float32]


class NoiseReducer:
    """Cleaner samples from samples that arrive in chunks of any size, each sample exactly once."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget everything heard so far."""
        self._pending = np.zeros(HOP)  # so that the first samples lie in two frames as all others do
        self._tail = np.zeros(HOP)
        self._late = True  # the first hop that comes out is the zeros above
        self._noise: Spectrum | None = None
        self._presence = np.zeros(_BINS, np.float32)
        self._speech = np.zeros(_BINS, np.float32)  # the estimate of the frame before

    def feed(self, samples: Samples) -> FloatArray:
        """The samples these complete, shape (n,), full scale 1, oldest first."""
        self._pending = np.concatenate((self._pending, to_float(samples)))
        hops = max(0, self._pending.size // HOP - 1)
        if hops == 0:
            return np.zeros(0, np.float32)
        frames = np.lib.stride_tricks.sliding_window_view(self._pending, _FRAME)[::HOP]
        spectra = np.fft.rfft(frames * _WINDOW)
        powers = np.maximum(spectra.real**2 + spectra.imag**2, _FLOOR).astype(np.float32)
        gains = np.array([self._gain(power) for power in powers])
        clean = np.fft.irfft(spectra * gains, _FRAME) * _WINDOW
        result = clean[:, :HOP]
        result[0] += self._tail
        result[1:] += clean[:-1, HOP:]
        self._tail = clean[-1, HOP:].copy()
        self._pending = self._pending[hops * HOP :].copy()
        first, self._late = int(self._late), False
        clean_samples: FloatArray = result[first:].reshape(-1).astype(np.float32)
        return clean_samples

    def flush(self) -> FloatArray:
        """End the stream: the samples that still wait for more to come, shape (n,)."""
        waiting = self._pending.size - (HOP if self._late else 0)
        result = self.feed(np.zeros(_FRAME, np.float32))[:waiting]
        self.reset()
        return result

    def _gain(self, power: Spectrum) -> Spectrum:
        """What each bin of the next frame is multiplied by, shape (bins,)."""
        noise = self._track(power)
        prior = _DIRECTED * self._speech / noise + (1 - _DIRECTED) * np.maximum(power / noise - 1, 0)
        gain: Spectrum = np.maximum(prior / (1 + prior), _LEAST_GAIN)
        self._speech = gain**2 * power
        return gain

    def _track(self, power: Spectrum) -> Spectrum:
        """The noise's power spectrum after this frame, shape (bins,)."""
        if self._noise is None:
            self._noise = power.copy()
            return self._noise
        exponent = np.minimum(power * (_PRESENT / (1 + _PRESENT)) / self._noise, _LARGE)
        presence = 1 / (1 + (1 + _PRESENT) * np.exp(-exponent))
        self._presence *= _PRESENCE_MEMORY
        self._presence += (1 - _PRESENCE_MEMORY) * presence
        np.minimum(presence, _STUCK, out=presence, where=self._presence > _STUCK)
        now = power + presence * (self._noise - power)
        self._noise = np.maximum(_NOISE_MEMORY * self._noise + (1 - _NOISE_MEMORY) * now, _FLOOR)
        return self._noise


def reduce_noise(samples: Samples) -> FloatArray:
    """A whole recording with its steady noise taken down, shape (n,), as the stream does it."""
    reducer = NoiseReducer()
    return np.concatenate((reducer.feed(samples), reducer.flush()))
