"""Float against int8 on the same recordings."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge.classifier import judged, softmax
from edge.features import FloatArray
from edge.manifest import Training
from train.metrics import mean_by_owner, report


@dataclass(frozen=True, slots=True)
class Comparison:
    """Shares from 0 to 1; `largest_change` is of one probability of one recording.

    The changes of distress are those of the score of single windows, by which the device decides.
    """

    recordings: int
    float_uar: float
    int8_uar: float
    agreement: float
    largest_change: float
    largest_distress_change: float
    mean_distress_change: float
    float_bytes: int
    int8_bytes: int

    @property
    def drop(self) -> float:
        """What the conversion costs, in points of UAR; below 0 where the converted model is better."""
        return (self.float_uar - self.int8_uar) * 100

    def rows(self) -> list[tuple[str, str]]:
        """The comparison as (name, value) lines for people."""
        points = -self.drop
        mean = f"{self.mean_distress_change:.3f}"
        return [
            ("recordings", str(self.recordings)),
            ("size", f"{self.float_bytes / 1024:.0f} KiB Keras, {self.int8_bytes / 1024:.0f} KiB int8"),
            ("UAR float", f"{self.float_uar:.4f}"),
            ("UAR int8", f"{self.int8_uar:.4f} ({points:+.2f} points)"),
            ("same emotion", f"{self.agreement:.1%} of recordings"),
            ("largest change", f"{self.largest_change:.3f} of a probability"),
            ("distress", f"{self.largest_distress_change:.3f} is a window's largest change, {mean} the mean"),
        ]


def compare(
    float_logits: FloatArray,
    int8_logits: FloatArray,
    owner: npt.NDArray[np.intp],
    truths: npt.NDArray[np.intp],
    training: Training,
    sizes: tuple[int, int],
) -> Comparison:
    """Compare logits of the same windows, shape (windows, outputs), `owner` naming each one's recording."""
    labels, both = training.labels, (float_logits, int8_logits)
    before, after = (mean_by_owner(softmax(logits[:, : len(labels)]), owner) for logits in both)
    changes = np.abs(judged(float_logits, training).distress - judged(int8_logits, training).distress)
    return Comparison(
        recordings=len(truths),
        float_uar=report(before, truths, labels).uar,
        int8_uar=report(after, truths, labels).uar,
        agreement=float((before.argmax(axis=1) == after.argmax(axis=1)).mean()),
        largest_change=float(np.abs(before - after).max()),
        largest_distress_change=float(changes.max()),
        mean_distress_change=float(changes.mean()),
        float_bytes=sizes[0],
        int8_bytes=sizes[1],
    )
