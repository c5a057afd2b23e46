"""The model card says where the distress score comes from."""

import dataclasses
import json
from pathlib import Path

import pytest

from edge.model_file import read
from train import card
from train.recipe import Recipe

MODEL = Path(__file__).parents[2] / "model/bedside-ser.tflite"


@pytest.fixture
def crossval(tmp_path):
    """What a finished cross-validation leaves, as far as the card needs it; its numbers mean nothing."""
    names = ("uar", "uar_deviation", "int8_uar", "int8_uar_deviation", "int8_agreement")
    names += ("random_split_uar", "random_split_accuracy")
    one = {"clips": 1, "precision": 0.5, "recall": 0.5, "auc": 0.5}
    pooled = {"classes": {"sad": one}, "distress_auc": 0.5, "calibration_error": 0.5}
    results = dict.fromkeys(names, 0.5) | {"fold_uar": [0.5], "fold_int8_uar": [0.5], "pooled": pooled}
    (tmp_path / "results.json").write_text(json.dumps(results | {"recipe": dataclasses.asdict(Recipe())}))
    for picture in card.PICTURES:
        (tmp_path / picture).touch()
    return tmp_path


def test_both_kinds_of_distress_score(crossval, tmp_path):
    manifest = read(MODEL).manifest
    training = manifest.training
    own = dataclasses.replace(training.distress, weights={}, temperature=1.25, causes=("sad",))
    replaced = {
        "training": dataclasses.replace(training, distress=own),
        "output": dataclasses.replace(manifest.output, shape=(1, len(training.labels) + 1)),
    }
    (tmp_path / "out").mkdir()
    for one, says in (
        (manifest, "The distress score is the summed probability of angry, fearful, sad."),
        (dataclasses.replace(manifest, **replaced), "from the rest (temperature 1.25). An episode begins"),
    ):
        text = card.write(one, 1024, crossval, tmp_path / "out").read_text()
        assert says in text
        assert "distress (angry, fearful, sad, against the rest)" in text
