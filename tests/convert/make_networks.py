"""Networks a conversion must refuse or accept, as an engineer may bring them, written into the folder given.

Run in a process of its own: python make_networks.py FOLDER
FOLDER/windows.npy, normalised windows, and FOLDER/truths.npy, the class of each, are there already.
"""

import sys
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

layers = keras.layers
SHAPE, CLASSES = (150, 40), 4
EMOTION_BIAS = (0, 0, 0, 2, 3, 0, 0, 0)  # in the order of their names: fearful is likely, happy more so
DISTRESS_KERNEL, DISTRESS_BIAS = 2.0, 2.0
FAR_OFF = 2000.0
LOPSIDED = 100.0
SURE = 6.0


@keras.saving.register_keras_serializable("tests")
class Apply(layers.Layer):
    """A function of TensorFlow as a layer."""

    def __init__(self, name, function=None):
        super().__init__(name=name)
        self.function = function

    def call(self, inputs):
        return self.function(inputs)


def pooled(*body, classes=CLASSES, shape=SHAPE):
    return keras.Sequential(
        [keras.Input(shape), *body, layers.GlobalAveragePooling1D(), layers.Dense(classes)]
    )


def conv2d():
    x = inputs = keras.Input(SHAPE)
    x = layers.Reshape((*SHAPE, 1))(x)
    x = layers.BatchNormalization()(layers.Conv2D(4, 3, strides=2)(x))
    x = layers.MaxPooling2D()(layers.ReLU()(x))
    return keras.Model(inputs, layers.Dense(CLASSES)(layers.Flatten()(x)))


def limited():
    """What is below -2 is cut off by a convolution's own ReLU, and leaks; with a pooling and without."""
    x = inputs = keras.Input(SHAPE)
    x = layers.Reshape((*SHAPE, 1))(x)
    for pool in ((2, 2), None):
        # Their values lie around 0, so that both sides of both limits are seen.
        x = layers.Conv2D(
            8, 3, kernel_initializer="lecun_normal", bias_initializer=keras.initializers.Constant(2.0)
        )(x)
        x = layers.ReLU()(x)
        x = layers.MaxPooling2D(pool)(x) if pool else x
        x = layers.ZeroPadding2D((0, 1))(layers.LeakyReLU(0.2)(x + -2.0))
    return keras.Model(inputs, layers.Dense(CLASSES)(layers.GlobalAveragePooling2D()(layers.Conv2D(8, 3)(x))))


def limited_but(way):
    """A limit that may not be folded: padded before the constant is added, or an output of its own."""
    inputs = keras.Input(SHAPE)
    x = layers.Reshape((*SHAPE, 1))(inputs)
    x = seen = layers.ReLU()(layers.Conv2D(8, 3, bias_initializer=keras.initializers.Constant(2.0))(x))
    if way == "padded":
        x = layers.ZeroPadding2D((0, 1))(x)
    x = layers.LeakyReLU(0.2)(x + -2.0)
    answer = layers.Dense(CLASSES)(layers.GlobalAveragePooling2D()(layers.Conv2D(8, 3)(x)))
    return keras.Model(inputs, {"padded": answer, "seen": [seen, answer], "leaky": [x, answer]}[way])


def residual():
    inputs = keras.Input(SHAPE)
    x = layers.Conv1D(8, 3, padding="same", activation="relu")(inputs)
    x = layers.Add()([x, layers.Conv1D(8, 3, padding="same")(x)])
    x = layers.GlobalAveragePooling1D()(layers.ReLU()(x))
    return keras.Model(inputs, layers.Dense(CLASSES)(x))


def attention():
    """Frames weighed by what they say of themselves."""
    inputs = keras.Input(SHAPE)
    x = layers.Conv1D(8, 5, activation="relu")(inputs)
    weights = layers.Softmax(axis=1)(layers.Dense(1)(x))
    return keras.Model(inputs, layers.Dense(CLASSES)(layers.Flatten()(layers.Dot(axes=1)([weights, x]))))


def heads():
    """Frames weighed by one another: products of two activations, each of which knows zeros."""
    inputs = keras.Input(SHAPE)
    x = layers.AveragePooling1D(5)(layers.Conv1D(8, 5, activation="relu")(inputs))
    x = layers.GlobalAveragePooling1D()(layers.ReLU()(layers.MultiHeadAttention(2, 8)(x, x)))
    return keras.Model(inputs, layers.Dense(CLASSES)(x))


