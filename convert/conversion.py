"""From a network, what was learnt beside it and recordings to the bytes of a device model, judged."""

from __future__ import annotations

import hashlib
import json
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from convert import calibration, workers
from convert.anatomy import Anatomy, Layer
from convert.comparison import Comparison, compare
from convert.judgement import Judgement
from edge import __version__, model_file
from edge.classifier import normalise
from edge.errors import ConversionError, CorpusError
from edge.fields import decode
from edge.manifest import SCHEMA_VERSION, Manifest, SelfTest, Tensor, Training
from train.corpus import Clip, distress_truths, targets_of


@dataclass(frozen=True, slots=True)
class Settings:
    """How to shrink a network, and what is too much to lose by it."""

    scheme: str = "int8"
    per_channel: bool = True
    least_clips: int = calibration.LEAST_CLIPS
    max_drop: float = 1.0
    """Points of UAR."""
    weights: Path | None = None
    torch_python: str = sys.executable


@dataclass(frozen=True, slots=True)
class Converted:
    """The bytes of a model file, and what is known of it."""

    data: bytes
    judgement: Judgement

    def refuse_drop(self, max_drop: float) -> None:
        """Raises ConversionError where more than `max_drop` points of UAR were lost."""
        comparison, guilty = self.judgement.comparison, self.judgement.guilty
        if comparison.drop > max_drop:
            blamed = "" if guilty is None else f" (most in the layer {guilty.name})"
            raise ConversionError(
                f"the converted model loses {comparison.drop:.2f} points of UAR{blamed} on"
                f" {comparison.recordings} recordings, more than --max-drop {max_drop:g}; calibrate on more"
                " recordings, try --scheme 16x8, or allow it with --max-drop"
            )


def convert(
    model: Path,
    training: Training,
    seen: Sequence[Clip],
    judged: Sequence[Clip],
    settings: Settings,
) -> Converted:
    """Convert `model`; `seen` sets the scales, `judged` compares. No file is left. Raises ConversionError."""
    try:
        truths = targets_of(judged, training.labels)
    except CorpusError as error:
        raise ConversionError(f"the evaluation cannot judge this model: {error}") from error
    calibration.refuse_unfit(seen, settings.least_clips)
    heard = _windows(seen, training, "calibration")
    evaluated = _windows(judged, training, "evaluation")
    with tempfile.TemporaryDirectory(prefix="bedside-quantize-") as folder:
        work = Path(folder)
        norm = training.normalisation
        shown = np.concatenate([*heard, calibration.extremes(training)])
        np.save(work / "calibration.npy", normalise(shown, norm))
        np.save(work / "evaluation.npy", normalise(np.concatenate(evaluated), norm))
        np.save(work / "golden.npy", heard[0][0])
        _shrink(model, training, settings, work)
        manifest = _manifest(training, seen, settings, work)
        packed = work / "packed.tflite"
        flatbuffer = (work / "model.tflite").read_bytes()
        packed.write_bytes(model_file.pack(flatbuffer, manifest))
        workers.run("convert.device_worker", "run", packed, work)
        test = decode(SelfTest, _json(work / "self_test.json"), "self_test")
        data = model_file.pack(flatbuffer, replace(manifest, self_test=test))
        comparison = compare(
            np.load(work / "float.npy"),
            np.load(work / "converted.npy"),
            np.repeat(np.arange(len(evaluated)), [len(windows) for windows in evaluated]),
            truths,
            distress_truths(judged),
            training,
            (_size(settings.weights or file_of(model)), len(data)),
        )
        judgement = _judgement(manifest, comparison, work)
    return Converted(data, judgement)


def _judgement(manifest: Manifest, comparison: Comparison, work: Path) -> Judgement:
    device = _json(work / "device.json")
    return Judgement(
        title=manifest.title,
        scheme=manifest.scheme,
        comparison=comparison,
        anatomy=decode(Anatomy, _json(work / "anatomy.json"), "anatomy"),
        layers=tuple(decode(Layer, one, "layer") for one in _json(work / "layers.json")),
        runtime=device["runtime"],
        arena_bytes=device["arena_bytes"],
    )


def is_torch(model: Path) -> bool:
    """Whether the model is PyTorch's: a .pt2 file, or FILE.py:FACTORY."""
    return model.suffix == ".pt2" or ".py:" in model.name


def file_of(model: Path) -> Path:
    """The file or folder the model is in."""
    name, factory, _ = model.name.partition(".py:")
    return model.with_name(f"{name}.py") if factory else model


def _windows(clips: Sequence[Clip], training: Training, title: str) -> list[Any]:
    return [calibration.raw_windows(clip, training) for clip in tqdm(clips, desc=title, unit="clip")]


def _shrink(model: Path, training: Training, settings: Settings, work: Path) -> None:
    job = workers.Job(
        model=str(model),
        frames=training.window.frames,
        coefficients=training.front_end.coefficients,
        outputs=training.outputs,
        scheme=settings.scheme,
        per_channel=settings.per_channel,
        weights="" if settings.weights is None else str(settings.weights),
    )
    job.write(work)
    if is_torch(model):
        workers.run("convert.torch_worker", work, python=settings.torch_python)
        workers.run("convert.tensorflow_worker", work, "inspect")
    else:
        workers.run("convert.tensorflow_worker", work)


def _manifest(training: Training, seen: Sequence[Clip], settings: Settings, work: Path) -> Manifest:
    tensors = json.loads(workers.run("convert.device_worker", "tensors", work / "model.tflite"))
    pairs = (line.split() for line in (work / "versions.txt").read_text().splitlines())
    needed = settings.scheme in workers.WHOLE
    return Manifest(
        schema_version=SCHEMA_VERSION,
        sha256=hashlib.sha256((work / "model.tflite").read_bytes()).hexdigest(),
        training=training,
        input=decode(Tensor, tensors["input"], "input"),
        output=decode(Tensor, tensors["output"], "output"),
        tools={"bedside-ser": __version__, **dict(pairs)},
        scheme=settings.scheme,
        calibration=calibration.record(seen) if needed else None,
    )


def _json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def _size(model: Path) -> int:
    files = [path for path in model.rglob("*") if path.is_file()] if model.is_dir() else [model]
    return sum(path.stat().st_size for path in files)
