"""The half of a conversion that needs PyTorch, in a process and usually an environment of its own.

    python -m convert.torch_worker FOLDER

reads and writes what convert.tensorflow_worker does, but for anatomy.json and layers.json, which that one
writes of the finished flatbuffer. litert-torch makes the float flatbuffer, ai-edge-quantizer shrinks it.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from convert import workers
from convert.workers import Job
from edge.errors import ConversionError

Windows = np.ndarray[Any, Any]
_INSTALL = (
    "make an environment with it, python3 -m venv torch && torch/bin/pip install 'bedside-ser[torch]', and"
    " give --torch-python torch/bin/python"
)
_RECIPES = {"int8": "static_wi8_ai8", "16x8": "static_wi8_ai16", "dynamic": "dynamic_wi8_afp32"}


def load(job: Job) -> Any:
    """The module in a .pt2 file, or what a factory in a Python file makes. Raises ConversionError."""
    torch = _torch()
    file, _, factory = job.model.partition(".py:")
    try:
        if not factory:
            return torch.export.load(job.model).module()
        module = _made_by(Path(file + ".py"), factory)()
        if job.weights:
            module.load_state_dict(torch.load(job.weights, map_location="cpu", weights_only=True))
        return module.eval()
    except ConversionError:
        raise
    except Exception as error:
        # Damaged files, and what an engineer's own code raises, can be anything.
        raise ConversionError(
            f"{job.model} is no PyTorch model: {workers.reason(error)}; give a .pt2 file of torch.export.save"
            " or FILE.py:FACTORY and --weights"
        ) from error


def _made_by(file: Path, factory: str) -> Callable[[], Any]:
    spec = importlib.util.spec_from_file_location("given_by_the_engineer", file)
    if spec is None or spec.loader is None:
        raise ConversionError(f"{file} is no Python file; give FILE.py:FACTORY")
    given = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(given)
    made = getattr(given, factory, None)
    if not callable(made):
        raise ConversionError(f"{file} has no function {factory}; give FILE.py:FACTORY")
    result: Callable[[], Any] = made
    return result


def refuse_unfit(module: Any, job: Job) -> None:
    """Raises ConversionError where the module does not fit the front end or has what no device runs."""
    torch = _torch()
    recurrent = [name for name, one in module.named_modules() if isinstance(one, torch.nn.RNNBase)]
    if recurrent:
        raise ConversionError(
            f"{job.model} has recurrent layers ({', '.join(recurrent)}), which have no int8 form the device"
            " runs; train a convolutional network instead"
        )
    if not all(torch.isfinite(one).all() for one in module.state_dict().values()):
        raise ConversionError(f"{job.model} has weights that are not numbers; train it again")
    try:
        with torch.no_grad():
            answer = module(torch.zeros(1, job.frames, job.coefficients))
    except Exception as error:
        raise ConversionError(
            f"{job.model} does not take windows of {(1, job.frames, job.coefficients)}, as model.json says:"
            f" {workers.reason(error)}; correct the one that is wrong"
        ) from error
    if not isinstance(answer, torch.Tensor) or tuple(answer.shape) != (1, job.outputs):
        shape = tuple(answer.shape) if isinstance(answer, torch.Tensor) else type(answer).__name__
        raise ConversionError(
            f"the output of {job.model} is {shape}, model.json says {(1, job.outputs)}: one value a label,"
            " and one more where it has distress.temperature; correct the one that is wrong"
        )


def shrink(job: Job, folder: Path) -> None:
    """Do the job; see the module's text for what is read and written. Raises ConversionError."""
    torch = _torch()
    module = load(job)
    refuse_unfit(module, job)
    windows = torch.from_numpy(np.load(folder / "evaluation.npy").astype(np.float32))
    with torch.no_grad():
        logits = np.concatenate([module(window[None]).numpy() for window in windows])
    np.save(folder / "float.npy", logits)
    litert_torch = importlib.import_module("litert_torch")
    made = folder / "float.tflite"
    sample = (torch.zeros(1, job.frames, job.coefficients),)
    litert_torch.convert(module, sample).export(str(made))
    shrunk = _quantised(made, job.scheme, np.load(folder / "calibration.npy"))
    (folder / "model.tflite").write_bytes(shrunk)
    names = ("torch", "litert-torch", "ai-edge-quantizer")
    (folder / "versions.txt").write_text("".join(f"{name} {version(name)}\n" for name in names))


def _quantised(made: Path, scheme: str, calibration: Windows) -> bytes:
    quantizer = importlib.import_module("ai_edge_quantizer.quantizer").Quantizer(str(made))
    recipe = importlib.import_module("ai_edge_quantizer.recipe")
    quantizer.load_quantization_recipe(getattr(recipe, _RECIPES[scheme])())
    if not quantizer.need_calibration:
        return bytes(quantizer.quantize().quantized_model)
    interpreter = importlib.import_module("ai_edge_litert.interpreter").Interpreter(str(made))
    ((signature, tensors),) = interpreter.get_signature_list().items()
    (name,) = tensors["inputs"]
    shown = [{name: window[np.newaxis].astype(np.float32)} for window in calibration]
    return bytes(quantizer.quantize(quantizer.calibrate({signature: shown})).quantized_model)


def _torch() -> Any:
    try:
        importlib.import_module("litert_torch")
        return importlib.import_module("torch")
    except ModuleNotFoundError as error:
        raise ConversionError(f"{error.name} is not installed for {sys.executable}; {_INSTALL}") from error


def main(arguments: list[str]) -> int:
    """Run the worker; see the module's text."""
    folder = Path(arguments[0])
    return workers.end(lambda: shrink(Job.read(folder), folder))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
