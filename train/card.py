"""The model card: prose from a template, every number from the files that were measured."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from string import Template
from typing import Any

from edge.errors import CorpusError
from edge.manifest import Manifest, Training
from train.scoring import distress_emotions

TEMPLATE = Path(__file__).with_name("MODEL_CARD.template.md")
PICTURES = ("confusion.png", "roc.png", "training.png")


def write(manifest: Manifest, size: int, crossval: Path, out: Path) -> Path:
    """MODEL_CARD.md and its pictures in `out`; raises CorpusError where crossval has not finished.

    `size` is the model file's size in bytes, `crossval` the folder `bedside-train crossval` wrote.
    """
    try:
        results = json.loads((crossval / "results.json").read_text(encoding="utf-8"))
        for picture in PICTURES:
            shutil.copyfile(crossval / picture, out / picture)
    except OSError as error:
        raise CorpusError(
            f"{crossval} holds no finished cross-validation; run bedside-train crossval first"
        ) from error
    card = out / "MODEL_CARD.md"
    text = Template(TEMPLATE.read_text(encoding="utf-8")).substitute(_values(manifest, size, results))
    card.write_text(text, encoding="utf-8")
    return card


def _values(manifest: Manifest, size: int, results: dict[str, Any]) -> dict[str, str]:
    training, policy, pooled = manifest.training, manifest.training.distress.policy, results["pooled"]
    numbers = {name: f"{value:.3f}" for name, value in results.items() if isinstance(value, float)}
    if "random_split_uar" not in numbers or "int8_uar" not in numbers:
        raise CorpusError("the cross-validation was run without --int8 and --random-split; run it with both")
    return numbers | {
        "title": manifest.title,
        "sha256": manifest.sha256,
        "kibibytes": f"{size / 1024:.0f}",
        "corpora": "\n".join(
            f"| {c.name} | {c.clips} | {c.speakers} | {c.licence} |" for c in training.corpora
        ),
        "folds": ", ".join(f"{value:.3f}" for value in results["fold_uar"]),
        "folds_int8": ", ".join(f"{value:.3f}" for value in results["fold_int8_uar"]),
        "classes": "\n".join(
            f"| {name} | {one['clips']} | {one['precision']:.2f} | {one['recall']:.2f} | {one['auc']:.2f} |"
            for name, one in pooled["classes"].items()
        ),
        "distress_auc": f"{pooled['distress_auc']:.3f}",
        "calibration_error": f"{pooled['calibration_error']:.3f}",
        "temperature": f"{training.temperature:g}",
        "distress_emotions": ", ".join(distress_emotions(training)),
        "distress_score": _score(training),
        "policy": f"{policy.count} of {policy.among} windows at a smoothed score of {policy.onset:g} or more;"
        f" for {policy.min_duration_s:g} s or more; over after {policy.hold_off_s:g} s below"
        f" {policy.offset:g}; one that begins within {policy.repeat_s:g} s of that is told as a repeat",
        "chosen_for": training.distress.chosen_for,
        "epochs": str(results["recipe"]["epochs"]),
        "tools": ", ".join(f"{name} {version}" for name, version in manifest.tools.items()),
    }


def _score(training: Training) -> str:
    """Where the distress score comes from, for people."""
    names = ", ".join(distress_emotions(training))
    if training.distress.temperature is None:
        return f"the summed probability of {names}"
    return (
        f"an output of its own, beside the emotions', that learnt to tell {names} from the rest"
        f" (temperature {training.distress.temperature:g})"
    )
