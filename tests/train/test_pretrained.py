"""A network of which one member begins as speech_embedding does, from training to the device's runtime."""

import json
import subprocess
import sys

import numpy as np
import pytest

from edge.classifier import Classifier
from edge.model_file import read


def run(*command):
    done = subprocess.run(
        [sys.executable, "-m", *map(str, command)], capture_output=True, text=True, timeout=240, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_layers_taken_over_compute_what_they_did_and_learn_on_slowly(fitted):
    said = json.loads(run("tests.train.begun", fitted))
    assert said["shape"] == [2, 14, 4, 72]
    assert said["error"] < 1e-4
    assert [name for name in said["learnt"] if "member_2_" in name] == [f"member_2_{n}" for n in range(11)]
    assert all(0 < moved < 0.1 for moved in said["moved"]), said["moved"]


def test_it_is_as_small_and_quick_as_a_device_asks_for(fitted):
    said = json.loads(run("tests.train.begun", fitted))
    assert said["parameters"] < 500 * 1024
    assert said["products"] < 60e6  # of a window, one a second


def test_it_runs_as_a_device_runs_it(fitted, small_manifest, tmp_path):
    model = tmp_path / "device.tflite"
    arguments = ["--calibration", small_manifest, "--least-clips", "4", "--max-drop", "100"]
    run("convert.quantize", fitted / "model.keras", "--out", model, *arguments)
    assert model.stat().st_size <= 500 * 1024
    classifier = Classifier(read(model))
    training = classifier.manifest.training
    window = np.tile(np.array(training.normalisation.mean, np.float32), (training.window.frames, 1))
    said = classifier.judge(window)
    assert said.probabilities.sum() == pytest.approx(1, abs=1e-5)
    assert 0 <= said.distress <= 1
