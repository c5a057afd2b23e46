"""A network put so that tflite-runtime 2.14 computes it rightly; needs TensorFlow for the schema.

That runtime's own kernels, where XNNPACK does not replace them, go wrong in three ways. What is put in their
place gives the same on every runtime and processor.

Products of two activations in int8, as in attention, on arm64: two products at a time are added up in 16
bits, which twice -128 * -128 overflows, and a sum is off by 65536. The zero behind a ReLU or a softmax is
-128, so that happens in every window. ruy, of which most of these kernels are, tells of it in ruy/validate.h,
where debug builds alone refuse it. One of the two factors is therefore moved up by one step, to lie in -127
to 127, where weights are anyway: that is exact but for its very largest value, which is one step less.

Fully connected layers in int8 with one scale a channel and without a bias, on arm64: the process ends with
SIGSEGV but where there is one frame of many values. They are given a bias of zeros.

Fully connected layers in 16x8 with a bias whose answer has more than two axes, everywhere: the second axis is
taken for the channels, and weights and biases are read from beyond their ends
(https://github.com/tensorflow/tensorflow/issues/48959). They answer two axes, reshaped afterwards.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from tensorflow.lite.python import schema_py_generated as schema

from convert.graph import HIGHEST, LOWEST, Graph
from edge.errors import ConversionError

_PRODUCTS = {schema.BuiltinOperator.BATCH_MATMUL, schema.BuiltinOperator.FULLY_CONNECTED}


def mend(model: Any) -> None:
    """Rewrite what tflite-runtime would compute wrongly in the parsed `model`.

    Raises ConversionError where there is no way to.
    """
    graph = Graph(model)
    _give_biases(graph)
    _move_factors(graph)
    _take_two_axes(graph)


def _give_biases(graph: Graph) -> None:
    for operator in graph.of(schema.BuiltinOperator.FULLY_CONNECTED):
        given, weights = (graph.tensor(index) for index in operator.inputs[:2])
        is_int8 = graph.is_int8(*operator.inputs[:2])
        if graph.has_bias(operator) or not is_int8 or len(weights.quantization.scale) == 1:
            continue
        scales = np.float32(given.quantization.scale[0]) * np.asarray(weights.quantization.scale, np.float32)
        bias = graph.add_constant(np.zeros(len(scales), np.int32), weights.name + b"/zeros", scales)
        operator.inputs = np.array([*operator.inputs[:2], bias], np.int32)


def _move_factors(graph: Graph) -> None:
    moved: dict[int, int] = {}  # by the index of a tensor, that of the same without -128
    for operator in graph.operators:
        factors = [int(index) for index in operator.inputs[:2]]
        if graph.code(operator) in _PRODUCTS and all(_reaches_lowest(graph, index) for index in factors):
            index = _movable(graph, factors)
            if index not in moved:
                moved[index] = graph.add_like(index, b"/moved", quantization=_one_higher(graph, index))
                quantize = graph.new_operator(schema.BuiltinOperator.QUANTIZE, [index], [moved[index]])
                graph.put(operator, [quantize, operator])
            operator.inputs = np.array(operator.inputs, np.int32)
            operator.inputs[factors.index(index)] = moved[index]


def _take_two_axes(graph: Graph) -> None:
    for operator in graph.of(schema.BuiltinOperator.FULLY_CONNECTED):
        index = int(operator.outputs[0])
        answer = graph.tensor(index)
        is_int16 = answer.type == schema.TensorType.INT16
        if not is_int16 or len(answer.shape) <= 2 or not graph.has_bias(operator):
            continue
        flat = graph.add_like(index, b"/flat", [math.prod(answer.shape[:-1]), answer.shape[-1]])
        operator.outputs = np.array([flat], np.int32)
        operator.builtinOptions.keepNumDims = False
        graph.put(operator, [operator, graph.reshape(flat, index)])


def _movable(graph: Graph, factors: Sequence[int]) -> int:
    """The smallest factor whose zero point can be one higher. Raises ConversionError where there is none."""
    movable = [
        index
        for index in factors
        if not graph.is_constant(index) and graph.tensor(index).quantization.zeroPoint[0] < HIGHEST
    ]
    if not movable:
        # What was fused is named after all of it: the first is what gives its values.
        names = (graph.tensor(index).name.decode(errors="replace").split(";")[0] for index in factors)
        raise ConversionError(
            f"the model multiplies {' and '.join(names)}, which tflite-runtime computes wrongly on a"
            " Raspberry Pi where neither is ever above 0; change the sign of one in the network, or use"
            " --scheme 16x8"
        )
    return min(movable, key=graph.size)


def _one_higher(graph: Graph, index: int) -> Any:
    """That of the same real numbers one step higher: -128 is -127, and alone what was 127 is a step less."""
    told = graph.tensor(index).quantization
    return schema.QuantizationParametersT(
        scale=np.asarray(told.scale, np.float32), zeroPoint=np.asarray(told.zeroPoint, np.int64) + 1
    )


def _reaches_lowest(graph: Graph, index: int) -> bool:
    """Whether a tensor is of int8 and may hold -128; of a constant it is known."""
    if not graph.is_int8(index):
        return False
    return not graph.is_constant(index) or bool((graph.values(index) == LOWEST).any())
