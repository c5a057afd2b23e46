"""bedside-quantize as an engineer runs it, on networks that fit and networks that do not."""

import hashlib
import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import soundfile

from edge import model_file
from edge.classifier import Classifier
from edge.features import mfcc
from edge.windows import recording_windows

ROOT = Path(__file__).parents[2]


def quantize(*arguments, script=False, folder=None):
    start = [ROOT / "convert/quantize.py"] if script else ["-m", "convert.quantize"]
    command = [sys.executable, *start, *arguments]
    return subprocess.run(
        list(map(str, command)), capture_output=True, text=True, timeout=240, check=False, cwd=folder
    )


@pytest.fixture(scope="session")
def networks(fitted, tmp_path_factory):
    """A folder of small networks beside the metadata of a real one."""
    folder = tmp_path_factory.mktemp("networks")
    command = [sys.executable, Path(__file__).with_name("make_networks.py"), folder]
    subprocess.run(list(map(str, command)), check=True, capture_output=True, timeout=240)
    shutil.copy(fitted / "model.json", folder)
    return folder


def test_the_file_is_whole_and_runs_on_the_device_side(device_model, fitted, small_manifest):
    model = model_file.read(device_model)
    training = model.manifest.training
    assert json.loads((fitted / "model.json").read_text())["labels"] == list(training.labels)
    assert model.manifest.sha256 == hashlib.sha256(model.flatbuffer).hexdigest()
    assert zipfile.ZipFile(device_model).namelist() == ["labels.txt", "manifest.json"]
    samples, _ = soundfile.read(small_manifest.parent / "sad.wav", dtype="int16")
    window = recording_windows(mfcc(samples, training.front_end), training.window, training.front_end)[0]
    probabilities = Classifier(model).probabilities(window)
    assert probabilities.shape == (4,)
    assert probabilities.sum() == pytest.approx(1, abs=1e-5)


def test_the_script_prints_float_beside_int8_and_the_same_inputs_give_the_same_bytes(
    fitted, small_manifest, device_model, tmp_path
):
    out = tmp_path / "again.tflite"
    done = quantize(
        *(fitted / "model.keras", "--calibration", small_manifest),
        *("--out", out, "--json", tmp_path / "c.json"),
        script=True,
    )
    assert done.returncode == 0, done.stderr
    assert out.read_bytes() == device_model.read_bytes()
    comparison = json.loads((tmp_path / "c.json").read_text())
    assert comparison["recordings"] == 4
    assert comparison["int8_bytes"] == out.stat().st_size <= 500 * 1024
    assert f"{comparison['float_uar']:.4f}" in done.stdout
    assert f"{comparison['int8_uar']:.4f}" in done.stdout
    assert comparison["largest_change"] < 0.1


@pytest.mark.parametrize("name", ["conv1d", "separable"])
def test_other_convolutional_networks_convert(name, networks, small_manifest, tmp_path):
    out = tmp_path / "model.tflite"
    done = quantize(
        *(networks / f"{name}.keras", "--calibration", small_manifest, "--out", out),
        *("--name", name, "--version", "2.0.1"),
    )
    assert done.returncode == 0, done.stderr
    assert model_file.read(out).manifest.title == f"{name} 2.0.1"


def test_folders_named_like_our_packages_are_not_taken_for_them(networks, small_manifest, tmp_path):
    for name in ("convert", "edge", "train"):
        (tmp_path / name).mkdir()
    out = tmp_path / "model.tflite"
    arguments = (networks / "conv1d.keras", "--calibration", small_manifest, "--out", out)
    done = quantize(*arguments, script=True, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert out.exists()


REFUSALS = {
    "lstm": "has recurrent layers (lstm",
    "bidirectional": "has recurrent layers",
    "nested_lstm": "has recurrent layers",
    "any_length": "is (None, 40), model.json says (150, 40)",
    "other_window": "is (100, 40), model.json says (150, 40)",
    "five_classes": "is (5,), model.json says (4,)",
    "not_numbers": "weights that are not numbers",
    "two_outputs": "1 inputs and 2 outputs",
}


def test_a_network_that_does_not_fit_is_refused_in_one_sentence(networks, small_manifest, tmp_path):
    out = tmp_path / "model.tflite"
    done = quantize(networks / "lstm.keras", "--calibration", small_manifest, "--out", out)
    assert done.returncode == 65, done.stderr
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("bedside-quantize: ")
    assert REFUSALS["lstm"] in last
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_whatever_does_not_fit_is_named(networks):
    command = [sys.executable, Path(__file__).with_name("refusals.py"), networks, *REFUSALS, "conv1d"]
    done = subprocess.run(list(map(str, command)), check=True, capture_output=True, text=True, timeout=240)
    said = json.loads(done.stdout.splitlines()[-1])
    assert said.pop("conv1d") is None
    assert {name: REFUSALS[name] in sentence for name, sentence in said.items()} == dict.fromkeys(
        REFUSALS, True
    )
    assert not [sentence for sentence in said.values() if "\n" in sentence]


def test_files_that_are_not_what_they_should_be_are_refused(networks, small_manifest, tmp_path):
    shutil.copy(networks / "model.json", tmp_path)
    (tmp_path / "text.keras").write_text("no model")
    done = quantize(tmp_path / "text.keras", "--calibration", small_manifest)
    assert (done.returncode, "text.keras is no Keras model" in done.stderr) == (65, True)
    done = quantize(tmp_path / "missing.keras", "--calibration", small_manifest)
    assert (done.returncode, "missing.keras is no file" in done.stderr) == (65, True)
    (tmp_path / "model.json").write_text("{}")
    done = quantize(tmp_path / "text.keras", "--calibration", small_manifest)
    assert (done.returncode, "name is missing" in done.stderr) == (66, True)
    assert not list(tmp_path.glob("*.tflite*"))


def test_silent_calibration_is_refused(networks, tmp_path):
    soundfile.write(tmp_path / "silent.wav", np.zeros(48000), 16000)
    (tmp_path / "manifest.csv").write_text("path,speaker,emotion\nsilent.wav,1,sad\n")
    done = quantize(
        networks / "conv1d.keras", "--calibration", tmp_path / "manifest.csv", "--out", tmp_path / "m.tflite"
    )
    assert done.returncode == 65
    assert "are silent" in done.stderr
    assert not (tmp_path / "m.tflite").exists()


def test_evaluation_labels_the_model_lacks_are_refused(networks, small_manifest, tmp_path):
    done = quantize(
        *(networks / "conv1d.keras", "--calibration", small_manifest),
        *("--map", "sad=weary", "--out", tmp_path / "m.tflite"),
    )
    assert done.returncode == 65
    assert "has weary" in done.stderr
