"""Sound sources: what they have in common, and the microphone."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from edge.clipping import Clipping
from edge.config import Microphone as Settings
from edge.features import to_float
from edge.inbox import Packet, Stream
from edge.keeper import Keeper, Opener
from edge.liveness import Condition, Limits
from edge.resample import Resampler
from edge.sound_devices import open_stream
from edge.sound_files import to_int16
from edge.speech_gate import SAMPLE_RATE

log = logging.getLogger(__name__)

_POLL_S = 0.2


@dataclass(frozen=True, slots=True)
class Chunk:
    """Mono 16 kHz int16 samples, shape (n,), and the stream position of the first.

    n may be 0: nothing came for a while, and whoever waits may look after other things.
    """

    position: int
    samples: npt.NDArray[np.int16]


class Source(Protocol):
    """Where sound comes from."""

    muted: bool
    """While true nothing is recorded and no chunk holds a sample; any thread may set it."""

    @property
    def name(self) -> str:
        """For people."""
        ...

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


class Microphone:
    """The microphone: `chunks` in one thread, while another keeps the device open, whatever happens to it.

    There need be none: `condition` says so, and sound comes as soon as it is plugged in.
    """

    def __init__(
        self,
        settings: Settings,
        stopped: Callable[[], bool],
        *,
        now: Callable[[], float] = time.monotonic,
        opener: Opener = open_stream,
        limits: Limits | None = None,
        on_recording: Callable[[bool], None] = lambda _: None,
        muted: bool = False,
    ) -> None:
        """Begins to listen, but for `muted`.

        `on_recording` is told true before the device opens, false once it is closed.
        """
        if settings.device.strip().isdecimal():
            log.warning(
                "[microphone] device is the number %s, which may mean another one after the next start;"
                " `bedside-edge devices` tells names that stay",
                settings.device,
            )
        self._stopped = stopped
        self._keeper = Keeper(settings, now, opener=opener, limits=limits, on_recording=on_recording)
        self._keeper.muted = muted
        self._start_s = now()
        self._stream: Stream | None = None
        self._resampler: Resampler | None = None
        self._clipping = Clipping()
        self._next_frame = 0
        self._position = 0  # of the next sample
        self._keeper.start()

    @property
    def name(self) -> str:
        """The device's, once it has been open; before that as the configuration names it."""
        return self._keeper.name

    @property
    def muted(self) -> bool:
        """While true the device is closed and no chunk holds a sample; any thread may set it."""
        return self._keeper.muted

    @muted.setter
    def muted(self, muted: bool) -> None:
        self._keeper.muted = muted

    @property
    def condition(self) -> Condition:
        """How it is doing."""
        return self._keeper.condition

    def chunks(self) -> Iterator[Chunk]:
        """What is heard; empty chunks while nothing arrives."""
        inbox = self._keeper.inbox
        while not self._stopped():
            packet = inbox.take(_POLL_S)
            if packet is None or inbox.is_deaf:
                yield Chunk(self._position, np.zeros(0, np.int16))
            else:
                yield self._chunk(packet)

    def close(self) -> None:
        """Let go of the device; returns within half a second even if the device does not."""
        self._keeper.close()

    def _chunk(self, packet: Packet) -> Chunk:
        self._catch_up(packet)
        channels = np.frombuffer(packet.data, np.int16).reshape(-1, packet.stream.channels)
        self._next_frame = packet.first_frame + channels.shape[0]
        mono = channels[:, 0]
        if packet.stream.channels > 1:
            mono = np.rint(channels.mean(axis=1)).astype(np.int16)
        self._clipping.feed(mono)
        self._keeper.is_clipping = self._clipping.is_on
        if self._resampler is not None:
            mono = to_int16(self._resampler.feed(to_float(mono)))
        chunk = Chunk(self._position, mono)
        self._position += mono.size
        return chunk

    def _catch_up(self, packet: Packet) -> None:
        """Move the position on where sound is missing, in a stream or between two."""
        rate = packet.stream.rate
        if packet.stream is not self._stream:
            self._stream = packet.stream
            self._resampler = Resampler(rate, SAMPLE_RATE) if rate != SAMPLE_RATE else None
            self._position = max(self._position, self._clock_position(packet))
        elif packet.is_after_loss:  # of an unknown length
            self._position = max(self._position + 1, self._clock_position(packet))
            if self._resampler is not None:
                self._resampler.reset()
        elif packet.first_frame != self._next_frame:
            self._position += (packet.first_frame - self._next_frame) * SAMPLE_RATE // rate
            if self._resampler is not None:
                self._resampler.reset()

    def _clock_position(self, packet: Packet) -> int:
        """Where the packet begins by the clock: as long before it came as it lasts."""
        since_s = packet.arrived_s - self._start_s - packet.frames / packet.stream.rate
        return int(since_s * SAMPLE_RATE)
