"""One window of features in, a probability an emotion and a distress score out: int8, on one thread."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edge.errors import ModelError
from edge.features import FloatArray
from edge.manifest import Normalisation, Tensor, Training
from edge.model_file import ModelFile
from edge.quiet import quiet

_RUNTIMES = ("tflite_runtime.interpreter", "ai_edge_litert.interpreter")
_REMEDY = "convert it again with bedside-quantize"


@dataclass(frozen=True, slots=True)
class Judged:
    """What a model says: probabilities, shape (..., labels), and distress scores from 0 to 1, shape (...)."""

    probabilities: FloatArray
    distress: FloatArray


class Classifier:
    """A loaded model. Never load TensorFlow in the same process: the runtimes clash."""

    def __init__(self, model: ModelFile) -> None:
        """Raises ModelError where no runtime can run the model or its tensors contradict its manifest."""
        self.manifest = model.manifest
        self._flatbuffer = model.flatbuffer  # the interpreter keeps only a pointer to these bytes
        try:
            with quiet():
                self._interpreter = _runtime().Interpreter(model_content=self._flatbuffer, num_threads=1)
                self._interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            raise ModelError(f"the model {self.manifest.title} cannot be run: {error}; {_REMEDY}") from error
        inputs, outputs = self._interpreter.get_input_details(), self._interpreter.get_output_details()
        if len(inputs) != 1 or len(outputs) != 1:
            raise ModelError(
                f"the model {self.manifest.title} has {len(inputs)} inputs and {len(outputs)} outputs;"
                f" the device runs models with one of each; {_REMEDY}"
            )
        _compare("input", inputs[0], self.manifest.input)
        _compare("output", outputs[0], self.manifest.output)
        self._input, self._output = inputs[0]["index"], outputs[0]["index"]

    @property
    def labels(self) -> tuple[str, ...]:
        """The emotions, in the order of the probabilities."""
        return self.manifest.training.labels

    def judge(self, window: FloatArray) -> Judged:
        """What the model says of MFCC frames as computed, shape (window frames, coefficients)."""
        normalised = normalise(window, self.manifest.training.normalisation)
        logits = dequantise(self.invoke(quantise(normalised, self.manifest.input)), self.manifest.output)
        return judged(logits, self.manifest.training)

    def invoke(self, window: npt.NDArray[np.int8]) -> npt.NDArray[np.int8]:
        """The int8 output, shape (outputs,), for an int8 window, shape (window frames, coefficients)."""
        self._interpreter.set_tensor(self._input, window[np.newaxis])
        self._interpreter.invoke()
        output: npt.NDArray[np.int8] = self._interpreter.get_tensor(self._output)[0]
        return output


def normalise(frames: FloatArray, normalisation: Normalisation) -> FloatArray:
    """(frames - mean) / deviation per coefficient, no lower than `lowest`; shape (n, coefficients)."""
    mean = np.asarray(normalisation.mean, np.float32)
    deviation = np.asarray(normalisation.deviation, np.float32)
    held: FloatArray = np.maximum((frames - mean) / deviation, np.float32(normalisation.lowest))
    return held


def quantise(values: FloatArray, tensor: Tensor) -> npt.NDArray[np.int8]:
    """Real numbers as int8, rounded to nearest and held within -128 to 127."""
    result: npt.NDArray[np.int8] = np.clip(
        np.rint(values / tensor.scale) + tensor.zero_point, -128, 127
    ).astype(np.int8)
    return result


def dequantise(values: npt.NDArray[np.int8], tensor: Tensor) -> FloatArray:
    """The real numbers that int8 values stand for."""
    return np.float32(tensor.scale) * (values.astype(np.float32) - np.float32(tensor.zero_point))


def softmax(logits: FloatArray) -> FloatArray:
    """Probabilities along the last axis."""
    exponentials = np.exp(logits - logits.max(axis=-1, keepdims=True))
    result: FloatArray = exponentials / exponentials.sum(axis=-1, keepdims=True)
    return result


def sigmoid(logits: FloatArray) -> FloatArray:
    """1 / (1 + exp(-logit)), by a way that overflows nowhere."""
    result: FloatArray = 0.5 + 0.5 * np.tanh(logits / 2)
    return result


def judged(logits: FloatArray, training: Training) -> Judged:
    """What logits, shape (..., outputs), say; a distress output's come after those of the labels."""
    labels, distress = training.labels, training.distress
    probabilities = softmax(logits[..., : len(labels)] / np.float32(training.temperature))
    if distress.temperature is not None:
        return Judged(probabilities, sigmoid(logits[..., len(labels)] / np.float32(distress.temperature)))
    weights = np.array([distress.weights.get(label, 0.0) for label in labels], np.float32)
    return Judged(probabilities, np.clip(probabilities @ weights, 0, 1))


def tensors(flatbuffer: bytes) -> tuple[Tensor, Tensor]:
    """Input and output of a bare flatbuffer. Raises ModelError unless it is int8 with one of each."""
    try:
        interpreter = _runtime().Interpreter(model_content=flatbuffer, num_threads=1)
        (inputs,), (outputs,) = interpreter.get_input_details(), interpreter.get_output_details()
    except (ValueError, RuntimeError) as error:
        raise ModelError(f"the runtime refuses the model: {error}; convert it again") from error
    return _tensor("input", inputs), _tensor("output", outputs)


def runtime_name() -> str:
    """Name and version of the TFLite runtime in use, such as `tflite_runtime 2.14.0`."""
    name = _runtime().__name__.split(".")[0]
    return f"{name} {importlib.import_module(name).__version__}"


def _runtime() -> Any:
    for name in _RUNTIMES:
        try:
            return importlib.import_module(name)
        except ModuleNotFoundError:
            continue
    raise ModelError(
        "no TFLite runtime is installed; install tflite-runtime or, from Python 3.12, ai-edge-litert"
    )


def _compare(name: str, details: dict[str, Any], expected: Tensor) -> None:
    actual = _tensor(name, details)
    same_numbers = np.isclose(actual.scale, expected.scale) and actual.zero_point == expected.zero_point
    if actual.shape != expected.shape or not same_numbers:
        raise ModelError(f"the model's {name} is {actual}; its manifest says {expected}; {_REMEDY}")


def _tensor(name: str, details: dict[str, Any]) -> Tensor:
    if details["dtype"] is not np.int8:
        raise ModelError(
            f"the model's {name} is {np.dtype(details['dtype']).name}; the device runs int8: convert it again"
        )
    scale, zero_point = details["quantization"]
    return Tensor(tuple(int(size) for size in details["shape"]), float(scale), int(zero_point))
