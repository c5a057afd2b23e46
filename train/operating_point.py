"""From held-out windows to the temperature and the distress thresholds a model is shipped with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge.classifier import softmax
from edge.features import FloatArray
from edge.manifest import Distress, EpisodePolicy
from train import metrics

FALSE_RATE = 0.05
MIN_DURATION_S = 4.0  # two windows of 3 s, 1 s apart: what two of three need anyway
REPEAT_S = 30.0  # a pause for breath or comfort; less than the 120 s in which the hub makes one alert of two


@dataclass(frozen=True, slots=True)
class Held:
    """Windows of recordings whose speakers the network never heard.

    `logits`, shape (windows, labels); `owner`, shape (windows,), the recording each is from;
    `truths`, shape (recordings,), label indices.
    """

    labels: tuple[str, ...]
    logits: FloatArray
    owner: npt.NDArray[np.intp]
    truths: npt.NDArray[np.intp]


def choose(held: Held, distress_emotions: Sequence[str]) -> tuple[float, Distress]:
    """The temperature, and the distress score with its thresholds.

    Onset is where at most 5 % of the recordings without distress would reach it with their loudest
    window; offset lies 0.15 below, as in silero-vad.
    """
    temperature = metrics.best_temperature(held.logits, held.truths[held.owner])
    probabilities = softmax(held.logits / np.float32(temperature))
    columns = [held.labels.index(name) for name in distress_emotions if name in held.labels]
    windows = np.clip(probabilities[:, columns].sum(axis=1), 0, 1)
    scores = np.zeros(len(held.truths), np.float32)
    np.maximum.at(scores, held.owner, windows)
    positive = np.isin(held.truths, columns)
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
    return temperature, Distress({held.labels[i]: 1.0 for i in columns}, policy, chosen_for)
