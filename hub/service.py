"""What every process of the hub needs: logging, stopping on a signal, one clock."""

from __future__ import annotations

import logging
import signal
import sys
import threading
import time
from types import FrameType

clock = time.time  # the hub's wall clock, seconds since 1970 in UTC


class Stop:
    """Set by SIGTERM or SIGINT; processes wait on it instead of sleeping."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def listen(self) -> None:
        """Takes over both signals; only in a main thread."""
        for name in (signal.SIGTERM, signal.SIGINT):
            signal.signal(name, self._handle)

    def set(self) -> None:
        """Asks to stop."""
        self._event.set()

    def is_set(self) -> bool:
        """Whether somebody asked to stop."""
        return self._event.is_set()

    def wait(self, seconds: float) -> bool:
        """Waits at most that long; True once somebody has asked to stop."""
        return self._event.wait(seconds)

    def _handle(self, _number: int, _frame: FrameType | None) -> None:
        self._event.set()


def start_logging(name: str, level: str) -> None:
    """Plain lines on stderr, each with the process's name; systemd adds the time."""
    logging.basicConfig(
        stream=sys.stderr,
        level=level.upper(),
        format=f"bedside-hub {name}: %(levelname)s %(message)s",
        force=True,
    )
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
