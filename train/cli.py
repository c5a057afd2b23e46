"""`bedside-train`: crossval, fit, evaluate, noise, level, bed, robustness, ward, card."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from edge.errors import BedsideError
from train import commands, judging
from train.corpus import parse_label_map
from train.sounds import SETTINGS
from train.ward_day import DAY_H


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns its exit status."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    options = _parser().parse_args(arguments)
    try:
        options.run(options)
    except BedsideError as error:
        print(f"bedside-train: {error}", file=sys.stderr)
        return error.exit_status
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="bedside-train", description="Train and judge emotion models.")
    verbs = parser.add_subparsers(required=True, metavar="VERB")

    corpora = argparse.ArgumentParser(add_help=False)
    corpora.add_argument(
        "--manifest",
        type=Path,
        action="append",
        required=True,
        metavar="FILE",
        help="manifest.csv with the columns path, speaker, emotion; may be repeated",
    )
    corpora.add_argument(
        "--map",
        type=parse_label_map,
        default={},
        metavar="OLD=NEW,…",
        help="rename emotions; OLD= leaves one out",
    )

    schedule = argparse.ArgumentParser(add_help=False)
    schedule.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="where results go")
    schedule.add_argument("--cache", type=Path, default=Path(".cache"), help="where features are kept")
    schedule.add_argument("--epochs", type=_positive, help="instead of the recipe's")
    schedule.add_argument("--seed", type=_count, default=0)
    schedule.add_argument(
        "--corpora",
        type=Path,
        metavar="FOLDER",
        help="other corpora, a folder with manifest.csv each, which teach what distress is and what is none",
    )
    schedule.add_argument("--settings", type=Path, default=SETTINGS, help="what each of their recordings is")
    schedule.add_argument(
        "--pretrained",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="one half of the network begins as Google's speech_embedding does (train/pretrained.py)",
    )
    schedule.add_argument(
        "--teachers",
        type=Path,
        nargs="+",
        default=[],
        metavar="FOLDER",
        help="what crossval (or fit) wrote of the same recordings: what the networks say is learnt beside the"
        " labels",
    )

    crossval = verbs.add_parser(
        "crossval", parents=[corpora, schedule], help="judge a recipe on unheard speakers"
    )
    crossval.add_argument("--folds", type=_two_or_more, default=5, help="speaker-disjoint folds (default 5)")
    crossval.add_argument(
        "--random-split",
        action="store_true",
        help="also the random 80/20 split of the literature, which leaks speakers",
    )
    crossval.add_argument(
        "--int8", action="store_true", help="also convert each fold's network and judge that"
    )
    crossval.set_defaults(run=commands.crossval)

    fit = verbs.add_parser("fit", parents=[corpora, schedule], help="train on every recording given")
    fit.add_argument(
        "--crossval",
        type=Path,
        metavar="FOLDER",
        help="what crossval wrote: gives temperature, thresholds and figures",
    )
    fit.add_argument(
        "--ward", type=Path, metavar="FOLDER", help="what ward wrote: gives the thresholds of the alerts"
    )
    fit.add_argument("--name", default="bedside-ser")
    fit.add_argument("--version", default="0.1.0")
    fit.set_defaults(run=commands.fit)

    evaluate = verbs.add_parser("evaluate", parents=[corpora], help="put recordings through a device model")
    evaluate.add_argument("--model", type=Path, required=True, help="the .tflite file")
    evaluate.add_argument(
        "--heard",
        type=_count,
        default=0,
        metavar="N",
        help="other recordings of the speaker that the bed has heard before each (default 0: none)",
    )
    evaluate.add_argument("--out", type=Path, metavar="FOLDER", help="also report.json and pictures")
    evaluate.set_defaults(run=judging.evaluate)

    _add_compare(verbs, corpora)
    _add_folds(verbs)
    _add_ward(verbs)
    _add_card(verbs)
    return parser


def _add_compare(verbs: Any, corpora: argparse.ArgumentParser) -> None:
    compare = verbs.add_parser("compare", parents=[corpora], help="other systems on the same folds")
    compare.add_argument(
        "--out", type=Path, required=True, metavar="FOLDER", help="finished folds are kept there"
    )
    compare.add_argument("--cache", type=Path, default=Path(".cache"), help="where features are kept")
    compare.add_argument(
        "--crossval",
        type=Path,
        metavar="FOLDER",
        help="what crossval --int8 --random-split wrote, shown beside them",
    )
    compare.add_argument(
        "--only", action="append", default=[], metavar="NAME", help="may be repeated; default all"
    )
    compare.set_defaults(run=judging.compare)


def _add_folds(verbs: Any) -> None:
    folds = argparse.ArgumentParser(add_help=False)
    folds.add_argument(
        "--crossval", type=Path, required=True, metavar="FOLDER", help="crossval --int8 wrote it"
    )
    folds.add_argument(
        "--every", type=_positive, default=1, metavar="N", help="only each n-th recording, for a look"
    )
    folds.add_argument("--out", type=Path, metavar="FILE", help="also as JSON")

    noise = verbs.add_parser(
        "noise", parents=[folds], help="the folds in noise, with noise reduction and without"
    )
    noise.add_argument(
        "--noise", type=Path, nargs="+", required=True, metavar="PATH", help="sound files, folders"
    )
    noise.set_defaults(run=judging.noise)

    level = verbs.add_parser("level", parents=[folds], help="the folds behind other gains of the microphone")
    level.set_defaults(run=judging.level)

    bed = verbs.add_parser(
        "bed", parents=[folds], help="the folds cold, and after what a bed has taught them"
    )
    bed.set_defaults(run=judging.bed)

    robustness = verbs.add_parser(
        "robustness", parents=[folds], help="the folds in noise, far away, quiet, by sex and intensity"
    )
    robustness.add_argument(
        "--noise", type=Path, nargs="*", default=[], metavar="PATH", help="sound files, folders"
    )
    robustness.add_argument(
        "--elsewhere",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="manifest.csv of another corpus whose emotions are among the models' labels; may be repeated",
    )
    robustness.add_argument(
        "--map", type=parse_label_map, default={}, metavar="OLD=NEW,…", help="its emotions"
    )
    robustness.set_defaults(run=judging.robustness)


def _add_ward(verbs: Any) -> None:
    ward = verbs.add_parser("ward", help="days at simulated beds: distress found, false alerts a bed-day")
    ward.add_argument(
        "--crossval", type=Path, required=True, metavar="FOLDER", help="crossval --int8 wrote it"
    )
    ward.add_argument(
        "--corpora",
        type=Path,
        required=True,
        metavar="FOLDER",
        help="the corpora, a folder with manifest.csv each",
    )
    ward.add_argument("--settings", type=Path, default=SETTINGS, help="what each recording is at a bed")
    ward.add_argument(
        "--out", type=Path, required=True, metavar="FOLDER", help="finished beds are kept there"
    )
    ward.add_argument("--hours", type=_hours, default=DAY_H, help="of an ordinary day at each bed")
    ward.add_argument("--episodes", type=_positive, default=10, help="of each kind of distress at each bed")
    ward.add_argument("--seed", type=_count, default=0)
    ward.set_defaults(run=judging.ward)


def _add_card(verbs: Any) -> None:
    card = verbs.add_parser("card", help="write the model card")
    card.add_argument("--model", type=Path, required=True, help="the .tflite file")
    card.add_argument(
        "--crossval",
        type=Path,
        required=True,
        metavar="FOLDER",
        help="a folder seed-N for each crossval --seed N",
    )
    card.add_argument("--ward", type=Path, required=True, metavar="FOLDER", help="what ward wrote")
    card.add_argument("--out", type=Path, required=True, metavar="FOLDER")
    card.set_defaults(run=judging.write_card)


def _count(text: str) -> int:
    return _at_least(0, text)


def _positive(text: str) -> int:
    return _at_least(1, text)


def _two_or_more(text: str) -> int:
    return _at_least(2, text)


def _at_least(least: int, text: str) -> int:
    try:
        number = int(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number") from error
    if number < least:
        raise argparse.ArgumentTypeError(f"{text} is too small; give {least} or more")
    return number


def _hours(text: str) -> float:
    number = float(text)
    if not 0 < number <= 1000:
        raise argparse.ArgumentTypeError(f"{text} is no length of a day; give hours from above 0 to 1000")
    return number


if __name__ == "__main__":
    sys.exit(main())
