"""Time for messages: the wall clock, the device's own time line, and whether the first is to be trusted."""

from __future__ import annotations

import ctypes
import time
import uuid

from edge.messages import Stamp, utc_text

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

    def __init__(self) -> None:
        self.boot_id = new_id()
        self._start = time.monotonic()

    def uptime_s(self) -> float:
        """Seconds since the daemon's start; never jumps."""
        return time.monotonic() - self._start

    def stamp(self) -> Stamp:
        """Now."""
        return Stamp(
            boot_id=self.boot_id,
            time=utc_text(time.time()),
            mono_ms=int(self.uptime_s() * 1000),
            clock_synced=clock_synced(),
        )
