"""The networks of the zoo made, shrunk and packed as model files, without TensorFlow in this process."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from convert.calibration import extremes, raw_windows
from edge import model_file
from edge.classifier import normalise, tensors
from edge.manifest import SCHEMA_VERSION, Manifest
from train import metadata
from train.corpus import labels_of, read_manifest, targets_of

if TYPE_CHECKING:
    from tests.convert.zoo import Specimen

ROOT = Path(__file__).parents[2]
SHRINK_ALL = Path(__file__).with_name("shrink_all.py")


def shrink(
    folder: Path,
    fitted: Path,
    manifest: Path,
    wanted: Sequence[Specimen],
    limit_s: float | None = 280,
) -> None:
    """Makes the zoo's networks in `folder` and shrinks those `wanted`.

    `fitted` is a folder as `bedside-train fit` leaves it, whose metadata the networks get; `manifest` is that
    of the recordings which set the scales. The folder of each of them is as shrink_all.py leaves it.
    """
    described = json.loads((fitted / "model.json").read_text())
    policy = described["distress"]["policy"]
    weighted = {"weights": {"sad": 1, "angry": 1}, "policy": policy, "chosen_for": "tests"}
    (folder / "model.json").write_text(json.dumps(described | {"distress": weighted}))
    training = metadata.read(folder / "model.json")
    clips = read_manifest(manifest)
    heard = [raw_windows(clip, training) for clip in clips]
    owners = np.repeat(np.arange(len(clips)), [len(windows) for windows in heard])
    windows = np.concatenate([*heard, extremes(training)])
    np.save(folder / "windows.npy", normalise(windows, training.normalisation))
    np.save(folder / "owners.npy", owners)
    silent = [0] * 3  # the extremes are of no class; whatever the network makes of them
    truths = targets_of(clips, labels_of(clips))[owners]
    np.save(folder / "truths.npy", np.concatenate([truths, silent]).astype(int))
    (folder / "zoo.json").write_text(json.dumps([[one.folder, *one] for one in wanted]))
    command = [sys.executable, SHRINK_ALL, folder]
    done = subprocess.run(
        list(map(str, command)), capture_output=True, text=True, timeout=limit_s, check=False, cwd=ROOT
    )
    assert done.returncode == 0, done.stderr[-2000:]


def packed(folder: Path, flatbuffer: bytes, scheme: str, values: int | None = None) -> bytes:
    """The model file of a flatbuffer, as the conversion packs it; `folder`/model.json is its metadata.

    Where the network has more `values` than that tells of, they get labels of their own.
    """
    inputs, outputs = tensors(flatbuffer)
    digest = hashlib.sha256(flatbuffer).hexdigest()
    training = metadata.read(folder / "model.json")
    more = () if values is None else range(values - training.outputs)
    training = replace(training, labels=(*training.labels, *(f"other-{number}" for number in more)))
    manifest = Manifest(SCHEMA_VERSION, digest, training, inputs, outputs, {}, scheme)
    return model_file.pack(flatbuffer, manifest)
