"""Put recordings through a finished device model: features, windows and arithmetic are the device's.

Each recording is the first thing its bed hears, or the bed has heard others of the speaker before
(edge.adaptation). What a bed's noise and distance do is measured by `bedside-train robustness`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from tqdm import tqdm

from edge.classifier import Classifier, Judged
from edge.features import FloatArray
from train.beds import after, by_speaker, drawn
from train.corpus import Clip, read_audio, targets_of
from train.metrics import Report, report
from train.robustness import windows_in


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
    rate = classifier.manifest.training.front_end.sample_rate
    windows = [
        windows_in(read_audio(clip.path, rate), classifier)
        for clip in tqdm(clips, desc="features", unit="clip")
    ]
    return judge_all(classifier, windows, others_heard(clips, heard))


def others_heard(clips: Sequence[Clip], count: int, seed: int = 0) -> list[list[int]]:
    """For each recording so many others of its speaker, drawn at random, or all there are."""
    rng = np.random.default_rng(seed)
    result: list[list[int]] = [[] for _ in clips]
    for own in by_speaker(clips):
        for i in own:
            result[i] = drawn([j for j in own if j != i], count, rng)
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
    targets_of(clips, classifier.labels)  # refuses, before an hour of scoring
    said = score(classifier, clips, heard)
    return said, report_on(clips, classifier.labels, said.probabilities, said.distress)


def report_on(
    clips: Sequence[Clip], labels: Sequence[str], probabilities: FloatArray, scores: FloatArray
) -> Report:
    """The report on what was said of recordings that all have a label."""
    known = [clip.distress for clip in clips]
    return report(probabilities, targets_of(clips, labels), labels, scores=scores, distressed=known)
