"""How much each layer loses by being quantised, so that the guilty one can be named; needs TensorFlow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from convert import flatbuffer
from convert.anatomy import Layer, layer_of

Windows = np.ndarray[Any, Any]
_VERIFY = "NumericVerify"  # its inputs are a quantised tensor and the same in floating point
_NO_ARITHMETIC = {
    *("RESHAPE", "SQUEEZE", "EXPAND_DIMS", "TRANSPOSE"),
    *("SPLIT", "SPLIT_V", "UNPACK", "SLICE", "STRIDED_SLICE", "GATHER"),
}


def errors(converter: Any, windows: Windows, names: Sequence[str]) -> list[Layer]:
    """The error of each quantised layer but those that compute nothing, in the order they run.

    TensorFlow Lite's QuantizationDebugger makes a network in which each layer is there twice, and both are
    given what the quantised layers before them made, so an error is the layer's own: per channel the mean
    square of what it is off by over the variance of the float values, the root of the mean over channels.
    1 is as much noise as signal. `names` are those of the network's layers.
    """
    debugger = tf.lite.experimental.QuantizationDebugger(converter=converter)
    # Its own run is not to be trusted: it reads tensors when later layers have written over them, and with
    # XNNPACK, as it runs, some that lie between two of XNNPACK's parts are never written.
    interpreter = flatbuffer.observed(debugger.get_debug_quantized_model())
    operators = interpreter._get_ops_details()  # noqa: SLF001 - there is no other way to the pairs
    maker = {output: one["op_name"] for one in operators for output in one["outputs"]}
    pairs = [one["inputs"] for one in operators if one["op_name"] == _VERIFY]
    pairs = [pair for pair in pairs if maker[pair[0]] not in _NO_ARITHMETIC]
    details = {one["index"]: one for one in interpreter.get_tensor_details()}
    sums: list[list[Windows]] = [[] for _ in pairs]
    (given,) = interpreter.get_input_details()
    for window in windows:
        interpreter.set_tensor(given["index"], window[np.newaxis].astype(np.float32))
        interpreter.invoke()
        for found, (quantised, real) in zip(sums, pairs, strict=True):
            scale, zero_point = details[quantised]["quantization"]
            exact = interpreter.get_tensor(real).astype(np.float64)
            off = (interpreter.get_tensor(quantised).astype(np.float64) - zero_point) * scale - exact
            alone = maker[quantised] == "SOFTMAX"  # what competes belongs together, along whatever axis
            found.append(_means(off, exact, 1 if alone else exact.shape[-1]))
    return [
        Layer(layer_of(_name(details[quantised]), names), maker[quantised], round(_error(found), 5))
        for found, (quantised, _) in zip(sums, pairs, strict=True)
    ]


def _name(details: Any) -> str:
    """Of the network's own tensor: in the instrumented network a digit goes after it."""
    name: str = details["name"]
    return name[:-1] if name[-1].isdigit() else name


def _means(off: Windows, real: Windows, channels: int) -> Windows:
    """Of one window: mean squared error, mean and mean square of each channel, shape (3, channels)."""
    means: Windows = np.stack([off**2, real, real**2]).reshape(3, -1, channels).mean(axis=1)
    return means


def _error(found: Sequence[Windows]) -> float:
    """From what `_means` found in each window."""
    off, mean, square = np.mean(found, axis=0)
    variance = square - mean**2
    alive = variance > 1e-9 * max(1.0, float(square.max()))
    return float(np.sqrt(np.mean(off[alive] / variance[alive]))) if alive.any() else 0.0
