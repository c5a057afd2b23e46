"""The verbs of bedside-train on a handful of real recordings, each in a process of its own."""

import json
import shutil
import subprocess
import sys

import pytest

from train import cli

EMOTIONS = {"neutral": "12", "fearful": "12", "angry": "05", "sad": "08"}


def bedside_train(*arguments):
    command = [sys.executable, "-m", "train.cli", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)


def test_cross_validation_is_whole_and_takes_up_where_it_stopped(small_manifest, tmp_path):
    arguments = ["crossval", "--manifest", small_manifest, "--out", tmp_path / "out", "--folds", "2"]
    arguments += ["--epochs", "1", "--cache", tmp_path / "cache", "--random-split", "--no-pretrained"]
    first = bedside_train(*arguments)
    assert first.returncode == 0, first.stderr
    results = json.loads((tmp_path / "out/results.json").read_text())
    assert results["pooled"]["clips"] == len(EMOTIONS)
    assert len(results["fold_uar"]) == 2
    assert results["uar"] == pytest.approx(sum(results["fold_uar"]) / 2)
    assert "random_split_uar" in results
    for picture in ("confusion.png", "roc.png", "training.png"):
        assert (tmp_path / "out" / picture).read_bytes()[:4] == b"\x89PNG"

    recipe = json.loads((tmp_path / "out/fold-1/recipe.json").read_text())
    assert not recipe["pretrained"]
    assert len(json.loads((tmp_path / "out/fold-1/history.json").read_text())["loss"]) == 2  # one a part
    model = tmp_path / "out/fold-1/model.keras"
    trained_at = model.stat().st_mtime_ns
    (tmp_path / "out/fold-2/recipe.json").unlink()  # as if stopped during the second fold
    second = bedside_train(*arguments)
    assert second.returncode == 0, second.stderr
    assert model.stat().st_mtime_ns == trained_at
    assert (tmp_path / "out/fold-2/recipe.json").exists()


def test_fit_leaves_a_model_and_its_metadata(fitted):
    metadata = json.loads((fitted / "model.json").read_text())
    assert metadata["labels"] == sorted(EMOTIONS)
    assert metadata["corpora"][0]["clips"] == len(EMOTIONS)
    assert len(metadata["normalisation"]["mean"]) == metadata["front_end"]["coefficients"]
    assert -10 < metadata["speech_level"] < 10


def test_fit_describes_a_network_that_is_there_anew_without_training_it_again(
    fitted, small_manifest, tmp_path
):
    shutil.copytree(fitted, tmp_path / "out")
    model = tmp_path / "out/model.keras"
    before = model.read_bytes()
    arguments = ["fit", "--manifest", small_manifest, "--out", tmp_path / "out", "--epochs", "1"]
    arguments += ["--cache", fitted / "cache", "--version", "2.0.0"]
    done = bedside_train(*arguments)
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "out/model.json").read_text())["version"] == "2.0.0"
    assert model.read_bytes() == before
    assert "all recordings" not in done.stderr  # the bar of a training

    done = bedside_train(*arguments, "--seed", "1")
    assert done.returncode == 0, done.stderr
    assert model.read_bytes() != before


def test_evaluate_reports_on_a_device_model(small_manifest, device_model, tmp_path):
    done = bedside_train(
        "evaluate", "--model", device_model, "--manifest", small_manifest, "--out", tmp_path / "report"
    )
    assert done.returncode == 0, done.stderr
    report = json.loads((tmp_path / "report/report.json").read_text())
    assert report["clips"] == len(EMOTIONS)
    assert f"UAR {report['uar']:.4f}" in done.stdout
    for picture in ("confusion.png", "roc.png", "calibration.png"):
        assert (tmp_path / "report" / picture).read_bytes()[:4] == b"\x89PNG"


def test_evaluate_at_a_bed_that_knows_the_speaker(small_manifest, device_model):
    arguments = ["evaluate", "--model", device_model, "--manifest", small_manifest, "--map", "sad=,neutral="]
    cold, settled = (bedside_train(*arguments, *heard) for heard in ((), ("--heard", "20")))
    assert cold.returncode == settled.returncode == 0, cold.stderr + settled.stderr
    assert "UAR if only these emotions could be guessed" in cold.stdout


