"""Networks a conversion must refuse or accept, written as .keras files into the folder given.

Run in a process of its own: python make_networks.py FOLDER
"""

import sys
from pathlib import Path

import keras
import numpy as np

layers = keras.layers
SHAPE, CLASSES = (150, 40), 4
EMOTION_BIAS = (0, 0, 0, 2, 3, 0, 0, 0)  # in the order of their names: fearful is likely, happy more so
DISTRESS_KERNEL, DISTRESS_BIAS = 2.0, 2.0


def pooled(*body, classes=CLASSES, shape=SHAPE):
    return keras.Sequential(
        [keras.Input(shape), *body, layers.GlobalAveragePooling1D(), layers.Dense(classes)]
    )


def nine():
    """Eight emotions, of which one is always likeliest, and a distress output: how loud a window is."""
    inputs = keras.Input(SHAPE)
    emotions = layers.Dense(8, name="emotions")
    distress = layers.Dense(1, name="distress")
    network = keras.Model(
        inputs,
        layers.Concatenate()(
            [
                emotions(layers.GlobalAveragePooling1D()(layers.Conv1D(8, 5, activation="relu")(inputs))),
                distress(layers.GlobalAveragePooling1D()(inputs)),
            ]
        ),
    )
    kernel, _ = emotions.get_weights()
    emotions.set_weights([kernel * 0.1, np.array(EMOTION_BIAS, np.float32)])
    loudness = np.zeros((SHAPE[1], 1), np.float32)
    loudness[0] = DISTRESS_KERNEL
    distress.set_weights([loudness, np.array([DISTRESS_BIAS], np.float32)])
    return network


def main(folder):
    keras.utils.set_random_seed(0)
    networks = {
        "conv1d": pooled(layers.Conv1D(8, 5, activation="relu")),
        "separable": pooled(layers.SeparableConv1D(8, 5, activation="relu")),
        "lstm": keras.Sequential([keras.Input(SHAPE), layers.LSTM(8), layers.Dense(CLASSES)]),
        "bidirectional": keras.Sequential(
            [keras.Input(SHAPE), layers.Bidirectional(layers.GRU(8)), layers.Dense(CLASSES)]
        ),
        "nested_lstm": keras.Sequential(
            [keras.Input(SHAPE), keras.Sequential([layers.LSTM(8)]), layers.Dense(CLASSES)]
        ),
        "any_length": pooled(layers.Conv1D(8, 5), shape=(None, 40)),
        "other_window": pooled(layers.Conv1D(8, 5), shape=(100, 40)),
        "five_classes": pooled(layers.Conv1D(8, 5), classes=5),
        "not_numbers": pooled(layers.Conv1D(8, 5)),
    }
    weights = networks["not_numbers"].get_weights()
    weights[0][0, 0, 0] = np.nan
    networks["not_numbers"].set_weights(weights)
    inputs = keras.Input(SHAPE)
    x = layers.GlobalAveragePooling1D()(layers.Conv1D(8, 5)(inputs))
    networks["two_outputs"] = keras.Model(inputs, [layers.Dense(CLASSES)(x), layers.Dense(1)(x)])
    networks["nine"] = nine()
    for name, network in networks.items():
        network.save(Path(folder) / f"{name}.keras")


if __name__ == "__main__":
    main(sys.argv[1])
