"""The compact fully convolutional network; every operator has an int8 kernel in TFLite."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from edge.features import dct_matrix


def build(window_frames: int, coefficients: int, emotions: int, dropout: float = 0.2) -> keras.Model:
    """MFCC window (window_frames, coefficients), normalised, to one logit an emotion and one of distress.

    A cepstrum hides neighbourhood in frequency, which convolutions live on. The first layer, a 1x1
    convolution started as the inverse DCT, gives it back: its output is a smooth log-mel picture.
    """
    layers = keras.layers
    inputs = keras.Input((window_frames, coefficients), name="mfcc")
    x = layers.Reshape((window_frames, 1, coefficients))(inputs)
    undo_dct = layers.Conv2D(coefficients, 1, name="undo_dct")
    x = undo_dct(x)
    undo_dct.set_weights(
        [dct_matrix(coefficients, coefficients).T[None, None], np.zeros(coefficients, np.float32)]
    )
    x = layers.Reshape((window_frames, coefficients, 1))(x)
    # Both resolutions go early: the picture is smooth, and most of the cost would lie here.
    x = _block(x, 16, 5, stride=2, dropout=0)
    x = _block(x, 48, 3, stride=2, dropout=dropout / 4)
    x = _block(x, 80, 3, stride=(1, 2), dropout=dropout / 3)
    x = layers.MaxPooling2D((2, 1))(x)
    x = _block(x, 112, 3, stride=1, dropout=dropout / 3)
    # The whole height at once: pitch and formants mean something only together.
    x = layers.Conv2D(144, (3, x.shape[2]), use_bias=False)(x)
    x = layers.BatchNormalization()(x)
    x = layers.ReLU()(x)
    x = layers.Concatenate()([layers.GlobalAveragePooling2D()(x), layers.GlobalMaxPooling2D()(x)])
    x = layers.Dropout(dropout)(x)
    return keras.Model(inputs, layers.Dense(emotions + 1, name="logits")(x), name="bedside_cnn")


def _block(x: Any, filters: int, kernel: int, *, stride: int | tuple[int, int], dropout: float) -> Any:
    layers = keras.layers
    x = layers.Conv2D(filters, kernel, strides=stride, padding="same", use_bias=False)(x)
    x = layers.BatchNormalization()(x)
    return layers.SpatialDropout2D(dropout)(layers.ReLU()(x))
