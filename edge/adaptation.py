"""What a bed does to the features, undone: microphone, room and voice are brought to those of training.

Each bed has its own mean and deviation of each coefficient while somebody speaks. They are learnt from
the speech heard there, window by window, without asking what was said or felt, and the features are
moved so that they have the mean and deviation the model learnt with. Causal: a window is judged by what
was heard up to its own end. Until enough has been heard, the statistics of training weigh more; and they
always weigh something: whoever has only heard somebody at rest takes rest for the middle of all feelings.

One function serves training and device: `train.beds` walks through each speaker's recordings with it.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from edge.features import FloatArray
from edge.learnt import Learnt
from edge.level import level_of
from edge.manifest import Adaptation

_LEAST = 0.25
_MOST = 4.0
"""A deviation is taken for at least and at most so many times that of training; beyond lies a fault."""


class BedStatistics:
    """Running mean and deviation of the speech at one bed, of windows in the order they are heard."""

    def __init__(self, policy: Adaptation) -> None:
        """What `policy` says of the statistics of training is what is assumed at first."""
        self.policy = policy
        self._prior_mean = np.asarray(policy.mean, np.float64)
        self._prior_deviation = np.asarray(policy.deviation, np.float64)
        self.reset()

    def reset(self) -> None:
        """Forget everything heard so far."""
        self.mean = self._prior_mean.copy()
        self.square = np.square(self._prior_deviation)
        self.windows = 0

    @property
    def learnt(self) -> Learnt:
        """Mean and deviation of each coefficient, and of how many windows."""
        return Learnt(_rounded(self.mean), _rounded(self.deviation), self.windows)

    def resume(self, learnt: Learnt) -> None:
        """Go on from what was `learnt` before. Raises ValueError where it has other coefficients."""
        shape = self._prior_mean.shape
        mean, deviation = np.array(learnt.mean), np.array(learnt.deviation)
        if mean.shape != shape or deviation.shape != shape:
            raise ValueError(f"{mean.size} and {deviation.size} values are not {shape[0]}; learn them anew")
        self.mean, self.square = mean, np.square(deviation)
        self.windows = min(learnt.windows, self.policy.memory)

    @property
    def deviation(self) -> npt.NDArray[np.float64]:
        """Per coefficient, within what is believed, shape (coefficients,)."""
        ratio = np.sqrt(self.square) / self._prior_deviation
        limited: npt.NDArray[np.float64] = self._prior_deviation * np.clip(ratio, _LEAST, _MOST)
        return limited

    def hear(self, frames: FloatArray) -> None:
        """Take notice of a window of speech, shape (window frames, coefficients).

        Frames within `range` of the window's level count. One that lies more than `outlier` deviations
        away counts as if it lay there: a slammed door moves the statistics no more than a loud word.
        """
        policy = self.policy
        spoken = speech_of(frames, policy.range)
        deviation = self.deviation
        offsets = np.clip((spoken - self.mean) / deviation, -policy.outlier, policy.outlier) * deviation
        shift, spread = offsets.mean(axis=0), np.square(offsets).mean(axis=0)
        self.windows = min(self.windows + 1, policy.memory)
        share = 1 / (policy.doubt + self.windows)
        self.mean += share * shift
        self.square += share * (spread - share * np.square(shift) - self.square)

    def apply(self, frames: FloatArray) -> FloatArray:
        """Frames, shape (n, coefficients), as the bed of training would have given them; shape kept."""
        mean, deviation = self.believed
        moved: FloatArray = ((frames - mean) * (self._prior_deviation / deviation) + self._prior_mean).astype(
            np.float32
        )
        return moved

    @property
    def believed(self) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """The mean and deviation that are taken for this bed's, shape (coefficients,) each."""
        share = self.windows / (self.windows + self.policy.doubt)
        kept = min(1.0, self.policy.most / share) if share else 1.0
        prior = np.square(self._prior_deviation)
        mean = self._prior_mean + kept * (self.mean - self._prior_mean)
        return mean, np.sqrt(prior + kept * (np.square(self.deviation) - prior))


def speech_of(frames: FloatArray, range_: float) -> FloatArray:
    """The frames of a window no further below its level than `range_`, shape (n, coefficients), n >= 1."""
    spoken: FloatArray = frames[frames[:, 0] >= level_of(frames) - range_]
    return spoken


def _rounded(values: npt.NDArray[np.float64]) -> tuple[float, ...]:
    return tuple(round(float(value), 3) for value in values)