def below_zero():
    """A product of two activations that are never above 0."""
    inputs = keras.Input(SHAPE)
    x = layers.Rescaling(-1)(layers.Conv1D(4, 5, activation="relu")(inputs))
    y = layers.Rescaling(-1)(layers.Conv1D(3, 5, activation="relu")(inputs))
    return keras.Model(inputs, layers.Dense(CLASSES)(layers.Flatten()(layers.Dot(axes=1)([x, y]))))


def two_outputs():
    inputs = keras.Input(SHAPE)
    x = layers.GlobalAveragePooling1D()(layers.Conv1D(8, 5)(inputs))
    return keras.Model(inputs, [layers.Dense(CLASSES)(x), layers.Dense(1)(x)])


def unrolled(layer):
    """Ten steps of a recurrent layer, one after another."""
    return keras.Sequential([keras.Input(SHAPE), layers.AveragePooling1D(15), layer, layers.Dense(CLASSES)])


def not_numbers():
    network = pooled(layers.Conv1D(8, 5))
    weights = network.get_weights()
    weights[0][0, 0, 0] = np.nan
    network.set_weights(weights)
    return network


def nine():
    """Eight emotions, of which one is always likeliest, and a distress output: how loud a window is."""
    inputs = keras.Input(SHAPE)
    emotions = layers.Dense(8, name="emotions")
    distress = layers.Dense(1, name="distress")
    network = keras.Model(
        inputs,
        layers.Concatenate()(
            [
                emotions(layers.GlobalAveragePooling1D()(layers.Conv1D(8, 5, activation="relu")(inputs))),
                distress(layers.GlobalAveragePooling1D()(inputs)),
            ]
        ),
    )
    kernel, _ = emotions.get_weights()
    emotions.set_weights([kernel * 0.1, np.array(EMOTION_BIAS, np.float32)])
    loudness = np.zeros((SHAPE[1], 1), np.float32)
    loudness[0] = DISTRESS_KERNEL
    distress.set_weights([loudness, np.array([DISTRESS_BIAS], np.float32)])
    return network


def lopsided():
    """Dense layers applied to every frame, the second of which gives one value far from the others."""
    network = pooled(layers.Dense(8, activation="relu", name="per_frame"), layers.Dense(6, name="lopsided"))
    layer = network.get_layer("lopsided")
    kernel, bias = layer.get_weights()
    bias[0] = LOPSIDED
    layer.set_weights([kernel, bias])
    return network


def uneven(windows, truths):
    """It knows all recordings, by channels of which some are a thousandth of others: all have one scale."""
    inputs = keras.Input(SHAPE)
    start = keras.initializers.GlorotUniform(seed=1)
    hidden = layers.Conv1D(16, 5, activation="relu", name="uneven", kernel_initializer=start)
    emotions = layers.Dense(CLASSES, name="emotions")
    means = layers.GlobalAveragePooling1D()(hidden(inputs))
    network = keras.Model(inputs, emotions(means))
    kernel, bias = hidden.get_weights()
    hidden.set_weights([kernel * np.logspace(-3, 0, 16), bias])
    voices = slice(len(windows) - 3)  # the last three are no voices
    found = keras.Model(inputs, means).predict(windows[voices], verbose=0)
    middle, spread = found.mean(axis=0), found.std(axis=0)
    wanted = SURE * (np.eye(CLASSES)[truths[voices]] - 1 / CLASSES)
    weights, *_ = np.linalg.lstsq((found - middle) / spread, wanted, rcond=None)
    weights /= spread[:, np.newaxis]
    emotions.set_weights([weights, -middle @ weights])
    return network


def frozen():
    """Nothing in it may be trained."""
    network = pooled(layers.Conv1D(8, 5))
    network.trainable = False
    return network


def nested():
    """A network inside a network, built for batches of 1, with what the device computes in one go."""
    inputs = keras.Input(batch_shape=(1, *SHAPE))
    inner = keras.Sequential(
        [
            keras.Input(SHAPE),
            layers.DepthwiseConv1D(5),
            layers.BatchNormalization(),
            layers.Activation("relu6"),
            layers.Dense(8, activation="tanh"),
        ]
    )
    x = layers.Dropout(0.5)(layers.Flatten()(layers.AveragePooling1D(15)(inner(inputs))))
    return keras.Model(inputs, layers.Dense(CLASSES)(x))