def test_evaluate_refuses_labels_the_model_lacks(small_manifest, device_model):
    done = bedside_train(
        "evaluate", "--model", device_model, "--manifest", small_manifest, "--map", "sad=weary"
    )
    assert done.returncode == 66
    assert "the manifest has weary" in done.stderr
    assert "--map weary=LABEL" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "status", "says"),
    [
        (["fit", "--manifest", "nowhere.csv", "--out", "out"], 66, "cannot read the manifest nowhere.csv"),
        (["crossval", "--manifest", "MANIFEST", "--out", "out"], 66, "need 5 speakers; these clips have 3"),
        (["fit", "--manifest", "MANIFEST", "--out", "out", "--map", "sad=x,angry=x,neutral=x,fearful=x"], 66,
         "at least 2"),
        (["fit", "--manifest", "MANIFEST", "--out", "out", "--crossval", "nowhere"], 66, "no finished cross"),
        (["fit", "--manifest", "MANIFEST", "--out", "out", "--ward", "nowhere"], 66, "no finished ward"),
        (["fit", "--manifest", "MANIFEST", "--out", "out", "--teachers", "nowhere"], 66,
         "holds no finished network"),
        (["crossval", "--manifest", "MANIFEST", "--out", "out", "--folds", "2", "--teachers", "nowhere"], 66,
         "nowhere/fold-1 holds no finished network"),
        (["crossval", "--manifest", "MANIFEST", "--out", "out", "--folds", "2", "--teachers", "nowhere",
          "--random-split"], 66, "leave out --random-split"),
        (["evaluate", "--manifest", "MANIFEST", "--model", "MANIFEST"], 65, "is no TFLite model"),
        (["noise", "--crossval", "nowhere", "--noise", "MODEL"], 66, "holds no fold-*/model.tflite"),
        (["level", "--crossval", "nowhere"], 66, "holds no fold-*/model.tflite"),
        (["bed", "--crossval", "nowhere"], 66, "holds no fold-*/model.tflite"),
        (["card", "--model", "MODEL", "--crossval", "nowhere", "--ward", "nowhere", "--out", "out"], 66,
         "no finished cross"),
        (["robustness", "--crossval", "nowhere"], 66, "holds no fold-*/model.tflite"),
        (["compare", "--manifest", "MANIFEST", "--out", "out", "--crossval", "nowhere"], 66,
         "no finished cross"),
    ],
)  # fmt: skip
def test_bad_input_is_one_sentence(arguments, status, says, small_manifest, device_model, tmp_path, capsys):
    places = {"MANIFEST": small_manifest, "MODEL": device_model, "out": tmp_path / "out"}
    returned = cli.main([str(places.get(argument, argument)) for argument in arguments])
    told = capsys.readouterr().err
    assert returned == status, told
    assert says in told.strip().splitlines()[-1]
    assert "tensorflow" not in sys.modules, "what is refused waits for no TensorFlow"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["evaluate", "--model", "m", "--manifest", "m", "--heard", "-1"], "-1 is too small; give 0 or more"),
        (["bed", "--crossval", "c", "--every", "0"], "0 is too small; give 1 or more"),
        (["crossval", "--manifest", "m", "--out", "o", "--folds", "1"], "1 is too small; give 2 or more"),
        (["fit", "--manifest", "m", "--out", "o", "--seed", "one"], "'one' is no whole number"),
    ],
)
def test_numbers_that_mean_nothing_are_refused(arguments, says, capsys):
    with pytest.raises(SystemExit):
        cli.main(arguments)
    assert says in capsys.readouterr().err


def test_a_system_nobody_has_is_refused_before_any_is_trained(small_manifest, tmp_path):
    done = bedside_train(
        "compare", "--manifest", small_manifest, "--out", tmp_path, "--only", "CNN-LSTM", "--only", "Kaldi"
    )
    assert done.returncode == 66
    assert "no system is called Kaldi; there are openSMILE eGeMAPS + SVM, " in done.stderr
    assert not list(tmp_path.iterdir())
