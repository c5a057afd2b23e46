"""A tiny network in each scheme, and what its float original says of some windows.

Run in a process of its own, which loads TensorFlow: python make_schemes.py FOLDER
"""

import sys
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

FRAMES, COEFFICIENTS, CLASSES = 50, 13, 3
TF_OPS = tf.lite.OpsSet
OPS_16X8 = TF_OPS.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8


def network():
    return keras.Sequential(
        [
            keras.Input((FRAMES, COEFFICIENTS), batch_size=1),
            keras.layers.Conv1D(16, 5, activation="relu"),
            keras.layers.GlobalAveragePooling1D(),
            keras.layers.Dense(CLASSES),
        ]
    )


def shrunk(model, windows, scheme):
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if scheme == "float16":
        converter.target_spec.supported_types = [tf.float16]
    elif scheme in {"int8", "16x8"}:
        converter.representative_dataset = lambda: ([window[np.newaxis]] for window in windows)
        whole = tf.int8 if scheme == "int8" else tf.int16
        converter.target_spec.supported_ops = [TF_OPS.TFLITE_BUILTINS_INT8 if whole == tf.int8 else OPS_16X8]
        converter.inference_input_type = converter.inference_output_type = whole
    return converter.convert()


def main(folder):
    keras.utils.set_random_seed(1)
    model = network()
    windows = np.random.default_rng(2).normal(0, 1, (20, FRAMES, COEFFICIENTS)).astype(np.float32)
    logits = [model(window[np.newaxis]).numpy()[0] for window in windows]
    np.savez(Path(folder) / "float.npz", windows=windows, logits=np.array(logits))
    for scheme in ("int8", "16x8", "float16", "dynamic"):
        (Path(folder) / f"{scheme}.flatbuffer").write_bytes(shrunk(model, windows, scheme))


if __name__ == "__main__":
    main(sys.argv[1])
