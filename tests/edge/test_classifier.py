"""What logits say, for models with a distress output and for those without."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.classifier import judged, sigmoid

LOGITS = st.floats(-1e4, 1e4, width=32)
TEMPERATURES = st.floats(0.01, 100)


def with_output(training, temperature):
    distress = dataclasses.replace(training.distress, weights={}, temperature=temperature)
    return dataclasses.replace(training, distress=distress)


@given(st.lists(LOGITS, min_size=3, max_size=3), LOGITS, LOGITS, TEMPERATURES)
def test_a_distress_output_gives_a_score_that_grows_with_it(manifest, emotions, one, other, temperature):
    training = with_output(manifest.training, temperature)
    low, high = (judged(np.array([*emotions, value], np.float32), training) for value in sorted((one, other)))
    assert 0 <= low.distress <= high.distress <= 1
    assert low.probabilities.tolist() == high.probabilities.tolist()
    assert low.probabilities.sum() == pytest.approx(1, abs=1e-5)


@given(st.lists(LOGITS, min_size=3, max_size=3))
def test_the_emotions_are_the_same_with_a_distress_output_and_without(manifest, emotions):
    plain = judged(np.array(emotions, np.float32), manifest.training)
    wide = judged(np.array([*emotions, 0], np.float32), with_output(manifest.training, 1.0))
    assert plain.probabilities.tolist() == wide.probabilities.tolist()
    assert wide.distress == 0.5
    _, fearful, angry = plain.probabilities
    assert plain.distress == pytest.approx(fearful + 0.5 * angry, abs=1e-6)
    assert 0 <= plain.distress <= 1


def test_many_windows_are_judged_as_each_of_them(manifest):
    logits = np.random.default_rng(0).normal(0, 5, (2, 6, 4)).astype(np.float32)
    for training, taken in (
        (manifest.training, logits[..., :3]),
        (with_output(manifest.training, 2.0), logits),
    ):
        together = judged(taken, training)
        assert together.probabilities.shape == (2, 6, 3)
        assert together.distress.shape == (2, 6)
        for at in np.ndindex(2, 6):
            alone = judged(taken[at], training)
            assert together.probabilities[at] == pytest.approx(alone.probabilities, abs=1e-6)
            assert together.distress[at] == pytest.approx(float(alone.distress), abs=1e-6)


def test_the_sigmoid():
    assert sigmoid(np.array([0.0, np.log(3.0), -np.log(3.0)])) == pytest.approx([0.5, 0.75, 0.25])
