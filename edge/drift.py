"""How far a microphone's clock is from ours, from when its frames came: pure."""

from __future__ import annotations

import statistics
from collections import deque

_BUCKET_S = 10.0
_LEAST, _MOST = 6, 60  # buckets: a minute, ten minutes


class Drift:
    """Estimates the drift of one stream.

    A chunk can come late, by tens of milliseconds on a busy box, but never early. So of each ten seconds
    only the least late chunk counts, and the drift is the median of the slopes from each ten seconds to the
    next: one hole, one burst or a change of the sound server's latency does not move it.
    """

    def __init__(self, rate: int) -> None:
        self.ppm: float | None = None
        """How much faster than the clock frames come; None in the first seventy seconds."""
        self._rate = rate
        self._start_s: float | None = None
        self._bucket = 0
        self._best: tuple[float, float] | None = None  # when, and seconds late
        self._slopes: deque[float] = deque(maxlen=_MOST)
        self._last: tuple[float, float] | None = None

    def feed(self, now_s: float, frames: int) -> None:
        """At `now_s` on the monotonic clock the stream had delivered so many frames."""
        if self._start_s is None:
            self._start_s = now_s
        late_s = now_s - frames / self._rate
        bucket = int((now_s - self._start_s) / _BUCKET_S)
        if bucket != self._bucket:
            self._finish()
            self._bucket, self._best = bucket, None
        if self._best is None or late_s < self._best[1]:
            self._best = (now_s, late_s)

    def _finish(self) -> None:
        if self._bucket == 0 or self._best is None:  # a stream that starts has not found its latency yet
            return
        if self._last is not None:
            self._slopes.append((self._best[1] - self._last[1]) / (self._best[0] - self._last[0]))
            if len(self._slopes) >= _LEAST:
                self.ppm = -1e6 * statistics.median(self._slopes)
        self._last = self._best
