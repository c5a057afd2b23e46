"""Int8 sums that every runtime rounds alike, so that scores are the same to the bit; needs TensorFlow.

A kernel brings a sum of products to the scale of its output by a factor: input scale times weight scale over
output scale. Some kernels round once; some twice, after a product with 31 bits of the factor and after the
shift that follows; some compute it in floating point. Half a step goes up in one, away from zero in another
and to the even number in a third. All of that comes to the same where the factor is a hair below a power of
two and the sum is odd: rounded after the product it is still itself, and it is never halfway of two steps.

A sum is odd where its weights are even and its bias is odd. So they are made here, for a bit of each weight
and, as its channel's scale is no longer free, half a bit more on average. What a sum loses by that in the
mean of the recordings shown goes into its bias (Nagel et al., 2019, "Data-free quantization through weight
equalization and bias correction", section 4.2).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from tensorflow.lite.python import schema_py_generated as schema

from convert import flatbuffer
from convert.graph import HIGHEST, LOWEST, Graph, Reals
from edge.classifier import quantise
from edge.manifest import Tensor

Windows = npt.NDArray[np.floating[Any]]
Kind = schema.BuiltinOperator
_SUMS = {Kind.CONV_2D, Kind.DEPTHWISE_CONV_2D, Kind.FULLY_CONNECTED}
_EXACT = {
    *(Kind.RESHAPE, Kind.SQUEEZE, Kind.EXPAND_DIMS, Kind.TRANSPOSE, Kind.PAD, Kind.PADV2, Kind.SLICE),
    *(Kind.STRIDED_SLICE, Kind.SPLIT, Kind.PACK, Kind.UNPACK, Kind.GATHER, Kind.CONCATENATION, Kind.SHAPE),
    *(Kind.MAX_POOL_2D, Kind.AVERAGE_POOL_2D, Kind.REDUCE_MAX, Kind.MAXIMUM, Kind.MINIMUM),
}
"""Operators that move, compare or divide whole numbers, where all they take and answer has one scale."""
_LARGEST = 126
"""The largest even weight."""
_HAIR = 5e-8
"""The least that a factor is below a power of two, as a part of it."""
_WIDEST = 2.5e-7
"""The most that a factor is below it: four of the steps that numbers of 32 bits have there."""
_DEEPEST = 12
"""Of the power of two. A sum that int8 has room for is then below 2 ** 20, and a hair of it below a half."""
_WINDOWS = 64
"""Of those shown, that tell the means of the channels."""


def settle(model: Any, shown: Windows) -> list[str]:
    """Have the parsed `model`, of int8, rounded alike by every runtime; the operators that still are not.

    `shown` are windows as the network takes them, shape (n, frames, coefficients). Sums whose weights another
    operator takes as well are left as they are.
    """
    graph = Graph(model)
    means = _channel_means(flatbuffer.packed(model), graph, shown[:: max(1, len(shown) // _WINDOWS)])
    for mean in graph.of(Kind.MEAN):
        _as_pool(graph, mean)
    for product in graph.of(Kind.MUL):
        _into_sums(graph, product)
    for add in graph.of(Kind.ADD):
        _share_scale(graph, add)
    left = []
    for operator in graph.operators:
        if _is_sum(graph, operator):
            _settle(graph, operator, means)
        elif not _is_exact(graph, operator):
            left.append(flatbuffer.OPERATORS[graph.code(operator)])
    return sorted(set(left))


def _channel_means(made: bytes, graph: Graph, shown: Windows) -> Mapping[int, Reals]:
    """The mean of each channel of the int8 tensors that are computed, shape (channels,), by their index."""
    interpreter = flatbuffer.observed(made)
    (given,) = (one["index"] for one in interpreter.get_input_details())
    computed = [int(index) for operator in graph.operators for index in operator.outputs]
    indices = [given, *(index for index in computed if graph.is_int8(index))]
    sums: dict[int, list[Reals]] = {index: [] for index in indices}
    taken = Tensor(tuple(graph.shape(given)), *graph.scale(given))
    for window in shown:
        interpreter.set_tensor(given, quantise(window, taken)[np.newaxis])
        interpreter.invoke()
        for index in indices:
            values = np.atleast_1d(interpreter.get_tensor(index)).astype(np.float64)
            sums[index].append(values.reshape(-1, values.shape[-1]).mean(axis=0))
    means = {}
    for index, rows in sums.items():
        scale, zero = graph.scale(index)
        means[index] = scale * (np.mean(rows, axis=0) - zero)
    return means


def _as_pool(graph: Graph, mean: Any) -> None:
    """Put an average pool over all frames in place of a mean over them: it divides whole numbers."""
    given, over, answer = int(mean.inputs[0]), int(mean.inputs[1]), int(mean.outputs[0])
    if not graph.is_int8(given, answer) or not graph.is_constant(over):
        return
    shape = graph.shape(given)
    if len(shape) not in {3, 4} or shape[0] != 1:
        return
    axes = {axis % len(shape) for axis in graph.whole_numbers(over)}
    if axes != set(range(1, len(shape) - 1)) or not _take_scale(graph, answer, given):
        return
    height, width = (*shape[1:-1], 1)[:2]
    whole = given if len(shape) == 4 else graph.add_like(given, b"/frames", [1, height, width, shape[-1]])
    pooled = graph.add_like(answer, b"/pooled", [1, 1, 1, shape[-1]])
    options = schema.Pool2DOptionsT()
    options.padding, options.strideH, options.strideW = schema.Padding.VALID, 1, 1
    options.filterHeight, options.filterWidth = height, width
    pool = graph.new_operator(Kind.AVERAGE_POOL_2D, [whole], [pooled], version=2, options=options)
    before = [] if whole == given else [graph.reshape(given, whole)]
    graph.put(mean, [*before, pool, graph.reshape(pooled, answer)])


def _take_scale(graph: Graph, index: int, like: int) -> bool:
    """Give a tensor the scale of another, where nothing but sums to be settled take it; whether it has it."""
    if graph.scale(index) == graph.scale(like):
        return True
    changed = [index]
    for one in changed:
        for taker in graph.takers(one):
            if graph.code(taker) == Kind.RESHAPE:
                changed.append(int(taker.outputs[0]))
            elif not _is_sum(graph, taker):
                return False
    if any(graph.is_output(one) for one in changed):
        return False
    for one in changed:
        graph.tensor(one).quantization = graph.tensor(like).quantization
    return True


def _into_sums(graph: Graph, product: Any) -> None:
    """Have two sums multiplied by a constant before they are added, as a mean of them is, and not after."""
    given, factor, answer = int(product.inputs[0]), int(product.inputs[1]), int(product.outputs[0])
    add = graph.maker(given)
    if add is None or graph.code(add) != Kind.ADD or len(graph.takers(given)) != 1 or graph.is_output(given):
        return
    if not graph.is_int8(given, factor, answer) or not graph.is_constant(factor) or graph.size(factor) != 1:
        return
    times = graph.real_values(factor).item()
    if times <= 0 or any(one.builtinOptions.fusedActivationFunction for one in (add, product)):
        return
    rows = [_back_to_sum(graph, int(index)) for index in add.inputs[:2]]
    if not all(rows) or rows[0] == rows[1]:
        return
    constants = [index for row in rows for index in _constants(graph, row[-1])]
    if not all(graph.is_own(index) for index in constants):
        return
    for index in (*rows[0], *rows[1], *constants):
        graph.multiply_scale(index, times)
    graph.replace(answer, given)
    graph.tensor(given).quantization = graph.tensor(answer).quantization
    graph.put(product, [])


def _constants(graph: Graph, index: int) -> list[int]:
    """Weights and bias of the sum whose output it is."""
    makers = [one for one in graph.operators if index in list(one.outputs)]
    return [int(one) for maker in makers for one in maker.inputs[1:3] if one >= 0]


def _share_scale(graph: Graph, add: Any) -> None:
    """Give two sums that nothing but an addition takes the scale of its answer: it adds whole numbers."""
    answer = int(add.outputs[0])
    rows = [_back_to_sum(graph, int(index)) for index in add.inputs[:2]]
    if not graph.is_int8(answer) or not all(rows):
        return
    scale, _ = graph.scale(answer)
    zeros = [_zero_in(graph, row[0], scale) for row in rows]
    if None in zeros:
        return
    for row, zero in zip(rows, zeros, strict=True):
        for index in row:
            graph.tensor(index).quantization = schema.QuantizationParametersT(
                scale=np.array([scale], np.float32), zeroPoint=np.array([zero], np.int64)
            )


def _back_to_sum(graph: Graph, index: int) -> list[int]:
    """A tensor and those it is reshaped from, down to a sum's; none where others take or make one."""
    row = [index]
    while graph.is_int8(row[-1]) and len(graph.takers(row[-1])) == 1:
        maker = graph.maker(row[-1])
        if maker is not None and graph.code(maker) == Kind.RESHAPE:
            row.append(int(maker.inputs[0]))
        else:
            return row if maker is not None and _is_sum(graph, maker) else []
    return []


