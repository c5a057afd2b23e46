"""The half of a conversion that runs as the device does, in a process that never loads TensorFlow.

    python -m convert.device_worker tensors MODEL.tflite
prints shape, scale and zero point of a bare flatbuffer's input and output as JSON.

    python -m convert.device_worker run MODEL.tflite WINDOWS.npy LOGITS.npy
puts normalised windows through a finished model file and stores the dequantised outputs.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np

from edge import model_file
from edge.classifier import Classifier, dequantise, quantise, tensors
from edge.errors import ModelError
from edge.fields import encode


def main(arguments: list[str]) -> int:
    """Run the worker; see the module's text."""
    try:
        if arguments[0] == "tensors":
            inputs, outputs = tensors(Path(arguments[1]).read_bytes())
            print(json.dumps({"input": encode(inputs), "output": encode(outputs)}))
            return 0
        model, windows, logits = map(Path, arguments[1:])
        classifier = Classifier(model_file.read(model))
    except ModelError as error:
        print(error, file=sys.stderr)
        return error.exit_status
    manifest = classifier.manifest
    outputs_int8 = [classifier.invoke(quantise(window, manifest.input)) for window in np.load(windows)]
    np.save(logits, dequantise(np.array(outputs_int8), manifest.output))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
