"""WAV to MFCC to scores to episode, against values frozen when the model was made."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))  # make_golden.py, beside this file

import make_golden

from edge import model_file
from edge.classifier import Classifier

GOLDEN = json.loads((make_golden.HERE / "golden.json").read_text())


@pytest.fixture(scope="module")
def classifier():
    return Classifier(model_file.read(make_golden.MODEL))


def test_the_values_belong_to_the_shipped_model(classifier):
    assert GOLDEN["sha256"] == classifier.manifest.sha256, "run tests/golden/make_golden.py, look at the diff"


@pytest.mark.parametrize("clip", make_golden.CLIPS)
def test_features_and_scores_of_a_clip(clip, classifier):
    found, expected = make_golden.features_and_scores(classifier, clip), GOLDEN["clips"][clip]
    assert found["frames"] == expected["frames"]
    for frame, values in expected["mfcc"].items():
        assert found["mfcc"][frame] == pytest.approx(values, abs=2e-3)
    # Kernels on other processors may round the other way: one quantisation step.
    assert np.abs(np.subtract(found["scores"], expected["scores"])).max() <= 1


def test_episodes_of_the_scene(classifier):
    found, expected = make_golden.episodes(classifier), GOLDEN["episodes"]
    assert [(event["phase"], event["emotion"]) for event in found] == [
        (event["phase"], event["emotion"]) for event in expected
    ]
    for event, frozen in zip(found, expected, strict=True):
        assert event["at_s"] == pytest.approx(frozen["at_s"], abs=1)
