"""Samples in, one judged window a second out: features, gate, windows and classifier in a row.

Pure: no files, no clock; time is counted in samples.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from edge.classifier import distress_score
from edge.config import Gate
from edge.errors import ModelError
from edge.features import FloatArray, MfccStream
from edge.manifest import Manifest
from edge.speech_gate import SAMPLE_RATE, SpeechGate
from edge.windows import FrameWindow, WindowStream

# Bounds memory and the wait for the first result when somebody feeds an hour at once.
_BLOCK = 10 * SAMPLE_RATE
_LOWEST, _HIGHEST = np.iinfo(np.int16).min, np.iinfo(np.int16).max


class Scorer(Protocol):
    """What the pipeline asks of a classifier."""

    manifest: Manifest

    def probabilities(self, window: FloatArray) -> FloatArray:
        """Probabilities, shape (labels,), of MFCC frames, shape (window frames, coefficients)."""
        ...


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the model says of a window in which somebody speaks."""

    emotion: str
    probabilities: dict[str, float]
    distress: float


@dataclass(frozen=True, slots=True)
class WindowResult:
    """One window: when, how loud, whether somebody spoke, and if so, how it sounded.

    Times are seconds since the start of the stream.
    """

    start_s: float
    end_s: float
    is_speech: bool
    speech_share: float
    level_db: float
    judgement: Judgement | None


class Pipeline:
    """Judges a 16 kHz stream that arrives in chunks of any size."""

    def __init__(self, scorer: Scorer, gate: Gate) -> None:
        """Raises ModelError for a model that wants another sample rate."""
        training = scorer.manifest.training
        if training.front_end.sample_rate != SAMPLE_RATE:
            raise ModelError(
                f"the model {scorer.manifest.title} wants {training.front_end.sample_rate} Hz;"
                f" the daemon listens at {SAMPLE_RATE} Hz: train it at that rate"
            )
        self._scorer = scorer
        self.model = scorer.manifest.title
        """Name and version of the model."""
        self._training = training
        self._features = MfccStream(training.front_end)
        self._gate = SpeechGate(gate)
        self._windows = WindowStream(training.window, training.front_end)
        self._origin = 0  # position of the first sample since the last hole
        self._received = 0  # samples since then
        self.frames = 0
        """Feature frames computed so far."""
        self.inferences = 0
        """Windows given to the model so far."""
        self.clipped = 0
        """Samples at full scale so far: the microphone is too close or set too loud."""

    def feed(self, samples: npt.NDArray[np.int16], position: int | None = None) -> list[WindowResult]:
        """The windows these samples, shape (n,), complete, oldest first.

        `position` is that of the first sample in the stream. Where samples before it are missing, no
        window spans the hole.
        """
        if position is not None and position != self._origin + self._received:
            self._restart(position)
        results = []
        for start in range(0, samples.size, _BLOCK):
            block = samples[start : start + _BLOCK]
            self._received += block.size
            self.clipped += int(np.count_nonzero((block == _HIGHEST) | (block == _LOWEST)))
            self._gate.feed(block)
            frames = self._features.feed(block)
            self.frames += frames.shape[0]
            results += [self._judge(window) for window in self._windows.feed(frames)]
        return results

    def continue_counts(self, before: Pipeline) -> None:
        """Count on from what the pipeline `before` this one has counted."""
        self.frames += before.frames
        self.inferences += before.inferences
        self.clipped += before.clipped

    def flush(self) -> list[WindowResult]:
        """End the stream: what the last samples still give, as one more window or none."""
        frames = self._features.flush()
        self.frames += frames.shape[0]
        windows = [*self._windows.feed(frames), *self._windows.flush()]
        results = [self._judge(window) for window in windows]
        self._restart(self._origin + self._received)
        return results

    def _restart(self, position: int) -> None:
        self._features.reset()
        self._gate.reset()
        self._windows.reset()
        self._origin, self._received = position, 0

    def _judge(self, window: FrameWindow) -> WindowResult:
        end = min(window.end, self._received)  # the last frame of a file is filled up with silence
        stretch = self._gate.stretch(window.start, end)
        self._gate.forget(window.start)
        judgement = None
        if stretch.is_speech:
            self.inferences += 1
            judgement = judge(self._scorer, window.frames)
        return WindowResult(
            start_s=(self._origin + window.start) / SAMPLE_RATE,
            end_s=(self._origin + end) / SAMPLE_RATE,
            is_speech=stretch.is_speech,
            speech_share=stretch.speech_share,
            level_db=stretch.level_db,
            judgement=judgement,
        )


def judge(scorer: Scorer, frames: FloatArray) -> Judgement:
    """The model's word on one window of frames, shape (window frames, coefficients)."""
    training = scorer.manifest.training
    probabilities = scorer.probabilities(frames)
    return Judgement(
        emotion=training.labels[int(probabilities.argmax())],
        probabilities={
            label: float(value) for label, value in zip(training.labels, probabilities, strict=True)
        },
        distress=distress_score(probabilities, training.labels, training.distress),
    )
