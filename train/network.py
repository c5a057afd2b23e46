"""The compact fully convolutional network; every operator has an int8 kernel in TFLite."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from edge.features import dct_matrix
from edge.manifest import Normalisation
from train import pretrained

MEMBERS = 2
"""Of the committee: together they err less than one network of twice the size does."""


def build(
    window_frames: int,
    coefficients: int,
    emotions: int,
    dropout: float = 0.2,
    pretrained_for: Normalisation | None = None,
) -> keras.Model:
    """MFCC window (window_frames, coefficients), normalised, to one logit an emotion and one of distress.

    The logits are the mean of a committee's, whose members have nothing in common but the window
    (Lakshminarayanan et al., 2017, "deep ensembles"). It learns as `members_of` gives it. With
    `pretrained_for`, how windows are normalised, the second member begins as speech_embedding does.
    """
    inputs = keras.Input((window_frames, coefficients), name="mfcc")
    first, second = (_name_of(number) for number in range(MEMBERS))
    members = [_member(inputs, emotions + 1, dropout, first)]
    if pretrained_for is None:
        members.append(_member(inputs, emotions + 1, dropout, second))
    else:
        heard = pretrained.listen(inputs, pretrained_for, second)
        members.append(_judgement(heard, 128, emotions + 1, dropout, second))
    return keras.Model(inputs, keras.layers.Average(name="logits")(members), name="bedside_cnn")


def members_of(network: keras.Model) -> keras.Model:
    """The same network, but each member's logits on their own, shape (windows, MEMBERS, emotions + 1).

    Members that learnt their mean would leave their errors to each other; these learn each alone.
    """
    outputs = [network.get_layer(_name_of(number)).output for number in range(MEMBERS)]
    return keras.Model(network.inputs, keras.ops.stack(outputs, axis=1))


def thaw(network: keras.Model) -> None:
    """Let the pretrained convolutions learn too; to be compiled anew."""
    pretrained.thaw(network, _name_of(MEMBERS - 1))


def _name_of(member: int) -> str:
    return f"member_{member + 1}"


def _member(inputs: Any, outputs: int, dropout: float, name: str) -> Any:
    """A member's logits.

    A cepstrum hides neighbourhood in frequency, which convolutions live on. The first layer, a 1x1
    convolution started as the inverse DCT, gives it back: its output is a smooth log-mel picture.
    """
    layers = keras.layers
    _, frames, coefficients = inputs.shape
    x = layers.Reshape((frames, 1, coefficients))(inputs)
    undo_dct = layers.Conv2D(coefficients, 1, name=f"{name}_undo_dct")
    x = undo_dct(x)
    undo_dct.set_weights(
        [dct_matrix(coefficients, coefficients).T[None, None], np.zeros(coefficients, np.float32)]
    )
    x = layers.Reshape((frames, coefficients, 1))(x)
    # Both resolutions go early: the picture is smooth, and most of the cost would lie here.
    x = _block(x, 16, 5, stride=2, dropout=0)
    x = _block(x, 32, 3, stride=2, dropout=dropout / 4)
    x = _block(x, 60, 3, stride=(1, 2), dropout=dropout / 3)
    x = layers.MaxPooling2D((2, 1))(x)
    x = _block(x, 88, 3, stride=1, dropout=dropout / 3)
    return _judgement(x, 116, outputs, dropout, name)


def _judgement(x: Any, filters: int, outputs: int, dropout: float, name: str) -> Any:
    """Logits, of the picture that is left."""
    layers = keras.layers
    # The whole height at once: pitch and formants mean something only together.
    x = layers.Conv2D(filters, (3, x.shape[2]), use_bias=False)(x)
    x = layers.BatchNormalization()(x)
    x = layers.ReLU()(x)
    x = layers.Concatenate()([layers.GlobalAveragePooling2D()(x), layers.GlobalMaxPooling2D()(x)])
    x = layers.Dropout(dropout)(x)
    return layers.Dense(outputs, name=name)(x)


def _block(x: Any, filters: int, kernel: int, *, stride: int | tuple[int, int], dropout: float) -> Any:
    layers = keras.layers
    x = layers.Conv2D(filters, kernel, strides=stride, padding="same", use_bias=False)(x)
    x = layers.BatchNormalization()(x)
    return layers.SpatialDropout2D(dropout)(layers.ReLU()(x))
