"""Pictures of single recordings: waveform, spectrogram, MFCC, and what the model looked at."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edge.classifier import Classifier
from edge.features import FloatArray
from train.beds import after
from train.corpus import Clip, read_audio
from train.occlusion import relevance
from train.robustness import SAMPLE_RATE, Fold, windows_in

SHOWN = ("calm", "angry", "fearful", "sad")


@dataclass(frozen=True, slots=True)
class Example:
    """The first window of a recording. `mfcc` is (frames, coefficients), `relevance` (frames, mel bands)."""

    title: str
    samples: FloatArray
    mfcc: FloatArray
    relevance: FloatArray


def examples(fold: Fold) -> list[Example]:
    """Of each of SHOWN the first recording this fold was tested on, strong ones before others."""
    found = []
    for emotion in SHOWN:
        mine = [clip for clip in fold.tested if clip.emotion == emotion]
        if mine and emotion in fold.classifier.labels:
            found.append(_example(fold.classifier, min(mine, key=_strong_first)))
    return found


def _strong_first(clip: Clip) -> tuple[bool, str]:
    return clip.intensity != "strong", str(clip.path)


def _example(classifier: Classifier, clip: Clip) -> Example:
    training = classifier.manifest.training
    samples = read_audio(clip.path, SAMPLE_RATE)
    heard = after(training.adaptation, [], windows_in(samples, classifier))[0]
    label = classifier.labels.index(clip.emotion)

    def probability(window: FloatArray) -> float:
        return float(classifier.judge(window).probabilities[label])

    said = classifier.judge(heard).probabilities
    guess = classifier.labels[int(said.argmax())]
    taken = "" if guess == clip.emotion else f", taken for {guess}"
    title = f"{clip.emotion}: {said[label]:.0%}{taken}"
    length = training.window.frames * training.front_end.hop_length
    padded = np.pad(samples, (0, max(0, length - samples.size)))[:length]
    return Example(title, padded, heard, relevance(probability, heard, training.front_end))
