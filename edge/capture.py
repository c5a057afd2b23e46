"""Sound sources: what they have in common, and the microphone."""

from __future__ import annotations

import logging
import queue
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from edge.config import Microphone as Settings
from edge.errors import MicrophoneError
from edge.features import to_float
from edge.liveness import Condition
from edge.resample import Resampler
from edge.sound_devices import CHUNK_S, OpenStream, open_stream
from edge.sound_files import to_int16
from edge.speech_gate import SAMPLE_RATE

log = logging.getLogger(__name__)

STALL_S = 3.0
"""So long without a callback, and the stream is taken for dead."""
_QUEUE_S = 10.0  # what the pipeline may fall behind, by a slow disk for example
_POLL_S = 0.25
_BACKOFF_S = (1.0, 2.0, 5.0, 10.0, 30.0)
_CONTINUE = (None, 0)  # paContinue


@dataclass(frozen=True, slots=True)
class Chunk:
    """Mono 16 kHz int16 samples, shape (n,), and the stream position of the first.

    n may be 0: nothing came for a while, and whoever waits may look after other things.
    """

    position: int
    samples: npt.NDArray[np.int16]


class Source(Protocol):
    """Where sound comes from."""

    name: str
    """For people."""
    muted: bool
    """While true nothing is recorded and no chunk holds a sample; any thread may set it."""

    @property
    def condition(self) -> Condition:
        """How it is doing; any thread may ask, also while nobody takes chunks."""
        ...

    def chunks(self) -> Iterator[Chunk]:
        """The sound in order, until it ends or the daemon stops; at least four chunks a second."""
        ...

    def close(self) -> None:
        """Let go of the device or file."""
        ...


class _Feed:
    """What PortAudio's thread shares with ours for one open stream; it never blocks or logs."""

    def __init__(self, now: Callable[[], float]) -> None:
        self.chunks: queue.Queue[tuple[int, bytes]] = queue.Queue(int(_QUEUE_S / CHUNK_S))
        self.dropped = 0
        self.overflows = 0
        self.last_s = now()
        self._now = now
        self._frames = 0

    def callback(self, data: bytes, frames: int, _time: object, status: int) -> tuple[None, int]:
        self.last_s = self._now()
        if status:
            self.overflows += 1
        try:
            self.chunks.put_nowait((self._frames, data))
        except queue.Full:
            self.dropped += 1
        self._frames += frames
        return _CONTINUE


class Microphone:
    """The microphone, opened again by itself when it stops delivering."""

    def __init__(
        self,
        settings: Settings,
        stopped: Callable[[], bool],
        now: Callable[[], float] = time.monotonic,
        opener: Callable[[Settings, Callable[..., Any]], OpenStream] = open_stream,
    ) -> None:
        """Opens the device. Raises MicrophoneError."""
        self.state = "healthy"
        self.muted = False
        self._settings, self._stopped, self._now, self._opener = settings, stopped, now, opener
        self._lost = 0  # chunks lost in streams closed since
        self._position = 0  # of the next sample
        self._failures = 0
        self._retry_s = 0.0
        self._start_s = now()
        self._stream: OpenStream | None = None
        self._open()

    @property
    def overruns(self) -> int:
        """Chunks lost so far, in our queue or before it."""
        return self._lost + self._feed.dropped + self._feed.overflows

    @property
    def condition(self) -> Condition:
        """How it is doing."""
        state = "muted" if self.muted else self.state
        return Condition(state=state, reason=f"microphone {state}", overruns=self.overruns)

    def chunks(self) -> Iterator[Chunk]:
        """What is heard; empty chunks while nothing arrives."""
        warned = 0
        while not self._stopped():
            try:
                first_frame, data = self._feed.chunks.get(timeout=_POLL_S)
            except queue.Empty:
                self._look_after_stream()
                yield Chunk(self._position, np.zeros(0, np.int16))
                continue
            if self.state != "healthy":
                log.info("the microphone %s delivers again", self.name)
                self.state, self._failures = "healthy", 0
            yield self._chunk(first_frame, data)
            if self.overruns >= warned + 100 or (self.overruns and not warned):
                warned = self.overruns
                log.warning("%d chunks of sound lost so far: this machine is too slow", self.overruns)

    def close(self) -> None:
        """Close the device."""
        if self._stream is not None:
            self._stream.close()
            self._stream = None

    def _open(self) -> None:
        self._feed = _Feed(self._now)
        self._stream = self._opener(self._settings, self._feed.callback)
        self.name = self._stream.device.name
        rate = self._stream.rate
        self._resampler = Resampler(rate, SAMPLE_RATE) if rate != SAMPLE_RATE else None
        self._next_frame = 0
        log.info("listening to %s at %d Hz, %d channel(s)", self.name, rate, self._stream.channels)

    def _chunk(self, first_frame: int, data: bytes) -> Chunk:
        if self._stream is None:
            raise MicrophoneError("the microphone is closed")
        if first_frame != self._next_frame:  # chunks were dropped; what follows is further on in time
            hole = (first_frame - self._next_frame) * SAMPLE_RATE // self._stream.rate
            self._position += hole
            if self._resampler is not None:
                self._resampler.reset()
        channels = np.frombuffer(data, np.int16).reshape(-1, self._stream.channels)
        self._next_frame = first_frame + channels.shape[0]
        mono = channels[:, 0]
        if self._stream.channels > 1:
            mono = np.rint(channels.mean(axis=1)).astype(np.int16)
        if self._resampler is not None:
            mono = to_int16(self._resampler.feed(to_float(mono)))
        chunk = Chunk(self._position, mono)
        self._position += mono.size
        return chunk

    def _clock_position(self) -> int:
        return int((self._now() - self._start_s) * SAMPLE_RATE)

    def _look_after_stream(self) -> None:
        now = self._now()
        if self._stream is not None:
            if now - self._feed.last_s < STALL_S:
                return
            log.warning("the microphone %s stopped delivering; opening it again", self.name)
            self.state = "stalled"
            self._lost += self._feed.dropped + self._feed.overflows
            self._feed.dropped = self._feed.overflows = 0
            self.close()
            self._retry_s = max(self._retry_s, now)  # one that opened and stayed mute has to wait as well
        if now < self._retry_s:
            return
        # Each failure in a row waits longer, whether the device did not open or opened and stayed mute.
        pause = _BACKOFF_S[min(self._failures, len(_BACKOFF_S) - 1)]
        self._failures += 1
        self._retry_s = now + pause
        try:
            self._open()
        except MicrophoneError as error:
            if self.state != "lost":
                log.warning("%s; trying again until it is back", error)
            self.state = "lost"
        else:
            self.state = "recovering"
            self._position = max(self._position, self._clock_position())
