"""Put recordings through a finished device model: features, windows and arithmetic are the device's.

Recordings are taken as they are: what a device makes of a bed's noise and level over time
(edge.noise_reduction, edge.level) is measured by `bedside-train noise` and `level`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from tqdm import tqdm

from edge.classifier import Classifier
from edge.features import FloatArray, mfcc
from edge.windows import recording_windows
from train.corpus import Clip, read_audio, targets_of
from train.metrics import Report, report


def score(classifier: Classifier, clips: Sequence[Clip]) -> FloatArray:
    """Probabilities of each recording, the mean over its windows, shape (clips, labels)."""
    training = classifier.manifest.training
    rows = []
    for clip in tqdm(clips, desc="scoring", unit="clip"):
        frames = mfcc(read_audio(clip.path, training.front_end.sample_rate), training.front_end)
        windows = recording_windows(frames, training.window, training.front_end)
        rows.append(np.mean([classifier.probabilities(window) for window in windows], axis=0))
    return np.array(rows, np.float32)


def evaluate(classifier: Classifier, clips: Sequence[Clip]) -> tuple[FloatArray, Report]:
    """Probabilities and report; raises CorpusError where a recording has a label the model lacks."""
    truths = targets_of(clips, classifier.labels)
    probabilities = score(classifier, clips)
    distress = tuple(classifier.manifest.training.distress.weights)
    return probabilities, report(probabilities, truths, classifier.labels, distress)
