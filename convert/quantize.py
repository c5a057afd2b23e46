"""Shrink a trained model to the one file a bedside device runs: `bedside-quantize`."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from convert.calibration import LEAST_CLIPS, choose_clips, find_clips
from convert.conversion import Settings, convert
from edge.errors import BedsideError, ConversionError
from edge.fields import decode, encode
from edge.manifest import SCHEMES, Training
from train import metadata
from train.corpus import parse_label_map


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
    parser.add_argument(
        "model",
        type=Path,
        help="a .keras or .h5 file, or the folder of a SavedModel; model.json lies beside it",
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
    parser.add_argument("--clips", type=int, default=200, help="how many calibration clips (default 200)")
    parser.add_argument(
        "--least-clips",
        type=int,
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
        "--max-drop",
        type=float,
        default=1.0,
        metavar="POINTS",
        help="refuse a model that loses more points of UAR (default 1)",
    )
    parser.add_argument("--metadata", type=Path, help="model.json (default: beside the model)")
    parser.add_argument("--out", type=Path, help="the .tflite to write (default: beside the model)")
    parser.add_argument("--json", type=Path, help="also write the comparison there")
    parser.add_argument("--name", help="name of the model (default: from model.json)")
    parser.add_argument("--version", help="version of the model, like 1.0.0 (default: from model.json)")
    return parser


def _training(options: argparse.Namespace) -> Training:
    """What is known of the network but its weights. Raises ConversionError, CorpusError or FieldError."""
    if not options.model.exists():
        raise ConversionError(f"{options.model} is no file; give the .keras file bedside-train wrote")
    training = metadata.read(options.metadata or options.model.with_name(metadata.FILE))
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
        least_clips=options.least_clips,
        max_drop=options.max_drop,
    )
    try:
        training = _training(options)
        clips = find_clips(options.calibration, options.map)
        if options.evaluation is None and any(source.is_dir() for source in options.calibration):
            raise ConversionError(
                "a folder of sound files says not what is felt in them; give --evaluation MANIFEST as well"
            )
        judged = find_clips(options.evaluation, options.map) if options.evaluation else clips
        made = convert(options.model, training, choose_clips(clips, options.clips), judged, settings)
        for name, value in made.comparison.rows():
            print(f"{name:<16}{value}")
        made.refuse_drop(settings.max_drop)
        _publish(made.data, out)
    except (BedsideError, ValueError) as error:
        print(f"bedside-quantize: {error}", file=sys.stderr)
        return error.exit_status if isinstance(error, BedsideError) else ConversionError.exit_status
    if options.json:
        options.json.write_text(json.dumps(asdict(made.comparison), indent=1) + "\n")
    print(f"{'written':<16}{out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
