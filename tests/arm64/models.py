"""The model files that every runtime and processor is given, and the recordings they are given of."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from edge import model_file, self_test
from edge.classifier import Classifier
from edge.features import mfcc
from edge.windows import recording_windows
from tests.convert import zoo_parts
from tests.convert.run_models import samples_of
from tests.convert.runtimes import CACHE, ROOT
from tests.convert.zoo import ZOO, Specimen
from train import metadata

SHIPPED = ROOT / "model/bedside-ser.tflite"
SPEAKERS = {"neutral": "12", "fearful": "12", "angry": "05", "sad": "08"}
"""Of the recordings in tests/data, by their emotion."""
_ZOO = tuple(one.network for one in ZOO if one == Specimen(one.network))
"""Every network of the zoo that is converted to int8 as it is."""
_WIDE = ("heads.keras", "per_frame.keras")
"""Those that are converted to 16x8 as well."""
UNMENDED = "unmended"
_RECIPE = "recipe.keras"
COUNTED = ("int8", "16x8", "float16")
"""Schemes of the recipe's network; as dynamic it needs FULLY_CONNECTED v12, which tflite-runtime lacks."""


def made() -> Path:
    """A folder of model files and recordings; `recipe-SCHEME` is the network of the shipped recipe.

    `unmended` is one that convert/mending.py has not mended.

    Made once for the code and the versions that make it, and kept in .cache: it takes some minutes.
    """
    folder = CACHE / "arm64" / f"models-{_digest()}"
    if not folder.exists():
        print(f"==> Making networks in {folder}", flush=True)
        for old in folder.parent.glob("models-*"):
            shutil.rmtree(old)
        making = folder.with_name(f"{folder.name}.{os.getpid()}")
        making.mkdir(parents=True)
        try:
            _make(making)
            making.rename(folder)
        finally:
            shutil.rmtree(making, ignore_errors=True)
    # The shipped model may change every day, and takes no time.
    shutil.copy(SHIPPED, folder / "shipped.tflite")
    return folder


def multiply_adds(folder: Path, scheme: str) -> int:
    """Of `recipe-SCHEME` in that folder, for one window."""
    count: int = json.loads((folder / f"recipe-{scheme}.json").read_text())["multiply_adds"]
    return count


def alike(folder: Path) -> set[str]:
    """The names of those in that folder whose sums every runtime rounds alike: their scores are the same."""
    told = {path.stem: json.loads(path.read_text()) for path in folder.glob("*.json")}
    return {"shipped"} | {name for name, one in told.items() if one.get("rounded_apart") == []}


def _digest() -> str:
    parts = [
        *(path for name in ("convert", "edge", "train") for path in (ROOT / name).glob("*.py")),
        *(
            Path(zoo_parts.__file__).with_name(f"{name}.py")
            for name in ("make_networks", "shrink_all", "zoo", "zoo_parts")
        ),
        *(ROOT / "tests/data").glob("*.wav"),
        ROOT / "constraints.txt",
        Path(__file__),
    ]
    return hashlib.sha256(b"".join(path.read_bytes() for path in sorted(parts))).hexdigest()[:12]


def _make(folder: Path) -> None:
    work = folder / "work"
    work.mkdir()
    for emotion in SPEAKERS:
        shutil.copy(ROOT / f"tests/data/{emotion}.wav", folder)
    lines = [f"{emotion}.wav,{speaker},{emotion}" for emotion, speaker in SPEAKERS.items()]
    manifest = folder / "manifest.csv"
    manifest.write_text("\n".join(["path,speaker,emotion", *lines]) + "\n")
    fitted = folder / "fitted"
    command = [sys.executable, "-m", "train.cli", "fit", "--manifest", manifest, "--out", fitted]
    command += ["--epochs", "1", "--cache", folder / "cache"]
    subprocess.run(list(map(str, command)), check=True, capture_output=True, cwd=ROOT)
    shutil.copy(fitted / "model.keras", work / _RECIPE)
    outputs = metadata.read(fitted / "model.json").outputs
    wanted = [Specimen(network, outputs=len(SPEAKERS)) for network in _ZOO]
    wanted += [Specimen("conv1d.keras", scheme="dynamic", outputs=len(SPEAKERS))]
    wanted += [Specimen(network, scheme="16x8", outputs=len(SPEAKERS)) for network in _WIDE]
    wanted += [Specimen(_RECIPE, scheme=scheme, outputs=outputs) for scheme in COUNTED]
    zoo_parts.shrink(work, fitted, manifest, wanted, limit_s=None)
    for one in wanted:
        shrunk, name = work / one.folder, f"{Path(one.network).stem}-{one.scheme}"
        metadata_folder = fitted if one.network == _RECIPE else work
        data = zoo_parts.packed(metadata_folder, (shrunk / "model.tflite").read_bytes(), one.scheme)
        (folder / f"{name}.tflite").write_bytes(_self_testing(data, folder / "sad.wav"))
        shutil.copy(shrunk / "anatomy.json", folder / f"{name}.json")
    data = zoo_parts.packed(work, (work / f"{UNMENDED}.tflite").read_bytes(), "int8")
    (folder / f"{UNMENDED}.tflite").write_bytes(_self_testing(data, folder / "sad.wav"))
    for name in ("work", "fitted", "cache"):
        shutil.rmtree(folder / name, ignore_errors=True)


def _self_testing(data: bytes, recording: Path) -> bytes:
    """The same model file with a self-test, as the conversion puts one in."""
    model = model_file.unpack(data, "the model")
    training = model.manifest.training
    frames = mfcc(samples_of(recording), training.front_end)
    window = recording_windows(frames, training.window, training.front_end)[0]
    test = self_test.make(Classifier(model), window)
    return model_file.pack(model.flatbuffer, replace(model.manifest, self_test=test))
