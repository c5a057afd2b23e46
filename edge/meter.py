"""`bedside-edge meter`: what is heard and what is made of it, live; nothing is sent and nothing is stored."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import signal
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType
from typing import Protocol, TextIO

from edge import memory, model_choice
from edge.bed_memory import BedMemory
from edge.capture import Chunk, Microphone, Source
from edge.classifier import Classifier
from edge.clock import new_id
from edge.config import Config, load_by_hand
from edge.episodes import EpisodeDetector, EpisodeEvent
from edge.errors import MicrophoneError
from edge.loudness import Loudness, Meter
from edge.meter_view import Reading, screen, state_line, window_line
from edge.permission import Permission
from edge.pipeline import Pipeline, WindowResult
from edge.playback import Playback
from edge.redraw import Redraw, can_redraw
from edge.speech_gate import SAMPLE_RATE
from edge.terminal import never_fail

_DRAW_EVERY_S = 0.1
_ASK_EVERY_S = 0.5
_STATES = "edge.keeper"  # what it logs is what the first line says
_WELL = {"healthy", "file"}


def main(path: Path, files: Sequence[Path]) -> int:
    """Listen to the files, or with none to the microphone, until they end or somebody has seen enough.

    Raises a BedsideError for what keeps it from listening.
    """
    config = load_by_hand(path)
    choice = model_choice.choose(config)
    if choice.refused is not None:
        print(f"bedside-edge: {choice.refused}; the last good model is shown", file=sys.stderr)
    listener = Listener(config, choice.classifier)
    stop = _Stop()
    memory.keep_in_memory()
    with contextlib.ExitStack() as held:
        why_not: Callable[[], str | None] = _nothing
        source: Source
        if files:
            source = Playback(files, stop.is_asked)
        else:
            permission = Permission(config)
            held.callback(permission.close)
            reason = permission.why_not()
            if reason is not None:  # not even for a moment
                raise MicrophoneError(f"the meter may not listen: {reason}")
            source = Microphone(config.microphone, stop.is_asked, on_recording=permission.light)
            why_not = permission.why_not
            listener.recall_bed(config)
        held.callback(source.close)
        display: Display = Screen(sys.stdout) if can_redraw(sys.stdout) else Lines(sys.stdout)
        held.callback(display.close)
        never_fail(sys.stdout)
        _listen(source, listener, display, why_not)
    return 0


def _nothing() -> None:
    """Nothing keeps a file from being heard."""


def _listen(source: Source, listener: Listener, display: Display, why_not: Callable[[], str | None]) -> None:
    muted, next_s = None, time.monotonic() + _ASK_EVERY_S
    for chunk in source.chunks():
        if time.monotonic() >= next_s:
            muted, next_s = why_not(), time.monotonic() + _ASK_EVERY_S
            source.muted = muted is not None
        results = listener.hear(chunk, is_muted=source.muted)
        display.show(listener.reading(source, muted), results)
    display.show(listener.reading(source, muted), listener.finish())


class Listener:
    """The daemon's own way from sound to episodes, and what it has come to."""

    def __init__(self, config: Config, classifier: Classifier) -> None:
        """Raises ConfigError or ModelError where configuration and model do not go together."""
        training = classifier.manifest.training
        self._pipeline = Pipeline(classifier, config.gate, config.sound)
        self._policy = config.episodes.policy(training.distress.policy)
        self._detector = EpisodeDetector(self._policy, training.distress, new_id)
        self._meter = Meter()
        self._level = Loudness()
        self._result: WindowResult | None = None
        self._episode: str | None = None
        self._window_s = training.window.frames * training.front_end.hop_length / SAMPLE_RATE

    def recall_bed(self, config: Config) -> None:
        """Begin with what the daemon has learnt of this bed; it is read and never written."""
        bed = self._pipeline.bed
        if bed is not None:
            folder, device = Path(config.storage.folder), config.microphone.device
            BedMemory(folder, device, self._pipeline.model, bed, time.monotonic).recall()

    def hear(self, chunk: Chunk, *, is_muted: bool) -> list[WindowResult]:
        """The windows this sound completes; muted, nothing of what has been heard stays."""
        if is_muted:
            self._pipeline.forget()
            self._take_all(self._detector.finish("muted"))
            self._meter, self._level, self._result = Meter(), Loudness(), None
            return []
        if chunk.samples.size == 0:
            return []
        self._level = self._meter.feed(chunk.samples)
        return self._judged(self._pipeline.feed(chunk.samples, chunk.position))

    def finish(self) -> list[WindowResult]:
        """What the last sound still gives."""
        return self._judged(self._pipeline.flush())

    def reading(self, source: Source, muted: str | None) -> Reading:
        """Everything there is to be seen now; `muted` says why nobody may listen."""
        condition = source.condition
        is_well = condition.state in _WELL
        return Reading(
            source=source.name,
            state=condition.state,
            reason=muted or condition.reason,
            level=self._level if is_well else Loudness(),
            result=self._result if is_well else None,
            score=self._detector.score,
            onset=self._policy.onset,
            episode=self._episode,
            window_s=self._window_s,
        )

    def _judged(self, results: list[WindowResult]) -> list[WindowResult]:
        for result in results:
            self._result = result
            self._take_all(self._detector.update(result))
        return results

    def _take_all(self, events: list[EpisodeEvent]) -> None:
        for event in events:
            self._episode = None if event.phase == "end" else event.reason


