"""Time for messages: the wall clock, the device's own time line, and whether the first is to be trusted."""

from __future__ import annotations

import ctypes
import logging
import threading
import time
import uuid
from collections.abc import Callable

from edge.messages import Stamp
from edge.utc import utc_text

log = logging.getLogger(__name__)

_JUMP_S = 2.0  # a time server corrects less by slowing or hastening the clock
_HELD_UP_S = 0.5  # a longer time between two readings of clocks would itself look like a jump
_UNITS = ((86400, "days"), (3600, "hours"), (60, "minutes"))
_TIME_ERROR = 5  # what adjtimex(2) returns while no time server is in reach
_TIMEX_BYTES = 512  # more than struct timex has on any platform; zeros mean: only ask


def new_id() -> str:
    """32 hexadecimal digits nobody has used before."""
    return uuid.uuid4().hex


def clock_synced() -> bool:
    """Whether the kernel holds the system clock for synchronised."""
    try:
        return bool(
            ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(_TIMEX_BYTES)) not in {-1, _TIME_ERROR}
        )
    except (OSError, AttributeError):  # no Linux
        return False


class Clock:
    """Stamps messages of one start of the daemon."""

    def __init__(
        self, wall: Callable[[], float] = time.time, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        """`wall` and `monotonic` give seconds, since 1970 and since whenever."""
        self.boot_id = new_id()
        self._wall, self._monotonic = wall, monotonic
        self._start = monotonic()
        self._lock = threading.Lock()
        self._apart_s = wall() - self._start

    def uptime_s(self) -> float:
        """Seconds since the daemon's start; never jumps."""
        return self._monotonic() - self._start

    def stamp(self) -> Stamp:
        """Now. A jump of the wall clock since the stamp before is logged."""
        with self._lock:
            before = self._monotonic()
            wall = self._wall()
            if self._monotonic() - before < _HELD_UP_S:
                self._compare(wall - before)
        return Stamp(
            boot_id=self.boot_id,
            time=utc_text(wall),
            mono_ms=int((before - self._start) * 1000),
            clock_synced=clock_synced(),
        )

    def _compare(self, apart_s: float) -> None:
        jump_s, self._apart_s = apart_s - self._apart_s, apart_s
        if abs(jump_s) > _JUMP_S:
            log.warning(
                "the clock has jumped %s by %s; nothing but the times shown depends on it",
                "forward" if jump_s > 0 else "back",
                _words(abs(jump_s)),
            )


def _words(seconds: float) -> str:
    for size, unit in _UNITS:
        if seconds >= 2 * size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.1f} seconds"
