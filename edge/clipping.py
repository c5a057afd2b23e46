"""Whether a microphone is too loud for its converter, for longer than a shout: pure."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

_LOWEST, _HIGHEST = np.iinfo(np.int16).min, np.iinfo(np.int16).max
_MEMORY = 160_000  # samples, 10 s
_LEAST = 3  # samples at full scale in a chunk; fewer is a click
_ON, _OFF = 0.2, 0.02  # share of the last seconds


class Clipping:
    """Watches 16 kHz sound: `is_on` while a fifth or more of the last ten seconds' chunks were clipped."""

    def __init__(self) -> None:
        self.is_on = False
        self._share = 0.0

    def feed(self, samples: npt.NDArray[np.int16]) -> None:
        """The next samples, shape (n,)."""
        clipped = np.count_nonzero((samples == _HIGHEST) | (samples == _LOWEST)) >= _LEAST
        weight = min(1.0, samples.size / _MEMORY)
        self._share += weight * (clipped - self._share)
        self.is_on = bool(self._share >= (_OFF if self.is_on else _ON))