class Display(Protocol):
    """Where a reading is shown, several times a second."""

    def show(self, reading: Reading, results: list[WindowResult]) -> None:
        """The reading, and the windows judged since the one before."""
        ...

    def close(self) -> None:
        """No more comes."""
        ...


class Screen:
    """A few lines of a terminal, ten times a second; what is logged meanwhile becomes one of them."""

    def __init__(self, stream: TextIO) -> None:
        self._redraw = Redraw(stream)
        self._last_words = _LastWords()
        self._next_s = 0.0
        logging.getLogger().addHandler(self._last_words)

    def show(self, reading: Reading, results: list[WindowResult]) -> None:
        """As Display.show; draws at most ten times a second, and whenever a window has been judged."""
        now = time.monotonic()
        if now < self._next_s and not results:
            return
        self._next_s = now + _DRAW_EVERY_S
        said = dataclasses.replace(reading, said=self._last_words.text)
        self._redraw.draw(lambda style: screen(said, style))

    def close(self) -> None:
        """As Display.close."""
        self._redraw.close()
        logging.getLogger().removeHandler(self._last_words)


class Lines:
    """A line for each window and each change of the microphone's state, for programs and files."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._state = ""

    def show(self, reading: Reading, results: list[WindowResult]) -> None:
        """As Display.show."""
        if reading.state != self._state:
            self._state = reading.state
            print(state_line(reading), file=self._stream, flush=True)
        for result in results:
            print(window_line(reading, result), file=self._stream, flush=True)

    def close(self) -> None:
        """As Display.close."""


class _LastWords(logging.Handler):
    """Keeps the last warning, which anywhere else would tear the screen apart."""

    text = ""

    def emit(self, record: logging.LogRecord) -> None:
        if record.levelno >= logging.WARNING and record.name != _STATES:
            self.text = record.getMessage()


class _Stop:
    """Whether Ctrl-C, SIGTERM or the end of the terminal has asked for the end."""

    def __init__(self) -> None:
        self._is_asked = False
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._ask)
        # Halted by Ctrl-Z it would keep the microphone open, and the cursor hidden.
        signal.signal(signal.SIGTSTP, signal.SIG_IGN)

    def is_asked(self) -> bool:
        return self._is_asked

    def _ask(self, _number: int, _frame: FrameType | None) -> None:
        self._is_asked = True
