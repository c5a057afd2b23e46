"""The networks ours is compared with, as their authors describe them, and what they hear."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from edge.features import FloatArray, FrontEnd, mfcc
from train.corpus import Clip, read_audio
from train.folds import Split
from train.recipe import FRONT_END

Classes = npt.NDArray[np.intp]

# 250 frames of 23 ms: whole recordings, as the seed papers feed them.
_SEED = replace(
    FRONT_END,
    sample_rate=22050,
    frame_length=2048,
    hop_length=512,
    fft_length=2048,
    mel_bins=128,
    high_hz=11025.0,
    pre_emphasis=0.0,
)
# 64 ms every 16 ms, Aftab et al. (2022).
_SERNET = replace(FRONT_END, frame_length=1024, hop_length=256, fft_length=1024)


@dataclass(frozen=True, slots=True)
class Rival:
    """A network and its training: `frames` of a recording are heard, cut or filled up at its end.

    `recurrent`: filled up at its start, since such a network would have forgotten the voice by its end.
    """

    name: str
    front_end: FrontEnd
    frames: int
    build: Callable[[tuple[int, int], int], Any]
    epochs: int
    learning_rate: float
    batch: int = 32
    recurrent: bool = False

    @property
    def identity(self) -> str:
        """What makes two of its trainings the same: settings and code."""
        settings = {field.name: getattr(self, field.name) for field in fields(self) if field.name != "build"}
        code = "".join(inspect.getsource(part) for part in (self.build, heard, guesses))
        return f"{settings}{code}"


def cnn_lstm(shape: tuple[int, int], labels: int) -> Any:
    """Convolutions with batch norm and 2x2 pooling up to 512 filters, an LSTM, dense 128, dropout 0.4."""
    layers = keras.layers
    inputs = keras.Input(shape)
    x = layers.Reshape((*shape, 1))(inputs)
    for filters in (64, 128, 256, 512):
        x = layers.Conv2D(filters, 3, padding="same", activation="relu")(x)
        x = layers.MaxPooling2D(2)(layers.BatchNormalization()(x))
    x = layers.TimeDistributed(layers.Flatten())(x)
    x = layers.Dense(128, activation="relu")(layers.LSTM(128)(x))
    return keras.Model(inputs, layers.Dense(labels)(layers.Dropout(0.4)(x)))


def two_layer_lstm(shape: tuple[int, int], labels: int) -> Any:
    """LSTMs of 64 units over the frames, one after the other, and a dense layer."""
    layers = keras.layers
    inputs = keras.Input(shape)
    x = layers.LSTM(64)(layers.LSTM(64, return_sequences=True)(inputs))
    return keras.Model(inputs, layers.Dense(labels)(x))


def three_branches(shape: tuple[int, int], labels: int) -> Any:
    """After Light-SERNet, Aftab et al. (2022): three views of the MFCCs, then convolutions alone."""
    layers = keras.layers

    def block(x: Any, filters: int, kernel: tuple[int, int], pool: tuple[int, int] | None) -> Any:
        x = layers.Conv2D(filters, kernel, padding="same", use_bias=False)(x)
        x = layers.ReLU()(layers.BatchNormalization()(x))
        return x if pool is None else layers.AveragePooling2D(pool)(x)

    inputs = keras.Input(shape)
    picture = layers.Reshape((*shape, 1))(inputs)
    x = layers.Concatenate()([block(picture, 32, kernel, (2, 2)) for kernel in ((11, 1), (1, 9), (3, 3))])
    for filters, kernel, pool in (
        (64, (3, 3), (2, 2)),
        (96, (3, 3), (2, 2)),
        (128, (3, 3), (2, 1)),
        (160, (3, 3), (2, 1)),
        (320, (1, 1), None),
    ):
        x = block(x, filters, kernel, pool)
    x = layers.Dropout(0.3)(layers.GlobalAveragePooling2D()(x))
    return keras.Model(inputs, layers.Dense(labels)(x))


RIVALS = (
    Rival("two-layer LSTM", _SEED, 250, two_layer_lstm, epochs=60, learning_rate=1e-3, recurrent=True),
    Rival("three branches (Light-SERNet)", _SERNET, 187, three_branches, epochs=60, learning_rate=1e-3),
    Rival("CNN-LSTM", _SEED, 250, cnn_lstm, epochs=40, learning_rate=1e-4, recurrent=True),
)


def heard(clips: Sequence[Clip], rival: Rival) -> FloatArray:
    """What the network hears of each recording, shape (clips, frames, coefficients)."""
    result = np.zeros((len(clips), rival.frames, rival.front_end.coefficients), np.float32)
    for row, clip in zip(result, tqdm(clips, "features", unit="clip"), strict=True):
        frames = mfcc(read_audio(clip.path, rival.front_end.sample_rate), rival.front_end)[: rival.frames]
        row[:] = frames.min(axis=0)
        first = rival.frames - len(frames) if rival.recurrent else 0
        row[first : first + len(frames)] = frames
    return result


def guesses(
    rival: Rival, features: FloatArray, truths: Classes, training: Classes, tested: Classes, seed: int
) -> tuple[Classes, int]:
    """What a network trained on one side says of the other, shape (tested,), and its parameters.

    No augmentation and no choice among epochs: the last one counts.
    """
    keras.utils.set_random_seed(seed)
    mean, deviation = features[training].mean(axis=(0, 1)), features[training].std(axis=(0, 1)) + 1e-6
    normalised = (features - mean) / deviation
    network = rival.build((features.shape[1], features.shape[2]), int(truths.max()) + 1)
    network.compile(
        keras.optimizers.Adam(rival.learning_rate),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    with tqdm(total=rival.epochs, desc=rival.name, unit="epoch") as bar:
        network.fit(
            normalised[training],
            truths[training],
            batch_size=rival.batch,
            epochs=rival.epochs,
            verbose=0,
            callbacks=[keras.callbacks.LambdaCallback(on_epoch_end=lambda *_: bar.update())],
        )
    said: Classes = network.predict(normalised[tested], batch_size=64, verbose=0).argmax(axis=1)
    return said, int(network.count_params())


def ready(rival: Rival, clips: Sequence[Clip], truths: Classes) -> Callable[[Split], tuple[Classes, int]]:
    """What `guesses` of a split, training and tested side, once the recordings have been heard."""
    features = heard(clips, rival)
    return lambda split: guesses(rival, features, truths, *split, seed=0)
