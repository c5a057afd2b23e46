"""The model card: every number comes from what was measured."""

import dataclasses
import json
import shutil
from pathlib import Path

import pytest

from edge.errors import CorpusError
from edge.model_file import read
from train import card
from train.recipe import Recipe

ROOT = Path(__file__).parents[2]
MODEL = ROOT / "model/bedside-ser.tflite"
DATA = ROOT / "tests/data"


def row(condition, **figures):
    return {"condition": condition, "policy": "bed", "figures": figures}


@pytest.fixture
def measured(tmp_path):
    """What `make model` leaves, as far as the card needs it; its numbers mean nothing."""
    names = ("uar", "int8_agreement", "random_split_uar", "random_split_accuracy")
    names += ("distress_auc", "distress_calibration_error")
    one = {"clips": 1, "precision": 0.5, "recall": 0.5, "auc": 0.5}
    kind = {"distress": True, "clips": 7, "mean_score": 0.5, "auc": 0.875}
    pooled = {"classes": {"sad": one}, "distress_auc": 0.5, "calibration_error": 0.5}
    for seed, uar in enumerate((0.5, 0.7)):
        folder = tmp_path / f"crossval/seed-{seed}"
        folder.mkdir(parents=True)
        results = dict.fromkeys(names, 0.5) | {"int8_uar": uar, "fold_int8_uar": [uar], "pooled": pooled}
        results |= {"recipe": dataclasses.asdict(Recipe()), "distress_kinds": {"other: cry": kind}}
        (folder / "results.json").write_text(json.dumps(results))
        (folder / "bed.json").write_text(json.dumps([row("cold", uar=[uar], distress_auc=[0.9])]))
        (folder / "robustness.json").write_text(json.dumps([row("3 m away", uar=[0.4321])]))
        for picture in card.PICTURES:
            (folder / picture).touch()
    fold = tmp_path / "crossval/seed-0/fold-1"
    fold.mkdir()
    shutil.copy(MODEL, fold)
    (fold / "bedside-ser.tflite").rename(fold / "model.tflite")
    for name in ("train.csv", "test.csv"):
        (fold / name).write_text(
            f"path,speaker,emotion\n{DATA / 'angry.wav'},05,angry\n{DATA / 'sad.wav'},08,sad\n"
        )
    (tmp_path / "ward").mkdir()
    (tmp_path / "ward/ward.md").write_text("| onset | found |\n")
    (tmp_path / "ward/ward.png").touch()
    (tmp_path / "out").mkdir()
    return tmp_path


def test_what_was_measured_stands_in_the_card(measured):
    manifest = read(MODEL).manifest
    card.write(manifest, 1024 * 281, measured / "crossval", measured / "ward", measured / "out")
    text = (measured / "out/MODEL_CARD.md").read_text()
    for said in (
        "int8 TFLite file of 281 KiB",
        "| 1 | 0.500 | 0.700 | 0.700 | 50.0% |",
        "| **mean** | **0.500** | **0.600** |",
        "| cold | 0.600 | 0.100 | 0.900 |",
        "| other: cry | yes | 7 | 0.50 | 0.875 |",
        "| 3 m away | bed | 0.432 |",
        "| onset | found |",
        manifest.sha256,
    ):
        assert said in text
    assert "$" not in text
    assert (measured / "out/examples.png").read_bytes()[:4] == b"\x89PNG"
    assert (measured / "out/calibration.png").exists()


def test_both_kinds_of_distress_score(measured):
    manifest = read(MODEL).manifest
    training, labels = manifest.training, len(manifest.training.labels)
    sources = [
        (
            {"weights": {"sad": 1.0}, "temperature": None},
            labels,
            "The distress score is the summed probability of sad.",
        ),
        (
            {"weights": {}, "temperature": 1.25, "causes": ("sad",)},
            labels + 1,
            "the rest (temperature 1.25).",
        ),
    ]
    for source, outputs, says in sources:
        distress = dataclasses.replace(training.distress, **source)
        one = dataclasses.replace(
            manifest,
            training=dataclasses.replace(training, distress=distress),
            output=dataclasses.replace(manifest.output, shape=(1, outputs)),
            self_test=None,
        )
        file = card.write(one, 1024, measured / "crossval", measured / "ward", measured / "out")
        assert says in file.read_text()


@pytest.mark.parametrize(
    "missing", ["seed-0/results.json", "seed-1/bed.json", "seed-0/robustness.json", "seed-0/roc.png"]
)
def test_what_has_not_been_measured_is_named(measured, missing):
    (measured / "crossval" / missing).unlink()
    with pytest.raises(CorpusError, match=f"{missing} is missing"):
        card.write(read(MODEL).manifest, 1, measured / "crossval", measured / "ward", measured / "out")
