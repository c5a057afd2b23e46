"""How much each layer loses by being quantised, so that the guilty one can be named; needs TensorFlow."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from convert.anatomy import Layer, layer_of

Windows = np.ndarray[Any, Any]
_NO_ARITHMETIC = {"RESHAPE", "SQUEEZE", "EXPAND_DIMS", "TRANSPOSE"}


def errors(converter: Any, windows: Windows, names: Sequence[str]) -> list[Layer]:
    """The error of each quantised layer but those that compute nothing, in the order they run.

    TensorFlow Lite's QuantizationDebugger gives each layer what the float layers before it make, so an
    error is the layer's own: per channel the mean square of what it is off by over the variance of the float
    values, the root of the mean over channels. 1 is as much noise as signal. `names` are those of the
    network's layers.
    """

    def one_by_one() -> Iterator[list[Windows]]:
        for window in windows:
            yield [window[np.newaxis].astype(np.float32)]

    sums: list[Windows] = []

    def add(real: Windows, quantised: Windows, scale: float, zero_point: int) -> float:
        off = (quantised.astype(np.float64) - zero_point) * scale - real
        values = np.stack([off**2, real.astype(np.float64), real.astype(np.float64) ** 2])
        sums.append(values.reshape(3, -1, real.shape[-1]).mean(axis=1))
        return 0.0

    options = tf.lite.experimental.QuantizationDebugOptions(layer_direct_compare_metrics={"sums": add})
    debugger = tf.lite.experimental.QuantizationDebugger(
        converter=converter, debug_dataset=one_by_one, debug_options=options
    )
    debugger.run()
    table = io.StringIO()
    debugger.layer_statistics_dump(table)
    rows = list(csv.DictReader(io.StringIO(table.getvalue())))
    # It asks for each place in turn, window after window; a tensor that two layers take has two of them.
    asked = [one["name"] for one in debugger._get_numeric_verify_tensor_details()]  # noqa: SLF001
    places = [asked.index(name) for name in debugger.layer_statistics]
    found = [_error(np.mean(sums[place :: len(asked)], axis=0)) for place in places]
    return [
        Layer(layer_of(row["tensor_name"], names), row["op_name"], round(error, 5))
        for row, error in zip(rows, found, strict=True)
        if row["op_name"] not in _NO_ARITHMETIC
    ]


def _error(means: Windows) -> float:
    """From a layer's mean squared error, mean and mean square, shape (3, channels)."""
    off, mean, square = means
    variance = square - mean**2
    alive = variance > 1e-9 * max(1.0, float(square.max()))
    return float(np.sqrt(np.mean(off[alive] / variance[alive]))) if alive.any() else 0.0
