"""What a pupil is shown and by what it is measured, as JSON; in a process of its own, with TensorFlow."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np

from train import material, teaching
from train.batches import Batches
from train.corpus import Clip
from train.dataset import ClipFeatures
from train.fit import joint_loss, taught_loss
from train.network import build
from train.recipe import FRONT_END, WINDOW, Recipe
from train.ward_material import WardWindows

LABELS = ("angry", "calm")
RECIPE = replace(Recipe(), mixup=0.0, orders=1, companions=0.0, wards=1.0, batch=4)


def main(folder):
    shown = _material()
    for number in (1, 2):
        (folder / f"{number}").mkdir()
        keras.utils.set_random_seed(number)
        network = build(WINDOW.frames, FRONT_END.coefficients, len(LABELS), dropout=0)
        network.save(folder / f"{number}" / teaching.NETWORK)
    taught = material.with_teachers(shown, [folder / "1", folder / "2"], folder)
    kept = [path.name for path in folder.glob("*.npz")]
    again = material.with_teachers(shown, [folder / "2", folder / "1"], folder)
    print(
        json.dumps(
            {
                "of_recordings": taught.teaching.of_recordings.tolist(),
                "of_ward": taught.teaching.of_ward.tolist(),
                "same": bool(np.array_equal(again.teaching.of_recordings, taught.teaching.of_recordings)),
                "kept": kept,
                "answers": np.concatenate([batch for _, batch in _batches(taught)]).tolist(),
                "untaught": np.concatenate([batch for _, batch in _batches(shown)]).tolist(),
                **_losses(),
            }
        )
    )


def _material():
    rng = np.random.default_rng(0)
    clips = [Clip(Path("x"), speaker, emotion, "c", "-", None) for speaker in "ab" for emotion in LABELS]
    frames = [rng.standard_normal((170, FRONT_END.coefficients)).astype(np.float32) for _ in clips]
    features = [ClipFeatures(one, (one + 1,)) for one in frames]
    windows = rng.standard_normal((3, WINDOW.frames, FRONT_END.coefficients)).astype(np.float16)
    shown = material.prepare(clips, features, LABELS, RECIPE)
    return replace(shown, ward=WardWindows(windows, np.array([True, False, True])))


def _batches(shown):
    batches = Batches(shown, RECIPE)
    return [batches[number] for number in range(len(batches))]


def _losses():
    """Of one window: the loss where the pupil says what its teachers say, and where it does not."""
    logits = np.array([[2.0, -1.0, 0.5]], np.float32)
    said = teaching.opinion([logits], teaching.TEMPERATURE)
    label = np.array([[0, 1, 0]], np.float32)  # the teachers are of another mind
    answers = np.concatenate((label, said), axis=1)
    loss, of_labels = taught_loss(RECIPE), joint_loss(RECIPE)

    def of_teachers(pupil):
        both, alone = (
            float(keras.ops.sum(one(answer, pupil[:, None])))
            for one, answer in ((loss, answers), (of_labels, label))
        )
        return (both - (1 - teaching.SHARE) * alone) / (teaching.SHARE * teaching.TEMPERATURE**2)

    entropy = -float(np.sum(said[:, :2] * np.log(said[:, :2])))
    entropy -= float(np.sum(said[:, 2] * np.log(said[:, 2]) + (1 - said[:, 2]) * np.log(1 - said[:, 2])))
    others = [
        logits + np.float32(step) * np.eye(3, dtype=np.float32)[[i]] for i in range(3) for step in (-1, 1)
    ]
    return {
        "entropy": entropy,
        "agreeing": of_teachers(logits),
        "differing": [of_teachers(one) for one in others],
    }


if __name__ == "__main__":
    main(Path(sys.argv[1]))
