"""Between PortAudio's thread and ours: a bounded queue of sound, and what can be seen of its stream."""

from __future__ import annotations

import queue
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from edge.drift import Drift
from edge.liveness import Reading
from edge.sound_devices import CHUNK_S

_CONTINUE = (None, 0)  # paContinue
_INPUT_OVERFLOW = 2  # paInputOverflow: PortAudio lost frames before it called us
_QUEUE_S = 10.0  # what the pipeline may fall behind, by a slow disk for example
Callback = Callable[[bytes, int, object, int], tuple[None, int]]


class Stream:
    """One opening of the device. The callback writes, everybody reads."""

    def __init__(self, rate: int, channels: int) -> None:
        self.rate, self.channels = rate, channels
        self.latest: tuple[int, float] | None = None
        """Frames delivered so far, and when the last of them came; one value, so that both fit."""
        self.drift = Drift(rate)


@dataclass(frozen=True, slots=True)
class Packet:
    """What one callback brought: the stream's frames before it, interleaved int16, when it came.

    `is_after_loss`: PortAudio lost some before it, nobody knows how many.
    """

    stream: Stream
    first_frame: int
    data: bytes
    arrived_s: float
    is_after_loss: bool = False

    @property
    def frames(self) -> int:
        """How many frames it holds."""
        return len(self.data) // (2 * self.stream.channels)


class _Store:
    """A queue whose oldest entry's age can be seen; emptied by taking another in its place."""

    def __init__(self) -> None:
        self.packets: queue.SimpleQueue[Packet] = queue.SimpleQueue()
        self.arrivals: deque[float] = deque()


class Inbox:
    """Takes what the callback brings, ten seconds at most; what does not fit is lost and counted.

    Once full, it takes nothing until half empty: one hole now and then leaves whole windows between, while
    a chunk lost here and there would leave none, and a box that is a little too slow would be deaf.

    The callback neither blocks nor logs nor raises: it takes no lock, SimpleQueue and deque are written
    in C. One thread takes packets; any may ask for a reading, one at a time.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self.lost = 0
        """Chunks that did not fit, and times PortAudio lost some before."""
        self.is_deaf = False
        """While true, what comes is thrown away."""
        self._now = now
        self._capacity = int(_QUEUE_S / CHUNK_S)
        self._store = _Store()
        self._stream: Stream | None = None
        self._is_full = False
        self._zeros_s = 0.0

    def listen(self, rate: int, channels: int) -> Callback:
        """The callback for a stream about to be opened; streams before it are heard no more."""
        stream = Stream(rate, channels)
        self._stream = stream

        def callback(data: bytes, frames: int, _time: object, status: int) -> tuple[None, int]:
            try:
                if stream is self._stream and not self.is_deaf:
                    self._put(stream, data, frames, status)
            except Exception:  # noqa: BLE001  # out of memory, perhaps; PyAudio would end the stream
                self.lost += 1
            return _CONTINUE

        return callback

    def shut(self) -> None:
        """No stream is open."""
        self._stream = None

    def clear(self) -> None:
        """Throw away what nobody has taken, and what is known of zeros."""
        self._store = _Store()
        self._zeros_s = 0.0

    def take(self, timeout_s: float) -> Packet | None:
        """The oldest packet, None where none comes in time."""
        store = self._store
        try:
            packet = store.packets.get(timeout=timeout_s)
        except queue.Empty:
            return None
        store.arrivals.popleft()
        return packet

    def reading(self, now: float) -> Reading:
        """What can be seen of the open stream."""
        stream = self._stream
        frames, last_s = (stream and stream.latest) or (0, None)
        drift_ppm = None
        if stream is not None and last_s is not None:
            stream.drift.feed(last_s, frames)
            drift_ppm = stream.drift.ppm
        return Reading(
            frames=frames,
            age_s=None if last_s is None else now - last_s,
            zeros_s=self._zeros_s,
            lag_s=self._lag_s(now),
            lost=self.lost,
            drift_ppm=drift_ppm,
        )

    def _put(self, stream: Stream, data: bytes, frames: int, status: int) -> None:
        now = self._now()
        before = stream.latest[0] if stream.latest else 0
        stream.latest = (before + frames, now)
        is_zero = data.count(0) == len(data)
        self._zeros_s = self._zeros_s + frames / stream.rate if is_zero else 0.0
        is_after_loss = bool(status & _INPUT_OVERFLOW)
        self.lost += is_after_loss
        store = self._store
        waiting = len(store.arrivals)
        self._is_full = waiting >= (self._capacity // 2 if self._is_full else self._capacity)
        if self._is_full:
            self.lost += 1
            return
        store.arrivals.append(now)
        store.packets.put(Packet(stream, before, data, now, is_after_loss))

    def _lag_s(self, now: float) -> float:
        try:
            return max(0.0, now - self._store.arrivals[0])
        except IndexError:
            return 0.0
