"""Shrink a trained model to the one file a bedside device runs: `bedside-quantize`."""

from __future__ import annotations

import argparse
import contextlib
import errno
import json
import math
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from convert import front_end_file
from convert.calibration import LEAST_CLIPS, choose_clips, find_clips
from convert.conversion import convert
from convert.report_page import page
from convert.settings import Settings, file_of, refuse_impossible
from edge.errors import BedsideError, ConversionError
from edge.fields import decode, encode
from edge.manifest import SCHEMES, Training
from edge.signature import check_private_key, sign
from train import metadata
from train.corpus import parse_label_map

EPOCHS, MOST_EPOCHS = 20, 10000
"""Of fine-tuning: how many where none are said, and the most that a model file can tell of."""


def _publish(files: Mapping[Path, bytes]) -> None:
    """Write beside each file, then rename: all are whole or none is there.

    Raises ConversionError where one cannot be written.
    """
    partials = {path: path.with_name(path.name + ".partial") for path in files}
    made = [folder for path in files for folder in (path.parent, *path.parent.parents) if not folder.exists()]
    try:
        for path, partial in partials.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.is_dir():
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
            partial.write_bytes(files[path])
        for path, partial in partials.items():
            partial.replace(path)
    except OSError as error:
        for partial in partials.values():
            with contextlib.suppress(OSError):
                partial.unlink(missing_ok=True)
        for folder in sorted(set(made), key=lambda one: -len(one.parts)):
            with contextlib.suppress(OSError):
                folder.rmdir()
        raise ConversionError(f"cannot write {path}: {error.strerror}; choose another place") from error


def _private_key(file: Path) -> bytes:
    """The key in PEM form, known to be one before a conversion that takes minutes."""
    try:
        key = file.read_bytes()
    except OSError as error:
        raise ConversionError(
            f"cannot read the key {file}: {error.strerror}; make one with"
            " `openssl genpkey -algorithm ed25519`"
        ) from error
    check_private_key(key, str(file))
    return key


def _epochs(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= MOST_EPOCHS:
        raise argparse.ArgumentTypeError(f"{text} is no number of epochs; give 1 to {MOST_EPOCHS}")
    return int(text)


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is no number of recordings; give 1 or more")
    return int(text)


def _points(text: str) -> float:
    try:
        points = float(text)
    except ValueError:
        points = math.nan
    if math.isnan(points):
        raise argparse.ArgumentTypeError(f"{text} is no number of points; give one such as 1.5")
    return points


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="bedside-quantize", description=__doc__)
    parser.add_argument(
        "model",
        type=Path,
        help="a .keras, .h5 or .pt2 file, the folder of a SavedModel, or FILE.py:FACTORY; model.json lies"
        " beside it",
    )
    parser.add_argument(
        "--calibration",
        type=Path,
        required=True,
        action="append",
        metavar="MANIFEST|FOLDER",
        help="real recordings that set the scales: a manifest.csv, or a folder of sound files",
    )
    parser.add_argument(
        "--evaluation",
        type=Path,
        action="append",
        metavar="MANIFEST",
        help="manifest.csv to compare the model before and after on (default: all of --calibration)",
    )
    parser.add_argument(
        "--map", type=parse_label_map, default={}, metavar="OLD=NEW,…", help="rename emotions"
    )
    parser.add_argument("--clips", type=_count, default=200, help="how many calibration clips (default 200)")
    parser.add_argument(
        "--least-clips",
        type=_count,
        default=LEAST_CLIPS,
        metavar="N",
        help=f"refuse fewer calibration clips with speech in them (default {LEAST_CLIPS})",
    )
    parser.add_argument(
        "--scheme",
        choices=tuple(SCHEMES),
        default="int8",
        help="int8 (default); 16x8: activations of 16 bits; float16, dynamic: computed in floating point",
    )
    parser.add_argument(
        "--per-tensor", action="store_true", help="one scale a weight tensor instead of one a channel"
    )
    parser.add_argument(
        "--eight-bit-weights",
        action="store_true",
        help="leave int8 weights the bit that they give up for every runtime to round their sums alike",
    )
    parser.add_argument(
        "--max-drop",
        type=_points,
        default=1.0,
        metavar="POINTS",
        help="refuse a model that loses more points of UAR (default 1)",
    )
    parser.add_argument(
        "--fine-tune",
        type=_epochs,
        nargs="?",
        const=EPOCHS,
        default=0,
        metavar="EPOCHS",
        help="train the network on the calibration recordings while it rounds as the device will, and keep"
        f" that where it is better (default {EPOCHS} epochs); of .keras and .h5 files, int8 and 16x8",
    )
    parser.add_argument("--weights", type=Path, help="of a PyTorch module given as FILE.py:FACTORY")
    parser.add_argument(
        "--torch-python",
        default=sys.executable,
        metavar="PYTHON",
        help="the Python of an environment with bedside-ser[torch] (default: this one)",
    )
    parser.add_argument("--sign", type=Path, metavar="KEY", help="Ed25519 private key (PEM) to sign with")
    parser.add_argument("--metadata", type=Path, help="model.json (default: beside the model)")
    parser.add_argument(
        "--front-end",
        type=Path,
        metavar="TOML",
        help="front end, labels and normalisation of a network that bedside-train did not make",
    )
    parser.add_argument("--out", type=Path, help="the .tflite to write (default: beside the model)")
    parser.add_argument("--json", type=Path, help="also write all of it there, for programs")
    parser.add_argument("--report", type=Path, metavar="HTML", help="also write a page with pictures there")
    parser.add_argument("--name", help="name of the model (default: from model.json)")
    parser.add_argument("--version", help="version of the model, like 1.0.0 (default: from model.json)")
    return parser


