"""Networks as engineers save them, read and checked against the front end; needs TensorFlow."""

from __future__ import annotations

from collections.abc import Sized
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from convert.workers import reason
from edge.errors import ConversionError

_WHY = {
    "input": "",
    "output": ": one value a label, and one more where it has distress.temperature",
}
_LOOPS = {"While", "StatelessWhile", "TensorListReserve"}
_INSTEAD = "train a convolutional network instead (bedside-train fit), or build a short one with unroll=True"
_REMEDY = "give a .keras or .h5 file, or the folder of a TensorFlow SavedModel"


def load(path: Path, input_shape: tuple[int, int], outputs: int) -> Any:
    """The network in `path` as a Keras model, checked against the front end and how many values it answers.

    Raises ConversionError where it is damaged, does not fit or has what no device runs.
    """
    network = _saved_model(path, input_shape) if path.is_dir() else _keras_file(path)
    _refuse_several(path, network.inputs, network.outputs)
    shapes = {
        "input": (tuple(network.inputs[0].shape[1:]), input_shape),
        "output": (tuple(network.outputs[0].shape[1:]), (outputs,)),
    }
    for name, (actual, wanted) in shapes.items():
        if len(actual) == len(wanted) and None in actual:
            raise ConversionError(
                f"the {name} of {path} is {actual}, whose length is open; build the network for"
                f" {wanted}, as model.json says: the device gives windows of one length"
            )
        if actual != wanted:
            raise ConversionError(
                f"the {name} of {path} is {actual}, model.json says {wanted}{_WHY[name]};"
                " correct the one that is wrong"
            )
    if not all(np.isfinite(weights).all() for weights in network.get_weights()):
        raise ConversionError(f"{path} has weights that are not numbers; train it again")
    return network


def _refuse_several(path: Path, inputs: Sized, outputs: Sized) -> None:
    if len(inputs) != 1 or len(outputs) != 1:
        raise ConversionError(
            f"{path} has {len(inputs)} inputs and {len(outputs)} outputs;"
            " the device gives one window and takes one vector of scores"
        )


def predict(network: Any, windows: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The float network's outputs, shape (windows, outputs)."""
    one_by_one = network.inputs[0].shape[0] == 1
    logits: np.ndarray[Any, Any] = network.predict(windows, batch_size=1 if one_by_one else 64, verbose=0)
    if not np.isfinite(logits).all():
        raise ConversionError("the float network answers what are not numbers; train it again")
    return logits


def _keras_file(path: Path) -> Any:
    try:
        network = keras.saving.load_model(path, compile=False)
    except Exception as error:
        # Damaged archives raise whatever zipfile, h5py and json happen to trip over.
        raise ConversionError(f"{path} is no Keras model: {reason(error)}; {_REMEDY}") from error
    recurrent = [layer.name for layer in network._flatten_layers() if _is_recurrent(layer)]  # noqa: SLF001
    if recurrent:
        raise ConversionError(
            f"{path} has recurrent layers ({', '.join(recurrent)}), which have no int8 form the device runs;"
            f" {_INSTEAD}"
        )
    return network


def _is_recurrent(layer: Any) -> bool:
    return isinstance(layer, keras.layers.RNN) and not layer.unroll


def _saved_model(path: Path, input_shape: tuple[int, int]) -> Any:
    try:
        loaded = tf.saved_model.load(str(path))
        signature = loaded.signatures["serving_default"]
    except KeyError as error:
        names = ", ".join(loaded.signatures) or "none"
        raise ConversionError(
            f"{path} has no signature serving_default but {names}; export it again with model.export()"
        ) from error
    except Exception as error:
        raise ConversionError(f"{path} is no TensorFlow SavedModel: {reason(error)}; {_REMEDY}") from error
    definition = signature.graph.as_graph_def()
    nodes = [*definition.node, *(node for one in definition.library.function for node in one.node_def)]
    if any(node.op in _LOOPS for node in nodes):
        raise ConversionError(
            f"{path} has a loop, as recurrent layers make, which has no int8 form the device runs; {_INSTEAD}"
        )
    inputs, outputs = signature.structured_input_signature[1], signature.structured_outputs
    _refuse_several(path, inputs, outputs)
    (wanted,) = inputs.values()
    if wanted.shape.rank is None or not wanted.shape[1:].is_compatible_with(input_shape):
        raise ConversionError(
            f"the input of {path} is {tuple(wanted.shape[1:])}, model.json says {input_shape};"
            " correct the one that is wrong"
        )
    if wanted.shape[1:].num_elements() is None:
        raise ConversionError(
            f"the input of {path} is {tuple(wanted.shape[1:])}, whose length is open; export the network for"
            f" {input_shape}, as model.json says: the device gives windows of one length"
        )
    if not all(np.isfinite(one.numpy()).all() for one in signature.variables if one.dtype.is_floating):
        raise ConversionError(f"{path} has weights that are not numbers; train it again")
    window = keras.Input(batch_shape=(wanted.shape[0], *input_shape))
    (answer,) = keras.layers.TFSMLayer(str(path), call_endpoint="serving_default")(window).values()
    return keras.Model(window, answer)
