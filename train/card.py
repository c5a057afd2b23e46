"""The model card: prose from a template, every number from the files that were measured."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from string import Template
from typing import Any

import numpy as np

from edge.errors import CorpusError
from edge.manifest import Manifest, Training
from edge.model_description import onset_rule
from train import figures
from train.examples import examples
from train.robustness import Row, folds_in, table

TEMPLATE = Path(__file__).with_name("MODEL_CARD.template.md")
PICTURES = ("confusion.png", "roc.png", "training.png", "calibration.png")


def write(manifest: Manifest, size: int, crossval: Path, ward: Path, out: Path) -> Path:
    """MODEL_CARD.md and its pictures in `out`; raises CorpusError where something has not been measured.

    `size` is the model file's size in bytes; `crossval`, a folder of seed-*, in each what `bedside-train
    crossval` wrote and bed.json, in the first robustness.json too; `ward`, what `bedside-train ward` wrote.
    """
    seeds = sorted(crossval.glob("seed-*"))
    if not seeds:
        raise CorpusError(f"{crossval} holds no finished cross-validation, no seed-*; run make model first")
    text = Template(TEMPLATE.read_text(encoding="utf-8")).substitute(_values(manifest, size, seeds, ward))
    for file in [*(seeds[0] / picture for picture in PICTURES), ward / "ward.png"]:
        _copy(file, out)
    figures.examples(examples(folds_in(seeds[0])[0]), manifest.training.front_end, out / "examples.png")
    card = out / "MODEL_CARD.md"
    card.write_text(text, encoding="utf-8")
    return card


def _values(manifest: Manifest, size: int, seeds: Sequence[Path], ward: Path) -> dict[str, str]:
    training, policy = manifest.training, manifest.training.distress.policy
    every = [_json(seed / "results.json") for seed in seeds]
    first, pooled = every[0], every[0]["pooled"]
    if "random_split_uar" not in first or not all("fold_int8_uar" in results for results in every):
        raise CorpusError("the cross-validation was run without --int8 and --random-split; run it with both")
    beds = [_rows(seed / "bed.json") for seed in seeds]
    numbers = {name: f"{value:.3f}" for name, value in first.items() if isinstance(value, float)}
    return numbers | {
        "title": manifest.title,
        "sha256": manifest.sha256,
        "kibibytes": f"{size / 1024:.0f}",
        "corpora": "\n".join(
            f"| {c.name} | {c.clips} | {c.speakers} | {c.licence} |" for c in training.corpora
        ),
        "uars": "\n".join(_by_seed(number, results) for number, results in enumerate(every)),
        "uar": _mean([results["uar"] for results in every]),
        "int8_uar": _mean([results["int8_uar"] for results in every]),
        "beds": "\n".join(_bed_lines(beds)),
        "classes": "\n".join(
            f"| {name} | {one['clips']} | {one['precision']:.2f} | {one['recall']:.2f} | {one['auc']:.2f} |"
            for name, one in pooled["classes"].items()
        ),
        "calibration_error": f"{pooled['calibration_error']:.3f}",
        "kinds": "\n".join(
            f"| {kind} | {'yes' if one['distress'] else 'no'} | {one['clips']} | {one['mean_score']:.2f} |"
            f" {one['auc']:.3f} |"
            for kind, one in first["distress_kinds"].items()
        ),
        "robustness": "\n".join(table(_rows(seeds[0] / "robustness.json"))),
        "ward": _text(ward / "ward.md").strip(),
        "temperature": f"{training.temperature:g}",
        "distress_score": _score(training),
        "policy": f"{onset_rule(policy)}; over after {policy.hold_off_s:g} s below {policy.offset:g}; one"
        f" that begins within {policy.repeat_s:g} s of that is told as a repeat",
        "chosen_for": training.distress.chosen_for,
        "epochs": str(first["recipe"]["epochs"]),
        "thawed_epochs": str(first["recipe"]["thawed_epochs"]),
        "tools": ", ".join(f"{name} {version}" for name, version in manifest.tools.items()),
    }


def _by_seed(number: int, results: dict[str, Any]) -> str:
    folds = ", ".join(f"{value:.3f}" for value in results["fold_int8_uar"])
    agreement = f"{results['int8_agreement']:.1%}"
    return f"| {number} | {results['uar']:.3f} | {results['int8_uar']:.3f} | {folds} | {agreement} |"


def _bed_lines(beds: Sequence[Sequence[Row]]) -> list[str]:
    """Means over folds and seeds, and the deviation of the seeds' means of UAR."""
    lines = []
    for number, row in enumerate(beds[0]):
        figures_of = {
            name: [float(np.mean(rows[number].figures[name])) for rows in beds] for name in row.figures
        }
        uars = figures_of["uar"]
        spread = f"{np.std(uars):.3f}" if len(uars) > 1 else "-"
        lines.append(
            f"| {row.condition} | {np.mean(uars):.3f} | {spread} |"
            f" {np.mean(figures_of['distress_auc']):.3f} |"
        )
    return lines


def _mean(values: Sequence[float]) -> str:
    return f"{np.mean(values):.3f}"


def _score(training: Training) -> str:
    """Where the distress score comes from, for people."""
    names = ", ".join(training.distress.naming)
    if training.distress.temperature is None:
        return f"the summed probability of {names}"
    return (
        f"an output of its own, beside the emotions', that learnt to tell strong {names}, cries, screams and"
        f" moans from all the rest (temperature {training.distress.temperature:g})"
    )


def _rows(file: Path) -> list[Row]:
    return [Row(**one) for one in _json(file)]


def _json(file: Path) -> Any:
    return json.loads(_text(file))


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except OSError as error:
        raise CorpusError(f"{file} is missing: {error.strerror}; `make model` measures all of it") from error


def _copy(file: Path, out: Path) -> None:
    try:
        shutil.copyfile(file, out / file.name)
    except OSError as error:
        raise CorpusError(f"{file} is missing: {error.strerror}; `make model` draws it") from error
