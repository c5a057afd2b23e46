"""Train one network on some of the recordings."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from edge.classifier import normalise
from edge.features import FloatArray
from edge.manifest import Adaptation, Normalisation, Training
from edge.windows import silence_frame
from train import beds
from train.augment import crop, mask_time
from train.companions import shares
from train.corpus import Clip
from train.dataset import ClipFeatures
from train.folds import Split, fingerprint
from train.network import build, members_of
from train.recipe import FRONT_END, WINDOW, Recipe
from train.sounds import Sound
from train.ward import Plan
from train.ward_material import NO_WARD, WardWindows, ward_windows

_STATISTICS_BATCHES = 24
_HALF = 0.5
_SAID = "recipe.json"

Indices = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Material:
    """What a network learns from.

    `answers`: what each recording teaches, shape (recordings, labels + 1), see `answers_of`. `histories`:
    what each one's bed had taught before (train.beds.histories). `drawn`: how often each recording of
    other corpora is drawn, shape (recordings,), sum 1; 0 for those that have an emotion. `ward`: windows of
    days at simulated beds.
    """

    features: Sequence[ClipFeatures]
    answers: FloatArray
    normalisation: Normalisation
    adaptation: Adaptation
    histories: FloatArray
    drawn: npt.NDArray[np.float64]
    ward: WardWindows = NO_WARD


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


@dataclass(frozen=True, slots=True)
class Fitted:
    """A trained network and its training curve: one value an epoch, by name."""

    network: Any
    history: dict[str, list[float]]


class Batches(keras.utils.PyDataset):  # type: ignore[misc]
    """Augmented training windows, drawn anew each epoch."""

    def __init__(self, material: Material, recipe: Recipe) -> None:
        super().__init__()
        self._answers, self._recipe = material.answers, recipe
        self._clips = [(clip.frames, *clip.variants) for clip in material.features]
        self._cold = np.array((material.normalisation.mean, material.normalisation.deviation), np.float32)
        self._histories = material.histories
        self._rng = np.random.default_rng(recipe.seed)
        self._drawn, self._ward = material.drawn, material.ward
        self._order = self._epoch()

    def __len__(self) -> int:
        """Full batches only: batch normalisation dislikes a small last one."""
        return max(1, len(self._order) // self._recipe.batch)

    def on_epoch_end(self) -> None:
        """Shuffle, and draw other recordings of the other corpora."""
        self._order = self._epoch()

    def _epoch(self) -> Indices:
        """Indices of recordings and, from their number on, of the ward's windows."""
        labelled = np.flatnonzero(self._drawn == 0)
        count = round(self._recipe.companions * len(labelled)) if self._drawn.any() else 0
        others: Any = self._rng.choice(len(self._drawn), count, p=self._drawn) if count else []
        wards = self._ward_order(round(self._recipe.wards * len(labelled)))
        return self._rng.permutation([*labelled, *others, *wards]).astype(np.intp)

    def _ward_order(self, count: int) -> list[int]:
        """So many of the ward's windows, `ward_distress` of them distress."""
        first, wanted = len(self._clips), round(self._recipe.ward_distress * count)
        order: list[int] = []
        for is_distress, number in ((True, wanted), (False, count - wanted)):
            some = np.flatnonzero(self._ward.distress == is_distress)
            order += (first + self._rng.choice(some, number)).tolist() if some.size else []
        return order

    def __getitem__(self, index: int) -> tuple[FloatArray, FloatArray]:
        """Windows, shape (batch, frames, coefficients), and what they teach, shape (batch, labels + 1)."""
        size = self._recipe.batch
        chosen = self._order[index * size : (index + 1) * size]
        count = len(self._clips)
        drawn = [self._draw(i) if i < count else self._draw_ward(i - count) for i in chosen]
        windows, answers = np.stack(drawn), np.stack([self._answer(i) for i in chosen])
        if self._recipe.mixup == 0:
            return windows, answers
        # Mixup, Zhang et al. (2018)
        share = self._rng.beta(self._recipe.mixup, self._recipe.mixup, len(chosen)).astype(np.float32)
        other = self._rng.permutation(len(chosen))
        windows = share[:, None, None] * windows + (1 - share)[:, None, None] * windows[other]
        return windows, share[:, None] * answers + (1 - share)[:, None] * answers[other]

    def _answer(self, index: int) -> FloatArray:
        if index >= len(self._clips):
            answer: FloatArray = np.zeros(self._answers.shape[1], np.float32)
            answer[-1] = self._ward.distress[index - len(self._clips)]
        else:
            answer = self._answers[index]
        return answer

    def _draw_ward(self, index: int) -> FloatArray:
        """A window as its bed had it."""
        return self._shown(self._ward.windows[index].astype(np.float32), self._cold)

    def _draw(self, clip: int) -> FloatArray:
        """A window of the recording at one of its beds, as the bed has it after all it has heard, or cold."""
        variant = self._rng.integers(len(self._clips[clip]))
        window = crop(self._clips[clip][variant], WINDOW.frames, silence_frame(FRONT_END), self._rng)
        statistics = self._cold
        if self._rng.random() >= self._recipe.cold:
            statistics = self._histories[clip, variant, self._rng.integers(self._recipe.orders)]
        return self._shown(window, statistics)

    def _shown(self, window: FloatArray, statistics: FloatArray) -> FloatArray:
        """Normalised by mean and deviation, shape (2, coefficients), and masked."""
        mean, deviation = statistics
        normalised = np.maximum((window - mean) / deviation, np.float32(self._recipe.lowest))
        return mask_time(normalised, np.zeros_like(mean), self._rng)


