"""Cross-validation: every recording is judged once by a network that never heard its speaker."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edge.classifier import sigmoid, softmax
from edge.features import FloatArray
from train import fit, material, metadata, metrics, operating_point
from train.beds import after
from train.corpus import Clip, corpora_of, distress_truths, write_manifest
from train.dataset import ClipFeatures, cut_all, speech_level_of
from train.folds import Split
from train.recipe import FRONT_END, WINDOW, Recipe
from train.scoring import report_on
from train.sounds import Sound


def run_fold(
    clips: Sequence[Clip],
    features: Sequence[ClipFeatures],
    split: Split,
    recipe: Recipe,
    folder: Path,
    title: str,
    labels: Sequence[str],
    sounds: Sequence[Sound] = (),
    cache: Path | None = None,
    teachers: Sequence[Path] = (),
) -> tuple[FloatArray, npt.NDArray[np.intp]]:
    """Train on one side of `split`, judge the other; the result is kept in `folder` and found there again.

    Recordings may have another word than the `labels` for their emotion: they teach and test distress alone.
    Those of the `sounds` that are of recordings trained on make days at simulated beds, kept in the folder
    `cache`. The networks in the folders `teachers` learnt from the same side (train.teaching). Returns the
    logits of the test windows, shape (windows, labels + 1), and the index in `clips` of the recording each is
    from.
    """
    training, tested = split
    stored, wanted = folder / "logits.npz", fit.identity(recipe, clips, split, teachers)
    if fit.is_kept(folder, wanted):
        with np.load(stored) as kept:
            return kept["logits"], kept["owner"]
    learnt, chosen = [clips[i] for i in training], [features[i] for i in training]
    shown = material.prepare(learnt, chosen, labels, recipe)
    level = speech_level_of(learnt, cut_all(chosen, WINDOW, FRONT_END))
    description = metadata.unmeasured(tuple(labels), shown, corpora_of(learnt), level)
    paths = {clip.path.resolve() for clip in learnt}
    mine = [sound for sound in sounds if sound.path in paths]
    shown = material.with_ward(shown, description, mine, recipe, cache)
    shown = material.with_teachers(shown, teachers, cache)
    fitted = fit.fit(shown, recipe, title)
    fit.save(fitted, folder)
    # Each recording as the first thing a bed hears; `bedside-train bed` tells what comes of more.
    cut = cut_all([features[i] for i in tested], WINDOW, FRONT_END)
    windows = np.concatenate([after(shown.adaptation, [], one) for one in cut])
    logits = fit.logits_of(fitted.network, windows, shown.normalisation)
    owner = np.repeat(tested, [len(one) for one in cut])
    metadata.write(description, folder)
    write_manifest(learnt, folder / "train.csv")
    labelled = [clips[i] for i in tested if clips[i].emotion in labels]
    write_manifest(labelled, folder / "test.csv")
    np.savez(stored, logits=logits, owner=owner)
    fit.keep(folder, wanted)
    return logits, owner


def calibrate(folders: Sequence[Path], kept: operating_point.Held) -> None:
    """Give each fold's model the temperatures that the other folds ask for, before it is converted."""
    for folder, (emotion, distressed) in zip(
        folders, operating_point.temperatures_by_fold(kept), strict=True
    ):
        training = metadata.read(folder / metadata.FILE)
        own = replace(training.distress, temperature=distressed)
        metadata.write(replace(training, temperature=emotion, distress=own), folder)


def judge(
    clips: Sequence[Clip], labels: Sequence[str], logits: FloatArray, owner: npt.NDArray[np.intp]
) -> metrics.Report:
    """The report on those recordings that `owner` names that have a label.

    A recording's probabilities are its windows' mean.
    """
    named = np.array([clips[i].emotion in labels for i in owner])
    tested, position = np.unique(owner[named], return_inverse=True)
    probabilities = metrics.mean_by_owner(softmax(logits[named, :-1]), position)
    scores = metrics.mean_by_owner(sigmoid(logits[named, -1:]), position)[:, 0]
    return report_on([clips[i] for i in tested], labels, probabilities, scores)


def distress(clips: Sequence[Clip], scores: FloatArray) -> dict[str, Any]:
    """What is known of distress over all recordings of which it is known; `scores`, shape (clips,)."""
    truths = distress_truths(clips)
    known, positive = scores[truths >= 0], truths[truths >= 0] == 1
    return {
        "distress_auc": metrics.auc(known, positive),
        "distress_calibration_error": metrics.score_calibration_error(known, positive),
        "distress_kinds": by_kind(clips, scores),
    }


def by_kind(clips: Sequence[Clip], scores: FloatArray) -> dict[str, dict[str, Any]]:
    """How well each kind of distress is told from all that is none, and each kind of none from all distress.

    A kind is a word for an emotion; `scores` are the distress scores, shape (clips,).
    """
    truth = distress_truths(clips)
    kind_of = np.array([clip.emotion for clip in clips])
    result: dict[str, dict[str, Any]] = {}
    for is_distress in (1, 0):
        for kind in np.unique(kind_of[truth == is_distress]):
            mine = (kind_of == kind) & (truth == is_distress)
            judged = mine | (truth == 1 - is_distress)
            result[str(kind)] = {
                "distress": bool(is_distress),
                "clips": int(mine.sum()),
                "mean_score": float(scores[mine].mean()),
                "auc": metrics.auc(scores[judged], truth[judged] == 1),
            }
    return result
