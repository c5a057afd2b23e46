"""Shrink a trained Keras model to the one int8 file a bedside device runs: `bedside-quantize`."""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np

from convert.calibration import choose_clips, clip_windows, silent_window
from convert.comparison import Comparison, compare
from edge import __version__, model_file
from edge.errors import BedsideError, ConversionError, CorpusError
from edge.fields import decode, encode
from edge.manifest import SCHEMA_VERSION, Manifest, Tensor, Training
from train import metadata
from train.corpus import Clip, parse_label_map, read_manifests, targets_of


def quantize(
    model: Path, training: Training, calibration: Sequence[Clip], evaluation: Sequence[Clip], out: Path
) -> Comparison:
    """Convert `model` and write the device file `out`, atomically; nothing is left behind on failure.

    `calibration` sets the int8 scales, `evaluation` judges the result. Raises ConversionError.
    """
    try:
        truths = targets_of(evaluation, training.labels)
    except CorpusError as error:
        raise ConversionError(f"the evaluation cannot judge this model: {error}") from error
    evaluated = clip_windows(evaluation, training, "evaluation")
    seen = [*clip_windows(calibration, training, "calibration"), silent_window(training)]
    with tempfile.TemporaryDirectory(prefix="bedside-quantize-") as folder:
        work = Path(folder)
        np.save(work / "calibration.npy", np.concatenate(seen))
        np.save(work / "evaluation.npy", np.concatenate(evaluated))
        shape = (training.window.frames, training.front_end.coefficients, training.outputs)
        _run("convert.tensorflow_worker", model, *shape, work)
        flatbuffer = (work / "model.tflite").read_bytes()
        packed = work / "packed.tflite"
        tensors = json.loads(_run("convert.device_worker", "tensors", work / "model.tflite"))
        manifest = Manifest(
            schema_version=SCHEMA_VERSION,
            sha256=hashlib.sha256(flatbuffer).hexdigest(),
            training=training,
            input=decode(Tensor, tensors["input"], "input"),
            output=decode(Tensor, tensors["output"], "output"),
            tools=_tools(work),
        )
        packed.write_bytes(model_file.pack(flatbuffer, manifest))
        _run("convert.device_worker", "run", packed, work / "evaluation.npy", work / "int8.npy")
        comparison = compare(
            np.load(work / "float.npy"),
            np.load(work / "int8.npy"),
            np.repeat(np.arange(len(evaluated)), [len(windows) for windows in evaluated]),
            truths,
            training,
            (model.stat().st_size, packed.stat().st_size),
        )
        _publish(packed.read_bytes(), out)
    return comparison


def _run(module: str, *arguments: object) -> str:
    """The standard output of a worker module; ConversionError with its last line where it fails."""
    environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"}
    # -P: a folder named edge or train where we were started must not be taken for the package.
    command = [sys.executable, "-P", "-m", module, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)  # noqa: S603
    if done.returncode < 0:
        raise ConversionError(
            f"{module} crashed (signal {-done.returncode}) on this model; an operator in it is not supported:"
            " replace unusual layers with Conv2D, ReLU, pooling and Dense"
        )
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines() or ["no reason given"]
        raise ConversionError(lines[-1])
    return done.stdout


def _tools(work: Path) -> dict[str, str]:
    pairs = (line.split() for line in (work / "versions.txt").read_text().splitlines())
    return {"bedside-ser": __version__, **dict(pairs)}


def _publish(data: bytes, out: Path) -> None:
    """Write beside `out`, then rename: a reader sees the old file or the new one, never half of one."""
    partial = out.with_name(out.name + ".partial")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        partial.write_bytes(data)
        partial.replace(out)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise ConversionError(f"cannot write {out}: {error.strerror}; choose another --out") from error


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="bedside-quantize", description=__doc__)
    parser.add_argument("model", type=Path, help="the .keras file; model.json lies beside it")
    parser.add_argument(
        "--calibration",
        type=Path,
        required=True,
        action="append",
        metavar="MANIFEST",
        help="manifest.csv of real recordings that set the int8 scales",
    )
    parser.add_argument(
        "--evaluation",
        type=Path,
        action="append",
        metavar="MANIFEST",
        help="manifest.csv to compare float and int8 on (default: all of --calibration)",
    )
    parser.add_argument(
        "--map", type=parse_label_map, default={}, metavar="OLD=NEW,…", help="rename emotions"
    )
    parser.add_argument("--clips", type=int, default=200, help="how many calibration clips (default 200)")
    parser.add_argument("--metadata", type=Path, help="model.json (default: beside the model)")
    parser.add_argument("--out", type=Path, help="the .tflite to write (default: beside the model)")
    parser.add_argument("--json", type=Path, help="also write the comparison there")
    parser.add_argument("--name", help="name of the model (default: from model.json)")
    parser.add_argument("--version", help="version of the model, like 1.0.0 (default: from model.json)")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns its exit status."""
    options = _parser().parse_args(arguments)
    out = options.out or options.model.with_suffix(".tflite")
    try:
        if not options.model.is_file():
            raise ConversionError(f"{options.model} is no file; give the .keras file bedside-train wrote")
        training = metadata.read(options.metadata or options.model.with_name(metadata.FILE))
        if options.name or options.version:
            renamed = {"name": options.name or training.name, "version": options.version or training.version}
            training = decode(Training, encode(training) | renamed)
        clips = read_manifests(options.calibration, options.map)
        judged = read_manifests(options.evaluation, options.map) if options.evaluation else clips
        comparison = quantize(options.model, training, choose_clips(clips, options.clips), judged, out)
    except (BedsideError, ValueError) as error:
        print(f"bedside-quantize: {error}", file=sys.stderr)
        return error.exit_status if isinstance(error, BedsideError) else ConversionError.exit_status
    for name, value in comparison.rows():
        print(f"{name:<16}{value}")
    if options.json:
        options.json.write_text(json.dumps(asdict(comparison), indent=1) + "\n")
    print(f"{'written':<16}{out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
