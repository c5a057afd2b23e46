"""Training a network a little more while it rounds as the device will; needs TensorFlow.

The network is taught by itself: rounded, it learns to answer what it answers in floating point (Hinton et
al., 2015, "Distilling the knowledge in a neural network"), so no labels are needed. Kernels are rounded to 8
bits, symmetrically, with one scale an output channel; what layers hand on to each other is rounded to the
scheme's bits within the range that the windows reach. Rounding has no slope, and is trained through as if
it were not there: the straight-through estimator (Bengio et al., 2013, "Estimating or propagating gradients
through stochastic neurons"; Jacob et al., 2018, "Quantization and training of neural networks for efficient
integer-arithmetic-only inference"). Batch normalisation keeps the statistics it has.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from convert.networks import predict
from convert.workers import Job
from edge.errors import ConversionError

Windows = np.ndarray[Any, Any]
_BITS = {"int8": 8, "16x8": 16}  # of what layers hand on
_BATCH = 32
_RATE = 3e-3  # of Adam at the start; it falls to nothing in half a cosine
_LEAST_STRIDE = 0.01  # of a bias, which may be 0 and must be free to move
_SOFTNESS = 2.0  # logits are divided by it before they are compared
_SEED = 1
_ROUND_NOTHING = (
    *(keras.layers.InputLayer, keras.layers.Reshape, keras.layers.Flatten, keras.layers.Permute),
    *(keras.layers.Dropout, keras.layers.SpatialDropout1D, keras.layers.SpatialDropout2D),
)
_SPANS = {
    keras.activations.softmax: (0.0, 255 / 256),
    keras.activations.sigmoid: (0.0, 255 / 256),
    keras.activations.tanh: (-1.0, 127 / 128),
}
_DEPTHWISE = (keras.layers.DepthwiseConv1D, keras.layers.DepthwiseConv2D)
_TRANSPOSED = (keras.layers.Conv1DTranspose, keras.layers.Conv2DTranspose)
_LINEAR = (
    *(keras.layers.Dense, keras.layers.Conv1D, keras.layers.Conv2D, *_DEPTHWISE, *_TRANSPOSED),
    *(keras.layers.SeparableConv1D, keras.layers.SeparableConv2D),
)


def fine_tune(network: Any, windows: Windows, job: Job) -> None:
    """Train `network` in place for the job's epochs on normalised windows, (windows, frames, coefficients).

    It is left as it was unless the rounded network came closer to the float one on these windows. The same
    network, windows and job give the same weights on the same machine. Raises ConversionError where there
    is nothing to train.
    """
    if not network.trainable_variables or not any(_is_kernel(one) for one in network.trainable_variables):
        raise ConversionError(
            f"{job.model} has no kernels that can be trained, so --fine-tune cannot help it; leave it out"
        )
    keras.utils.set_random_seed(_SEED)
    tf.config.experimental.enable_op_determinism()
    _Tuner(network, job, windows, predict(network, windows)).run()


class Rounding(keras.layers.Layer):  # type: ignore[misc]  # Keras has no types
    """Rounds what passes to the steps of `span`, or, without one, of what it saw while `observing`."""

    def __init__(self, bits: int, span: tuple[float, float] | None = None) -> None:
        super().__init__()
        self.bits, self.span = bits, span
        self.observing = False
        self.low = self.add_weight(shape=(), initializer="zeros", trainable=False)
        self.high = self.add_weight(shape=(), initializer="zeros", trainable=False)

    def call(self, values: Any) -> Any:
        """The values rounded, a slope of 1 within the range; untouched while observing."""
        if self.observing:
            self.low.assign(tf.minimum(self.low, tf.reduce_min(values)))
            self.high.assign(tf.maximum(self.high, tf.reduce_max(values)))
            return values
        low, high = (tf.convert_to_tensor(end) for end in self.span or (self.low, self.high))
        if self.bits > 8:  # 16 bits are symmetric around 0
            high = tf.maximum(-low, high)
            low = -high
        high = tf.maximum(high, low + 1e-6)
        return tf.quantization.fake_quant_with_min_max_vars(values, low, high, num_bits=self.bits)

    def compute_output_shape(self, shape: Any) -> Any:
        """The same."""
        return shape


def rounding(network: Any, bits: int) -> Any:
    """A network on the same layers and weights that rounds the input and what each layer hands on.

    What the device computes in one go is rounded once: a convolution or product with the batch normalisation
    after it, and whatever precedes a ReLU with that.
    """
    whole: dict[int, tuple[Any, Any, Any]] = {}  # by the id of what was rounded: it, before it, the layer

    def unrounded(value: Any, layer: Any) -> Any:
        rounded, before, maker = whole.get(id(value), (value, value, None))
        fused = _is_relu(layer) or (isinstance(layer, keras.layers.BatchNormalization) and _is_linear(maker))
        return before if fused else rounded

    def call(layer: Any, *values: Any, **options: Any) -> Any:
        values = keras.tree.map_structure(lambda value: unrounded(value, layer), values)
        answer = layer(*values, **options)
        if isinstance(layer, (*_ROUND_NOTHING, keras.Model)) or not isinstance(answer, keras.KerasTensor):
            return answer
        rounded = Rounding(bits, _span(layer))(answer)
        whole[id(rounded)] = (rounded, answer, layer)
        return rounded

    def twin(layer: Any) -> Any:
        return rounding(layer, bits) if isinstance(layer, keras.Model) else layer

    plain = keras.Model(network.inputs, network.outputs)  # a Sequential cannot be called layer by layer
    return keras.models.clone_model(plain, clone_function=twin, call_function=call)


class _Tuner:
    """One fine-tuning: the float network's answers, the rounding twin and the optimiser."""

    def __init__(self, network: Any, job: Job, windows: Windows, taught: Windows) -> None:
        self._network, self._labels, self._epochs = network, job.labels, job.fine_tune
        self._windows, self._taught = windows.astype(np.float32), taught.astype(np.float32)
        window = keras.Input(batch_shape=network.inputs[0].shape)
        bits = _BITS[job.scheme]
        twin = rounding(network, bits)
        self._twin = keras.Model(window, twin(Rounding(bits)(window)))
        self._points = [one for one in self._twin._flatten_layers() if isinstance(one, Rounding)]  # noqa: SLF001
        self._variables = self._twin.trainable_variables
        self._axes = _shared_axes(network)
        # Adam's steps are of one length for all weights, which may differ thousandfold, in one kernel even,
        # where channels do. It moves these shares instead: of each weight's own size.
        self._starts = [tf.constant(one.numpy()) for one in self._variables]
        self._strides = [_strides(one) for one in self._variables]
        self._shares = [keras.Variable(tf.zeros(one.shape)) for one in self._variables]
        self._batch = network.inputs[0].shape[0] or _BATCH  # some are built for batches of one size
        steps = self._epochs * -(-len(windows) // self._batch)
        self._adam = keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(_RATE, steps))
        self._adam.build(self._shares)
        # Outputs of their own have no softmax to set their scale: that is how far apart they are.
        self._spread = np.maximum(self._taught[:, self._labels :].var(axis=0), 1e-6)
        self._step, self._loss = tf.function(self._learn), tf.function(self._compare)

    def run(self) -> None:
        """Train; the weights of the epoch after which the rounded network was closest are left in place."""
        order = np.random.default_rng(_SEED)
        self._observe()
        best, least = self._network.get_weights(), self._off()
        for _ in range(self._epochs):
            for chosen in _batches(order.permutation(len(self._windows)), self._batch):
                self._step(self._windows[chosen], self._taught[chosen])
            self._observe()
            off = self._off()
            if off < least:  # never where it is no number
                best, least = self._network.get_weights(), off
        self._network.set_weights(best)

    def _observe(self) -> None:
        for point in self._points:
            point.observing = True
            point.low.assign(0.0)  # 0 has a code of its own on the device, so every range holds it
            point.high.assign(0.0)
        for chosen in _batches(np.arange(len(self._windows)), self._batch):
            self._twin(self._windows[chosen], training=False)
        for point in self._points:
            point.observing = False

    def _off(self) -> float:
        """The mean loss of a window."""
        sums = [
            float(self._loss(self._windows[chosen], self._taught[chosen])) * len(chosen)
            for chosen in _batches(np.arange(len(self._windows)), self._batch)
        ]
        return sum(sums) / len(self._windows)

    def _learn(self, windows: Any, taught: Any) -> None:
        with tf.GradientTape() as tape:
            loss = self._compare(windows, taught)
        slopes = tape.gradient(
            loss,
            [one.value for one in self._variables],
            unconnected_gradients=tf.UnconnectedGradients.ZERO,
        )
        self._adam.apply(
            [slope * stride for slope, stride in zip(slopes, self._strides, strict=True)], self._shares
        )
        moved = zip(self._variables, self._starts, self._strides, self._shares, strict=True)
        for one, start, stride, share in moved:
            one.assign(start + stride * share.value)

    def _compare(self, windows: Any, taught: Any) -> Any:
        weights = [_rounded(one.value, self._axes.get(id(one))) for one in self._variables]
        fixed = self._twin.non_trainable_variables
        said, _ = self._twin.stateless_call(weights, fixed, windows, training=False)
        soft, own = said[:, : self._labels] / _SOFTNESS, said[:, self._labels :]
        wanted = tf.nn.softmax(taught[:, : self._labels] / _SOFTNESS)
        divergence = tf.reduce_sum(wanted * (tf.math.log(wanted + 1e-9) - tf.nn.log_softmax(soft)), axis=1)
        square = tf.reduce_sum(tf.square(own - taught[:, self._labels :]) / self._spread, axis=1)
        return tf.reduce_mean(_SOFTNESS**2 * divergence + square)