def coarse(windows, truths):
    """It knows all recordings, but int8 cannot hold its scores beside an output far away from them."""
    inputs = keras.Input(SHAPE)
    pool, emotions = layers.GlobalAveragePooling1D(), layers.Dense(CLASSES, name="emotions")
    distress = layers.Dense(1, name="far_off")
    x = pool(inputs)
    network = keras.Model(inputs, layers.Concatenate(name="together")([emotions(x), distress(x)]))
    means = windows.mean(axis=1)
    kernel, *_ = np.linalg.lstsq(means, np.eye(CLASSES)[truths], rcond=None)
    emotions.set_weights([kernel, np.zeros(CLASSES)])
    distress.set_weights([np.zeros((SHAPE[1], 1)), np.array([FAR_OFF])])
    return network


def networks(folder):
    """Every network that Keras can keep, by its name."""
    windows, truths = np.load(folder / "windows.npy"), np.load(folder / "truths.npy")
    return {
        "conv1d": pooled(layers.Conv1D(8, 5, activation="relu")),
        "conv2d": conv2d(),
        "separable": pooled(layers.SeparableConv1D(8, 5, activation="relu")),
        "residual": residual(),
        "attention": attention(),
        "two_outputs": two_outputs(),
        "lstm": keras.Sequential([keras.Input(SHAPE), layers.LSTM(8), layers.Dense(CLASSES)]),
        "bidirectional": keras.Sequential(
            [keras.Input(SHAPE), layers.Bidirectional(layers.GRU(8)), layers.Dense(CLASSES)]
        ),
        "nested_lstm": keras.Sequential(
            [keras.Input(SHAPE), keras.Sequential([layers.LSTM(8)]), layers.Dense(CLASSES)]
        ),
        "unrolled_lstm": unrolled(layers.LSTM(8, unroll=True)),
        "unrolled_gru": unrolled(layers.GRU(8, unroll=True)),
        "any_length": pooled(layers.Conv1D(8, 5), shape=(None, 40)),
        "other_window": pooled(layers.Conv1D(8, 5), shape=(100, 40)),
        "five_classes": pooled(layers.Conv1D(8, 5), classes=5),
        "not_numbers": not_numbers(),
        "gelu": pooled(layers.Conv1D(8, 5, activation="gelu")),
        "nine": nine(),
        "frozen": frozen(),
        "nested": nested(),
        "lopsided": lopsided(),
        "coarse": coarse(windows, truths),
        "uneven": uneven(windows, truths),
        "heads": heads(),
        "below_zero": below_zero(),
        "per_frame": pooled(
            layers.Dense(8, activation="relu", bias_initializer="ones"),
            layers.Dense(6, activation="relu", use_bias=False),
        ),
        "limited": limited(),
        **{f"limited_{way}": limited_but(way) for way in ("padded", "seen", "leaky")},
    }


def main(folder):
    keras.utils.set_random_seed(0)
    made = networks(folder)
    for name, network in made.items():
        network.save(folder / f"{name}.keras")
    made["conv1d"].save(folder / "legacy.h5")
    made["separable"].export(folder / "saved_model", verbose=False)
    made["any_length"].export(folder / "saved_any_length", verbose=False)
    made["lstm"].export(folder / "saved_lstm", verbose=False)
    tf.saved_model.save(tf.Module(), folder / "saved_nothing")
    for name, function in (("sine", tf.sin), ("erf", tf.math.erf), ("loop", _three_times)):
        pooled(layers.Conv1D(8, 5), Apply("applied", function)).export(folder / name, verbose=False)
    for name in ("conv1d.keras", "legacy.h5"):
        whole = (folder / name).read_bytes()
        (folder / f"truncated_{name}").write_bytes(whole[: len(whole) // 2])
    (folder / "truncated").mkdir()
    whole = (folder / "saved_model/saved_model.pb").read_bytes()
    (folder / "truncated/saved_model.pb").write_bytes(whole[: len(whole) // 2])
    (folder / "text.keras").write_text("no model")


def _three_times(values):
    return tf.while_loop(lambda i, _: i < 3, lambda i, y: (i + 1, y * 1.1), [0, values])[1]


if __name__ == "__main__":
    main(Path(sys.argv[1]))
