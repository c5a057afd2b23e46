"""How good a model is, from probabilities and truths; no model and no file in here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn import metrics

from edge.classifier import softmax
from edge.features import FloatArray

Truths = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class ClassReport:
    """One emotion against all others; shares from 0 to 1."""

    clips: int
    precision: float
    recall: float
    auc: float | None


@dataclass(frozen=True, slots=True)
class Report:
    """A model on labelled recordings.

    `uar` is unweighted average recall: the mean of the recalls of the emotions that occur; `uar_among`, what
    it would be if no other emotion could be guessed.
    `calibration_error` is the expected calibration error over ten bins. `confusion[i][j]` counts
    recordings of emotion i taken for emotion j. The figures of distress are those of the recordings of
    which it is known; None where there are not both kinds, or no recording.
    """

    clips: int
    uar: float
    uar_among: float
    accuracy: float
    macro_f1: float
    calibration_error: float
    distress_auc: float | None
    distress_calibration_error: float | None
    classes: dict[str, ClassReport]
    confusion: list[list[int]]


def report(
    probabilities: FloatArray,
    truths: Truths,
    labels: Sequence[str],
    *,
    scores: FloatArray | None = None,
    distressed: Sequence[bool | None] = (),
) -> Report:
    """Measures of `probabilities`, shape (clips, labels), against `truths`, shape (clips,), label indices.

    `scores`, shape (clips,), are the distress scores; `distressed` says for each recording whether it is
    distress, or None where that is not known.
    """
    guesses = probabilities.argmax(axis=1)
    occurring = sorted(set(truths.tolist()))
    recalls = metrics.recall_score(truths, guesses, labels=range(len(labels)), average=None, zero_division=0)
    precisions = metrics.precision_score(
        truths, guesses, labels=range(len(labels)), average=None, zero_division=0
    )
    classes = {
        labels[i]: ClassReport(
            clips=int((truths == i).sum()),
            precision=float(precisions[i]),
            recall=float(recalls[i]),
            auc=auc(probabilities[:, i], truths == i),
        )
        for i in occurring
    }
    known = np.array([one is not None for one in distressed], bool)
    told = np.zeros(0, np.float32) if scores is None else scores[known]
    positive = np.array([one for one in distressed if one is not None], bool)
    return Report(
        clips=len(truths),
        uar=float(np.mean([recalls[i] for i in occurring])),
        uar_among=_uar_among(probabilities, truths, occurring),
        accuracy=float((guesses == truths).mean()),
        macro_f1=float(metrics.f1_score(truths, guesses, labels=occurring, average="macro", zero_division=0)),
        calibration_error=calibration_error(probabilities, truths),
        distress_auc=auc(told, positive),
        distress_calibration_error=score_calibration_error(told, positive),
        classes=classes,
        confusion=metrics.confusion_matrix(truths, guesses, labels=range(len(labels))).tolist(),
    )


def _uar_among(probabilities: FloatArray, truths: Truths, occurring: Sequence[int]) -> float:
    guesses = np.array(occurring)[probabilities[:, occurring].argmax(axis=1)]
    return float(np.mean([(guesses[truths == i] == i).mean() for i in occurring]))


def auc(scores: FloatArray, positive: npt.NDArray[np.bool_]) -> float | None:
    """Area under the ROC curve; None where all or none are positive."""
    if positive.all() or not positive.any():
        return None
    return float(metrics.roc_auc_score(positive, scores))


def calibration_error(probabilities: FloatArray, truths: Truths, bins: int = 10) -> float:
    """Expected calibration error of the winning class, Guo et al. (2017), equal-width bins."""
    confidence, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == truths
    return _gap(confidence, right, bins)


def score_calibration_error(
    scores: FloatArray, positive: npt.NDArray[np.bool_], bins: int = 10
) -> float | None:
    """As `calibration_error`, of a probability of yes or no, shape (clips,); None of nothing."""
    return _gap(scores, positive, bins) if scores.size else None


def bins_of(confidence: FloatArray, bins: int = 10) -> npt.NDArray[np.intp]:
    """The bin of equal width each probability lies in, from 0; shape kept."""
    return np.minimum((confidence * bins).astype(np.intp), bins - 1)


def _gap(confidence: FloatArray, right: npt.NDArray[np.bool_], bins: int) -> float:
    bin_of = bins_of(confidence, bins)
    gaps = [
        (bin_of == b).mean() * abs(confidence[bin_of == b].mean() - right[bin_of == b].mean())
        for b in range(bins)
        if (bin_of == b).any()
    ]
    return float(sum(gaps))


def mean_by_owner(values: FloatArray, owner: npt.NDArray[np.intp]) -> FloatArray:
    """The mean of the rows of each owner, shape (owners, columns); owners count from 0."""
    sums = np.zeros((int(owner.max()) + 1, values.shape[1]), np.float64)
    np.add.at(sums, owner, values)
    return (sums / np.bincount(owner)[:, np.newaxis]).astype(np.float32)


def best_temperature(logits: FloatArray, truths: Truths) -> float:
    """The temperature that makes these windows most likely, to 1 %; Guo et al. (2017)."""
    candidates = np.geomspace(0.2, 5, 325)
    losses = [
        -np.log(softmax(logits / np.float32(t))[np.arange(len(truths)), truths] + 1e-12).mean()
        for t in candidates
    ]
    return round(float(candidates[int(np.argmin(losses))]), 3)


def threshold_for(
    scores: FloatArray, positive: npt.NDArray[np.bool_], false_rate: float
) -> tuple[float, float]:
    """The lowest threshold at most `false_rate` of the negatives reach, and the share of positives there."""
    negatives = np.sort(scores[~positive])
    allowed = int(np.floor(false_rate * negatives.size))
    threshold = float(np.nextafter(negatives[negatives.size - allowed - 1], np.float32(np.inf)))
    return threshold, float((scores[positive] >= threshold).mean())
