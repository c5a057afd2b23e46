"""What tests of several folders share."""

import logging
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

DATA = Path(__file__).parent / "data"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item):
    """A verb run in here logs to the standard error of its test, which no later test has: forget it."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    try:
        return (yield)
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)


@pytest.fixture(scope="session")
def small_manifest(tmp_path_factory):
    """A manifest of the four real clips: three speakers, four emotions."""
    folder = tmp_path_factory.mktemp("small")
    speakers = {"neutral": "12", "fearful": "12", "angry": "05", "sad": "08"}
    for emotion in speakers:
        shutil.copy(DATA / f"{emotion}.wav", folder)
    lines = [f"{emotion}.wav,{speaker},{emotion}" for emotion, speaker in speakers.items()]
    (folder / "manifest.csv").write_text("\n".join(["path,speaker,emotion", *lines]) + "\n")
    return folder / "manifest.csv"


@pytest.fixture(scope="session")
def fitted(small_manifest, tmp_path_factory):
    """The folder `bedside-train fit` leaves after one epoch on the small manifest."""
    folder = tmp_path_factory.mktemp("fitted")
    command = [sys.executable, "-m", "train.cli", "fit", "--manifest", small_manifest, "--out", folder]
    command += ["--epochs", "1", "--cache", folder / "cache"]
    subprocess.run(list(map(str, command)), check=True, capture_output=True, timeout=240)
    return folder


@pytest.fixture(scope="session")
def device_model(fitted, small_manifest):
    """That network converted by `bedside-quantize`."""
    model = fitted / "device.tflite"
    command = [sys.executable, "-m", "convert.quantize", fitted / "model.keras", "--out", model]
    command += ["--calibration", small_manifest, "--least-clips", "4", "--max-drop", "100"]
    subprocess.run(list(map(str, command)), check=True, capture_output=True, timeout=240)
    return model
