"""The half of a conversion that runs as the device does, in a process that never loads TensorFlow.

    python -m convert.device_worker tensors MODEL.tflite
prints shape, type, scale and zero point of a bare flatbuffer's input and output as JSON.

    python -m convert.device_worker run MODEL.tflite FOLDER
puts FOLDER/evaluation.npy, normalised windows, through a finished model file, stores the dequantised
outputs in FOLDER/converted.npy and the self-test that FOLDER/golden.npy, a window as computed, gives in
FOLDER/self_test.json; FOLDER/device.json says which runtime it was and what its tensors take.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from edge import model_file, self_test
from edge.classifier import Classifier, dequantise, plain_interpreter, quantise, runtime_name, tensors
from edge.errors import ModelError
from edge.fields import encode

_TOO_NEW = re.compile(r"Didn't find op for builtin opcode '(\w+)' version '(\d+)'")


def judge(model: Path, folder: Path) -> None:
    """Run the model; see the module's text. Raises ModelError."""
    read = model_file.read(model)
    classifier, flatbuffer = Classifier(read), read.flatbuffer
    manifest = classifier.manifest
    windows = np.load(folder / "evaluation.npy")
    try:
        outputs = [classifier.invoke(quantise(window, manifest.input)) for window in windows]
    except RuntimeError as error:  # some kernels look at their types only when they run
        raise ModelError(f"the runtime refuses the model: {error}") from error
    np.save(folder / "converted.npy", dequantise(np.array(outputs), manifest.output))
    facts = {"runtime": runtime_name(), "arena_bytes": arena_bytes(flatbuffer)}
    (folder / "device.json").write_text(json.dumps(facts))
    golden = self_test.make(classifier, np.load(folder / "golden.npy"))
    (folder / "self_test.json").write_text(json.dumps(encode(golden)))


def arena_bytes(flatbuffer: bytes) -> int:
    """What the runtime's own kernels, those without XNNPACK, take for the tensors of one window.

    The tensors lie where the runtime's planner has put them, many over one another; constants lie in the
    flatbuffer.
    """
    interpreter = plain_interpreter(flatbuffer)
    interpreter.allocate_tensors()
    first = np.frombuffer(flatbuffer, np.uint8).__array_interface__["data"][0]
    taken, reached = 0, 0
    for start, size in sorted(_places(interpreter)):
        if not first <= start < first + len(flatbuffer):
            taken += max(0, start + size - max(start, reached))
            reached = max(reached, start + size)
    return taken


def _places(interpreter: Any) -> Iterator[tuple[int, int]]:
    """Address and size in bytes of each tensor that has memory."""
    for details in interpreter.get_tensor_details():
        try:
            values = interpreter.tensor(details["index"])()
        except ValueError:  # it has none, such as one that a fused operator left over
            continue
        yield values.__array_interface__["data"][0], values.nbytes


def in_words(error: ModelError) -> str:
    """The refusal as one sentence for the engineer at the desk."""
    said = str(error)
    found = _TOO_NEW.search(said)
    if found:
        return (
            f"the model needs version {found[2]} of {found[1]}, which the device's {runtime_name()} cannot"
            " run; replace that layer with Conv2D, ReLU, pooling and Dense"
        )
    if "the runtime refuses" in said:
        reason = said.partition("the runtime refuses the model: ")[2].splitlines()[0]
        return (
            f"the device's {runtime_name()} refuses the model ({reason}); replace that layer with Conv2D,"
            " ReLU, pooling and Dense, or try another --scheme"
        )
    return said.replace("\n", " ")


def main(arguments: list[str]) -> int:
    """Run the worker; see the module's text."""
    try:
        if arguments[0] == "tensors":
            inputs, outputs = tensors(Path(arguments[1]).read_bytes())
            print(json.dumps({"input": encode(inputs), "output": encode(outputs)}))
        else:
            judge(*map(Path, arguments[1:]))
    except ModelError as error:
        print(in_words(error), file=sys.stderr)
        return error.exit_status
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
