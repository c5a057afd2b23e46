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

from edge.errors import ConversionError

_PRODUCTS = {schema.BuiltinOperator.BATCH_MATMUL, schema.BuiltinOperator.FULLY_CONNECTED}
_LOWEST, _HIGHEST = -128, 127


def mend(model: Any) -> bool:
    """Rewrite what tflite-runtime would compute wrongly in the parsed `model`; whether anything was.

    Raises ConversionError where there is no way to.
    """
    tensors = len(model.subgraphs[0].tensors)
    _give_biases(model)
    _move_factors(model)
    _take_two_axes(model)
    return len(model.subgraphs[0].tensors) > tensors


def _give_biases(model: Any) -> None:
    graph = model.subgraphs[0]
    for operator in graph.operators:
        if _code(model, operator) != schema.BuiltinOperator.FULLY_CONNECTED:
            continue
        given, weights = (graph.tensors[index] for index in operator.inputs[:2])
        if _has_bias(operator) or not _is_int8(given, weights) or len(weights.quantization.scale) == 1:
            continue
        scales = np.float32(given.quantization.scale[0]) * np.asarray(weights.quantization.scale, np.float32)
        bias = _constant(model, np.zeros(len(scales), np.int32), weights.name + b"/zeros")
        graph.tensors[bias].quantization = schema.QuantizationParametersT(
            scale=scales, zeroPoint=np.zeros(len(scales), np.int64)
        )
        operator.inputs = np.array([*operator.inputs[:2], bias], np.int32)


def _move_factors(model: Any) -> None:
    graph = model.subgraphs[0]
    moved: dict[int, int] = {}  # by the index of a tensor, that of the same without -128
    operators = []
    for operator in graph.operators:
        factors = [int(index) for index in operator.inputs[:2]]
        if _code(model, operator) in _PRODUCTS and all(_reaches_lowest(model, index) for index in factors):
            index = _movable(model, factors)
            if index not in moved:
                moved[index] = _added(graph, _moved(graph.tensors[index]))
                operators.append(_operator(model, schema.BuiltinOperator.QUANTIZE, [index], [moved[index]]))
            operator.inputs = np.array(operator.inputs, np.int32)
            operator.inputs[factors.index(index)] = moved[index]
        operators.append(operator)
    graph.operators = operators


def _take_two_axes(model: Any) -> None:
    graph = model.subgraphs[0]
    operators = []
    for operator in graph.operators:
        operators.append(operator)
        answer = graph.tensors[operator.outputs[0]]
        if (
            _code(model, operator) == schema.BuiltinOperator.FULLY_CONNECTED
            and answer.type == schema.TensorType.INT16
            and len(answer.shape) > 2
            and _has_bias(operator)
        ):
            flat = schema.TensorT(
                shape=np.array([math.prod(answer.shape[:-1]), answer.shape[-1]], np.int32),
                type=answer.type,
                name=answer.name + b"/flat",
                quantization=answer.quantization,
                hasRank=True,
            )
            shape = _constant(model, np.asarray(answer.shape, np.int32), answer.name + b"/shape")
            sources, targets = [_added(graph, flat), shape], operator.outputs
            operator.outputs = np.array(sources[:1], np.int32)
            operator.builtinOptions.keepNumDims = False
            operators.append(_operator(model, schema.BuiltinOperator.RESHAPE, sources, targets))
    graph.operators = operators


def _movable(model: Any, factors: Sequence[int]) -> int:
    """The smallest factor whose zero point can be one higher. Raises ConversionError where there is none."""
    tensors = model.subgraphs[0].tensors
    movable = [
        index
        for index in factors
        if not _is_constant(model, index) and tensors[index].quantization.zeroPoint[0] < _HIGHEST
    ]
    if not movable:
        # What was fused is named after all of it: the first is what gives its values.
        named = " and ".join(tensors[index].name.decode(errors="replace").split(";")[0] for index in factors)
        raise ConversionError(
            f"the model multiplies {named}, which tflite-runtime computes wrongly on a Raspberry Pi where"
            " neither is ever above 0; change the sign of one in the network, or use --scheme 16x8"
        )
    return min(movable, key=lambda index: math.prod(tensors[index].shape))


def _moved(tensor: Any) -> Any:
    """The same real numbers one step higher: -128 is -127, and alone what was 127 is a step less."""
    return schema.TensorT(
        shape=tensor.shape,
        type=tensor.type,
        name=tensor.name + b"/moved",
        quantization=schema.QuantizationParametersT(
            scale=np.asarray(tensor.quantization.scale, np.float32),
            zeroPoint=np.asarray(tensor.quantization.zeroPoint, np.int64) + 1,
        ),
        hasRank=True,
    )


def _operator(model: Any, builtin: int, inputs: Sequence[int], outputs: Sequence[int]) -> Any:
    """One without options; its code is put into the model's list where it is not there."""
    known = [index for index, code in enumerate(model.operatorCodes) if _builtin(code) == builtin]
    if not known:
        known = [len(model.operatorCodes)]
        model.operatorCodes.append(
            schema.OperatorCodeT(builtinCode=builtin, deprecatedBuiltinCode=builtin, version=1)
        )
    return schema.OperatorT(
        opcodeIndex=known[0], inputs=np.array(inputs, np.int32), outputs=np.array(outputs, np.int32)
    )


def _reaches_lowest(model: Any, index: int) -> bool:
    """Whether a tensor is of int8 and may hold -128; of a constant it is known."""
    tensor = model.subgraphs[0].tensors[index]
    if not _is_int8(tensor):
        return False
    if not _is_constant(model, index):
        return True
    return bool((np.asarray(model.buffers[tensor.buffer].data, np.uint8).view(np.int8) == _LOWEST).any())


def _is_constant(model: Any, index: int) -> bool:
    data = model.buffers[model.subgraphs[0].tensors[index].buffer].data
    return data is not None and len(data) > 0


def _is_int8(*tensors: Any) -> bool:
    return all(one.type == schema.TensorType.INT8 for one in tensors)


def _code(model: Any, operator: Any) -> int:
    return _builtin(model.operatorCodes[operator.opcodeIndex])


def _builtin(code: Any) -> int:
    # The old field is one byte wide, and older files have that one alone.
    return max(int(code.builtinCode), int(code.deprecatedBuiltinCode))


def _has_bias(operator: Any) -> bool:
    return len(operator.inputs) > 2 and operator.inputs[2] >= 0


def _constant(model: Any, values: np.ndarray[Any, np.dtype[np.int32]], name: bytes) -> int:
    """The index of a new tensor that holds these values, of 32 bits in the order of bytes of every file."""
    data = np.frombuffer(values.astype("<i4").tobytes(), np.uint8)
    model.buffers.append(schema.BufferT(data=data))
    tensor = schema.TensorT(
        shape=np.array(values.shape, np.int32),
        type=schema.TensorType.INT32,
        buffer=len(model.buffers) - 1,
        name=name,
        hasRank=True,
    )
    return _added(model.subgraphs[0], tensor)


def _added(graph: Any, tensor: Any) -> int:
    """The index of a tensor that was not in the graph before."""
    graph.tensors.append(tensor)
    return len(graph.tensors) - 1
