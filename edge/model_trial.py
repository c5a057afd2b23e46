"""A model file tried out in a process of its own, which may crash, hang or take all memory without harm.

    python -m edge.model_trial < MODEL.tflite

runs its self-test and judges silence and noise. A refusal ends with exit status 65 and one sentence on
standard error, a model that runs with 0.
"""

from __future__ import annotations

import resource
import subprocess
import sys
from os import environ
from pathlib import Path

import numpy as np

from edge import self_test
from edge.classifier import Classifier
from edge.config import Gate
from edge.errors import ModelError
from edge.features import mfcc
from edge.model_file import unpack
from edge.pipeline import Pipeline
from edge.windows import recording_windows

# The shipped model needs 60 to 100 MB of it. With the daemon's own it must stay below MemoryMax of the unit:
# beyond that systemd would end both.
_MEMORY_BYTES = 160 * 1024 * 1024
_REMEDY = "convert the model again with bedside-quantize"


def try_out(data: bytes, name: str, limit_s: float) -> None:
    """Raises ModelError unless the model file `name` loads, passes its self-test and answers numbers."""
    command = [sys.executable, "-P", "-m", "edge.model_trial"]
    ours = str(Path(__file__).parents[1])  # the same code, wherever we were started
    variables = environ | {"PYTHONPATH": ours, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    try:
        done = subprocess.run(  # noqa: S603 - nothing in it comes from outside
            command, input=data, capture_output=True, timeout=limit_s, check=False, env=variables
        )
    except subprocess.TimeoutExpired as error:
        raise ModelError(
            f"{name} does not answer within {limit_s:g} s; take a smaller model, or {_REMEDY}"
        ) from error
    except OSError as error:
        raise ModelError(f"{name} cannot be tried out: {error.strerror}; try again") from error
    if done.returncode < 0:
        raise ModelError(
            f"{name} crashes the TFLite runtime (signal {-done.returncode}); {_REMEDY} for this runtime"
        )
    if done.returncode != 0:
        lines = done.stderr.decode(errors="replace").strip().splitlines() or ["it gives no reason"]
        reason = lines[-1] if done.returncode == ModelError.exit_status else f"{lines[-1]}; {_REMEDY}"
        raise ModelError(f"{name}: {reason}")


def judge(data: bytes) -> None:
    """Load the model file and let it judge. Raises ModelError, or whatever it makes the runtime raise."""
    model = unpack(data, "the model")
    classifier = Classifier(model)
    self_test.check(classifier)
    Pipeline(classifier, Gate())
    training = model.manifest.training
    front_end, window = training.front_end, training.window
    length = front_end.frame_length + (window.frames - 1) * front_end.hop_length
    loud = np.random.default_rng(0).integers(-32768, 32767, length).astype(np.int16)
    for samples in (np.zeros(length, np.int16), loud):
        said = classifier.judge(recording_windows(mfcc(samples, front_end), window, front_end)[0])
        if not (np.isfinite(said.probabilities).all() and np.isfinite(said.distress)):
            raise ModelError(f"the model answers {said.distress} of distress, which is no number; {_REMEDY}")


def main() -> int:
    """Try the model on standard input; see the module's text."""
    resource.setrlimit(resource.RLIMIT_DATA, (_MEMORY_BYTES, _MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        judge(sys.stdin.buffer.read())
    except ModelError as error:
        print(error, file=sys.stderr)
        return error.exit_status
    return 0


if __name__ == "__main__":
    sys.exit(main())
