"""The verbs of `bedside-train` that judge what has been trained."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from edge import model_file
from edge.classifier import Classifier
from edge.errors import CorpusError
from train import (
    bed_conditions,
    card,
    conditions,
    scoring,
    side_by_side,
    ward_command,
)
from train import level as level_conditions
from train import noise as noise_conditions
from train.corpus import read_manifests
from train.printed import pictures, print_report
from train.robustness import Row, table
from train.sounds import entries, sounds_in
from train.ward import Plan


def evaluate(options: argparse.Namespace) -> None:
    """Report on a device model; TensorFlow is never loaded."""
    classifier = Classifier(model_file.read(options.model))
    clips = read_manifests(options.manifest, options.map)
    said, report = scoring.evaluate(classifier, clips, options.heard)
    print_report(report)
    if options.out:
        options.out.mkdir(parents=True, exist_ok=True)
        (options.out / "report.json").write_text(json.dumps(asdict(report), indent=1) + "\n")
        pictures(options.out, clips, said.probabilities, said.distress, report, classifier.labels)


def write_card(options: argparse.Namespace) -> None:
    """Write the model card and its pictures from what was measured."""
    manifest, size = model_file.read(options.model).manifest, options.model.stat().st_size
    options.out.mkdir(parents=True, exist_ok=True)
    print(f"written {card.write(manifest, size, options.crossval, options.ward, options.out)}")


def noise(options: argparse.Namespace) -> None:
    """What noise does to the folds, with noise reduction and without."""
    _write_rows(noise_conditions.measure(options.crossval, options.noise, every=options.every), options.out)


def level(options: argparse.Namespace) -> None:
    """What a microphone's gain does to the folds, and what would undo it."""
    _write_rows(level_conditions.measure(options.crossval, every=options.every), options.out)


def bed(options: argparse.Namespace) -> None:
    """What the folds make of a stranger's voice cold, and once the bed has taught them."""
    _write_rows(bed_conditions.measure(options.crossval, every=options.every), options.out)


def compare(options: argparse.Namespace) -> None:
    """Other systems on the same recordings and folds, beside ours."""
    clips = read_manifests(options.manifest, options.map)
    found = {"ours, int8": side_by_side.ours(options.crossval)} if options.crossval else {}
    systems = {system.name: system for system in side_by_side.systems(clips, options.cache)}
    unknown = [name for name in options.only if name not in systems]
    if unknown:
        raise CorpusError(f"no system is called {unknown[0]}; there are {', '.join(systems)}")
    for name in options.only or systems:
        found[name] = side_by_side.run(systems[name], clips, options.out)
    text = "\n".join(side_by_side.lines(found))
    (options.out / "compare.md").write_text(text + "\n")
    print(text)


def robustness(options: argparse.Namespace) -> None:
    """What noise, distance, gain and another corpus do to the folds, cold and adapted."""
    elsewhere = read_manifests(options.elsewhere, options.map)
    _write_rows(
        conditions.measure(options.crossval, options.noise, elsewhere, every=options.every), options.out
    )


def ward(options: argparse.Namespace) -> None:
    """Days at simulated beds, one for each fold's model and the people it never heard."""
    sounds = sounds_in(options.corpora, entries(options.settings))
    plan = Plan(options.hours, options.episodes, options.seed)
    measured = ward_command.measure(options.crossval, sounds, plan, options.out)
    ward_command.write(measured, options.out)
    print("\n".join(ward_command.lines(measured)))


def _write_rows(rows: Sequence[Row], out: Path | None) -> None:
    print("\n".join(table(rows)))
    if out:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n")
