"""Shrink every network of the zoo in one process, as the conversion's own process shrinks one.

Run as: python shrink_all.py FOLDER, whose zoo.json is a list of specimens, each after the name of a folder.
Into that goes what convert.tensorflow_worker writes, or refusal.txt. FOLDER/lopsided.npy is what the layer of
that name, of the network of that name, gives in floating point. FOLDER/newer.tflite is one that devices
refuse, and FOLDER/unmended.tflite one that some do.
"""

import json
import shutil
import sys
from pathlib import Path

import keras
import make_networks
import numpy as np
from zoo import BLAMED

from convert import flatbuffer
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


def unmended(folder):
    """attention as the converter leaves it: tflite-runtime computes it wrongly on some arm64 processors."""
    network = keras.saving.load_model(folder / "attention.keras")
    job = Job("attention", *make_networks.SHAPE, outputs=make_networks.CLASSES)
    made = converter_of(network, job, np.load(folder / "windows.npy")).convert()
    (folder / "unmended.tflite").write_bytes(made)


def unfolded(folder):
    """limited as the converter leaves it."""
    network = keras.saving.load_model(folder / "limited.keras")
    job = Job("limited", *make_networks.SHAPE, outputs=make_networks.CLASSES)
    made = converter_of(network, job, np.load(folder / "windows.npy")).convert()
    (folder / "unfolded.tflite").write_bytes(made)


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
    unfolded(folder)
    layer_values(folder, "lopsided")


if __name__ == "__main__":
    make_networks.main(Path(sys.argv[1]))
    main(Path(sys.argv[1]))
