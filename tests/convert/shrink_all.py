"""Shrink every network of the zoo in one process, as the conversion's own process shrinks one.

Run as: python shrink_all.py FOLDER, whose zoo.json is a list of specimens, each after the name of a folder.
Into that goes what convert.tensorflow_worker writes, or refusal.txt. FOLDER/lopsided.npy is what the layer of
that name, of the network of that name, gives in floating point. FOLDER/newer.tflite is one that devices
refuse, and FOLDER/unmended.tflite one that some do. FOLDER/NETWORK-plain.tflite is what TensorFlow makes of a
network, and FOLDER/NETWORK-folded.tflite the same after folding.
"""

import json
import shutil
import sys
from pathlib import Path

import keras
import make_networks
import numpy as np
from zoo import BLAMED

from convert import flatbuffer, folding
from convert.tensorflow_worker import converter_of, shrink
from convert.workers import Job
from edge.errors import ConversionError


def newer(folder):
    """conv1d with a version of its convolution that no runtime has yet."""
    from tensorflow.lite.python import schema_py_generated as schema
    from tensorflow.lite.tools import flatbuffer_utils

    model = flatbuffer.parse((folder / "shrunk-conv1d.keras-int8/model.tflite").read_bytes())
    for code in model.operatorCodes:
        if code.builtinCode == schema.BuiltinOperator.CONV_2D:
            code.version = 99
    flatbuffer_utils.write_model(model, str(folder / "newer.tflite"))


def plain(folder, name):
    """The network of that name as TensorFlow's converter leaves it."""
    network = keras.saving.load_model(folder / f"{name}.keras")
    job = Job(name, *make_networks.SHAPE, outputs=make_networks.CLASSES)
    made = converter_of(network, job, np.load(folder / "windows.npy")).convert()
    (folder / f"{name}-plain.tflite").write_bytes(made)
    return made


def unmended(folder):
    """attention so: tflite-runtime computes it wrongly on some arm64 processors."""
    (folder / "unmended.tflite").write_bytes(plain(folder, "attention"))


def folded(folder, name):
    """The same after folding alone."""
    model = flatbuffer.parse(plain(folder, name))
    folding.fold(model)
    (folder / f"{name}-folded.tflite").write_bytes(flatbuffer.packed(model))


def layer_values(folder, name):
    """What the layer of the network, both of that name, gives in floating point."""
    network = keras.saving.load_model(folder / f"{name}.keras")
    inside = keras.Model(network.inputs, network.get_layer(name).output)
    np.save(folder / f"{name}.npy", inside.predict(np.load(folder / "windows.npy"), verbose=0))


def main(folder):
    for name, network, _, scheme, outputs, epochs in json.loads((folder / "zoo.json").read_text()):
        work = folder / name
        work.mkdir()
        for given in ("calibration.npy", "evaluation.npy"):
            shutil.copy(folder / "windows.npy", work / given)
        job = Job(
            str(folder / network),
            *make_networks.SHAPE,
            outputs,
            scheme,
            blame=network.removesuffix(".keras") in BLAMED and not epochs,
            fine_tune=epochs,
            labels=min(outputs, 8),
        )
        try:
            shrink(job, work)
        except ConversionError as error:
            (work / "refusal.txt").write_text(str(error))
    newer(folder)
    unmended(folder)
    plain(folder, "limited")
    plain(folder, "per_frame")
    for way in ("padded", "seen", "leaky"):
        folded(folder, f"limited_{way}")
    layer_values(folder, "lopsided")


if __name__ == "__main__":
    make_networks.main(Path(sys.argv[1]))
    main(Path(sys.argv[1]))
