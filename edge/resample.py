"""A streaming resampler in numpy: polyphase, windowed sinc, the same output for every chunk size.

For microphones and recordings whose rate is not the model's. At 44.1 or 48 kHz to 16 kHz it passes
0 to 7.1 kHz unchanged and keeps what folds back 80 dB down.
"""

from __future__ import annotations

import math

import numpy as np

from edge.features import FloatArray

_ZERO_CROSSINGS = 48  # of the sinc, to each side: length against steepness
_ATTENUATION_DB = 80.0
_BLOCK = 4096  # outputs at a time; bounds memory when somebody feeds an hour at once


class Resampler:
    """float32 samples at `rate_in` Hz to float32 samples at `rate_out` Hz, without delay.

    Output sample n is the input at time n / rate_out; what lies before the start and after the end
    of the stream is taken as silence.
    """

    def __init__(self, rate_in: int, rate_out: int) -> None:
        divisor = math.gcd(rate_in, rate_out)
        self._up, self._down = rate_out // divisor, rate_in // divisor
        self._bank = _filter_bank(self._up, self._down)
        self._half = self._bank.shape[1] // 2
        self.reset()

    def reset(self) -> None:
        """Forget everything heard so far."""
        # The input from sample `_first` on; silence before the start lets the first outputs be whole.
        self._input = np.zeros(self._half - 1, np.float32)
        self._first = 1 - self._half
        self._received = 0
        self._next = 0  # index of the next output

    def feed(self, samples: FloatArray) -> FloatArray:
        """The outputs these samples, shape (n,), complete, shape (m,)."""
        self._received += samples.size
        self._input = np.concatenate((self._input, samples))
        available = self._first + self._input.size
        # Output n needs inputs up to floor(n * down / up) + half.
        ready = max(self._next, -(-(available - self._half) * self._up // self._down))
        return self._compute(ready)

    def flush(self) -> FloatArray:
        """End the stream: the outputs that remain, ceil(samples * rate_out / rate_in) in all."""
        total = -(-self._received * self._up // self._down)
        self._input = np.concatenate((self._input, np.zeros(self._half, np.float32)))
        result = self._compute(total)
        self.reset()
        return result

    def _compute(self, until: int) -> FloatArray:
        blocks = [
            self._block(start, min(start + _BLOCK, until)) for start in range(self._next, until, _BLOCK)
        ]
        self._next = until
        # Keep what output `until` will look at first.
        drop = until * self._down // self._up - self._half + 1 - self._first
        if drop > 0:
            self._input = self._input[drop:].copy()
            self._first += drop
        return np.concatenate(blocks) if blocks else np.zeros(0, np.float32)

    def _block(self, start: int, end: int) -> FloatArray:
        positions = np.arange(start, end) * self._down
        first = positions // self._up - self._half + 1 - self._first
        windows = np.lib.stride_tricks.sliding_window_view(self._input, 2 * self._half)[first]
        if self._up == 1:
            result: FloatArray = np.einsum("nk,k->n", windows, self._bank[0])
        else:
            result = np.einsum("nk,nk->n", windows, self._bank[positions % self._up])
        return result


def _filter_bank(up: int, down: int) -> FloatArray:
    """One filter a phase, shape (up, taps), taps even: windowed sinc at the lower of both rates."""
    stretch = max(1.0, down / up)  # input samples between two zero crossings
    half = math.ceil(_ZERO_CROSSINGS * stretch)
    transition = (_ATTENUATION_DB - 8) / (2.285 * 2 * _ZERO_CROSSINGS) / np.pi  # Kaiser's formula
    cutoff = (1 - transition / 2) / stretch  # the stop band begins where folding begins
    beta = 0.1102 * (_ATTENUATION_DB - 8.7)
    # Tap k of phase p weighs the input (k - half + 1) samples after the output's whole position.
    time = np.arange(2 * half) - (half - 1) - np.arange(up)[:, None] / up
    inside = np.sqrt(np.clip(1 - (time / half) ** 2, 0, None))
    taps = np.sinc(cutoff * time) * np.i0(beta * inside)
    return np.asarray(taps / taps.sum(axis=1, keepdims=True), np.float32)
