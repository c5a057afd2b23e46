"""From a network, what was learnt beside it and recordings to the bytes of a device model, judged."""

from __future__ import annotations

import hashlib
import json
import shutil
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
from convert.judgement import FineTuning, Judgement
from convert.settings import Settings, file_of, is_torch, why_not_fine_tuned
from edge import __version__, model_file
from edge.classifier import normalise
from edge.errors import ConversionError, CorpusError
from edge.fields import decode
from edge.manifest import SCHEMA_VERSION, Calibration, Manifest, SelfTest, Tensor, Training
from train.corpus import Clip, distress_truths, targets_of


@dataclass(frozen=True, slots=True)
class Converted:
    """The bytes of a model file, and what is known of it."""

    data: bytes
    judgement: Judgement

    def refuse_drop(self, model: Path, settings: Settings) -> None:
        """Raises ConversionError where more points of UAR were lost than the settings allow."""
        comparison, guilty = self.judgement.comparison, self.judgement.guilty
        if comparison.drop > settings.max_drop:
            blamed = "" if guilty is None else f" (most in the layer {guilty.name})"
            tunable = not settings.fine_tune and why_not_fine_tuned(model, settings) is None
            ways = ["--fine-tune"] * tunable + ["--scheme 16x8"] * (settings.scheme != "16x8")
            tried = f" try {' or '.join(ways)}," if ways else ""
            raise ConversionError(
                f"the converted model loses {comparison.drop:.2f} points of UAR{blamed} on"
                f" {comparison.recordings} recordings, more than --max-drop {settings.max_drop:g}; calibrate"
                f" on more recordings,{tried} or allow it with --max-drop"
            )


def convert(
    model: Path,
    training: Training,
    seen: Sequence[Clip],
    judged: Sequence[Clip],
    settings: Settings,
) -> Converted:
    """Convert `model`; `seen` sets the scales, `judged` compares. No file is left. Raises ConversionError.

    It is of a kind and with settings that settings.refuse_impossible lets pass. With fine-tuning it is
    converted as it is as well, and the better of the two is kept.
    """
    try:
        truths = targets_of(judged, training.labels)
    except CorpusError as error:
        raise ConversionError(
            f"the evaluation cannot judge this model: {error}, or give recordings of these emotions alone"
            " with --evaluation"
        ) from error
    calibration.refuse_unfit(seen, settings.least_clips)
    heard = _windows(seen, training, "calibration")
    evaluated = _windows(judged, training, "evaluation")
    owner = np.repeat(np.arange(len(evaluated)), [len(windows) for windows in evaluated])

    def converted(work: Path, epochs: int) -> Converted:
        _shrink(model, training, settings, epochs, work)
        manifest = _manifest(training, calibration.record(seen, epochs), settings, work)
        data = _tested(manifest, work)
        sizes = (_size(settings.weights or file_of(model)), len(data))
        before, after = np.load(work / "float.npy"), np.load(work / "converted.npy")
        found = compare(before, after, owner, truths, distress_truths(judged), training, sizes)
        return Converted(data, _judgement(manifest, found, work))

    with tempfile.TemporaryDirectory(prefix="bedside-quantize-") as folder:
        plain, tuned = Path(folder) / "plain", Path(folder) / "tuned"
        plain.mkdir()
        norm = training.normalisation
        shown = np.concatenate([*heard, calibration.extremes(training)])
        np.save(plain / "calibration.npy", normalise(shown, norm))
        np.save(plain / "evaluation.npy", normalise(np.concatenate(evaluated), norm))
        np.save(plain / "golden.npy", heard[0][0])
        if not settings.fine_tune:
            return converted(plain, 0)
        shutil.copytree(plain, tuned)
        return _better(converted(plain, 0), converted(tuned, settings.fine_tune), settings.fine_tune)


def _better(before: Converted, after: Converted, epochs: int) -> Converted:
    """The fine-tuned network where it is the better one, else the other; either way both are told of."""
    one, other = before.judgement.comparison, after.judgement.comparison
    told = FineTuning(
        epochs=epochs,
        kept=other.closeness > one.closeness,
        before_uar=one.int8_uar,
        after_uar=other.int8_uar,
        before_agreement=one.agreement,
        after_agreement=other.agreement,
    )
    chosen = after if told.kept else before
    return replace(chosen, judgement=replace(chosen.judgement, fine_tuning=told))


def _tested(manifest: Manifest, work: Path) -> bytes:
    """The model file of the flatbuffer in `work`, with the self-test that the device's runtime made."""
    packed, flatbuffer = work / "packed.tflite", (work / "model.tflite").read_bytes()
    packed.write_bytes(model_file.pack(flatbuffer, manifest))
    workers.run("convert.device_worker", "run", packed, work)
    test = decode(SelfTest, _json(work / "self_test.json"), "self_test")
    return model_file.pack(flatbuffer, replace(manifest, self_test=test))


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


def _windows(clips: Sequence[Clip], training: Training, title: str) -> list[Any]:
    return [calibration.raw_windows(clip, training) for clip in tqdm(clips, desc=title, unit="clip")]


def _shrink(model: Path, training: Training, settings: Settings, epochs: int, work: Path) -> None:
    job = workers.Job(
        model=str(model),
        frames=training.window.frames,
        coefficients=training.front_end.coefficients,
        outputs=training.outputs,
        scheme=settings.scheme,
        per_channel=settings.per_channel,
        alike=settings.alike,
        weights="" if settings.weights is None else str(settings.weights),
        fine_tune=epochs,
        labels=len(training.labels),
    )
    job.write(work)
    if is_torch(model):
        workers.run("convert.torch_worker", work, python=settings.torch_python)
        workers.run("convert.tensorflow_worker", work, "inspect")
    else:
        workers.run("convert.tensorflow_worker", work)


def _manifest(training: Training, seen: Calibration, settings: Settings, work: Path) -> Manifest:
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
        calibration=seen if needed else None,
    )


def _json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def _size(model: Path) -> int:
    files = [path for path in model.rglob("*") if path.is_file()] if model.is_dir() else [model]
    return sum(path.stat().st_size for path in files)
