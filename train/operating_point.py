"""From held-out windows to the temperatures and the distress thresholds a model is shipped with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edge.classifier import sigmoid, softmax
from edge.errors import CorpusError
from edge.features import FloatArray
from edge.manifest import Distress, EpisodePolicy
from train import metrics
from train.corpus import Clip, distress_truths

FALSE_RATE = 0.05
UNMEASURED = EpisodePolicy(
    smoothing=0.3,
    onset=0.9,
    offset=0.75,
    count=2,
    among=3,
    hold_off_s=6.0,
    min_duration_s=4.0,  # two windows of 3 s, 1 s apart: what two of three need anyway
    # A pause for breath or comfort; less than the 120 s in which the hub makes one alert of two.
    repeat_s=30.0,
)
"""The shipped policy but for its thresholds, which are placeholders until something has been measured."""
_FILE = "predictions.npz"
_ARRAYS = ("logits", "owner", "truths", "distressed", "fold")

Ints = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Held:
    """Windows of recordings whose speakers the network that judged them never heard.

    `logits`, shape (windows, labels + 1), the last of distress; `owner`, shape (windows,), the recording
    each is from. Of each recording, shape (recordings,): `truths`, the label's index or -1 where it has
    none; `distressed`, 1 or 0, or -1 where it is not known; `fold`, the number of the one that judged it.
    """

    labels: tuple[str, ...]
    logits: FloatArray
    owner: Ints
    truths: Ints
    distressed: Ints
    fold: Ints

    def of(self, recordings: npt.NDArray[np.bool_]) -> Held:
        """The windows of these recordings alone; `recordings`, shape (recordings,)."""
        kept = recordings[self.owner]
        return replace(self, logits=self.logits[kept], owner=self.owner[kept])


def held(clips: Sequence[Clip], labels: Sequence[str], folds: Sequence[tuple[FloatArray, Ints]]) -> Held:
    """What each fold's network made of its own test side, (logits, owner), together."""
    fold = np.zeros(len(clips), np.intp)
    for number, (_, owner) in enumerate(folds):
        fold[owner] = number
    return Held(
        tuple(labels),
        np.concatenate([logits for logits, _ in folds]),
        np.concatenate([owner for _, owner in folds]),
        np.array([labels.index(clip.emotion) if clip.emotion in labels else -1 for clip in clips]),
        distress_truths(clips),
        fold,
    )


def save(kept: Held, folder: Path) -> None:
    """Keeps them for `load`."""
    np.savez(folder / _FILE, labels=kept.labels, **{name: getattr(kept, name) for name in _ARRAYS})


def load(folder: Path) -> Held:
    """What `save` kept; raises CorpusError where there is nothing."""
    try:
        with np.load(folder / _FILE) as stored:
            labels = tuple(str(label) for label in stored["labels"])
            return Held(labels, **{name: stored[name] for name in _ARRAYS})
    except (OSError, KeyError) as error:
        raise CorpusError(
            f"{folder} holds no finished cross-validation; run bedside-train crossval first"
        ) from error


def temperatures(kept: Held) -> tuple[float, float]:
    """Those of the emotions and of distress; Guo et al. (2017).

    Raises CorpusError where all recordings are distressed or none is.
    """
    count = len(kept.labels)
    truths, positive = kept.truths[kept.owner], kept.distressed[kept.owner]
    named, known = truths >= 0, positive >= 0
    if not _both(kept):
        count, distressed = np.unique(kept.owner).size, np.unique(kept.owner[positive == 1]).size
        raise CorpusError(
            f"{distressed} of {count} recordings are distress; it is learnt from some that are and some that"
            " are not: add recordings"
        )
    # Two classes, the other one's logit being 0: its softmax is the sigmoid.
    pairs = np.stack((np.zeros(np.count_nonzero(known), np.float32), kept.logits[known, count]), axis=1)
    return (
        metrics.best_temperature(kept.logits[named, :count], truths[named]),
        metrics.best_temperature(pairs, positive[known]),
    )


def _both(kept: Held) -> bool:
    """Whether there is distress and none of it."""
    return {0, 1} <= set(kept.distressed[kept.owner].tolist())


def temperatures_by_fold(kept: Held) -> list[tuple[float, float]]:
    """For each fold the temperatures that the other folds' windows ask for.

    Where those are all distressed or none is, in a corpus of a few recordings, it is those of all.
    """
    others = [kept.of(kept.fold != fold) for fold in range(int(kept.fold.max()) + 1)]
    return [temperatures(one if _both(one) else kept) for one in others]


def calibrated(kept: Held) -> tuple[FloatArray, FloatArray]:
    """Probabilities, shape (recordings, labels), and distress scores, shape (recordings,).

    A recording's are the means over its windows, at the temperatures of the fold that judged it.
    """
    count = len(kept.labels)
    probabilities = np.zeros((len(kept.fold), count), np.float32)
    scores = np.zeros((len(kept.fold), 1), np.float32)
    for fold, (emotion, distress) in enumerate(temperatures_by_fold(kept)):
        own = kept.of(kept.fold == fold)
        recordings, position = np.unique(own.owner, return_inverse=True)
        shares = softmax(own.logits[:, :count] / np.float32(emotion))
        probabilities[recordings] = metrics.mean_by_owner(shares, position)
        raised = sigmoid(own.logits[:, count:] / np.float32(distress))
        scores[recordings] = metrics.mean_by_owner(raised, position)
    return probabilities, scores[:, 0]


def choose(kept: Held, distress_emotions: Sequence[str]) -> tuple[float, Distress]:
    """The temperature, and the distress score with its thresholds.

    Onset is where at most 5 % of the recordings without distress would reach it with their loudest
    window; offset lies 0.15 below, as in silero-vad. `distress_emotions` are those that a cause of distress
    can be told by. Raises CorpusError where all recordings are distressed or none is.
    """
    temperature, own = temperatures(kept)
    scores = np.zeros(len(kept.truths), np.float32)
    np.maximum.at(scores, kept.owner, sigmoid(kept.logits[:, -1] / np.float32(own)))
    known = kept.distressed >= 0
    threshold, found = metrics.threshold_for(scores[known], kept.distressed[known] == 1, FALSE_RATE)
    onset = round(min(threshold, 1.0), 3)
    policy = replace(UNMEASURED, onset=onset, offset=round(max(onset - 0.15, 0.01), 3))
    chosen_for = (
        f"{found:.0%} of distressed and {FALSE_RATE:.0%} of other recordings reach the onset with one"
        f" window (cross-validated, {np.count_nonzero(known)} recordings; not a rate on a ward)"
    )
    names = tuple(label for label in kept.labels if label in distress_emotions)
    return temperature, Distress(policy=policy, chosen_for=chosen_for, temperature=own, causes=names)
