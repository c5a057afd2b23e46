"""A TFLite network as a graph of operators that can be asked and changed; needs TensorFlow for the schema."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from tensorflow.lite.python import schema_py_generated as schema

Reals = npt.NDArray[np.float64]


class Graph:
    """The first, and only, subgraph of a parsed model. Tensors go by their index."""

    def __init__(self, model: Any) -> None:
        self._model, self._graph = model, model.subgraphs[0]

    def of(self, builtin: int) -> list[Any]:
        """The operators of that kind, in the order in which they are computed."""
        return [one for one in self._graph.operators if self.code(one) == builtin]

    def code(self, operator: Any) -> int:
        """Its kind, a schema.BuiltinOperator."""
        code = self._model.operatorCodes[operator.opcodeIndex]
        # The old field is one byte wide, and older files have that one alone.
        return max(int(code.builtinCode), int(code.deprecatedBuiltinCode))

    def tensor(self, index: int) -> Any:
        """The schema's own object."""
        return self._graph.tensors[index]

    def maker(self, index: int) -> Any | None:
        """The operator whose output it is; None of an input or a constant."""
        return next((one for one in self._graph.operators if index in list(one.outputs)), None)

    def takers(self, index: int) -> list[Any]:
        """The operators that take it."""
        return [one for one in self._graph.operators if index in list(one.inputs)]

    def is_int8(self, *indices: int) -> bool:
        """Whether all of these are."""
        return all(self.tensor(index).type == schema.TensorType.INT8 for index in indices)

    def is_constant(self, index: int) -> bool:
        """Whether its values are in the file."""
        data = self._model.buffers[self.tensor(index).buffer].data
        return data is not None and len(data) > 0

    def size(self, index: int) -> int:
        """How many values it has."""
        shape = self.tensor(index).shape
        return math.prod(shape) if shape is not None else 1

    def scale(self, index: int) -> tuple[float, int]:
        """Scale and zero point of one that has one of each."""
        told = self.tensor(index).quantization
        return float(told.scale[0]), int(told.zeroPoint[0])

    def real_values(self, index: int) -> Reals:
        """What the values of an int8 constant with one scale stand for, shape (n,)."""
        scale, zero = self.scale(index)
        data = np.asarray(self._model.buffers[self.tensor(index).buffer].data, np.uint8)
        values: Reals = scale * (data.view(np.int8).astype(np.float64) - zero)
        return values

    def has_bias(self, operator: Any) -> bool:
        """Whether a convolution has one."""
        return len(operator.inputs) > 2 and operator.inputs[2] >= 0

    def change_bias(self, operator: Any, change: Callable[[Reals, Reals], Reals]) -> None:
        """Replace a convolution's bias by what `change` makes of it and of its scales.

        Both have the shape (outputs,); the scales are those of its input and weights as they are now.
        """
        bias = self.tensor(operator.inputs[2])
        given = np.float64(self.tensor(operator.inputs[0]).quantization.scale[0])
        weights = np.asarray(self.tensor(operator.inputs[1]).quantization.scale, np.float64)
        values = np.asarray(self._model.buffers[bias.buffer].data, np.uint8).view("<i4").astype(np.float64)
        scales = np.broadcast_to(given * weights, values.shape)
        changed = np.rint(change(values, scales)).astype("<i4")
        self._model.buffers.append(schema.BufferT(data=np.frombuffer(changed.tobytes(), np.uint8)))
        bias.buffer = len(self._model.buffers) - 1
        bias.quantization.scale = (given * weights).astype(np.float32)

    def replace(self, index: int, by: int) -> None:
        """Have all that take one tensor take another."""
        for operator in self.takers(index):
            operator.inputs = np.array([by if one == index else one for one in operator.inputs], np.int32)
        self._graph.outputs = np.array([by if one == index else one for one in self._graph.outputs], np.int32)

    def remove(self, operator: Any) -> None:
        """Take an operator out; what it made is left over."""
        self._graph.operators = [one for one in self._graph.operators if one is not operator]
