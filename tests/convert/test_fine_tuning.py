"""Training on while the network is rounded: what it wins back, and what happens where it wins nothing."""

import json
from dataclasses import replace

import numpy as np
import pytest

from convert import conversion
from convert.anatomy import Anatomy
from convert.comparison import compare
from convert.conversion import Converted
from convert.judgement import Judgement
from convert.report_page import page
from edge import model_file, self_test
from edge.classifier import Classifier
from edge.fields import decode, encode
from edge.manifest import Calibration
from edge.model_description import describe

EPOCHS = 200


@pytest.fixture(scope="module")
def tune(quantize, networks, small_manifest):
    """Converts a network that int8 has no steps for, fine-tuned, to the file given; what was printed."""

    def run(out, *arguments):
        given = ("--calibration", small_manifest, "--fine-tune", EPOCHS, "--out", out)
        done = quantize(networks / "uneven.keras", *given, *arguments, max_drop=1)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


@pytest.fixture(scope="module")
def tuned(tune, tmp_path_factory):
    folder = tmp_path_factory.mktemp("tuned")
    (folder / "printed.txt").write_text(tune(folder / "m.tflite", "--json", folder / "m.json"))
    return folder


def test_a_network_that_int8_ruins_is_refused_with_the_way_out(quantize, networks, small_manifest, tmp_path):
    given = ("--calibration", small_manifest, "--out", tmp_path / "m.tflite")
    done = quantize(networks / "uneven.keras", *given, max_drop=1)
    assert done.returncode == 65, done.stderr
    assert "try --fine-tune or --scheme 16x8, or allow it" in done.stderr.strip().splitlines()[-1]
    assert list(tmp_path.iterdir()) == []


def test_what_int8_loses_is_won_back_and_told(tuned):
    said, printed = json.loads((tuned / "m.json").read_text()), (tuned / "printed.txt").read_text()
    told = said["fine_tuning"]
    assert (told["epochs"], told["kept"]) == (EPOCHS, True)
    assert said["float_uar"] == 1.0
    assert told["before_uar"] <= 0.5
    assert told["after_uar"] == said["int8_uar"] == 1.0
    assert told["before_agreement"] < told["after_agreement"] == said["agreement"]
    assert f"{EPOCHS} epochs: UAR {told['before_uar']:.4f} without, 1.0000 with it" in printed
    model = model_file.read(tuned / "m.tflite")
    self_test.check(Classifier(model))
    assert model.manifest.calibration.fine_tuning_epochs == EPOCHS
    assert f"fine-tuned on them for {EPOCHS} epochs" in dict(describe(model.manifest))["calibrated on"]


def test_the_same_inputs_give_the_same_bytes(tune, tuned, tmp_path):
    tune(tmp_path / "again.tflite")
    assert (tmp_path / "again.tflite").read_bytes() == (tuned / "m.tflite").read_bytes()


@pytest.fixture
def converted(device_model):
    """Makes a conversion of a network that is always right, of which so many of four recordings are."""
    training = model_file.read(device_model).manifest.training

    def make(right, data):
        before = np.zeros((4, training.outputs), np.float32)
        before[np.arange(4), np.arange(4)] = 5
        after = before.copy()
        after[right:, :4] = np.roll(after[right:, :4], 1, axis=1)
        truths, known = np.arange(4), np.array([1, 1, 0, 0])
        found = compare(before, after, np.arange(4), truths, known, training, (4096, 1024))
        anatomy = Anatomy({"CONV_2D v3": 2}, 2_000_000, 5000)
        return Converted(data, Judgement("ward 1.0.0", "int8", found, anatomy, (), "tflite_runtime", 2048))

    return make


def test_what_fine_tuning_makes_worse_is_thrown_away_and_said(converted):
    chosen = conversion._better(converted(3, b"before"), converted(2, b"after"), 7)
    assert chosen.data == b"before"
    assert chosen.judgement.comparison.int8_uar == 0.75
    told = chosen.judgement.fine_tuning
    assert (told.kept, told.before_uar, told.after_uar) == (False, 0.75, 0.5)
    row = dict(chosen.judgement.rows())["fine-tuning"]
    assert row.startswith(
        "7 epochs: UAR 0.7500 without, 0.5000 with it, 1.0000 float; same emotion 75.0%, then"
    )
    assert row.endswith("; it won nothing and was thrown away")
    assert row in page(chosen.judgement)
    assert json.loads(json.dumps(chosen.judgement.plain()))["fine_tuning"]["kept"] is False


def test_what_changes_nothing_is_thrown_away_and_what_is_better_kept(converted):
    same = conversion._better(converted(3, b"before"), converted(3, b"after"), 7)
    assert (same.data, same.judgement.fine_tuning.kept) == (b"before", False)
    better = conversion._better(converted(3, b"before"), converted(4, b"after"), 7)
    assert (better.data, better.judgement.fine_tuning.kept) == (b"after", True)
    assert dict(better.judgement.rows())["fine-tuning"].endswith("; kept")


def test_more_than_the_network_knows_is_luck_and_wins_nothing(converted):
    def judged(one, uar):
        found = replace(one.judgement.comparison, float_uar=0.8, int8_uar=uar)
        return replace(one, judgement=replace(one.judgement, comparison=found))

    faithful, lucky = judged(converted(4, b"before"), 0.8), judged(converted(3, b"after"), 0.9)
    chosen = conversion._better(faithful, lucky, 7)
    assert (chosen.data, chosen.judgement.comparison.agreement) == (b"before", 1.0)


def test_a_model_file_without_a_word_on_fine_tuning_is_read_as_one_without_it():
    plain = {"clips": 1, "sha256": ["0" * 64]}
    calibration = decode(Calibration, plain)
    assert calibration.fine_tuning_epochs is None
    assert encode(calibration) == plain | {"sha256": ["0" * 64]}
    assert encode(replace(calibration, fine_tuning_epochs=3))["fine_tuning_epochs"] == 3