def _zero_in(graph: Graph, index: int, scale: float) -> int | None:
    """The zero point with which a tensor holds at this scale what it held; None where there is no room."""
    its_scale, its_zero = graph.scale(index)
    lowest, highest = (its_scale * (end - its_zero) / scale for end in (LOWEST, HIGHEST))
    if highest - lowest > HIGHEST - LOWEST + 1:  # half a step may be lost at either end
        return None
    return int(np.clip(np.rint((LOWEST + HIGHEST - lowest - highest) / 2), LOWEST, HIGHEST))


def _is_sum(graph: Graph, operator: Any) -> bool:
    """Whether it is a sum of products in int8 whose weights are nobody else's."""
    if graph.code(operator) not in _SUMS:
        return False
    given, weights, answer = int(operator.inputs[0]), int(operator.inputs[1]), int(operator.outputs[0])
    return graph.is_int8(given, weights, answer) and graph.is_constant(weights) and graph.is_own(weights)


def _is_exact(graph: Graph, operator: Any) -> bool:
    """Whether an operator that is no sum gives the same on every runtime."""
    indices = [int(index) for index in (*operator.inputs, *operator.outputs) if index >= 0]
    told = [graph.scale(index) for index in indices if graph.is_int8(index)]
    if graph.code(operator) == Kind.MUL:
        return _is_slope(graph, operator)
    if graph.code(operator) == Kind.ADD:
        return len({scale for scale, _ in told}) == 1
    return graph.code(operator) in _EXACT and len(set(told)) <= 1


