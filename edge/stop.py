"""A request to stop that a process can wait for."""

from __future__ import annotations

import os
import select
import signal
import weakref
from types import FrameType


class Stop:
    """Set by SIGTERM or SIGINT; processes wait on it instead of sleeping.

    A flag and an eventfd(2), no threading.Event: a signal's handler may come in the middle of that one's own
    lock and would wait for itself for ever.
    """

    def __init__(self) -> None:
        self._asked = False
        self._bell = os.eventfd(0)
        weakref.finalize(self, os.close, self._bell)

    def take_signals(self) -> None:
        """Takes over SIGTERM and SIGINT; only in a main thread."""
        for name in (signal.SIGTERM, signal.SIGINT):
            signal.signal(name, self._handle)

    def set(self) -> None:
        """Asks to stop."""
        self._asked = True
        os.eventfd_write(self._bell, 1)

    def is_set(self) -> bool:
        """Whether somebody asked to stop."""
        return self._asked

    def wait(self, seconds: float) -> bool:
        """Waits at most that long; True once somebody has asked to stop."""
        if not self._asked:
            bell = select.poll()
            bell.register(self._bell, select.POLLIN)
            bell.poll(seconds * 1000)
        return self._asked

    def _handle(self, _number: int, _frame: FrameType | None) -> None:
        self.set()
