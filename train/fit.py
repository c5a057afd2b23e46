"""Train one network on some of the recordings."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import keras
from tqdm import tqdm

from edge.features import FloatArray
from edge.manifest import Normalisation
from train import teaching
from train.batches import Batches
from train.corpus import Clip
from train.folds import Split, fingerprint
from train.material import Material, normalise_all
from train.network import build, members_of, thaw
from train.recipe import FRONT_END, WINDOW, Recipe

_STATISTICS_BATCHES = 24


@dataclass(frozen=True, slots=True)
class Fitted:
    """A trained network and its training curve: one value an epoch, by name."""

    network: Any
    history: dict[str, list[float]]


def fit(material: Material, recipe: Recipe, title: str) -> Fitted:
    """A network trained on this material alone, by the recipe's fixed schedules; `title` is for the bar."""
    keras.utils.set_random_seed(recipe.seed)
    network = build(
        WINDOW.frames,
        FRONT_END.coefficients,
        material.answers.shape[1] - 1,
        pretrained_for=material.normalisation if recipe.pretrained else None,
    )
    with tqdm(total=recipe.epochs + recipe.thawed_epochs, desc=title, unit="epoch") as bar:
        parts = [_learn(network, material, recipe, bar)]
        if recipe.thawed_epochs:
            if recipe.pretrained:
                thaw(network)
            parts.append(_learn(network, material, recipe.thawed, bar))
    _measure_batch_statistics(network, Batches(material, recipe.thawed if recipe.thawed_epochs else recipe))
    curve = {name: [round(float(value), 5) for part in parts for value in part[name]] for name in parts[0]}
    return Fitted(network, curve)


def _learn(network: Any, material: Material, recipe: Recipe, bar: Any) -> dict[str, list[float]]:
    """The recipe's epochs, after which the network has its averaged weights; the curve of its training."""
    batches = Batches(material, recipe)
    steps = len(batches)
    warm_up = steps * min(recipe.warm_up_epochs, recipe.epochs - 1)
    schedule = keras.optimizers.schedules.CosineDecay(
        0.0, max(1, steps * recipe.epochs - warm_up), warmup_target=recipe.learning_rate, warmup_steps=warm_up
    )
    members = members_of(network)
    members.compile(
        keras.optimizers.AdamW(
            schedule, weight_decay=recipe.weight_decay, use_ema=True, ema_momentum=recipe.averaging
        ),
        joint_loss(recipe) if material.teaching is None else taught_loss(recipe),
        metrics=[accuracy],
    )
    history: dict[str, list[float]] = members.fit(
        batches, epochs=recipe.epochs, verbose=0, callbacks=[_Progress(bar)]
    ).history
    return history


def joint_loss(recipe: Recipe) -> Callable[[Any, Any], Any]:
    """Cross-entropy of the emotions, where `answers_of` says that there is one, plus that of distress.

    The mean over the members, whose logits have the shape (windows, members, labels + 1).
    """

    def loss(answers: Any, logits: Any) -> Any:
        told = keras.ops.sum(answers[:, :-1], axis=-1, keepdims=True)  # 1, or 0 where no emotion is known
        uniform = told / (answers.shape[-1] - 1)
        softened = (1 - recipe.label_smoothing) * answers[:, :-1] + recipe.label_smoothing * uniform
        answers = keras.ops.concatenate((softened, answers[:, -1:]), axis=-1)
        return _cross_entropy(answers, logits, recipe.distress_weight)

    return loss


def taught_loss(recipe: Recipe) -> Callable[[Any, Any], Any]:
    """`joint_loss` and what pupil and teachers differ by, at the temperature, mixed by the teachers' share.

    The answers have the teachers' after them. Their part is scaled by the square of the temperature, so that
    it weighs the same at each (Hinton et al., 2015).
    """
    of_labels, temperature, share = joint_loss(recipe), teaching.TEMPERATURE, teaching.SHARE

    def loss(answers: Any, logits: Any) -> Any:
        count = logits.shape[-1]
        said = _cross_entropy(answers[:, count:], logits / temperature, recipe.distress_weight)
        return (1 - share) * of_labels(answers[:, :count], logits) + share * temperature**2 * said

    return loss


def _cross_entropy(answers: Any, logits: Any, distress_weight: float) -> Any:
    """That of emotions plus that of distress, so weighted, shape (windows,), the mean over the members."""
    answers = keras.ops.expand_dims(answers, 1)  # the same for every member
    of_emotions = -keras.ops.sum(answers[..., :-1] * keras.ops.log_softmax(logits[..., :-1]), axis=-1)
    of_distress = keras.ops.softplus(logits[..., -1]) - answers[..., -1] * logits[..., -1]
    return keras.ops.mean(of_emotions + distress_weight * of_distress, axis=1)


def accuracy(answers: Any, logits: Any) -> Any:
    """Share of the recordings with an emotion whose emotion is the likeliest to all members together."""
    emotions = answers[:, : logits.shape[-1] - 1]
    told = keras.ops.sum(emotions, axis=1)
    likeliest = keras.ops.argmax(keras.ops.mean(logits[..., :-1], axis=1), axis=1)
    right = keras.ops.argmax(emotions, axis=1) == likeliest
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


def save(fitted: Fitted, folder: Path) -> None:
    """model.keras and history.json in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    fitted.network.save(folder / teaching.NETWORK)
    (folder / "history.json").write_text(json.dumps(fitted.history, indent=1) + "\n")


def identity(recipe: Recipe, clips: Sequence[Clip], split: Split, teachers: Sequence[Path] = ()) -> str:
    """What makes two trainings the same one: recipe, teachers, and who is learnt from and who is not."""
    said = asdict(recipe) | {"split": fingerprint(clips, split)} | teaching.identity_of(teachers)
    return json.dumps(said, sort_keys=True)


def is_kept(folder: Path, wanted: str) -> bool:
    """Whether the training of this `identity` lies in `folder`, whole."""
    said = folder / teaching.SAID
    return said.exists() and said.read_text() == wanted


def keep(folder: Path, wanted: str) -> None:
    """Says that `folder` is whole; to be called last."""
    (folder / teaching.SAID).write_text(wanted)
