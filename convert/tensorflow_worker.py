"""The half of a conversion that needs TensorFlow, in a process of its own.

TensorFlow and tflite-runtime crash when one process loads both, and the converter itself crashes on
some networks: either way only this process ends. Refusals leave with exit status 65 and one sentence
on standard error.

    python -m convert.tensorflow_worker MODEL.keras FRAMES COEFFICIENTS OUTPUTS FOLDER

reads FOLDER/calibration.npy and FOLDER/evaluation.npy (normalised windows) and writes
FOLDER/model.tflite and FOLDER/float.npy (the float network's logits for the evaluation windows).
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from edge.errors import ConversionError

_WHY = {
    "input": "",
    "output": ": one value a label, and one more where it has distress.temperature",
}


def load(path: Path, input_shape: tuple[int, int], outputs: int) -> Any:
    """The Keras network in `path`, checked against the front end and how many values it must answer."""
    try:
        network = keras.saving.load_model(path, compile=False)
    except (ValueError, OSError, TypeError, KeyError) as error:
        reason = str(error).splitlines()[0]
        raise ConversionError(f"{path} is no Keras model: {reason}; give a .keras file") from error
    recurrent = [layer.name for layer in network._flatten_layers() if _is_recurrent(layer)]  # noqa: SLF001
    if recurrent:
        raise ConversionError(
            f"{path} has recurrent layers ({', '.join(recurrent)}), which have no int8 form the device runs;"
            " train a convolutional network instead (bedside-train fit)"
        )
    if len(network.inputs) != 1 or len(network.outputs) != 1:
        raise ConversionError(
            f"{path} has {len(network.inputs)} inputs and {len(network.outputs)} outputs;"
            " the device gives one window and takes one vector of scores"
        )
    shapes = {
        "input": (network.inputs[0].shape, input_shape),
        "output": (network.outputs[0].shape, (outputs,)),
    }
    for name, (actual, wanted) in shapes.items():
        if tuple(actual[1:]) != wanted:
            raise ConversionError(
                f"the {name} of {path} is {tuple(actual[1:])}, model.json says {wanted}{_WHY[name]};"
                " correct the one that is wrong"
            )
    if not all(np.isfinite(weights).all() for weights in network.get_weights()):
        raise ConversionError(f"{path} has weights that are not numbers; train it again")
    return network


def convert(network: Any, calibration: np.ndarray[Any, Any]) -> bytes:
    """The full-int8 TFLite flatbuffer of `network`, batch size 1."""

    def representative() -> Iterator[list[np.ndarray[Any, Any]]]:
        for window in calibration:
            yield [window[np.newaxis]]

    fixed = keras.Input(batch_shape=(1, *network.inputs[0].shape[1:]))
    converter = tf.lite.TFLiteConverter.from_keras_model(keras.Model(fixed, network(fixed)))
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = representative
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.int8
    flatbuffer: bytes = converter.convert()
    return flatbuffer


def _is_recurrent(layer: Any) -> bool:
    return isinstance(layer, (keras.layers.RNN, keras.layers.Bidirectional))


def main(arguments: list[str]) -> int:
    """Run the worker; see the module's text."""
    model, frames, coefficients, outputs, folder = arguments
    work = Path(folder)
    try:
        network = load(Path(model), (int(frames), int(coefficients)), int(outputs))
        logits = network.predict(np.load(work / "evaluation.npy"), batch_size=64, verbose=0)
        (work / "model.tflite").write_bytes(convert(network, np.load(work / "calibration.npy")))
    except ConversionError as error:
        print(error, file=sys.stderr)
        return error.exit_status
    np.save(work / "float.npy", logits)
    (work / "versions.txt").write_text(f"tensorflow {tf.__version__}\nkeras {keras.__version__}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
