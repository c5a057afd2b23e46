"""Samples in, one judged window a second out: features, gate, windows, voice and classifier in a row.

Pure: no files, no clock; time is counted in samples.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from edge.adaptation import BedStatistics
from edge.classifier import Judged
from edge.clean_windows import CleanWindows
from edge.config import Gate, Sound
from edge.errors import ModelError
from edge.features import FloatArray, MfccStream
from edge.learnt import Learner
from edge.level import LevelNormaliser
from edge.manifest import Manifest, Training
from edge.noise_reduction import NOISY_BELOW_DB
from edge.pitch import PitchTrack
from edge.speech_gate import SAMPLE_RATE, SpeechGate, Stretch
from edge.voice import Voice, voice_of
from edge.windows import FrameWindow, WindowStream

PROOF_EVERY = 10
"""So many windows in a row without speech, and the model is asked all the same: proof that it answers."""

# Bounds memory and the wait for the first result when somebody feeds an hour at once.
_BLOCK = 10 * SAMPLE_RATE
_LOWEST, _HIGHEST = np.iinfo(np.int16).min, np.iinfo(np.int16).max


class Scorer(Protocol):
    """What the pipeline asks of a classifier."""

    manifest: Manifest

    def judge(self, window: FloatArray) -> Judged:
        """What MFCC frames, shape (window frames, coefficients), sound like."""
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
    voice: Voice | None = None
    """How somebody spoke, where somebody did."""
    clipped_share: float = 0.0
    """The share of samples at full scale: the microphone is too close or set too loud."""


class Pipeline:
    """Judges a 16 kHz stream that arrives in chunks of any size."""

    def __init__(self, scorer: Scorer, gate: Gate, sound: Sound | None = None) -> None:
        """`sound` is by default what `Sound()` says. Raises ModelError for a model of another sample rate."""
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
        sound = sound or Sound()
        self._features = MfccStream(training.front_end)
        self._windows = WindowStream(training.window, training.front_end)
        self._waiting: deque[FrameWindow] = deque()  # until they can be had with their noise reduced
        self._clean = CleanWindows(training.window, training.front_end) if sound.reduce_noise else None
        self.bed = _learner(training) if sound.normalise_level else None
        """What undoes the microphone's gain, or all that the bed does, where settings and model want that."""
        self._gate = SpeechGate(gate)
        self._pitch = PitchTrack()
        self._at_full_scale = np.zeros(0, np.intp)  # positions since the last hole, the older ones left out
        self._unproven = 0  # windows since the model was last asked
        self._origin = 0  # position of the first sample since the last hole
        self._received = 0  # samples since then
        self.frames = 0
        """Feature frames computed so far; those with their noise reduced are not counted again."""
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
            full = np.flatnonzero((block == _HIGHEST) | (block == _LOWEST))
            self.clipped += full.size
            self._at_full_scale = np.concatenate((self._at_full_scale, self._received + full))
            self._received += block.size
            self._gate.feed(block)
            self._pitch.feed(block)
            if self._clean is not None:
                self._clean.feed(block)
            frames = self._features.feed(block)
            self.frames += frames.shape[0]
            self._waiting += self._windows.feed(frames)
            while self._waiting and (self._clean is None or self._clean.covers(self._waiting[0].end)):
                results.append(self._judge(self._waiting.popleft()))
        return results

    def continue_from(self, before: Pipeline) -> None:
        """Count on from what the pipeline `before` this one has counted."""
        self.frames += before.frames
        self.inferences += before.inferences
        self.clipped += before.clipped

    def flush(self) -> list[WindowResult]:
        """End the stream: what the last samples still give, as one more window or none."""
        frames = self._features.flush()
        self.frames += frames.shape[0]
        self._waiting += [*self._windows.feed(frames), *self._windows.flush()]
        if self._clean is not None:
            self._clean.flush()
        results = [self._judge(window) for window in self._waiting]
        self._restart(self._origin + self._received)
        return results

    def forget(self) -> None:
        """Throw away what has been heard and not been judged yet."""
        self._restart(self._origin + self._received)

    def _restart(self, position: int) -> None:
        """Nothing heard so far belongs to what comes; but for the bed, which stays the same."""
        if self._clean is not None:
            self._clean.reset()
        self._features.reset()
        self._waiting.clear()
        self._gate.reset()
        self._pitch.reset()
        self._windows.reset()
        self._at_full_scale = self._at_full_scale[:0]
        self._origin, self._received = position, 0

    def _judge(self, window: FrameWindow) -> WindowResult:
        end = min(window.end, self._received)  # the last frame of a file is filled up with silence
        stretch = self._gate.stretch(window.start, end)
        self._gate.forget(window.start)
        self._pitch.forget(window.start)
        if self._clean is not None:
            self._clean.forget(window.start)
        judgement, voice = None, None
        if stretch.is_speech:
            frames = window.frames
            if self._clean is not None and stretch.snr_db < NOISY_BELOW_DB:
                frames = self._clean.frames(window)
            judgement = _judgement(self._ask(self._adapted(frames)), self._training.labels)
            voice = self._voice(stretch)
        else:
            self._prove(window.frames)
        return WindowResult(
            start_s=(self._origin + window.start) / SAMPLE_RATE,
            end_s=(self._origin + end) / SAMPLE_RATE,
            is_speech=stretch.is_speech,
            speech_share=stretch.speech_share,
            level_db=stretch.level_db,
            judgement=judgement,
            voice=voice,
            clipped_share=self._clipped_share(window.start, end),
        )

    def _adapted(self, frames: FloatArray) -> FloatArray:
        if self.bed is None:
            return frames
        self.bed.hear(frames)
        return self.bed.apply(frames)

    def _voice(self, stretch: Stretch) -> Voice:
        pitch = np.zeros(stretch.levels.size, np.float32)
        active = np.flatnonzero(stretch.active)
        pitch[active] = self._pitch.hertz(stretch.first + active)
        return voice_of(stretch.levels, stretch.active, pitch)

    def _clipped_share(self, start: int, end: int) -> float:
        self._at_full_scale = self._at_full_scale[self._at_full_scale >= start]
        return float(np.count_nonzero(self._at_full_scale < end)) / max(1, end - start)

    def _prove(self, frames: FloatArray) -> None:
        """Ask the model of a window without speech now and then, and throw the answer away."""
        self._unproven += 1
        if self._unproven >= PROOF_EVERY:
            self._ask(frames)

    def _ask(self, frames: FloatArray) -> Judged:
        """What the model says. Raises ModelError where that is no numbers."""
        answer = self._scorer.judge(frames)
        if not (np.isfinite(answer.probabilities).all() and np.isfinite(answer.distress)):
            raise ModelError(
                f"the model {self.model} answers {answer.probabilities.tolist()} and distress"
                f" {answer.distress}; it must answer numbers: copy or convert it again"
            )
        self.inferences += 1
        self._unproven = 0
        return answer


def _learner(training: Training) -> Learner | None:
    """What learns from the bed for this model, if anything does."""
    if training.adaptation is not None:
        return BedStatistics(training.adaptation)
    return None if training.speech_level is None else LevelNormaliser(training.speech_level)


def _judgement(answer: Judged, labels: Sequence[str]) -> Judgement:
    return Judgement(
        emotion=labels[int(answer.probabilities.argmax())],
        probabilities={
            label: float(value) for label, value in zip(labels, answer.probabilities, strict=True)
        },
        distress=float(answer.distress),
    )
