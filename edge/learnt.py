"""What a bed has taught the device, and what any part does that learns from its bed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from edge.features import FloatArray
from edge.fields import checked


@dataclass(frozen=True, slots=True)
class Learnt:
    """Statistics of the speech heard at a bed: figures, no sound. What they measure, the learner says."""

    mean: tuple[float, ...] = checked(minimum=-1000, maximum=1000)
    deviation: tuple[float, ...] = checked(minimum=0, maximum=1000)
    windows: int = checked(minimum=0, maximum=100_000)
    """Of speech heard, as far as they still count; 0: nothing yet."""


class Learner(Protocol):
    """Brings windows of speech, in the order they are heard, to what the model learnt with."""

    @property
    def learnt(self) -> Learnt:
        """What was heard so far."""
        ...

    def reset(self) -> None:
        """Forget everything heard so far."""

    def resume(self, learnt: Learnt) -> None:
        """Go on from what was `learnt` before. Raises ValueError where it is another learner's."""

    def hear(self, frames: FloatArray) -> None:
        """Take notice of a window of speech, shape (window frames, coefficients)."""

    def apply(self, frames: FloatArray) -> FloatArray:
        """The window as the model is to hear it, shape kept."""
        ...