def _is_slope(graph: Graph, product: Any) -> bool:
    """Whether it is a leaky ReLU's of folding.py, and nothing below 0 comes to lie halfway of two steps."""
    given, factor, answer = int(product.inputs[0]), int(product.inputs[1]), int(product.outputs[0])
    if not graph.is_int8(given, factor, answer) or not graph.is_constant(factor) or graph.size(factor) != 1:
        return False
    if graph.scale(given) != graph.scale(answer):
        return False
    if any(graph.code(taker) != Kind.MAXIMUM for taker in graph.takers(answer)):
        return False
    scale, zero = graph.scale(factor)
    power = math.floor(-math.log2(scale))
    below = np.arange(LOWEST - graph.scale(given)[1], 0)
    halfway = below * (int(graph.values(factor)[0]) - zero) % 2**power == 2 ** (power - 1)
    return 1 - _WIDEST < scale * 2.0**power < 1 and not bool(halfway.any())


def _settle(graph: Graph, operator: Any, means: Mapping[int, Reals]) -> None:
    """Make a sum's weights even, its bias odd and its factor a hair below a power of two."""
    given, weights = (int(index) for index in operator.inputs[:2])
    is_depthwise = graph.code(operator) == Kind.DEPTHWISE_CONV_2D
    axis = 3 if is_depthwise else 0
    real = graph.real_channels(weights, axis)
    real_bias = np.zeros(len(real))
    if graph.has_bias(operator):
        real_bias = graph.real_channels(int(operator.inputs[2]), 0)[:, 0]
    largest = np.abs(real).max(axis=1)
    if len(graph.tensor(weights).quantization.scale) == 1:
        largest = largest.max(keepdims=True)
    given_scale, answer_scale = graph.scale(given)[0], graph.scale(int(operator.outputs[0]))[0]
    scales = _scales(given_scale, answer_scale, largest)
    even = np.clip(2 * np.rint(real / scales[:, np.newaxis] / 2), -_LARGEST, _LARGEST)
    lost = real - even * scales[:, np.newaxis]
    mean = _mean_of(graph, given, means)
    if mean is not None and (is_depthwise or graph.shape(weights)[-1] == len(mean)):  # no group of channels
        real_bias = real_bias + _in_the_mean(lost, mean, is_depthwise=is_depthwise)
    bias_scales = given_scale * scales.astype(np.float64)
    odd = 2 * np.floor(real_bias / bias_scales / 2) + 1
    graph.set_channels(weights, even, axis, scales)
    graph.set_bias(operator, odd, bias_scales)


def _scales(given: float, answer: float, largest: Reals) -> npt.NDArray[np.float32]:
    """The smallest scales for weights up to `largest`, shape (channels,), whose factors are as told above."""
    powers = np.minimum(np.floor(np.log2(answer / given * _LARGEST / np.maximum(largest, 1e-30))), _DEEPEST)
    scales: npt.NDArray[np.float32] = (answer / given * 2.0**-powers).astype(np.float32)
    too_large = given * scales.astype(np.float64) / answer > 2.0**-powers * (1 - _HAIR)
    while too_large.any():
        scales = np.where(too_large, np.nextafter(scales, np.float32(0)), scales)
        too_large = given * scales.astype(np.float64) / answer > 2.0**-powers * (1 - _HAIR)
    return scales


def _mean_of(graph: Graph, index: int, means: Mapping[int, Reals]) -> Reals | None:
    """The mean of each channel of a tensor, or of what it is reshaped from; None where that is not known."""
    while index not in means:
        maker = graph.maker(index)
        if maker is None or graph.code(maker) not in {Kind.RESHAPE, Kind.AVERAGE_POOL_2D}:
            return None
        index = int(maker.inputs[0])
    return means[index]


def _in_the_mean(lost: Reals, mean: Reals, *, is_depthwise: bool) -> Reals:
    """What a sum loses by weights that lack `lost`, shape (channels, weights of one), in the mean."""
    channels = len(lost)
    if is_depthwise:
        result: Reals = lost.sum(axis=1) * np.repeat(mean, channels // len(mean))
    else:
        result = (lost.reshape(channels, -1, len(mean)) * mean).sum(axis=(1, 2))
    return result
