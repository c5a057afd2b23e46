"""Run model files as a device does, with the runtime and on the processor that this Python has.

    python run_models.py OUT.npz FOLDER [REFERENCE.npz]

FOLDER holds model files and recordings. Of each model, by its name without .tflite, OUT.npz keeps
NAME/features, the windows as computed here, shape (windows, frames, coefficients), NAME/scores, what the
network answers as its output tensor holds it, shape (windows, outputs), NAME/refusal, what a device says
where the file fails its self-test, or nothing, and NAME/allowed, how many steps a score may be off there;
`runtime` is the runtime's name. With REFERENCE.npz, an OUT.npz of another run, the networks are given that
run's windows: features and scores can then be compared each for itself.

It needs numpy, a runtime and edge, and asks for its parent's process id before and after every window: an
emulator may count there.
"""

import os
import sys
import wave
from pathlib import Path

import numpy as np

from edge import model_file, self_test
from edge.classifier import Classifier, normalise, quantise, runtime_name
from edge.errors import ModelError
from edge.features import mfcc
from edge.windows import recording_windows


def samples_of(path):
    """The samples of a WAV file, int16, shape (n,)."""
    with wave.open(str(path)) as file:
        return np.frombuffer(file.readframes(file.getnframes()), "<i2")


def refusal_of(classifier):
    """The sentence with which a device refuses the model, as it fails its self-test, or nothing."""
    try:
        self_test.check(classifier)
    except ModelError as error:
        return str(error)
    return ""


def allowed_steps(manifest):
    """How many steps of its output a score may be off; two where the file has no self-test."""
    if manifest.self_test is None:
        return 2.0
    return self_test.allowed(manifest, manifest.self_test) / manifest.self_test.tolerance


def main(out, folder, reference=None):
    recordings = [samples_of(path) for path in sorted(folder.glob("*.wav"))]
    given = np.load(reference) if reference else None
    features, told = {}, {"runtime": np.array(runtime_name())}
    for path in sorted(folder.glob("*.tflite")):
        classifier = Classifier(model_file.read(path))
        told[f"{path.stem}/refusal"] = np.array(refusal_of(classifier))
        told[f"{path.stem}/allowed"] = np.array(allowed_steps(classifier.manifest))
        training = classifier.manifest.training
        key = (training.front_end, training.window)
        if key not in features:
            heard = [mfcc(samples, training.front_end) for samples in recordings]
            windows = [recording_windows(frames, training.window, training.front_end) for frames in heard]
            features[key] = np.concatenate(windows)
        told[f"{path.stem}/features"] = features[key]
        windows = features[key] if given is None else given[f"{path.stem}/features"]
        scores = []
        for window in windows:
            taken = quantise(normalise(window, training.normalisation), classifier.manifest.input)
            os.getppid()
            scores.append(classifier.invoke(taken))
            os.getppid()
        told[f"{path.stem}/scores"] = np.array(scores)
    np.savez(out, **told)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
