"""How fast the device's own code is, as ratios within one run: `make bench`.

Absolute milliseconds belong to this machine alone and are printed only to show the scale.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import python_speech_features
import soundfile

from edge import model_file
from edge.classifier import Classifier
from edge.config import Gate
from edge.features import MfccStream, mfcc
from edge.noise_reduction import reduce_noise
from edge.pipeline import Pipeline
from edge.pitch import HOP, LENGTH, pitch
from edge.speech_gate import SpeechGate
from edge.windows import recording_windows

ROOT = Path(__file__).parents[2]
ROUNDS = 7
CHUNK = 320  # samples: 20 ms
MICROPHONE_CHUNK = 800  # samples: 50 ms, as the microphone delivers them


def median_seconds(*calls: Callable[[], object]) -> list[float]:
    """The median duration of each call, the calls taking turns."""
    times: list[list[float]] = [[] for _ in calls]
    for round_number in range(ROUNDS + 1):
        for call, kept in zip(calls, times, strict=True):
            start = time.perf_counter()
            call()
            if round_number:  # the first round warms up
                kept.append(time.perf_counter() - start)
    return [statistics.median(kept) for kept in times]


def main() -> None:
    """Measure and print."""
    samples, rate = soundfile.read(ROOT / "tests/data/scene.wav", dtype="int16")
    classifier = Classifier(model_file.read(ROOT / "model/bedside-ser.tflite"))
    training = classifier.manifest.training
    front_end = training.front_end
    window = recording_windows(mfcc(samples, front_end), training.window, front_end)[0]
    floats = samples / 32768
    frames = np.lib.stride_tricks.sliding_window_view(floats, LENGTH)[::HOP]

    def streaming() -> None:
        stream = MfccStream(front_end)
        for start in range(0, samples.size, CHUNK):
            stream.feed(samples[start : start + CHUNK])

    def reference() -> None:
        python_speech_features.mfcc(
            floats,
            rate,
            front_end.frame_length / rate,
            front_end.hop_length / rate,
            front_end.coefficients,
            front_end.mel_bins,
            front_end.fft_length,
            front_end.low_hz,
            front_end.high_hz,
            front_end.pre_emphasis,
            front_end.lifter,
            winfunc=np.hamming,
        )

    def gate() -> None:
        SpeechGate(Gate()).feed(samples)

    def pitch_everywhere() -> None:
        # The device asks for it only where somebody speaks.
        for start in range(0, frames.shape[0], 50):
            pitch(frames[start : start + 50])

    def whole_pipeline() -> None:
        pipeline = Pipeline(classifier, Gate())
        for start in range(0, samples.size, MICROPHONE_CHUNK):
            pipeline.feed(samples[start : start + MICROPHONE_CHUNK])
        pipeline.flush()

    names = ("MFCC, whole file", "MFCC, 20 ms chunks", "MFCC, python_speech_features", "one int8 inference",
             "the whole pipeline", "speech gate", "noise reduction", "pitch of every frame")  # fmt: skip
    calls = (
        lambda: mfcc(samples, front_end),
        streaming,
        reference,
        lambda: classifier.judge(window),
        whole_pipeline,
        gate,
        lambda: reduce_noise(samples),
        pitch_everywhere,
    )
    seconds = dict(zip(names, median_seconds(*calls), strict=True))
    length = samples.size / rate
    for name, value in seconds.items():
        print(f"{name:<30}{value * 1000:9.2f} ms")
    print(f"python_speech_features / ours, whole file   {seconds[names[2]] / seconds[names[0]]:6.2f}")
    print(f"python_speech_features / ours, in chunks    {seconds[names[2]] / seconds[names[1]]:6.2f}")
    for name in names[5:]:
        print(f"{name + ' / MFCC, whole file':<44}{seconds[name] / seconds[names[0]]:6.2f}")
    print(f"sound / time to judge it                    {length / seconds[names[4]]:6.1f}")


if __name__ == "__main__":
    main()
