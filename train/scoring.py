"""Put recordings through a finished device model: features, windows and arithmetic are the device's.

Each recording is the first thing its bed hears, or the bed has heard others of the speaker before
(edge.adaptation). What a bed's noise and distance do is measured by `bedside-train robustness`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from tqdm import tqdm

from edge.classifier import Classifier, Judged
from edge.features import FloatArray, mfcc
from edge.manifest import Training
from edge.windows import recording_windows
from train.beds import after, by_speaker
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


def score(classifier: Classifier, clips: Sequence[Clip], heard: int = 0) -> Judged:
    """What the model says of each recording: probabilities, shape (clips, labels), and distress.

    Its bed has heard `heard` other recordings of the speaker before, or as many as there are.
    """
    training = classifier.manifest.training
    windows = []
    for clip in tqdm(clips, desc="features", unit="clip"):
        frames = mfcc(read_audio(clip.path, training.front_end.sample_rate), training.front_end)
        windows.append(recording_windows(frames, training.window, training.front_end))
    return judge_all(classifier, windows, others_heard(clips, heard))


def others_heard(clips: Sequence[Clip], count: int, seed: int = 0) -> list[list[int]]:
    """For each recording so many others of its speaker, drawn at random, or all there are."""
    rng = np.random.default_rng(seed)
    result: list[list[int]] = [[] for _ in clips]
    for own in by_speaker(clips):
        for i in own:
            mates = [j for j in own if j != i]
            result[i] = rng.choice(mates, min(count, len(mates)), replace=False).tolist() if mates else []
    return result


def judge_all(
    classifier: Classifier, windows: Sequence[FloatArray], heard: Sequence[Sequence[int]]
) -> Judged:
    """Recordings, by their windows, each at a bed that has heard others of them before, by their index."""
    adaptation = classifier.manifest.training.adaptation
    said = []
    for own, others in zip(tqdm(windows, desc="scoring", unit="clip"), heard, strict=True):
        said.append(judge(classifier, after(adaptation, [windows[j] for j in others], own)))
    return together(said)


def together(said: Sequence[Judged]) -> Judged:
    """What was said of several recordings, one after the other."""
    return Judged(
        np.array([one.probabilities for one in said], np.float32),
        np.array([one.distress for one in said], np.float32),
    )


def evaluate(classifier: Classifier, clips: Sequence[Clip], heard: int = 0) -> tuple[Judged, Report]:
    """What is said of each, and the report; raises CorpusError for a label that the model lacks."""
    truths = targets_of(clips, classifier.labels)
    said = score(classifier, clips, heard)
    return said, report(
        said.probabilities,
        truths,
        classifier.labels,
        scores=said.distress,
        distressed=[clip.distress for clip in clips],
    )