def _refuse_absent(options: argparse.Namespace) -> None:
    if not file_of(options.model).exists():
        raise ConversionError(f"{options.model} is no file; give the .keras file bedside-train wrote")
    if options.weights is not None and not options.weights.is_file():
        raise ConversionError(f"the weights {options.weights} are no file; give what torch.save wrote")


def _training(options: argparse.Namespace) -> Training:
    """What is known of the network but its weights. Raises ConversionError, CorpusError or FieldError."""
    left = options.metadata or options.model.with_name(metadata.FILE)
    if options.front_end:
        training = front_end_file.read(options.front_end, metadata.read(left) if left.exists() else None)
    else:
        training = metadata.read(left)
    if options.name or options.version:
        renamed = {"name": options.name or training.name, "version": options.version or training.version}
        training = decode(Training, encode(training) | renamed)
    return training


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns its exit status."""
    options = _parser().parse_args(arguments)
    out = options.out or options.model.with_suffix(".tflite")
    settings = Settings(
        scheme=options.scheme,
        per_channel=not options.per_tensor,
        alike=not options.eight_bit_weights,
        least_clips=options.least_clips,
        max_drop=options.max_drop,
        fine_tune=options.fine_tune,
        weights=options.weights,
        torch_python=options.torch_python,
    )
    try:
        key = _private_key(options.sign) if options.sign else None
        _refuse_absent(options)
        refuse_impossible(options.model, settings)
        training = _training(options)
        clips = find_clips(options.calibration, options.map)
        if options.evaluation is None and any(source.is_dir() for source in options.calibration):
            raise ConversionError(
                "a folder of sound files says not what is felt in them; give --evaluation MANIFEST as well"
            )
        judged = find_clips(options.evaluation, options.map) if options.evaluation else clips
        made = convert(options.model, training, choose_clips(clips, options.clips), judged, settings)
        for name, value in made.judgement.rows():
            print(f"{name:<20}{value}")
        made.refuse_drop(options.model, settings)
        files = {out: made.data if key is None else sign(made.data, key)}
        if options.json:
            files[options.json] = (json.dumps(made.judgement.plain(), indent=1) + "\n").encode()
        if options.report:
            files[options.report] = page(made.judgement).encode()
        _publish(files)
    except (BedsideError, ValueError) as error:
        print(f"bedside-quantize: {error}", file=sys.stderr)
        return error.exit_status if isinstance(error, BedsideError) else ConversionError.exit_status
    print(f"{'written':<20}{out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
