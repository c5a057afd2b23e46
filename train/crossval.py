"""Cross-validation: every recording is judged once by a network that never heard its speaker."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edge.adaptation import BedStatistics
from edge.classifier import sigmoid, softmax
from edge.features import FloatArray
from train import fit, metadata, metrics, operating_point
from train.beds import adapted
from train.corpus import REQUIRED_COLUMNS, Clip, corpora_of, targets_of
from train.dataset import ClipFeatures, cut_all, speech_level_of
from train.folds import Split, fingerprint
from train.recipe import DISTRESS_EMOTIONS, FRONT_END, WINDOW, Recipe


def run_fold(
    clips: Sequence[Clip],
    features: Sequence[ClipFeatures],
    split: Split,
    recipe: Recipe,
    folder: Path,
    title: str,
    labels: Sequence[str],
) -> tuple[FloatArray, npt.NDArray[np.intp]]:
    """Train on one side of `split`, judge the other; the result is kept in `folder` and found there again.

    Recordings that are trained on may have another word than the `labels` for their emotion: they teach
    distress alone. Returns the logits of the test windows, shape (windows, labels + 1), and the index in
    `clips` of the recording each window is from.
    """
    training, tested = split
    stored, said = folder / "logits.npz", folder / "recipe.json"
    wanted = json.dumps(asdict(recipe) | {"split": fingerprint(clips, split)}, sort_keys=True)
    if said.exists() and said.read_text() == wanted:
        with np.load(stored) as kept:
            return kept["logits"], kept["owner"]
    learnt, chosen = [clips[i] for i in training], [features[i] for i in training]
    material = fit.prepare(learnt, chosen, labels, recipe)
    fitted = fit.fit(material, recipe, title)
    fit.save(fitted, folder)
    # Each recording as the first thing a bed hears; `bedside-train bed` tells what comes of more.
    cut = cut_all([features[i] for i in tested], WINDOW, FRONT_END)
    windows = np.concatenate([adapted(BedStatistics(material.adaptation), one) for one in cut])
    logits = fit.logits_of(fitted.network, windows, material.normalisation)
    owner = np.repeat(tested, [len(one) for one in cut])
    level = speech_level_of(learnt, cut_all(chosen, WINDOW, FRONT_END))
    description = metadata.unmeasured(tuple(labels), material, corpora_of(learnt), level)
    metadata.write(description, folder)
    _write_manifest(learnt, folder / "train.csv")
    _write_manifest([clips[i] for i in tested], folder / "test.csv")
    np.savez(stored, logits=logits, owner=owner)
    said.write_text(wanted)  # last: its presence says the fold is whole
    return logits, owner


def judge(
    clips: Sequence[Clip], labels: Sequence[str], logits: FloatArray, owner: npt.NDArray[np.intp]
) -> metrics.Report:
    """The report on the recordings that `owner` names: a recording's probabilities are its windows' mean."""
    tested, position = np.unique(owner, return_inverse=True)
    truths = targets_of([clips[i] for i in tested], labels)
    probabilities = metrics.mean_by_owner(softmax(logits[:, :-1]), position)
    scores = metrics.mean_by_owner(sigmoid(logits[:, -1:]), position)[:, 0]
    return metrics.report(probabilities, truths, labels, DISTRESS_EMOTIONS, scores=scores)


def out_of_fold(
    clips: Sequence[Clip],
    labels: Sequence[str],
    folds: Sequence[tuple[FloatArray, npt.NDArray[np.intp]]],
) -> operating_point.Held:
    """The test windows of all folds together, in the order of the recordings."""
    logits = np.concatenate([fold[0] for fold in folds])
    owner = np.concatenate([fold[1] for fold in folds])
    order = np.argsort(owner, kind="stable")
    return operating_point.Held(tuple(labels), logits[order], owner[order], targets_of(clips, labels))


def _write_manifest(clips: Sequence[Clip], path: Path) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(REQUIRED_COLUMNS)
        rows.writerows((clip.path.resolve(), clip.speaker, clip.emotion) for clip in clips)
