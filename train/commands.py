"""The verbs of `bedside-train` that train: crossval and fit."""

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

from edge.errors import ConversionError, CorpusError
from edge.fields import decode
from edge.manifest import EpisodePolicy, Training
from train import (
    companions,
    figures,
    material,
    metadata,
    operating_point,
    teaching,
    ward_command,
)
from train.corpus import Clip, corpora_of, labels_of, read_manifests, write_manifest
from train.folds import everyone, random_split, speaker_folds
from train.printed import pictures, print_report
from train.recipe import DISTRESS_EMOTIONS, FRONT_END, WINDOW, Recipe
from train.scoring import report_on
from train.sounds import Sound, entries, sounds_in

RESULTS = "results.json"


def crossval(options: argparse.Namespace) -> None:
    """Judge the recipe on speakers its networks never heard; finished folds are not trained again."""
    clips, recipe = read_manifests(options.manifest, options.map), _recipe(options)
    labels = _several_labels(clips)
    sounds = _sounds(options)
    others = companions.companions(sounds, clips)
    fold_of_other = companions.fold_of(others, options.folds)
    splits = [
        (
            np.concatenate([training, len(clips) + np.flatnonzero(fold_of_other != fold)]),
            np.concatenate([tested, len(clips) + np.flatnonzero(fold_of_other == fold)]),
        )
        for fold, (training, tested) in enumerate(speaker_folds(clips, options.folds, options.seed))
    ]
    folders = [options.out / f"fold-{number}" for number in range(1, len(splits) + 1)]
    every = [*clips, *others]
    teachers = [[taught / folder.name for taught in options.teachers] for folder in folders]
    if options.teachers and options.random_split:
        raise CorpusError(
            "the random split is another one for each seed, so no teachers fit it; leave out --random-split"
        )
    for split, own in zip(splits, teachers, strict=True):
        teaching.refuse_others(own, every, split)
    # TensorFlow takes seconds to load: bad input is refused before, and evaluate never loads it.
    from train import crossval as validation  # noqa: PLC0415

    features = _features(clips, others, recipe, options.cache)
    folds = [
        validation.run_fold(
            every, features, split, recipe, folder, folder.name, labels, sounds, options.cache, own
        )
        for split, folder, own in zip(splits, folders, teachers, strict=True)
    ]
    reports = [validation.judge(every, labels, *fold) for fold in folds]
    results: dict[str, Any] = _spread("uar", [report.uar for report in reports])
    results |= _spread("accuracy", [report.accuracy for report in reports])
    held = operating_point.held(every, labels, folds)
    validation.calibrate(folders, held)
    probabilities, scores = operating_point.calibrated(held)
    pooled = report_on(clips, labels, probabilities[: len(clips)], scores[: len(clips)])
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
    pictures(options.out, every, probabilities, scores, pooled, labels)
    histories = [json.loads((folder / "history.json").read_text()) for folder in folders]
    figures.training_curves(histories, "training side of each fold", options.out / "training.png")
    print_report(pooled)
    for name, value in results.items():
        if isinstance(value, float):
            print(f"{name:<26}{value:.4f}")


def fit(options: argparse.Namespace) -> None:
    """Train on every recording and leave model.keras and model.json for bedside-quantize.

    A network that is there already, of this recipe and these recordings, is kept and only described anew.
    """
    from train.dataset import cut_all, speech_level_of  # noqa: PLC0415

    clips, recipe = read_manifests(options.manifest, options.map), _recipe(options)
    labels = _several_labels(clips)
    sounds = _sounds(options)
    others = companions.companions(sounds, clips)
    results = _results(options.crossval) if options.crossval else None
    measured = ward_command.read(options.ward) if options.ward else None
    every = [*clips, *others]
    teaching.refuse_others(options.teachers, every, everyone(every))
    from train import fit as fitting  # noqa: PLC0415 - as in crossval

    features = _features(clips, others, recipe, options.cache)
    shown = material.prepare(every, features, labels, recipe)
    level = speech_level_of(clips, cut_all(features[: len(clips)], WINDOW, FRONT_END))
    training = metadata.unmeasured(labels, shown, corpora_of(every), level)
    training = replace(training, name=options.name, version=options.version)
    if results is not None:
        training = _measured(training, options.crossval, results)
    if measured is not None:
        training = _at_a_ward(training, measured)
    wanted = fitting.identity(recipe, every, everyone(every), options.teachers)
    if not fitting.is_kept(options.out, wanted):
        shown = material.with_ward(shown, training, sounds, recipe, options.cache)
        shown = material.with_teachers(shown, options.teachers, options.cache)
        fitting.save(fitting.fit(shown, recipe, "all recordings"), options.out)
        fitting.keep(options.out, wanted)
    metadata.write(training, options.out)
    write_manifest(every, options.out / "train.csv")
    model = options.out / "model.keras"
    print(
        f"written {model}; next: bedside-quantize {model} --calibration {options.out / 'train.csv'}"
        " --evaluation MANIFEST"
    )


def _sounds(options: argparse.Namespace) -> list[Sound]:
    return [] if options.corpora is None else sounds_in(options.corpora, entries(options.settings))


def _features(clips: Sequence[Clip], others: Sequence[Clip], recipe: Recipe, cache: Path) -> list[Any]:
    from train.dataset import clip_features  # noqa: PLC0415 - as in crossval

    found = clip_features(clips, FRONT_END, recipe.variants, cache)
    return found + (clip_features(others, FRONT_END, recipe.variants, cache) if others else [])


def _recipe(options: argparse.Namespace) -> Recipe:
    recipe = Recipe(seed=options.seed, pretrained=options.pretrained)
    if not options.epochs:
        return recipe
    return replace(recipe, epochs=options.epochs, thawed_epochs=min(options.epochs, recipe.thawed_epochs))


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
        command += ["--least-clips", "1", "--max-drop", "100"]  # what is lost is what is to be measured
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
