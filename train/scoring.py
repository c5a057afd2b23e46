"""Put recordings through a finished device model: features, windows and arithmetic are the device's.

Recordings are taken as they are: what a device makes of a bed's noise and level over time
(edge.noise_reduction, edge.level) is measured by `bedside-train noise` and `level`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from tqdm import tqdm

from edge.classifier import Classifier, Judged
from edge.features import FloatArray, mfcc
from edge.manifest import Training
from edge.windows import recording_windows
from train.corpus import Clip, read_audio, targets_of
from train.metrics import Report, report
from train.recipe import DISTRESS_EMOTIONS


def distress_emotions(training: Training) -> tuple[str, ...]:
    """The emotions whose recordings count as distressed."""
    return tuple(training.distress.weights) or DISTRESS_EMOTIONS


def judge(classifier: Classifier, windows: Sequence[FloatArray] | FloatArray) -> Judged:
    """What the model says of a recording: the mean over its windows, (frames, coefficients) each."""
    said = [classifier.judge(window) for window in windows]
    return Judged(
        np.mean([one.probabilities for one in said], axis=0), np.mean([one.distress for one in said], axis=0)
    )


def score(classifier: Classifier, clips: Sequence[Clip]) -> Judged:
    """What the model says of each recording: probabilities, shape (clips, labels), and distress."""
    training = classifier.manifest.training
    said = []
    for clip in tqdm(clips, desc="scoring", unit="clip"):
        frames = mfcc(read_audio(clip.path, training.front_end.sample_rate), training.front_end)
        windows = recording_windows(frames, training.window, training.front_end)
        said.append(judge(classifier, windows))
    return together(said)


def together(said: Sequence[Judged]) -> Judged:
    """What was said of several recordings, one after the other."""
    return Judged(
        np.array([one.probabilities for one in said], np.float32),
        np.array([one.distress for one in said], np.float32),
    )


def evaluate(classifier: Classifier, clips: Sequence[Clip]) -> tuple[FloatArray, Report]:
    """Probabilities and report; raises CorpusError where a recording has a label the model lacks."""
    truths = targets_of(clips, classifier.labels)
    said = score(classifier, clips)
    return said.probabilities, report(
        said.probabilities,
        truths,
        classifier.labels,
        scores=said.distress,
        distressed=[clip.distress for clip in clips],
    )
