"""Freeze what the shipped model makes of the recordings: run after a new model, then look at the diff.

python tests/golden/make_golden.py
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import soundfile

from edge import model_file
from edge.classifier import Classifier, normalise, quantise
from edge.config import Gate
from edge.episodes import EpisodeDetector
from edge.features import mfcc
from edge.pipeline import Pipeline
from edge.windows import recording_windows

HERE = Path(__file__).parent
DATA = HERE.parent / "data"
MODEL = HERE.parents[1] / "model" / "bedside-ser.tflite"
CLIPS = ("angry", "fearful", "neutral", "sad")
FRAMES = (0, 40, 80, 120)


def features_and_scores(classifier: Classifier, clip: str) -> dict[str, Any]:
    """Some MFCC frames of a clip, and the int8 scores of its first window."""
    training = classifier.manifest.training
    samples, _ = soundfile.read(DATA / f"{clip}.wav", dtype="int16")
    frames = mfcc(samples, training.front_end)
    window = recording_windows(frames, training.window, training.front_end)[0]
    scores = classifier.invoke(quantise(normalise(window, training.normalisation), classifier.manifest.input))
    return {
        "frames": len(frames),
        "mfcc": {str(i): [round(float(value), 4) for value in frames[i]] for i in FRAMES},
        "scores": scores.tolist(),
    }


def episodes(classifier: Classifier) -> list[dict[str, Any]]:
    """Onsets and ends in the demo scene."""
    training = classifier.manifest.training
    samples, _ = soundfile.read(DATA / "scene.wav", dtype="int16")
    pipeline = Pipeline(classifier, Gate())
    detector = EpisodeDetector(training.distress.policy, training.distress, lambda: "0" * 32)
    events = [e for result in pipeline.feed(samples) + pipeline.flush() for e in detector.update(result)]
    events += detector.finish("the end")
    return [
        {"phase": event.phase, "emotion": event.emotion, "at_s": round(event.at_s, 1)}
        for event in events
        if event.phase != "update"
    ]


def main() -> None:
    """Write golden.json."""
    classifier = Classifier(model_file.read(MODEL))
    golden = {
        "model": classifier.manifest.title,
        "sha256": classifier.manifest.sha256,
        "clips": {clip: features_and_scores(classifier, clip) for clip in CLIPS},
        "episodes": episodes(classifier),
    }
    (HERE / "golden.json").write_text(json.dumps(golden, indent=1) + "\n")


if __name__ == "__main__":
    main()