def fit(material: Material, recipe: Recipe, title: str) -> Fitted:
    """A network trained on this material alone, by the recipe's fixed schedule; `title` is for the bar."""
    keras.utils.set_random_seed(recipe.seed)
    batches = Batches(material, recipe)
    steps = len(batches)
    warm_up = steps * min(recipe.warm_up_epochs, recipe.epochs - 1)
    schedule = keras.optimizers.schedules.CosineDecay(
        0.0, max(1, steps * recipe.epochs - warm_up), warmup_target=recipe.learning_rate, warmup_steps=warm_up
    )
    network = build(WINDOW.frames, FRONT_END.coefficients, material.answers.shape[1] - 1)
    members = members_of(network)
    members.compile(
        keras.optimizers.AdamW(
            schedule, weight_decay=recipe.weight_decay, use_ema=True, ema_momentum=recipe.averaging
        ),
        joint_loss(recipe),
        metrics=[accuracy],
    )
    with tqdm(total=recipe.epochs, desc=title, unit="epoch") as bar:
        history = members.fit(batches, epochs=recipe.epochs, verbose=0, callbacks=[_Progress(bar)]).history
    _measure_batch_statistics(network, batches)
    curve = {name: [round(float(value), 5) for value in values] for name, values in history.items()}
    return Fitted(network, curve)


def joint_loss(recipe: Recipe) -> Callable[[Any, Any], Any]:
    """Cross-entropy of the emotions, where `answers_of` says that there is one, plus that of distress.

    The mean over the members, whose logits have the shape (windows, members, labels + 1).
    """

    def loss(answers: Any, logits: Any) -> Any:
        answers = keras.ops.expand_dims(answers, 1)  # the same for every member
        emotions, distressed = answers[..., :-1], answers[..., -1]
        told = keras.ops.sum(emotions, axis=-1, keepdims=True)  # 1, or 0 where no emotion is known
        uniform = told / emotions.shape[-1]
        softened = (1 - recipe.label_smoothing) * emotions + recipe.label_smoothing * uniform
        of_emotions = -keras.ops.sum(softened * keras.ops.log_softmax(logits[..., :-1]), axis=-1)
        of_distress = keras.ops.softplus(logits[..., -1]) - distressed * logits[..., -1]
        return keras.ops.mean(of_emotions + recipe.distress_weight * of_distress, axis=1)

    return loss


def accuracy(answers: Any, logits: Any) -> Any:
    """Share of the recordings with an emotion whose emotion is the likeliest to all members together."""
    told = keras.ops.sum(answers[:, :-1], axis=1)
    likeliest = keras.ops.argmax(keras.ops.mean(logits[..., :-1], axis=1), axis=1)
    right = keras.ops.argmax(answers[:, :-1], axis=1) == likeliest
    return keras.ops.sum(told * keras.ops.cast(right, told.dtype)) / (keras.ops.sum(told) + 1e-6)


def _measure_batch_statistics(network: Any, batches: Batches) -> None:
    """fit() leaves the averaged weights in place, but the batch statistics of the last raw ones."""
    for layer in network.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.8
    for number in range(min(_STATISTICS_BATCHES, len(batches))):
        network(batches[number][0], training=True)


class _Progress(keras.callbacks.Callback):  # type: ignore[misc]
    def __init__(self, bar: Any) -> None:
        super().__init__()
        self._bar = bar

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        del epoch
        self._bar.set_postfix({name: f"{value:.3f}" for name, value in (logs or {}).items()})
        self._bar.update()


def logits_of(network: Any, windows: FloatArray, normalisation: Normalisation) -> FloatArray:
    """Logits, shape (windows, labels + 1), the last of distress, of windows as the front end makes them."""
    result: FloatArray = network.predict(normalise_all(windows, normalisation), batch_size=64, verbose=0)
    return result


def normalise_all(windows: FloatArray, normalisation: Normalisation) -> FloatArray:
    """`normalise` over a stack of windows, shape kept."""
    return normalise(windows.reshape(-1, windows.shape[-1]), normalisation).reshape(windows.shape)


def save(fitted: Fitted, folder: Path) -> None:
    """model.keras and history.json in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    fitted.network.save(folder / "model.keras")
    (folder / "history.json").write_text(json.dumps(fitted.history, indent=1) + "\n")


def identity(recipe: Recipe, clips: Sequence[Clip], split: Split) -> str:
    """What makes two trainings the same one: the recipe, and who is learnt from and who is not."""
    return json.dumps(asdict(recipe) | {"split": fingerprint(clips, split)}, sort_keys=True)


def is_kept(folder: Path, wanted: str) -> bool:
    """Whether the training of this `identity` lies in `folder`, whole."""
    said = folder / _SAID
    return said.exists() and said.read_text() == wanted


def keep(folder: Path, wanted: str) -> None:
    """Says that `folder` is whole; to be called last."""
    (folder / _SAID).write_text(wanted)
