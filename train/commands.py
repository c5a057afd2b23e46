"""What the verbs of `bedside-train` do."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from edge import model_file
from edge.classifier import Classifier
from edge.errors import ConversionError, CorpusError
from edge.fields import decode
from edge.manifest import EpisodePolicy, Training
from train import (
    bed_conditions,
    card,
    companions,
    conditions,
    figures,
    metadata,
    metrics,
    operating_point,
    scoring,
    ward_command,
)
from train import level as level_conditions
from train import noise as noise_conditions
from train.corpus import Clip, corpora_of, labels_of, read_manifests, targets_of, write_manifest
from train.folds import random_split, speaker_folds
from train.recipe import DISTRESS_EMOTIONS, FRONT_END, WINDOW, Recipe
from train.robustness import Row, table
from train.sounds import entries, sounds_in
from train.ward import Plan

RESULTS = "results.json"


def crossval(options: argparse.Namespace) -> None:
    """Judge the recipe on speakers its networks never heard; finished folds are not trained again."""
    clips, recipe = read_manifests(options.manifest, options.map), _recipe(options)
    labels = _several_labels(clips)
    others = _companions(options, clips)
    fold_of_other = companions.fold_of(others, options.folds)
    splits = [
        (
            np.concatenate([training, len(clips) + np.flatnonzero(fold_of_other != fold)]),
            np.concatenate([tested, len(clips) + np.flatnonzero(fold_of_other == fold)]),
        )
        for fold, (training, tested) in enumerate(speaker_folds(clips, options.folds, options.seed))
    ]
    # TensorFlow takes seconds to load: bad input is refused before, and evaluate never loads it.
    from train import crossval as validation  # noqa: PLC0415

    features = _features(clips, others, recipe, options.cache)
    folders = [options.out / f"fold-{number}" for number in range(1, len(splits) + 1)]
    every = [*clips, *others]
    folds = [
        validation.run_fold(every, features, split, recipe, folder, folder.name, labels)
        for split, folder in zip(splits, folders, strict=True)
    ]
    reports = [validation.judge(every, labels, *fold) for fold in folds]
    results: dict[str, Any] = _spread("uar", [report.uar for report in reports])
    results |= _spread("accuracy", [report.accuracy for report in reports])
    held = operating_point.held(every, labels, folds)
    validation.calibrate(folders, held)
    probabilities, scores = operating_point.calibrated(held)
    pooled = validation.report(clips, labels, probabilities[: len(clips)], scores[: len(clips)])
    results |= {"recipe": asdict(recipe), "pooled": asdict(pooled)}
    results |= validation.distress(every, scores)
    if options.int8:
        results |= _int8(folders)
    if options.random_split:
        split, folder = random_split(clips, 0.2, options.seed), options.out / "random-split"
        fold = validation.run_fold(clips, features, split, recipe, folder, "random split", labels)
        report = validation.judge(clips, labels, *fold)
        results |= {"random_split_uar": report.uar, "random_split_accuracy": report.accuracy}
    operating_point.save(held, options.out)
    (options.out / RESULTS).write_text(json.dumps(results, indent=1) + "\n")
    truths = targets_of(clips, labels)
    _pictures(options.out, probabilities[: len(clips)], truths, pooled, labels)
    figures.reliability(
        validation.said_and_true(every, probabilities, scores, labels), options.out / "calibration.png"
    )
    histories = [json.loads((folder / "history.json").read_text()) for folder in folders]
    figures.training_curves(histories, "training side of each fold", options.out / "training.png")
    _print_report(pooled)
    for name, value in results.items():
        if isinstance(value, float):
            print(f"{name:<26}{value:.4f}")


def fit(options: argparse.Namespace) -> None:
    """Train on every recording and leave model.keras and model.json for bedside-quantize."""
    from train.dataset import cut_all, speech_level_of  # noqa: PLC0415

    clips, recipe = read_manifests(options.manifest, options.map), _recipe(options)
    labels = _several_labels(clips)
    others = _companions(options, clips)
    results = _results(options.crossval) if options.crossval else None
    measured = ward_command.read(options.ward) if options.ward else None
    from train import fit as fitting  # noqa: PLC0415 - as in crossval

    features = _features(clips, others, recipe, options.cache)
    material = fitting.prepare([*clips, *others], features, labels, recipe)
    level = speech_level_of(clips, cut_all(features[: len(clips)], WINDOW, FRONT_END))
    training = metadata.unmeasured(labels, material, corpora_of([*clips, *others]), level)
    training = replace(training, name=options.name, version=options.version)
    if results is not None:
        training = _measured(training, options.crossval, results)
    if measured is not None:
        training = _at_a_ward(training, measured)
    fitted = fitting.fit(material, recipe, "all recordings")
    fitting.save(fitted, options.out)
    metadata.write(training, options.out)
    write_manifest([*clips, *others], options.out / "train.csv")
    model = options.out / "model.keras"
    print(
        f"written {model}; next: bedside-quantize {model} --calibration {options.out / 'train.csv'}"
        " --evaluation MANIFEST"
    )


def evaluate(options: argparse.Namespace) -> None:
    """Report on a device model; TensorFlow is never loaded."""
    classifier = Classifier(model_file.read(options.model))
    clips = read_manifests(options.manifest, options.map)
    probabilities, report = scoring.evaluate(classifier, clips, options.heard)
    _print_report(report)
    if options.out:
        options.out.mkdir(parents=True, exist_ok=True)
        (options.out / "report.json").write_text(json.dumps(asdict(report), indent=1) + "\n")
        truths = targets_of(clips, classifier.labels)
        _pictures(options.out, probabilities, truths, report, classifier.labels)


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


def _companions(options: argparse.Namespace, clips: Sequence[Clip]) -> list[Clip]:
    if options.corpora is None:
        return []
    return companions.companions(sounds_in(options.corpora, entries(options.settings)), clips)


def _features(clips: Sequence[Clip], others: Sequence[Clip], recipe: Recipe, cache: Path) -> list[Any]:
    from train.dataset import clip_features  # noqa: PLC0415 - as in crossval

    found = clip_features(clips, FRONT_END, recipe.variants, cache)
    return found + (clip_features(others, FRONT_END, recipe.variants, cache) if others else [])


def _recipe(options: argparse.Namespace) -> Recipe:
    recipe = Recipe(seed=options.seed)
    return replace(recipe, epochs=options.epochs) if options.epochs else recipe


def _several_labels(clips: Sequence[Clip]) -> tuple[str, ...]:
    labels = labels_of(clips)
    if len(labels) < 2:
        raise CorpusError(f"the manifests have {len(labels)} emotion; a classifier needs at least 2")
    return labels


def _results(folder: Path) -> dict[str, Any]:
    try:
        results: dict[str, Any] = json.loads((folder / RESULTS).read_text())
    except OSError as error:
        raise CorpusError(
            f"{folder} holds no finished cross-validation; run bedside-train crossval first"
        ) from error
    return results


def _measured(training: Training, folder: Path, results: dict[str, Any]) -> Training:
    """`training` with the temperature, thresholds and figures of a cross-validation of the same recipe."""
    temperature, distress = operating_point.choose(operating_point.load(folder), DISTRESS_EMOTIONS)
    kept = {name: round(value, 4) for name, value in results.items() if isinstance(value, float)}
    pooled = {
        f"pooled_{name}": round(results["pooled"][name], 4)
        for name in ("calibration_error", "distress_auc", "distress_calibration_error")
    }
    return replace(training, temperature=temperature, distress=distress, evaluation=kept | pooled)


def _at_a_ward(training: Training, measured: dict[str, Any]) -> Training:
    """`training` with the thresholds and figures of a simulated ward."""
    held_out = measured["held_out"]
    figures = {f"ward_{name}": held_out[name] for name in ("sensitivity", "false_a_day", "median_delay_s")}
    found, false = held_out["sensitivity"], held_out["false_a_day"]
    chosen_for = (
        f"{found:.0%} of simulated episodes of 10 s or more found at {false:.1f} false alerts a bed-day, each"
        " bed's threshold chosen on the other beds (simulated ward, people never heard; not a rate on a ward)"
    )
    policy = decode(EpisodePolicy, measured["policy"])
    distress = replace(training.distress, policy=policy, chosen_for=chosen_for)
    evaluation = training.evaluation | {
        name: round(value, 4) for name, value in figures.items() if value is not None
    }
    return replace(training, distress=distress, evaluation=evaluation)


def _int8(folders: Sequence[Path]) -> dict[str, Any]:
    """UAR of each fold's converted network on that fold's test speakers, in processes of their own."""
    values, agreements = [], []
    for folder in folders:
        comparison = folder / "quantize.json"
        command: list[str | Path] = [sys.executable, "-P", "-m", "convert.quantize"]
        command += [folder / "model.keras", "--out", folder / "model.tflite", "--json", comparison]
        command += ["--calibration", folder / "train.csv", "--evaluation", folder / "test.csv"]
        done = subprocess.run(command, check=False, stdout=subprocess.DEVNULL)  # noqa: S603
        if done.returncode != 0:
            raise ConversionError(f"bedside-quantize failed on {folder}; its reason stands above")
        measured = json.loads(comparison.read_text())
        values.append(measured["int8_uar"])
        agreements.append(measured["agreement"])
    return _spread("int8_uar", values) | {"int8_agreement": float(np.mean(agreements))}


def _spread(name: str, values: Sequence[float]) -> dict[str, Any]:
    return {
        name: float(np.mean(values)),
        f"{name}_deviation": float(np.std(values)),
        f"fold_{name}": list(values),
    }


def _pictures(
    out: Path, probabilities: Any, truths: Any, report: metrics.Report, labels: Sequence[str]
) -> None:
    title = f"{report.clips} recordings, UAR {report.uar:.3f}"
    figures.confusion_matrix(report.confusion, labels, title, out / "confusion.png")
    figures.roc_curves(probabilities, truths, labels, title, out / "roc.png")


def _print_report(report: metrics.Report) -> None:
    print(f"{'emotion':<14}{'clips':>7}{'precision':>11}{'recall':>9}{'AUC':>7}")
    for name, one in report.classes.items():
        area = "-" if one.auc is None else f"{one.auc:.3f}"
        print(f"{name:<14}{one.clips:>7}{one.precision:>11.3f}{one.recall:>9.3f}{area:>7}")
    distress = "-" if report.distress_auc is None else f"{report.distress_auc:.3f}"
    print(f"clips {report.clips}  UAR {report.uar:.4f}  accuracy {report.accuracy:.4f}")
    if len(report.classes) < len(report.confusion):
        print(f"UAR if only these emotions could be guessed {report.uar_among:.4f}")
    print(f"macro F1 {report.macro_f1:.4f}  calibration error {report.calibration_error:.4f}")
    error = "-" if report.distress_calibration_error is None else f"{report.distress_calibration_error:.4f}"
    print(f"distress AUC {distress}  its calibration error {error}")
