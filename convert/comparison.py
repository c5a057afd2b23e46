"""A network before and after its conversion, on the same recordings."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge.classifier import judged, softmax
from edge.features import FloatArray
from edge.manifest import Training
from train import metrics

Ints = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Recall:
    """Of one emotion: recordings, and the share of them that is named rightly before and after."""

    clips: int
    float_recall: float
    int8_recall: float


@dataclass(frozen=True, slots=True)
class OperatingPoint:
    """Shares of recordings that reach the onset with one window at least, before and after.

    `found` are of the distressed, `false` of the others; None where there are none.
    """

    onset: float
    float_found: float | None
    int8_found: float | None
    float_false: float | None
    int8_false: float | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """Shares from 0 to 1; `largest_change` is of one probability of one recording.

    What is named int8 is of the converted model, whatever its scheme. The changes of distress are those of
    the score of single windows, by which the device decides. `confusion[i][j]` counts recordings of emotion
    i taken for emotion j.
    """

    recordings: int
    float_uar: float
    int8_uar: float
    agreement: float
    largest_change: float
    float_calibration_error: float
    int8_calibration_error: float
    largest_distress_change: float
    mean_distress_change: float
    operating_point: OperatingPoint
    float_bytes: int
    int8_bytes: int
    classes: dict[str, Recall]
    labels: tuple[str, ...]
    float_confusion: list[list[int]]
    int8_confusion: list[list[int]]

    @property
    def drop(self) -> float:
        """What the conversion costs, in points of UAR; below 0 where the converted model is better."""
        return (self.float_uar - self.int8_uar) * 100

    @property
    def closeness(self) -> tuple[float, float, float]:
        """What is greater for the better of two conversions of one network, the first thing first.

        A UAR above the network's own is luck on these recordings and counts as that one.
        """
        return min(self.int8_uar, self.float_uar), self.agreement, -self.mean_distress_change

    @property
    def worst(self) -> str:
        """The emotion whose recall falls most."""
        return max(
            self.classes, key=lambda name: self.classes[name].float_recall - self.classes[name].int8_recall
        )


def compare(
    float_logits: FloatArray,
    int8_logits: FloatArray,
    owner: Ints,
    truths: Ints,
    distressed: Ints,
    training: Training,
    sizes: tuple[int, int],
) -> Comparison:
    """Compare logits of the same windows, shape (windows, outputs), `owner` naming each one's recording.

    `truths` are indices of labels and `distressed` 1, 0 or, where it is not known, -1; shape (recordings,).
    """
    labels, both = training.labels, (float_logits, int8_logits)
    # Before temperatures, as the figures of UAR have always been; calibration is of what the device says.
    before, after = (metrics.mean_by_owner(softmax(one[:, : len(labels)]), owner) for one in both)
    said = [judged(one, training) for one in both]
    told = [metrics.mean_by_owner(one.probabilities, owner) for one in said]
    first, second = (metrics.report(one, truths, labels) for one in (before, after))
    changes = np.abs(said[0].distress - said[1].distress)
    return Comparison(
        recordings=len(truths),
        float_uar=first.uar,
        int8_uar=second.uar,
        agreement=float((before.argmax(axis=1) == after.argmax(axis=1)).mean()),
        largest_change=float(np.abs(before - after).max()),
        float_calibration_error=metrics.calibration_error(told[0], truths),
        int8_calibration_error=metrics.calibration_error(told[1], truths),
        largest_distress_change=float(changes.max()),
        mean_distress_change=float(changes.mean()),
        operating_point=_operating_point(
            said[0].distress, said[1].distress, owner, distressed, training.distress.policy.onset
        ),
        float_bytes=sizes[0],
        int8_bytes=sizes[1],
        classes={
            name: Recall(one.clips, one.recall, second.classes[name].recall)
            for name, one in first.classes.items()
        },
        labels=labels,
        float_confusion=first.confusion,
        int8_confusion=second.confusion,
    )


def _operating_point(
    before: FloatArray, after: FloatArray, owner: Ints, distressed: Ints, onset: float
) -> OperatingPoint:
    def share(scores: FloatArray, kind: int) -> float | None:
        loudest = np.zeros(len(distressed), np.float32)
        np.maximum.at(loudest, owner, scores)
        chosen = distressed == kind
        return float((loudest[chosen] >= onset).mean()) if chosen.any() else None

    return OperatingPoint(onset, share(before, 1), share(after, 1), share(before, 0), share(after, 0))
