"""What tests of several folders share."""

import fcntl
import logging
import os
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
def made_once(tmp_path_factory):
    """Gives the folder of that name, which `fill` fills once for all workers of the run. To be read only."""

    def folder_of(name, fill):
        root = tmp_path_factory.getbasetemp()
        if "PYTEST_XDIST_WORKER" in os.environ:
            root = root.parent
        folder, filled = root / name, root / f"{name}.filled"
        with (root / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not filled.exists():
                shutil.rmtree(folder, ignore_errors=True)  # of a worker that failed at it
                folder.mkdir()
                fill(folder)
                filled.touch()
        return folder

    return folder_of


@pytest.fixture(scope="session")
def small_manifest(made_once):
    """A manifest of the four real clips: three speakers, four emotions."""
    speakers = {"neutral": "12", "fearful": "12", "angry": "05", "sad": "08"}

    def fill(folder):
        for emotion in speakers:
            shutil.copy(DATA / f"{emotion}.wav", folder)
        lines = [f"{emotion}.wav,{speaker},{emotion}" for emotion, speaker in speakers.items()]
        (folder / "manifest.csv").write_text("\n".join(["path,speaker,emotion", *lines]) + "\n")

    return made_once("small", fill) / "manifest.csv"


@pytest.fixture(scope="session")
def fitted(small_manifest, made_once):
    """The folder `bedside-train fit` leaves after one epoch on the small manifest."""

    def fill(folder):
        command = [sys.executable, "-m", "train.cli", "fit", "--manifest", small_manifest, "--out", folder]
        command += ["--epochs", "1", "--cache", folder / "cache"]
        subprocess.run(list(map(str, command)), check=True, capture_output=True, timeout=240)

    return made_once("fitted", fill)


@pytest.fixture(scope="session")
def device_model(fitted, small_manifest, made_once):
    """That network converted by `bedside-quantize`."""

    def fill(folder):
        command = [sys.executable, "-m", "convert.quantize", fitted / "model.keras"]
        command += ["--out", folder / "device.tflite", "--calibration", small_manifest]
        command += ["--least-clips", "4", "--max-drop", "100"]
        subprocess.run(list(map(str, command)), check=True, capture_output=True, timeout=240)

    return made_once("device", fill) / "device.tflite"
