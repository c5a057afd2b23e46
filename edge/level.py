"""What a microphone's gain does to the features, undone: each bed's speech is brought to one level.

The model hears level in one place, coefficient 0, the logarithm of a frame's energy; a gain adds a
constant to it. The running mean level of what was said at this bed, against the level of ordinary
speech in training, says how much. Causal and slow: minutes of speech decide, so that a scream stays a
scream, and until they have been heard the sound is mostly taken as it is.
"""

from __future__ import annotations

import numpy as np

from edge.features import FloatArray
from edge.learnt import Learnt

FULL_MEMORY = 600
"""Windows of speech that decide: ten minutes of it at a window a second."""
_DOUBT = 30  # windows of speech that weigh as much as the assumption that the gain is right
_MOST = 40.0 * np.log(10) / 10  # 40 dB as a logarithm of energy; more is no gain but a fault


def level_of(frames: FloatArray) -> float:
    """The natural logarithm of the mean frame energy, of frames of shape (..., coefficients).

    Coefficient 0 is the logarithm of a frame's energy: loud frames decide, silence hardly counts.
    """
    return float(np.log(np.mean(np.exp(frames[..., 0], dtype=np.float64))))


class LevelNormaliser:
    """Brings windows of speech, in the order they are heard, to the level the model learnt at."""

    def __init__(self, speech_level: float) -> None:
        """`speech_level` is `level_of` windows of ordinary speech in training, on average."""
        self.speech_level = speech_level
        self.reset()

    def reset(self) -> None:
        """Forget everything heard so far."""
        self._mean, self._count = 0.0, 0

    @property
    def shift(self) -> float:
        """What is added to coefficient 0 now; 4.34 times it is decibels."""
        trust = self._count / (self._count + _DOUBT)
        return float(np.clip(trust * (self.speech_level - self._mean), -_MOST, _MOST))

    @property
    def learnt(self) -> Learnt:
        """The mean level heard (natural logarithm of energy) and of how many windows, FULL_MEMORY at most."""
        return Learnt((self._mean,), (), self._count)

    def resume(self, learnt: Learnt) -> None:
        """Go on from what was `learnt` before. Raises ValueError where that is no level."""
        if len(learnt.mean) != 1 or learnt.deviation or learnt.windows > FULL_MEMORY:
            raise ValueError(f"{learnt} is no level; learn it anew")
        (self._mean,), self._count = learnt.mean, learnt.windows

    def hear(self, frames: FloatArray) -> None:
        """Take notice of a window of speech, shape (window frames, coefficients)."""
        self._count = min(self._count + 1, FULL_MEMORY)
        self._mean += (level_of(frames) - self._mean) / self._count

    def apply(self, frames: FloatArray) -> FloatArray:
        """The window at the level the model learnt at, shape kept."""
        moved = frames.copy()
        moved[..., 0] += np.float32(self.shift)
        return moved
