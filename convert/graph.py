"""A TFLite network as a graph of operators that can be asked and changed; needs TensorFlow for the schema."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from tensorflow.lite.python import schema_py_generated as schema

Reals = npt.NDArray[np.float64]
LOWEST, HIGHEST = -128, 127
"""Of int8."""
_TYPES = {"int8": schema.TensorType.INT8, "int32": schema.TensorType.INT32}


class Graph:
    """The first, and only, subgraph of a parsed model. Tensors go by their index."""

    def __init__(self, model: Any) -> None:
        self._model, self._graph = model, model.subgraphs[0]

    @property
    def operators(self) -> list[Any]:
        """All of them, in the order in which they are computed."""
        return list(self._graph.operators)

    def of(self, builtin: int) -> list[Any]:
        """The operators of that kind, in the order in which they are computed."""
        return [one for one in self.operators if self.code(one) == builtin]

    def code(self, operator: Any) -> int:
        """Its kind, a schema.BuiltinOperator."""
        return _builtin(self._model.operatorCodes[operator.opcodeIndex])

    def tensor(self, index: int) -> Any:
        """The schema's own object."""
        return self._graph.tensors[index]

    def maker(self, index: int) -> Any | None:
        """The operator whose output it is; None of an input or a constant."""
        return next((one for one in self.operators if index in list(one.outputs)), None)

    def takers(self, index: int) -> list[Any]:
        """The operators that take it."""
        return [one for one in self.operators if index in list(one.inputs)]

    def is_output(self, index: int) -> bool:
        """Whether it is one of the network's."""
        return index in list(self._graph.outputs)

    def is_int8(self, *indices: int) -> bool:
        """Whether all of these are."""
        return all(self.tensor(index).type == schema.TensorType.INT8 for index in indices)

    def is_constant(self, index: int) -> bool:
        """Whether its values are in the file."""
        data = self._data(index)
        return data is not None and len(data) > 0

    def _data(self, index: int) -> Any:
        return self._model.buffers[self.tensor(index).buffer].data

    def size(self, index: int) -> int:
        """How many values it has."""
        shape = self.tensor(index).shape
        return math.prod(shape) if shape is not None else 1

    def shape(self, index: int) -> list[int]:
        """How many values it has along each axis."""
        return [int(size) for size in self.tensor(index).shape]

    def scale(self, index: int) -> tuple[float, int]:
        """Scale and zero point of one that has one of each."""
        told = self.tensor(index).quantization
        return float(told.scale[0]), int(told.zeroPoint[0])

    def values(self, index: int) -> npt.NDArray[np.int8]:
        """Those of an int8 constant, shape (n,)."""
        return np.asarray(self._data(index), np.uint8).view(np.int8)

    def real_values(self, index: int) -> Reals:
        """What the values of an int8 constant with one scale stand for, shape (n,)."""
        scale, zero = self.scale(index)
        values: Reals = scale * (self.values(index).astype(np.float64) - zero)
        return values

    def whole_numbers(self, index: int) -> list[int]:
        """The values of an int32 constant."""
        return [int(value) for value in self._whole(index)]

    def _whole(self, index: int) -> npt.NDArray[np.int32]:
        return np.asarray(self._data(index), np.uint8).view("<i4")

    def real_channels(self, index: int, axis: int) -> Reals:
        """What the values of an int8 or int32 constant stand for, shape (channels, values of one).

        The channels lie along `axis`; there is one scale for each, or one for all, and the zero is 0.
        """
        is_int8 = self.is_int8(index)
        values = (self.values(index) if is_int8 else self._whole(index)).astype(np.float64)
        rows = np.moveaxis(values.reshape(self.shape(index)), axis, 0)
        scales = np.asarray(self.tensor(index).quantization.scale, np.float64)
        result: Reals = rows.reshape(len(rows), -1) * scales[:, np.newaxis]
        return result

    def set_channels(self, index: int, values: Reals, axis: int, scales: npt.NDArray[np.float32]) -> None:
        """Replace the values of an int8 constant by whole numbers, shape (channels, values of one)."""
        shape = self.shape(index)
        moved = [shape[axis], *(size for at, size in enumerate(shape) if at != axis)]
        rows = np.moveaxis(values.reshape(moved), 0, axis)
        self._model.buffers[self.tensor(index).buffer].data = _bytes(rows.astype(np.int8))
        self.tensor(index).quantization.scale = scales

    def set_bias(self, operator: Any, values: Reals, scales: Reals) -> None:
        """Give a sum whole numbers for its bias, shape (outputs,); whoever shares the old one keeps it.

        There is a scale for each, or one for all.
        """
        whole, told = values.astype(np.int32), scales.astype(np.float32)
        if self.has_own_bias(operator):
            bias = self.tensor(operator.inputs[2])
            self._model.buffers[bias.buffer].data = _bytes(whole)
            bias.quantization.scale, bias.quantization.zeroPoint = told, np.zeros(len(told), np.int64)
        else:
            name = self.tensor(operator.outputs[0]).name + b"/bias"
            added = self.add_constant(whole, name, told)
            operator.inputs = np.array([*operator.inputs[:2], added], np.int32)

    def multiply_scale(self, index: int, factor: float) -> None:
        """Have the values of a tensor stand for so much more."""
        told = self.tensor(index).quantization
        scales = (np.asarray(told.scale, np.float64) * factor).astype(np.float32)
        self.tensor(index).quantization = schema.QuantizationParametersT(
            scale=scales, zeroPoint=told.zeroPoint, quantizedDimension=told.quantizedDimension
        )

    def has_bias(self, operator: Any) -> bool:
        """Whether a convolution has one."""
        return len(operator.inputs) > 2 and operator.inputs[2] >= 0

    def has_own_bias(self, operator: Any) -> bool:
        """Whether it has one that nothing else takes, so that it may be changed."""
        if not self.has_bias(operator):
            return False
        return self.is_own(int(operator.inputs[2]))

    def is_own(self, index: int) -> bool:
        """Whether a constant is one operator's alone, so that it may be changed."""
        buffer = self.tensor(index).buffer
        return len(self.takers(index)) == 1 and sum(one.buffer == buffer for one in self._graph.tensors) == 1

    def change_bias(self, operator: Any, change: Callable[[Reals, Reals], Reals]) -> None:
        """Replace a convolution's own bias by what `change` makes of it and of its scales.

        Both have the shape (outputs,); the scales are those of its input and weights as they are now.
        """
        given = np.float64(self.tensor(operator.inputs[0]).quantization.scale[0])
        weights = np.asarray(self.tensor(operator.inputs[1]).quantization.scale, np.float64)
        values = self._whole(int(operator.inputs[2])).astype(np.float64)
        scales = np.broadcast_to(given * weights, values.shape)
        self.set_bias(operator, np.rint(change(values, scales)), given * weights)

    def add_like(self, index: int, suffix: bytes, shape: Sequence[int] = (), quantization: Any = None) -> int:
        """The index of a tensor like another, whose name is followed by `suffix`.

        It has a shape or a quantization of its own where one is given.
        """
        like = self.tensor(index)
        return self._add(
            schema.TensorT(
                shape=np.array(shape if len(shape) else like.shape, np.int32),
                type=like.type,
                name=like.name + suffix,
                quantization=quantization or like.quantization,
                hasRank=True,
            )
        )

    def add_constant(
        self, values: npt.NDArray[Any], name: bytes, scales: npt.NDArray[np.float32] | None = None
    ) -> int:
        """The index of a tensor that holds these values, of int8 or int32; with scales its zero is 0."""
        self._model.buffers.append(schema.BufferT(data=_bytes(values)))
        quantization = None
        if scales is not None:
            zeros = np.zeros(len(scales), np.int64)
            quantization = schema.QuantizationParametersT(scale=scales, zeroPoint=zeros)
        return self._add(
            schema.TensorT(
                shape=np.array(values.shape, np.int32),
                type=_TYPES[values.dtype.name],
                buffer=len(self._model.buffers) - 1,
                name=name,
                quantization=quantization,
                hasRank=True,
            )
        )

    def _add(self, tensor: Any) -> int:
        self._graph.tensors.append(tensor)
        return len(self._graph.tensors) - 1

    def new_operator(
        self,
        builtin: int,
        inputs: Sequence[int],
        outputs: Sequence[int],
        version: int = 1,
        options: Any = None,
    ) -> Any:
        """One yet to be put into the network; `options` are the schema's own object for its kind."""
        codes = self._model.operatorCodes
        known = [index for index, code in enumerate(codes) if _builtin(code) == builtin]
        if known:
            codes[known[0]].version = max(codes[known[0]].version, version)
        else:
            known = [len(codes)]
            codes.append(
                schema.OperatorCodeT(builtinCode=builtin, deprecatedBuiltinCode=builtin, version=version)
            )
        return schema.OperatorT(
            opcodeIndex=known[0],
            inputs=np.array(inputs, np.int32),
            outputs=np.array(outputs, np.int32),
            builtinOptionsType=_options_type(options),
            builtinOptions=options,
        )

    def reshape(self, given: int, answer: int) -> Any:
        """An operator, yet to be put there, that gives one tensor's values the shape of another."""
        name = self.tensor(answer).name + b"/shape"
        shape = self.add_constant(np.array(self.shape(answer), np.int32), name)
        return self.new_operator(schema.BuiltinOperator.RESHAPE, [given, shape], [answer])

    def put(self, operator: Any, others: Sequence[Any]) -> None:
        """Have others in an operator's place, itself among them or not; what it made may be left over."""
        at = next(index for index, one in enumerate(self.operators) if one is operator)
        self._graph.operators[at : at + 1] = others

    def replace(self, index: int, by: int) -> None:
        """Have all that take one tensor take another."""
        for operator in self.takers(index):
            operator.inputs = np.array([by if one == index else one for one in operator.inputs], np.int32)
        self._graph.outputs = np.array([by if one == index else one for one in self._graph.outputs], np.int32)


def _bytes(values: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    """In the order that every file has."""
    return np.frombuffer(values.astype(values.dtype.newbyteorder("<")).tobytes(), np.uint8)


def _options_type(options: Any) -> int:
    """The schema's number for the class that the options are of, less its T."""
    name = type(options).__name__.removesuffix("T") if options else "NONE"
    number: int = getattr(schema.BuiltinOptions, name)
    return number


def _builtin(code: Any) -> int:
    # The old field is one byte wide, and older files have that one alone.
    return max(int(code.builtinCode), int(code.deprecatedBuiltinCode))
