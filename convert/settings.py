"""How a network is to be shrunk, and which ways there are not for which kinds of network."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from convert.calibration import LEAST_CLIPS
from convert.workers import WHOLE
from edge.errors import ConversionError

_KERAS = {".keras", ".h5", ".hdf5"}
_INSTEAD = {
    ".tflite": "the network it was made of: what is rounded cannot be converted again",
    ".onnx": "the network it was exported from: a Keras file, or a .pt2 file as torch.export.save leaves it",
    ".pt": "it as --weights of FILE.py:FACTORY, or a .pt2 file as torch.export.save leaves it",
    ".pth": "it as --weights of FILE.py:FACTORY, or a .pt2 file as torch.export.save leaves it",
    ".py": "FILE.py:FACTORY, where FACTORY is the function in it that makes the network",
}


@dataclass(frozen=True, slots=True)
class Settings:
    """How to shrink a network, and what is too much to lose by it."""

    scheme: str = "int8"
    per_channel: bool = True
    alike: bool = True
    """Whether int8 weights give up a bit for every runtime to round their sums alike."""
    least_clips: int = LEAST_CLIPS
    max_drop: float = 1.0
    """Points of UAR."""
    fine_tune: int = 0
    """Epochs; 0: the network is shrunk as it is."""
    weights: Path | None = None
    torch_python: str = sys.executable


def is_torch(model: Path) -> bool:
    """Whether the model is PyTorch's: a .pt2 file, or FILE.py:FACTORY."""
    return model.suffix == ".pt2" or ".py:" in model.name


def file_of(model: Path) -> Path:
    """The file or folder the model is in."""
    name, factory, _ = model.name.partition(".py:")
    return model.with_name(f"{name}.py") if factory else model


def refuse_impossible(model: Path, settings: Settings) -> None:
    """Raises ConversionError where the settings ask for what is not made of that kind of network."""
    if not (is_torch(model) or model.is_dir() or model.suffix in _KERAS):
        raise ConversionError(
            f"{model} is no kind of network that can be converted; give"
            f" {_INSTEAD.get(model.suffix, 'a .keras, .h5 or .pt2 file, a SavedModel or FILE.py:FACTORY')}"
        )
    if settings.weights is not None and ".py:" not in model.name:
        raise ConversionError(
            f"--weights {settings.weights} is for a module given as FILE.py:FACTORY, and {model} has its own;"
            " leave it out"
        )
    if is_torch(model):
        if settings.scheme == "float16":
            raise ConversionError(
                "--scheme float16 is not made of PyTorch networks; use --scheme int8, 16x8 or dynamic"
            )
        if not settings.per_channel:
            raise ConversionError(
                "--per-tensor is not made of PyTorch networks; leave it out, for one scale a channel"
            )
    reason = why_not_fine_tuned(model, settings) if settings.fine_tune else None
    if reason is not None:
        raise ConversionError(reason)


def why_not_fine_tuned(model: Path, settings: Settings) -> str | None:
    """Why this network cannot be fine-tuned with these settings, in a sentence; None where it can."""
    if is_torch(model) or model.is_dir():
        kind = "PyTorch's" if is_torch(model) else "a SavedModel, whose layers are not known"
        return f"--fine-tune trains Keras networks alone, and {model} is {kind}; give a .keras or .h5 file"
    if settings.scheme not in WHOLE:
        return (
            f"--fine-tune is against the rounding of int8 and 16x8, and --scheme {settings.scheme} computes"
            " in floating point; leave one of them out"
        )
    if not settings.per_channel:
        return "--fine-tune rounds weights with one scale a channel; leave --per-tensor or --fine-tune out"
    return None
