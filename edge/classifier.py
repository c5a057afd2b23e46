"""One window of features in, a probability an emotion and a distress score out, on one thread."""

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

Values = npt.NDArray[Any]
"""What a tensor holds: int8, int16 or float32."""
_TYPES = {np.int8: "int8", np.int16: "int16", np.float32: "float32"}
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
                is_whole = self.manifest.input.dtype != "float32"
                self._interpreter = (plain_interpreter if is_whole else _interpreter)(self._flatbuffer)
                self._interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            raise ModelError(
                f"the model {self.manifest.title} cannot be run: {_sentence(error)}; {_REMEDY}"
            ) from error
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

    def invoke(self, window: Values) -> Values:
        """The output tensor, shape (outputs,), for an input of shape (window frames, coefficients).

        Both have the types their tensors have in the manifest.
        """
        self._interpreter.set_tensor(self._input, window[np.newaxis])
        self._interpreter.invoke()
        output: Values = self._interpreter.get_tensor(self._output)[0]
        return output


def normalise(frames: FloatArray, normalisation: Normalisation) -> FloatArray:
    """(frames - mean) / deviation per coefficient, no lower than `lowest`; shape (n, coefficients)."""
    mean = np.asarray(normalisation.mean, np.float32)
    deviation = np.asarray(normalisation.deviation, np.float32)
    held: FloatArray = np.maximum((frames - mean) / deviation, np.float32(normalisation.lowest))
    return held


def quantise(values: FloatArray, tensor: Tensor) -> Values:
    """Real numbers as the tensor takes them; whole ones are rounded to nearest, within limits."""
    if tensor.dtype == "float32":
        return values.astype(np.float32)
    limits = np.iinfo(tensor.dtype)
    whole = np.rint(values / tensor.scale) + tensor.zero_point
    result: Values = np.clip(whole, limits.min, limits.max).astype(tensor.dtype)
    return result


def dequantise(values: Values, tensor: Tensor) -> FloatArray:
    """The real numbers that the values of a tensor stand for; those of float32 are themselves."""
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
    """Input and output of a bare flatbuffer. Raises ModelError where it cannot be run or has more."""
    try:
        interpreter = _interpreter(flatbuffer)
        (inputs,), (outputs,) = interpreter.get_input_details(), interpreter.get_output_details()
    except (ValueError, RuntimeError) as error:
        raise ModelError(f"the runtime refuses the model: {_sentence(error)}; convert it again") from error
    return _tensor("input", inputs), _tensor("output", outputs)


def plain_interpreter(flatbuffer: bytes) -> Any:
    """An interpreter on one thread, without XNNPACK, which for int8 ai-edge-litert alone has.

    XNNPACK is faster and rounds differently where a file was not made for all to round alike
    (convert/rounding.py); without it such a file scores more nearly the same on both runtimes.
    """
    runtime = _runtime()
    kernels = runtime.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    return runtime.Interpreter(model_content=flatbuffer, num_threads=1, experimental_op_resolver_type=kernels)


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


def _interpreter(flatbuffer: bytes) -> Any:
    return _runtime().Interpreter(model_content=flatbuffer, num_threads=1)


def _sentence(error: Exception) -> str:
    """What the runtime says, which takes several lines for it, on one."""
    return " ".join(str(error).split()).rstrip(".")


def _compare(name: str, details: dict[str, Any], expected: Tensor) -> None:
    actual = _tensor(name, details)
    same_numbers = np.isclose(actual.scale, expected.scale) and actual.zero_point == expected.zero_point
    if actual.shape != expected.shape or not same_numbers:
        raise ModelError(f"the model's {name} is {actual}; its manifest says {expected}; {_REMEDY}")


def _tensor(name: str, details: dict[str, Any]) -> Tensor:
    dtype = _TYPES.get(details["dtype"])
    if dtype is None:
        raise ModelError(
            f"the model's {name} is {np.dtype(details['dtype']).name}; the device runs"
            f" {', '.join(_TYPES.values())}: convert it again"
        )
    shape = tuple(int(size) for size in details["shape"])
    if dtype == "float32":
        return Tensor(shape, 1.0, 0, dtype)
    scale, zero_point = details["quantization"]
    try:
        return Tensor(shape, float(scale), int(zero_point), dtype)
    except ValueError as error:
        raise ModelError(f"the model's {name} is refused: {error}; convert it again") from error
