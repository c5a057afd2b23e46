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
NOISY_BELOW_DB = 25.0
"""A window whose speech stands less than this above its quietest tenth (Stretch.snr_db) is noisy."""
_FRAME = 2 * HOP
_PRESENT = 10 ** (15 / 10)  # a priori SNR where there is speech, as published
_PRESENCE_MEMORY = 0.9
_STUCK = 0.99  # a presence that lasts is noise that has become louder
_NOISE_MEMORY = 0.8
_DIRECTED = 0.98  # how much of the a priori SNR comes from the frame before
_LEAST_GAIN = 10 ** (-12 / 20)  # what is left of noise; less would leave holes that sound like tones
_FLOOR = 1e-12  # power of digital silence

_WINDOW = np.sqrt(np.hanning(_FRAME + 1)[:-1])  # applied twice, its squares add up to one
_BINS = _FRAME // 2 + 1

Spectrum = npt.NDArray[np.float64]


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
        self._presence = np.zeros(_BINS)
        self._speech = np.zeros(_BINS)  # the estimate of the frame before

    def feed(self, samples: Samples) -> FloatArray:
        """The samples these complete, shape (n,), full scale 1, oldest first."""
        self._pending = np.concatenate((self._pending, to_float(samples)))
        hops = []
        at = 0
        while at + _FRAME <= self._pending.size:
            hops.append(self._hop(self._pending[at : at + _FRAME]))
            at += HOP
        self._pending = self._pending[at:].copy()
        if hops and self._late:
            hops, self._late = hops[1:], False
        return np.concatenate(hops).astype(np.float32) if hops else np.zeros(0, np.float32)

    def flush(self) -> FloatArray:
        """End the stream: the samples that still wait for more to come, shape (n,)."""
        waiting = self._pending.size - (HOP if self._late else 0)
        result = self.feed(np.zeros(_FRAME, np.float32))[:waiting]
        self.reset()
        return result

    def _hop(self, frame: Spectrum) -> Spectrum:
        spectrum = np.fft.rfft(frame * _WINDOW)
        power = np.maximum(spectrum.real**2 + spectrum.imag**2, _FLOOR)
        noise = self._track(power)
        ratio = power / noise
        prior = _DIRECTED * self._speech / noise + (1 - _DIRECTED) * np.maximum(ratio - 1, 0)
        gain = np.maximum(prior / (1 + prior), _LEAST_GAIN)
        self._speech = gain**2 * power
        clean = np.fft.irfft(spectrum * gain, _FRAME) * _WINDOW
        result: Spectrum = self._tail + clean[:HOP]
        self._tail = clean[HOP:]
        return result

    def _track(self, power: Spectrum) -> Spectrum:
        """The noise's power spectrum after this frame, shape (bins,)."""
        if self._noise is None:
            self._noise = power.copy()
            return self._noise
        exponent = np.minimum(power / self._noise * (_PRESENT / (1 + _PRESENT)), 200)
        presence = 1 / (1 + (1 + _PRESENT) * np.exp(-exponent))
        self._presence = _PRESENCE_MEMORY * self._presence + (1 - _PRESENCE_MEMORY) * presence
        presence = np.where(self._presence > _STUCK, np.minimum(presence, _STUCK), presence)
        now = presence * self._noise + (1 - presence) * power
        self._noise = np.maximum(_NOISE_MEMORY * self._noise + (1 - _NOISE_MEMORY) * now, _FLOOR)
        return self._noise


def reduce_noise(samples: Samples) -> FloatArray:
    """A whole recording with its steady noise taken down, shape (n,), as the stream does it."""
    reducer = NoiseReducer()
    return np.concatenate((reducer.feed(samples), reducer.flush()))
