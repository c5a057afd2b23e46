"""From held-out windows to the temperature and the distress thresholds a model is shipped with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge.classifier import sigmoid, softmax
from edge.errors import CorpusError
from edge.features import FloatArray
from edge.manifest import Distress, EpisodePolicy
from train import metrics

FALSE_RATE = 0.05
MIN_DURATION_S = 4.0  # two windows of 3 s, 1 s apart: what two of three need anyway
REPEAT_S = 30.0  # a pause for breath or comfort; less than the 120 s in which the hub makes one alert of two


@dataclass(frozen=True, slots=True)
class Held:
    """Windows of recordings whose speakers the network never heard.

    `logits`, shape (windows, outputs): one a label, and a last one where distress is an output of its own;
    `owner`, shape (windows,), the recording each is from; `truths`, shape (recordings,), label indices.
    """

    labels: tuple[str, ...]
    logits: FloatArray
    owner: npt.NDArray[np.intp]
    truths: npt.NDArray[np.intp]


def choose(held: Held, distress_emotions: Sequence[str]) -> tuple[float, Distress]:
    """The temperature, and the distress score with its thresholds.

    Onset is where at most 5 % of the recordings without distress would reach it with their loudest
    window; offset lies 0.15 below, as in silero-vad. Raises CorpusError where all recordings are
    distressed or none is.
    """
    columns = [held.labels.index(name) for name in distress_emotions if name in held.labels]
    positive = np.isin(held.truths, columns)
    if positive.all() or not positive.any():
        raise CorpusError(
            f"{np.count_nonzero(positive)} of {len(positive)} recordings are"
            f" {' or '.join(distress_emotions)}; distress is learnt from some that are and some that are not:"
            " add recordings"
        )
    emotions, distress_logits = held.logits[:, : len(held.labels)], held.logits[:, len(held.labels) :]
    temperature = metrics.best_temperature(emotions, held.truths[held.owner])
    if distress_logits.size:
        # Two classes, the other one's logit being 0: its softmax is the sigmoid.
        pairs = np.concatenate((np.zeros_like(distress_logits), distress_logits), axis=1)
        own = metrics.best_temperature(pairs, positive[held.owner].astype(np.intp))
        windows = sigmoid(distress_logits[:, 0] / np.float32(own))
    else:
        windows = np.clip(softmax(emotions / np.float32(temperature))[:, columns].sum(axis=1), 0, 1)
    scores = np.zeros(len(held.truths), np.float32)
    np.maximum.at(scores, held.owner, windows)
    threshold, found = metrics.threshold_for(scores, positive, FALSE_RATE)
    onset = round(min(threshold, 1.0), 3)
    policy = EpisodePolicy(
        smoothing=0.3,
        onset=onset,
        offset=round(max(onset - 0.15, 0.01), 3),
        count=2,
        among=3,
        hold_off_s=6.0,
        min_duration_s=MIN_DURATION_S,
        repeat_s=REPEAT_S,
    )
    chosen_for = (
        f"{found:.0%} of distressed and {FALSE_RATE:.0%} of other recordings reach the onset with one"
        f" window (cross-validated, {len(held.truths)} acted recordings; not a rate on a ward)"
    )
    names = tuple(held.labels[i] for i in columns)
    if distress_logits.size:
        return temperature, Distress(policy=policy, chosen_for=chosen_for, temperature=own, causes=names)
    return temperature, Distress(dict.fromkeys(names, 1.0), policy, chosen_for)