def _batches(order: Windows, size: int) -> Iterator[Windows]:
    for first in range(0, len(order), size):
        yield order[first : first + size]


def _rounded(weights: Any, shared: tuple[int, ...] | None) -> Any:
    """A kernel in steps of 1/127 of the largest weight along `shared` axes, its slope 1; None: as it is."""
    if shared is None:
        return weights
    step = tf.maximum(tf.reduce_max(tf.abs(weights), axis=shared, keepdims=True), 1e-9) / 127
    return weights + tf.stop_gradient(tf.round(weights / step) * step - weights)


def _strides(variable: Any) -> Any:
    """By how much each value of a variable moves when its share moves by 1."""
    sizes = tf.abs(tf.constant(variable.numpy()))
    return sizes if _is_kernel(variable) else tf.maximum(sizes, _LEAST_STRIDE)


def _shared_axes(network: Any) -> dict[int, tuple[int, ...]]:
    """The axes of each kernel along which one scale holds, by its id."""
    found = {}
    for layer in network._flatten_layers():  # noqa: SLF001 - also those of networks inside it
        for one in layer.trainable_variables if not isinstance(layer, keras.Model) else []:
            if not _is_kernel(one):
                continue
            rank = len(one.shape)
            own = {rank - 1}
            if isinstance(layer, _DEPTHWISE) or one.name == "depthwise_kernel":
                own = {rank - 2, rank - 1}
            elif isinstance(layer, _TRANSPOSED):
                own = {rank - 2}
            found[id(one)] = tuple(axis for axis in range(rank) if axis not in own)
    return found


def _is_kernel(variable: Any) -> bool:
    return len(variable.shape) >= 2 and variable.name.endswith("kernel")


def _span(layer: Any) -> tuple[float, float] | None:
    """The range that TFLite gives the outputs of this layer whatever they are; None where it has none."""
    if isinstance(layer, keras.layers.Softmax):
        return _SPANS[keras.activations.softmax]
    return _SPANS.get(getattr(layer, "activation", None))


def _is_linear(layer: Any) -> bool:
    return isinstance(layer, _LINEAR) and layer.activation is keras.activations.linear


def _is_relu(layer: Any) -> bool:
    return isinstance(layer, keras.layers.ReLU) or (
        isinstance(layer, keras.layers.Activation)
        and layer.activation in (keras.activations.relu, keras.activations.relu6)
    )
