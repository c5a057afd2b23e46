"""What a TFLite flatbuffer consists of, and what of it no device runs; needs TensorFlow for the schema."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

import tensorflow as tf
from tensorflow.lite.python import schema_py_generated as schema
from tensorflow.lite.tools import flatbuffer_utils

from convert.anatomy import Anatomy
from convert.workers import WHOLE
from edge.errors import ConversionError

_FLOATING = {schema.TensorType.FLOAT32, schema.TensorType.FLOAT16, schema.TensorType.FLOAT64}
OPERATORS = {value: name for name, value in vars(schema.BuiltinOperator).items() if isinstance(value, int)}
"""The names of operators by the schema's number."""
_TYPES = {value: name for name, value in vars(schema.TensorType).items() if isinstance(value, int)}


def parse(flatbuffer: bytes) -> Any:
    """The schema's own object of a flatbuffer; ConversionError where it is damaged."""
    try:
        return schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(flatbuffer, 0))
    except Exception as error:
        raise ConversionError(f"the converted model is damaged ({error}); convert it again") from error


def packed(model: Any) -> bytes:
    """The flatbuffer of the schema's own object; the same object gives the same bytes."""
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))


def observed(flatbuffer: bytes) -> Any:
    """A desktop's interpreter of it, all of whose tensors can be read after a window."""
    interpreter = tf.lite.Interpreter(
        model_content=flatbuffer,
        experimental_preserve_all_tensors=True,
        experimental_op_resolver_type=tf.lite.experimental.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
    )
    interpreter.allocate_tensors()
    return interpreter


def anatomy(model: Any, rounded_apart: Sequence[str] | None = None) -> Anatomy:
    """What the parsed `model` consists of, where runtimes round these operators each in its own way."""
    names = [_name(code) for code in model.operatorCodes]
    graph = model.subgraphs[0]
    counts = Counter(names[operator.opcodeIndex] for operator in graph.operators)
    constants = [one for one in graph.tensors if _is_constant(model, one) and _TYPES[one.type] != "INT32"]
    return Anatomy(
        operators=dict(sorted(counts.items())),
        multiply_adds=sum(_multiply_adds(model, graph, operator) for operator in graph.operators),
        parameters=sum(math.prod(_shape(one)) for one in constants),
        rounded_apart=None if rounded_apart is None else tuple(rounded_apart),
    )


def refuse_unfit(model: Any, scheme: str) -> None:
    """Raises ConversionError where no device can run the parsed `model`, or not as `scheme` promises."""
    custom = sorted({_text(code.customCode) for code in model.operatorCodes if code.customCode})
    if custom:
        raise ConversionError(
            f"the model needs {', '.join(custom)}, which only full TensorFlow has (select operators);"
            " replace that layer with Conv2D, ReLU, pooling and Dense"
        )
    if len(model.subgraphs) != 1:
        raise ConversionError(
            f"the model has {len(model.subgraphs)} subgraphs: a loop or a condition; unroll or remove it"
        )
    graph = model.subgraphs[0]
    for tensor in graph.tensors:
        if tensor.shapeSignature is not None and -1 in list(tensor.shapeSignature):
            raise ConversionError(
                f"the shape of {_text(tensor.name)} is {tuple(map(int, tensor.shapeSignature))}, not known"
                " before it runs; give the network an input of a fixed length"
            )
    if scheme in WHOLE:
        _refuse_floating(model, scheme)


def floating(model: Any) -> set[str]:
    """The operators of the parsed `model` that take or give floating point."""
    graph, operators = model.subgraphs[0], set()
    for operator in graph.operators:
        tensors = [graph.tensors[i] for i in (*operator.inputs, *operator.outputs) if i >= 0]
        if any(tensor.type in _FLOATING for tensor in tensors):
            operators.add(_name(model.operatorCodes[operator.opcodeIndex]).split(" ")[0])
    return operators - {"QUANTIZE", "DEQUANTIZE"} or operators  # they only stand at its borders


def _refuse_floating(model: Any, scheme: str) -> None:
    named = floating(model)
    if named:
        raise ConversionError(
            f"{', '.join(sorted(named))} would run in floating point inside the {scheme} model; replace"
            " that layer, or use --scheme float16 where the device is fast enough"
        )


def _multiply_adds(model: Any, graph: Any, operator: Any) -> int:
    name = _name(model.operatorCodes[operator.opcodeIndex]).split(" ")[0]
    outputs = math.prod(_shape(graph.tensors[operator.outputs[0]]))
    if name in ("CONV_2D", "FULLY_CONNECTED", "CONV_3D"):
        weights = _shape(graph.tensors[operator.inputs[1]])  # (outputs, ..., inputs)
        return outputs * math.prod(weights[1:])
    if name == "DEPTHWISE_CONV_2D":
        return outputs * math.prod(_shape(graph.tensors[operator.inputs[1]])[1:3])
    if name == "TRANSPOSE_CONV":
        weights = _shape(graph.tensors[operator.inputs[1]])
        return math.prod(_shape(graph.tensors[operator.inputs[2]])) * math.prod(weights[:3])
    if name == "BATCH_MATMUL":
        left = _shape(graph.tensors[operator.inputs[0]])
        inner = left[-2] if operator.builtinOptions.adjX else left[-1]
        return outputs * inner
    return 0


def _is_constant(model: Any, tensor: Any) -> bool:
    data = model.buffers[tensor.buffer].data
    return data is not None and len(data) > 0


def _shape(tensor: Any) -> tuple[int, ...]:
    return tuple(int(size) for size in tensor.shape) if tensor.shape is not None else ()


def _name(code: Any) -> str:
    if code.customCode:
        return f"{_text(code.customCode)} v{code.version}"
    # The old field is one byte wide; newer operators do not fit and are in the new one alone.
    return f"{OPERATORS[max(code.builtinCode, code.deprecatedBuiltinCode)]} v{code.version}"


def _text(name: bytes | str) -> str:
    return name.decode(errors="replace") if isinstance(name, bytes) else name
