"""The zoo of small networks, made once, and bedside-quantize as an engineer runs it."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from convert.calibration import extremes, raw_windows
from edge.classifier import normalise
from train import metadata
from train.corpus import labels_of, read_manifest, targets_of

sys.path.insert(0, str(Path(__file__).parent))  # zoo.py, beside this file
from zoo import FAILS_WHEN_RUN, LOSES, ZOO

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def quantize():
    """Run the command; four recordings are enough in these tests, and what is lost on them is no measure."""

    def run(*arguments, script=False, folder=None, max_drop=100):
        start = [ROOT / "convert/quantize.py"] if script else ["-m", "convert.quantize"]
        command = [sys.executable, *start, *arguments, "--least-clips", 4, "--max-drop", max_drop]
        return subprocess.run(
            list(map(str, command)), capture_output=True, text=True, timeout=240, check=False, cwd=folder
        )

    return run


@pytest.fixture(scope="session")
def networks(fitted, small_manifest, made_once):
    """A folder of small networks, each shrunk, beside the metadata of a real one."""

    def fill(folder):
        described = json.loads((fitted / "model.json").read_text())
        policy = described["distress"]["policy"]
        weighted = {"weights": {"sad": 1, "angry": 1}, "policy": policy, "chosen_for": "tests"}
        (folder / "model.json").write_text(json.dumps(described | {"distress": weighted}))
        training = metadata.read(folder / "model.json")
        clips = read_manifest(small_manifest)
        heard = [raw_windows(clip, training) for clip in clips]
        owners = np.repeat(np.arange(len(clips)), [len(windows) for windows in heard])
        windows = np.concatenate([*heard, extremes(training)])
        np.save(folder / "windows.npy", normalise(windows, training.normalisation))
        np.save(folder / "owners.npy", owners)
        silent = [0] * 3  # the extremes are of no class; whatever the network makes of them
        truths = targets_of(clips, labels_of(clips))[owners]
        np.save(folder / "truths.npy", np.concatenate([truths, silent]).astype(int))
        (folder / "zoo.json").write_text(
            json.dumps([[one.folder, *one] for one in (*ZOO, LOSES, FAILS_WHEN_RUN)])
        )
        command = [sys.executable, Path(__file__).with_name("shrink_all.py"), folder]
        done = subprocess.run(
            list(map(str, command)), capture_output=True, text=True, timeout=280, check=False, cwd=ROOT
        )
        assert done.returncode == 0, done.stderr[-2000:]

    return made_once("networks", fill)
