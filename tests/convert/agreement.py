"""How far two runs of run_models.py are apart, in steps of the outputs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Arrays = Mapping[str, npt.NDArray[np.generic]]
LARGEST_FEATURE_CHANGE = 2e-3
"""Of an MFCC: processors round differently; a step of the shipped model's int8 input is some tenths."""
_STEPS = 255  # between the smallest and the largest int8
_LEAST = 1e-3
_ROUNDING = 1e-4  # of a step: what is no whole number may come out a hair more


@dataclass(frozen=True, slots=True)
class Agreement:
    """Of one model: how many scores were compared, and the largest differences."""

    model: str
    scores: int
    steps: float
    """Of scores, in steps of the output or, where it is no whole number, of int8 over all its scores."""
    features: float
    """Of MFCC, in their own unit."""
    allowed: float
    """Steps, as a device's self-test allows."""
    refusal: str
    """What the device of `other` says where it refuses the file, or nothing."""

    @property
    def is_good(self) -> bool:
        """Whether a device may compute so, whatever the self-test in the file says of one window."""
        return self.steps <= self.allowed + _ROUNDING and self.features <= LARGEST_FEATURE_CHANGE


def agreements(reference: Arrays, other: Arrays) -> list[Agreement]:
    """One for each model; both runs are of the same models, and `other` was given the reference's windows."""
    names = [key.removesuffix("/scores") for key in reference if key.endswith("/scores")]
    assert names
    assert set(reference) == set(other)
    return [
        Agreement(
            model=name,
            scores=reference[f"{name}/scores"].size,
            steps=_steps(reference[f"{name}/scores"], other[f"{name}/scores"]),
            features=_largest(reference[f"{name}/features"], other[f"{name}/features"]),
            allowed=float(other[f"{name}/allowed"]),
            refusal=str(other[f"{name}/refusal"]),
        )
        for name in names
    ]


def _steps(reference: npt.NDArray[np.generic], other: npt.NDArray[np.generic]) -> float:
    assert reference.dtype == other.dtype
    off = _largest(reference, other)
    if np.issubdtype(reference.dtype, np.integer):
        return off
    return off / max(_LEAST, float(np.ptp(reference)) / _STEPS)


def _largest(reference: npt.NDArray[np.generic], other: npt.NDArray[np.generic]) -> float:
    """The largest difference; infinite where something is no number."""
    assert reference.shape == other.shape
    off = np.abs(reference.astype(np.float64) - other.astype(np.float64)).max()
    return float(off) if np.isfinite(off) else float("inf")
