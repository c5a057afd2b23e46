"""A model file's own test: the golden window it carries must still give the golden scores.

It finds what no checksum can: a runtime, a processor or a delegate that computes something else.
"""

from __future__ import annotations

import base64

import numpy as np

from edge.classifier import Classifier, dequantise, normalise, quantise
from edge.errors import ModelError
from edge.features import FloatArray
from edge.manifest import Manifest, SelfTest, Tensor

_STEPS = 255  # between the smallest and the largest int8
_LEAST = 1e-3
# Kernels of other runtimes and processors round differently, which adds up over the layers, so that steps of
# a deep network's scores say little. What says something is the probability: it moves by a quarter at most
# of what the score, divided by its temperature, is off. 0.1 of a probability is what int8 itself may move
# (the report of bedside-quantize); wrong kernels are off by whole units of a score.
_MOST_STEPS = 2
_MOST_OFF = 0.4
_ROUNDING = 1e-4  # of a step: scores are real numbers, and one step may come out a hair more


def make(classifier: Classifier, window: FloatArray) -> SelfTest:
    """The self-test that `window` gives: MFCC frames as computed, shape (window frames, coefficients).

    The tolerance is one step of the output; where that is no whole number, a step of int8 over the scores.
    """
    manifest = classifier.manifest
    features = quantise(normalise(window, manifest.training.normalisation), manifest.input)
    scores = dequantise(classifier.invoke(features), manifest.output)
    tolerance = manifest.output.scale
    if manifest.output.dtype == "float32":
        tolerance = max(_LEAST, float(scores.max() - scores.min()) / _STEPS)
    return SelfTest(
        features=base64.b64encode(features.astype(_stored(manifest.input)).tobytes()).decode("ascii"),
        scores=tuple(float(score) for score in scores),
        tolerance=tolerance,
    )


def check(classifier: Classifier) -> None:
    """Raises ModelError where a score is further off than it may be; without a self-test all is well."""
    manifest = classifier.manifest
    test = manifest.self_test
    if test is None:
        return
    stored = np.frombuffer(base64.b64decode(test.features), _stored(manifest.input))
    window = stored.astype(manifest.input.dtype).reshape(manifest.input.shape[1:])
    scores = dequantise(classifier.invoke(window), manifest.output)
    off = np.abs(scores.astype(np.float64) - np.array(test.scores))
    worst = int(np.argmax(np.where(np.isnan(off), np.inf, off)))
    furthest = allowed(manifest, test)
    if not off[worst] <= furthest * (1 + _ROUNDING):
        raise ModelError(
            f"the model {manifest.title} fails its self-test: output {worst} is {scores[worst]:.4g} where it"
            f" must be {test.scores[worst]:.4g}, off by {off[worst]:.4g} instead of at most"
            f" {furthest:.2g}; copy the file again and, if that does not help, convert the model again"
        )


def allowed(manifest: Manifest, test: SelfTest) -> float:
    """How far a score may be off: two steps, or what moves no probability by more than 0.1."""
    training = manifest.training
    temperatures = (training.temperature, training.distress.temperature or training.temperature)
    return max(_MOST_STEPS * test.tolerance, _MOST_OFF * min(temperatures))


def _stored(tensor: Tensor) -> np.dtype[np.generic]:
    """The type of the values as the file holds them: little-endian on every machine."""
    return np.dtype(tensor.dtype).newbyteorder("<")
