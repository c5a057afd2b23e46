"""What a network learns from: recordings as their beds hear them, days at beds, and what teachers say."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edge.classifier import normalise
from edge.features import FloatArray
from edge.manifest import Adaptation, Normalisation, Training
from edge.windows import recording_windows
from train import beds, kept, teaching
from train.companions import shares
from train.corpus import Clip
from train.dataset import ClipFeatures
from train.recipe import FRONT_END, WINDOW, Recipe
from train.sounds import Sound
from train.teaching import Teaching
from train.ward import Plan
from train.ward_material import NO_WARD, WardWindows, ward_windows

_HALF = 0.5


@dataclass(frozen=True, slots=True)
class Material:
    """What a network learns from.

    `answers`: what each recording teaches, shape (recordings, labels + 1), see `answers_of`. `histories`:
    what each one's bed had taught before (train.beds.histories). `drawn`: how often each recording of
    other corpora is drawn, shape (recordings,), sum 1; 0 for those that have an emotion. `ward`: windows of
    days at simulated beds. `teaching`: what teachers say of all that, if there are any.
    """

    features: Sequence[ClipFeatures]
    answers: FloatArray
    normalisation: Normalisation
    adaptation: Adaptation
    histories: FloatArray
    drawn: npt.NDArray[np.float64]
    ward: WardWindows = NO_WARD
    teaching: Teaching | None = None


def prepare(
    clips: Sequence[Clip], features: Sequence[ClipFeatures], labels: Sequence[str], recipe: Recipe
) -> Material:
    """What a network learns from these recordings, their statistics and beds included.

    What speech is like is taken from those with one of the labels.
    """
    labelled = np.array([clip.emotion in labels for clip in clips])
    adaptation = beds.adaptation_of(
        [one for one, is_one in zip(features, labelled, strict=True) if is_one], recipe
    )
    drawn = np.zeros(len(clips))
    if not labelled.all():
        drawn[~labelled] = shares([clips[i] for i in np.flatnonzero(~labelled)])
    return Material(
        features,
        answers_of(clips, labels),
        beds.normalisation_of(adaptation, recipe),
        adaptation,
        beds.histories(clips, features, adaptation, recipe),
        drawn,
    )


def with_ward(
    material: Material, training: Training, sounds: Sequence[Sound], recipe: Recipe, cache: Path | None
) -> Material:
    """The material and days at simulated beds of these people, all of them of the training side.

    The days are the same for every seed, and are kept in the folder `cache`.
    """
    if not sounds or recipe.wards == 0:
        return material
    plan = Plan(recipe.ward_hours, recipe.ward_episodes, seed=7_000_000)
    return replace(material, ward=ward_windows(training, sounds, plan, recipe.ward_beds, cache))


def with_teachers(material: Material, folders: Sequence[Path], cache: Path | None) -> Material:
    """The material and what the networks in these folders say of it, kept in the folder `cache`.

    The recordings are judged as their beds hear them in the first of the orders.
    """
    if not folders:
        return material
    import keras  # noqa: PLC0415 - who only wants to know what is learnt need not wait for it

    def judge() -> kept.Arrays:
        networks = [keras.models.load_model(folder / teaching.NETWORK, compile=False) for folder in folders]

        def opinion(windows: FloatArray) -> FloatArray:
            logits = [network.predict(windows, batch_size=64, verbose=0) for network in networks]
            return teaching.opinion(logits, teaching.TEMPERATURE)

        return _judged(material, opinion)

    file = cache / f"teaching-{teaching.digest(folders)}.npz" if cache else None
    return replace(material, teaching=Teaching(**kept.made_once(file, judge)))


def _judged(material: Material, opinion: Callable[[FloatArray], FloatArray]) -> kept.Arrays:
    """The fields of Teaching."""
    lowest = np.float32(material.normalisation.lowest)
    windows: list[FloatArray] = []
    lengths: list[int] = []
    for clip, histories in zip(material.features, material.histories, strict=True):
        for frames, (mean, deviation) in zip((clip.frames, *clip.variants), histories[:, 0], strict=True):
            cut = recording_windows(frames, WINDOW, FRONT_END)[::2]  # those between overlap with both
            windows.append(np.maximum((cut - mean) / deviation, lowest))
            lengths.append(len(cut))
    said = opinion(np.concatenate(windows))
    starts = np.cumsum([0, *lengths[:-1]])
    means = np.add.reduceat(said, starts) / np.array(lengths, np.float32)[:, None]
    of_ward = np.zeros((0, said.shape[1]), np.float32)
    if len(material.ward.windows):
        of_ward = opinion(normalise_all(material.ward.windows.astype(np.float32), material.normalisation))
    return {
        "of_recordings": means.reshape(len(material.features), -1, said.shape[1]),
        "of_ward": of_ward,
    }


def answers_of(clips: Sequence[Clip], labels: Sequence[str]) -> FloatArray:
    """What each recording teaches, shape (recordings, labels + 1).

    One of the labels or, where it has another word for its emotion, none; then 1 for distress, and a half
    where it is not known whether it is: what is acted with less of it lies between the two.
    """
    rows = np.zeros((len(clips), len(labels) + 1), np.float32)
    for row, clip in zip(rows, clips, strict=True):
        if clip.emotion in labels:
            row[labels.index(clip.emotion)] = 1
        row[-1] = _HALF if clip.distress is None else clip.distress
    return rows


def normalise_all(windows: FloatArray, normalisation: Normalisation) -> FloatArray:
    """`normalise` over a stack of windows, shape kept."""
    return normalise(windows.reshape(-1, windows.shape[-1]), normalisation).reshape(windows.shape)
