"""The half of a conversion that needs TensorFlow, in a process of its own.

TensorFlow and tflite-runtime crash when one process loads both, and the converter itself crashes on
some networks: either way only this process ends. Refusals leave with exit status 65 and one sentence
on standard error.

    python -m convert.tensorflow_worker FOLDER [inspect]

reads FOLDER/job.json, FOLDER/calibration.npy and FOLDER/evaluation.npy (normalised windows) and writes
FOLDER/model.tflite, FOLDER/float.npy (the float network's logits for the evaluation windows),
FOLDER/anatomy.json, FOLDER/layers.json and FOLDER/versions.txt. Where the job asks for fine-tuning, the
network is trained on the calibration windows before it is shrunk. With `inspect` FOLDER/model.tflite is
there already, made by another, and job.json and calibration.npy are all that is read beside it; it is looked
through and changed as one made here is, and anatomy.json and an empty layers.json are written.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from tensorflow.lite.python.convert_phase import ConverterError

from convert import flatbuffer, folding, layers, mending, rounding, workers
from convert.anatomy import Layer
from convert.fine_tuning import fine_tune
from convert.networks import load, predict
from convert.workers import Job
from edge.errors import ConversionError
from edge.fields import encode

Windows = np.ndarray[Any, Any]
_JUDGED = 32  # windows that tell the layers' errors
_ATTEMPTS = 8
"""TensorFlow 2.21 left a SPLIT in floating point in 3 of 12 conversions of the same two unrolled networks."""
_UNSUPPORTED = (
    # The converter names operators as error_code: ERROR_NEEDS_FLEX_OPS ... Flex ops: FlexErf, or in a list.
    re.compile(r"(?:Flex|Custom) ops: ([\w, ]+)"),
    re.compile(r"not yet supported for op: '(\w+)'"),
    re.compile(r"'tf\.(\w+)' op is neither a custom op"),
)


def converter_of(network: Any, job: Job, calibration: Windows) -> Any:
    """The configured converter of `network`, batch size 1."""
    fixed = keras.Input(batch_shape=(1, *network.inputs[0].shape[1:]))
    converter = tf.lite.TFLiteConverter.from_keras_model(keras.Model(fixed, network(fixed)))
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    if job.scheme == "int8":
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = converter.inference_output_type = tf.int8
    elif job.scheme == "16x8":
        wide = tf.lite.OpsSet.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8
        converter.target_spec.supported_ops = [wide]
        converter.inference_input_type = converter.inference_output_type = tf.int16
    elif job.scheme == "float16":
        converter.target_spec.supported_types = [tf.float16]
    if job.scheme in workers.WHOLE:
        converter.representative_dataset = lambda: _one_by_one(calibration)
    if not job.per_channel:
        converter._experimental_disable_per_channel = True  # noqa: SLF001 - the only switch there is
        converter._experimental_disable_per_channel_quantization_for_dense_layers = True  # noqa: SLF001
    return converter


def convert(network: Any, job: Job, calibration: Windows) -> Any:
    """The flatbuffer of `network` as the job asks, parsed; refused where no device runs it."""
    for _ in range(_ATTEMPTS):
        try:
            made: bytes = converter_of(network, job, calibration).convert()
        except (ConverterError, RuntimeError, ValueError) as error:
            raise ConversionError(_in_words(str(error))) from error
        model = flatbuffer.parse(made)
        if flatbuffer.floating(model) != {"SPLIT"}:
            break
    flatbuffer.refuse_unfit(model, job.scheme)
    return model


def shrink(job: Job, folder: Path) -> None:
    """Do the job; see the module's text for what is read and written. Raises ConversionError."""
    network = load(Path(job.model), (job.frames, job.coefficients), job.outputs)
    np.save(folder / "float.npy", predict(network, np.load(folder / "evaluation.npy")))
    shown = np.load(folder / "calibration.npy")
    if job.fine_tune:
        fine_tune(network, shown, job)
    model = convert(network, job, shown)
    _finish(model, job, shown, _errors(network, job, shown), folder)
    (folder / "versions.txt").write_text(f"tensorflow {tf.__version__}\nkeras {keras.__version__}\n")


def inspect(job: Job, folder: Path) -> None:
    """Look through a flatbuffer that another process made. Raises ConversionError."""
    model = flatbuffer.parse((folder / "model.tflite").read_bytes())
    flatbuffer.refuse_unfit(model, job.scheme)
    _finish(model, job, np.load(folder / "calibration.npy"), [], folder)


def _finish(model: Any, job: Job, shown: Windows, errors: list[Layer], folder: Path) -> None:
    """Change the parsed `model` so that devices compute it rightly, soonest and alike; write all of it."""
    folding.fold(model)
    mending.mend(model)
    # What was trained on while it was rounded to eight bits would lose by another rounding.
    alike = job.scheme == "int8" and job.alike and not job.fine_tune
    left = rounding.settle(model, shown) if alike else None
    (folder / "model.tflite").write_bytes(flatbuffer.packed(model))
    (folder / "anatomy.json").write_text(json.dumps(encode(flatbuffer.anatomy(model, left))))
    (folder / "layers.json").write_text(json.dumps(encode(errors)))


def _errors(network: Any, job: Job, shown: Windows) -> list[Layer]:
    """The layers' errors, of int8 alone: the debugger knows no other scheme with quantised outputs."""
    if job.scheme != "int8" or not job.blame:
        return []
    names = [layer.name for layer in network._flatten_layers()]  # noqa: SLF001
    some = shown[:: max(1, len(shown) // _JUDGED)]
    return layers.errors(converter_of(network, job, shown), some, names)


def _one_by_one(windows: Windows) -> Iterator[list[Windows]]:
    for window in windows:
        yield [window[np.newaxis].astype(np.float32)]


def _in_words(said: str) -> str:
    for pattern in _UNSUPPORTED:
        found = pattern.search(said)
        if found:
            return (
                f"the model needs {found[1].strip()}, which the device's runtime does not have in this scheme"
                " (select operators and floating point stay on the desktop); replace that layer with Conv2D,"
                " ReLU, pooling and Dense"
            )
    reason = next(iter(said.strip().splitlines()), "no reason given")
    return (
        f"the converter refuses the model ({reason}); replace unusual layers with Conv2D, ReLU, pooling"
        " and Dense"
    )


def main(arguments: list[str]) -> int:
    """Run the worker; see the module's text."""
    folder = Path(arguments[0])
    do = inspect if arguments[1:] == ["inspect"] else shrink
    return workers.end(lambda: do(Job.read(folder), folder))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
