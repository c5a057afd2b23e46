"""Processes a conversion is done in, and what they are told: TensorFlow and the device's runtime clash."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from edge.errors import ConversionError
from edge.fields import checked, decode, encode
from edge.manifest import SCHEMES

JOB = "job.json"
_ON_PURPOSE = ConversionError.exit_status
WHOLE = tuple(scheme for scheme, dtype in SCHEMES.items() if dtype != "float32")
"""The schemes that compute in whole numbers, whose scales recordings set."""


@dataclass(frozen=True, slots=True)
class Job:
    """What the process that makes a flatbuffer is to do."""

    model: str = checked(minimum=1)
    frames: int = checked(minimum=1)
    coefficients: int = checked(minimum=1)
    outputs: int = checked(minimum=1)
    scheme: str = checked(choices=tuple(SCHEMES), default="int8")
    per_channel: bool = checked(default=True)
    alike: bool = checked(default=True)
    """Whether all runtimes are to round int8 sums alike, which costs weights a bit; not when fine-tuned."""
    blame: bool = checked(default=True)
    """Whether each layer's error is measured, which takes longer than to convert."""
    weights: str = checked(default="")
    """Of a PyTorch module that a factory makes."""
    fine_tune: int = checked(minimum=0, default=0)
    """For how many epochs the network is trained on while it is rounded; 0: not at all."""
    labels: int = checked(minimum=0, default=0)
    """How many of the outputs are logits of one softmax, the first ones; fine-tuning needs to know."""

    def write(self, folder: Path) -> None:
        """The job as `folder`/job.json."""
        (folder / JOB).write_text(json.dumps(encode(self)), encoding="utf-8")

    @classmethod
    def read(cls, folder: Path) -> Job:
        """What `write` left there."""
        return decode(cls, json.loads((folder / JOB).read_text(encoding="utf-8")))


def end(work: Callable[[], None]) -> int:
    """Do a worker's work; the exit status that `run` understands, a refusal's sentence on standard error."""
    try:
        work()
    except ConversionError as error:
        print(error, file=sys.stderr)
        return error.exit_status
    return 0


def reason(error: Exception) -> str:
    """What a library says of a file it cannot read, in one line: it may say anything, or nothing."""
    return next(iter(str(error).splitlines()), type(error).__name__).rstrip(".")


def run(module: str, *arguments: object, python: str = sys.executable) -> str:
    """The standard output of a worker module, run as a process of its own, by another Python if so wished.

    Raises ConversionError with the sentence of one that refuses, and in words where one fails or crashes.
    """
    environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"}
    # -P: a folder named edge or train where we were started must not be taken for the package.
    command = [python, "-P", "-m", module, *map(str, arguments)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)  # noqa: S603
    except OSError as error:
        raise ConversionError(f"cannot run {python}: {error.strerror}; give the path of a Python") from error
    if done.returncode == 0:
        return done.stdout
    said = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
    if done.returncode == _ON_PURPOSE:
        raise ConversionError(said)
    if done.returncode < 0:
        raise ConversionError(
            f"{module} crashed on this model ({_name(-done.returncode)}): an operator in it is not supported,"
            " or memory ran out; replace unusual layers with Conv2D, ReLU, pooling and Dense"
        )
    raise ConversionError(
        f"{module} failed on this model ({said}); replace unusual layers with Conv2D, ReLU, pooling and Dense"
    )


def _name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
