"""Layers taken from speech_embedding: what they compute, and what became of them in a network, as JSON."""

import json
import sys
from pathlib import Path

import keras
import numpy as np

from train import metadata, pretrained
from train.material import normalise_all
from train.network import build


def main(folder):
    network = keras.models.load_model(folder / "model.keras", compile=False)
    normalisation = metadata.read(folder / metadata.FILE).normalisation
    frames, coefficients = network.input_shape[1:]
    mean, deviation = (np.array(part) for part in (normalisation.mean, normalisation.deviation))
    rng = np.random.default_rng(0)
    windows = (mean + deviation * rng.uniform(-2, 2, (2, frames, coefficients))).astype(np.float32)
    begun = build(frames, coefficients, 2, pretrained_for=normalisation)
    last = [layer for layer in begun.layers if isinstance(layer, keras.layers.LeakyReLU)][-1]
    heard = keras.Model(begun.inputs, last.output).predict(normalise_all(windows, normalisation), verbose=0)
    expected = np.stack([_by_hand(window) for window in windows])
    learnt = [layer.name for layer in network.layers if layer.trainable_weights]
    print(
        json.dumps(
            {
                "shape": heard.shape,
                "error": float(np.abs(heard - expected).max() / np.abs(expected).max()),
                "learnt": learnt,
                "moved": [_moved(begun, network, f"member_2_{number}") for number in range(11)],
                "parameters": network.count_params(),
                "products": sum(
                    int(np.prod(layer.output.shape[1:]) * np.prod(layer.kernel.shape[:3]))
                    for layer in network.layers
                    if isinstance(layer, keras.layers.Conv2D)
                ),
            }
        )
    )


def _moved(begun, network, name):
    """How far a convolution's weights have come, against how large they were."""
    before, after = (one.get_layer(name).get_weights()[0] for one in (begun, network))
    return float(np.abs(after - before).max() / np.abs(before).max())


def _by_hand(window):
    """The same in numpy, from MFCCs as computed, shape (frames, coefficients)."""
    with np.load(pretrained.FILE) as stored:
        weights = {name: stored[name].astype(np.float64) for name in stored.files}
    x = (window @ weights["bands"] + weights["bands_bias"])[..., None]
    for number in range(11):
        kernel = weights[f"kernel_{number}"]
        beside = kernel.shape[1] // 2
        padded = np.pad(x, ((0, 0), (beside, beside), (0, 0)))
        patches = np.lib.stride_tricks.sliding_window_view(padded, kernel.shape[:2], axis=(0, 1))
        x = np.einsum("tfcij,ijco->tfo", patches, kernel) + weights.get(f"bias_{number}", 0)
        if number == 0:
            x = (np.maximum(x, 0) - weights["mean"]) / np.sqrt(weights["variance"] + 1e-3)
            x = x * weights["gamma"] + weights["beta"]
        x = np.maximum(np.where(x > 0, x, 0.2 * x), -0.4)
        if number in (2, 6, 10):
            high, wide = {2: (4, 2), 6: (1, 2), 10: (2, 2)}[number]
            x = (
                x[: len(x) // high * high]
                .reshape(len(x) // high, high, -1, wide, x.shape[-1])
                .max(axis=(1, 3))
            )
    return x


if __name__ == "__main__":
    main(Path(sys.argv[1]))
