"""Operators of an int8 network that others can do: fewer roundings, and less time; needs TensorFlow.

A lower limit, written as max(0, x + limit) - limit so that a convolution's own ReLU does the most of it, is
what int8 does anyway where the limit is the lowest value of a tensor. The constant behind it goes into the
convolution's bias.

A leaky ReLU leaves what is above 0 as it is. Given the scale of its input, its output has the very same
values there, in every kernel of every runtime. It is then the larger of x and slope * x, whose kernels take
many values at a time where that of the leaky ReLU takes one, and round to nearest where that one, multiplying
by a fraction of two bits or three after rounding, does not.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from tensorflow.lite.python import schema_py_generated as schema

from convert.graph import HIGHEST, LOWEST, Graph

_CONVOLUTIONS = {schema.BuiltinOperator.CONV_2D, schema.BuiltinOperator.DEPTHWISE_CONV_2D}
_POOLING = {schema.BuiltinOperator.MAX_POOL_2D}
_KEEPING = _POOLING | {schema.BuiltinOperator.PAD}
"""Operators whose output has the scale of their input. A limit may not pass a padding: what is added is 0."""


def fold(model: Any) -> None:
    """Fold what can be folded in the parsed `model`, of int8."""
    graph = Graph(model)
    for add in graph.of(schema.BuiltinOperator.ADD):
        _fold_limit(graph, add)
    for leaky in graph.of(schema.BuiltinOperator.LEAKY_RELU):
        _keep_scale(graph, leaky)
        _as_larger(graph, leaky)


def _fold_limit(graph: Graph, add: Any) -> None:
    """Put a constant behind a convolution and its ReLU into both, where int8's own limit is the same."""
    given, constant = (int(index) for index in add.inputs[:2])
    answer = graph.tensor(add.outputs[0])
    if not graph.is_int8(given, constant) or not graph.is_constant(constant) or graph.size(constant) != 1:
        return
    if add.builtinOptions.fusedActivationFunction != schema.ActivationFunctionType.NONE:
        return
    between = [given]
    while (made := graph.maker(between[-1])) is not None and graph.code(made) in _POOLING:
        between.append(int(made.inputs[0]))
    if made is None or graph.code(made) not in _CONVOLUTIONS or not graph.has_own_bias(made):
        return
    if made.builtinOptions.fusedActivationFunction != schema.ActivationFunctionType.RELU:
        return
    if any(len(graph.takers(index)) != 1 or graph.is_output(index) for index in between):
        return
    limit, (scale, zero) = graph.real_values(constant).item(), graph.scale(add.outputs[0])
    if abs(scale * (LOWEST - zero) - limit) > scale:
        return
    made.builtinOptions.fusedActivationFunction = schema.ActivationFunctionType.NONE
    graph.change_bias(made, lambda bias, scales: bias + limit / scales)
    for index in between:
        graph.tensor(index).quantization = answer.quantization
    graph.replace(int(add.outputs[0]), given)
    graph.put(add, [])


def _keep_scale(graph: Graph, leaky: Any) -> None:
    """Give a leaky ReLU's output its input's scale, where convolutions alone are told of it."""
    given, (answer,) = int(leaky.inputs[0]), leaky.outputs
    if not graph.is_int8(given, int(answer)) or graph.scale(given) == graph.scale(answer):
        return
    changed, told = [int(answer)], []
    for index in changed:
        if graph.is_output(index):
            return
        for taker in graph.takers(index):
            if graph.code(taker) in _KEEPING:
                changed.append(int(taker.outputs[0]))
            elif graph.code(taker) in _CONVOLUTIONS and graph.has_own_bias(taker):
                told.append(taker)
            else:
                return
    ratio = np.float64(graph.scale(answer)[0]) / np.float64(graph.scale(given)[0])
    for index in changed:
        graph.tensor(index).quantization = graph.tensor(given).quantization
    for taker in told:
        graph.change_bias(taker, lambda bias, _: bias * ratio)


def _as_larger(graph: Graph, leaky: Any) -> None:
    """Put the larger of x and slope * x in its place, where its output has its input's scale."""
    given, answer, slope = int(leaky.inputs[0]), int(leaky.outputs[0]), float(leaky.builtinOptions.alpha)
    if not graph.is_int8(given, answer) or graph.scale(given) != graph.scale(answer) or not 0 < slope <= 1:
        return
    # An odd number over a power of two, and a hair less, is what every runtime rounds alike (rounding.py).
    power = math.floor(math.log2(HIGHEST / slope))
    odd = 2 * math.floor(slope * 2**power / 2) + 1
    factor = graph.add_constant(
        np.array(odd, np.int8),
        graph.tensor(given).name + b"/slope",
        np.nextafter(np.array([2.0**-power], np.float32), np.float32(0)),
    )
    less = graph.add_like(given, b"/less")
    multiplied = graph.new_operator(
        schema.BuiltinOperator.MUL, [given, factor], [less], version=2, options=schema.MulOptionsT()
    )
    larger = graph.new_operator(
        schema.BuiltinOperator.MAXIMUM,
        [given, less],
        [answer],
        version=2,
        options=schema.MaximumMinimumOptionsT(),
    )
    graph.put(leaky, [multiplied, larger])
