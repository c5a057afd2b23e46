"""A network put so that tflite-runtime 2.14 computes it rightly on arm64; needs TensorFlow for the schema.

That runtime's own kernels for int8, where XNNPACK does not replace them, go wrong there in two ways. What is
put in their place gives the same on every runtime and processor.

Products of two activations, as in attention: two products at a time are added up in 16 bits, which twice
-128 * -128 overflows, and a sum is off by 65536. The zero behind a ReLU or a softmax is -128, so that happens
in every window. ruy, of which most of these kernels are, tells of it in ruy/validate.h, where debug builds
alone refuse it. One of the two factors is therefore moved up by one step, to lie in -127 to 127, where
weights are anyway: that is exact but for its very largest value, which is one step less.

Fully connected layers of more than one frame, with one scale a channel and without a bias: the process ends
with SIGSEGV. They are given a bias of zeros.
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
    """Rewrite what arm64 would compute wrongly in the parsed `model`; whether anything was.

    Raises ConversionError where there is no way to.
    """
    tensors = len(model.subgraphs[0].tensors)
    _give_biases(model)
    _move_factors(model)
    return len(model.subgraphs[0].tensors) > tensors


def _give_biases(model: Any) -> None:
    graph = model.subgraphs[0]
    for operator in graph.operators:
        if _code(model, operator) != schema.BuiltinOperator.FULLY_CONNECTED:
            continue
        given, weights = (graph.tensors[index] for index in operator.inputs[:2])
        has_bias = len(operator.inputs) > 2 and operator.inputs[2] >= 0
        if has_bias or not _is_int8(given, weights) or len(weights.quantization.scale) == 1:
            continue
        scales = np.float32(given.quantization.scale[0]) * np.asarray(weights.quantization.scale, np.float32)
        model.buffers.append(schema.BufferT(data=np.zeros(4 * len(scales), np.uint8)))
        bias = schema.TensorT(
            shape=np.array([len(scales)], np.int32),
            type=schema.TensorType.INT32,
            buffer=len(model.buffers) - 1,
            name=weights.name + b"/zeros",
            quantization=schema.QuantizationParametersT(
                scale=scales, zeroPoint=np.zeros(len(scales), np.int64)
            ),
            hasRank=True,
        )
        operator.inputs = np.array([*operator.inputs[:2], _added(graph, bias)], np.int32)


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
                operators.append(_quantize(model, index, moved[index]))
            operator.inputs = np.array(operator.inputs, np.int32)
            operator.inputs[factors.index(index)] = moved[index]
        operators.append(operator)
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


def _quantize(model: Any, source: int, target: int) -> Any:
    return schema.OperatorT(
        opcodeIndex=_quantize_code(model),
        inputs=np.array([source], np.int32),
        outputs=np.array([target], np.int32),
        builtinOptionsType=schema.BuiltinOptions.QuantizeOptions,
        builtinOptions=schema.QuantizeOptionsT(),
    )


def _quantize_code(model: Any) -> int:
    """The index of the operator QUANTIZE in the model's list, put there where it is not."""
    wanted = schema.BuiltinOperator.QUANTIZE
    for index, code in enumerate(model.operatorCodes):
        if _builtin(code) == wanted:
            return index
    model.operatorCodes.append(
        schema.OperatorCodeT(builtinCode=wanted, deprecatedBuiltinCode=wanted, version=1)
    )
    return len(model.operatorCodes) - 1


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


def _added(graph: Any, tensor: Any) -> int:
    """The index of a tensor that was not in the graph before."""
    graph.tensors.append(tensor)
    return len(graph.tensors) - 1
