"""The beginning of Google's speech_embedding (Lin et al., 2020), which has heard many more people.

Its first eleven convolutions, arXiv 2002.01322, Apache-2.0, as in embedding_model.onnx of the package
openwakeword 0.4.0 (SHA-256 ba754db3cd76...). The first pooling is twice as wide over time as there, which
halves the cost. The weights stay as they are until `thaw`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from edge.manifest import Normalisation

FILE = Path(__file__).with_name("speech_embedding.npz")
"""The weights, and `bands`, which makes of our coefficients, as computed, the 32 mel bands speech_embedding
hears: by least squares over LibriSpeech and speech_embedding's own front end."""

_CONVOLUTIONS = 11
_POOLS = {2: (4, 2), 6: (1, 2), 10: (2, 2)}
"""(frames, bands) of which the maximum is taken, by the number of the convolution before."""
_SLOPE, _LEAST = 0.2, 2.0
"""Of what lies below 0, and as far below 0 as anything may."""
_EPSILON = 1e-3
"""Added to the variance that batch normalisation divides by."""


def listen(inputs: Any, normalisation: Normalisation, name: str) -> Any:
    """What these layers make of normalised windows, (frames, coefficients): (about frames / 10, 4, 72)."""
    with np.load(FILE) as stored:
        weights = dict(stored)
    layers = keras.layers
    _, frames, coefficients = inputs.shape
    mean, deviation = np.array(normalisation.mean), np.array(normalisation.deviation)
    bands, bias = deviation[:, None] * weights["bands"], weights["bands_bias"] + mean @ weights["bands"]
    x = layers.Reshape((frames, 1, coefficients))(inputs)
    x = _fixed(layers.Conv2D(bands.shape[1], 1, name=f"{name}_bands"), x, bands[None, None], bias)
    x = layers.Reshape((frames, bands.shape[1], 1))(x)
    for number in range(_CONVOLUTIONS):
        x = _convolution(x, weights, number, name)
        if number in _POOLS:
            x = layers.MaxPooling2D(_POOLS[number])(x)
        # After the pooling, which leaves less of it; the greatest stays the greatest. Added, not subtracted,
        # for time (train/NOTES.md, seventh sitting).
        x = layers.LeakyReLU(_SLOPE)(x + -_LEAST)
    return x


def thaw(network: Any, name: str) -> None:
    """Let the convolutions learn on; what comes before them is arithmetic."""
    for number in range(_CONVOLUTIONS):
        network.get_layer(f"{name}_{number}").trainable = True


def _convolution(x: Any, weights: dict[str, npt.NDArray[Any]], number: int, name: str) -> Any:
    """A convolution over frames or over bands, of which the first and the last have neighbours of zeros.

    What is above -_LEAST, and by how much: a convolution's own ReLU, and int8 has less to tell apart.
    """
    layers = keras.layers
    kernel = weights[f"kernel_{number}"]
    if kernel.shape[1] > 1:
        x = layers.ZeroPadding2D((0, 1))(x)
    first = number == 0
    convolution = layers.Conv2D(
        kernel.shape[-1], kernel.shape[:2], use_bias=not first, name=f"{name}_{number}"
    )
    x = _fixed(convolution, x, kernel, *([] if first else [weights[f"bias_{number}"] + _LEAST]))
    if first:
        # Batch normalisation, as a convolution: behind a ReLU it would be two operators, both slow in int8.
        gain = weights["gamma"] / np.sqrt(weights["variance"] + _EPSILON)
        bias = weights["beta"] - weights["mean"] * gain + _LEAST
        normalised = layers.DepthwiseConv2D(1, name=f"{name}_normalised")
        x = _fixed(normalised, layers.ReLU()(x), gain[None, None, :, None], bias)
    return layers.ReLU()(x)


def _fixed(layer: Any, x: Any, *weights: npt.NDArray[Any]) -> Any:
    """The layer's output, with these weights, which training leaves as they are until it is thawed."""
    output = layer(x)
    layer.set_weights(weights)
    layer.trainable = False
    return output
