"""The daemon as a system service: systemd's notifications, the journal, signals."""

from __future__ import annotations

import logging
import os
import signal
import sys
from types import FrameType

try:
    from systemd import daemon, journal
except ImportError:  # no systemd here: everything below then does nothing, and logs go to stderr
    daemon = journal = None

_FORMAT = "%(asctime)s %(levelname)s %(message)s"


def notify(*lines: str) -> None:
    """Tell systemd, such as `READY=1`; without systemd, nobody."""
    if daemon is not None:
        daemon.notify("\n".join(lines))


def log_to_journal_or_stderr(**fields: str) -> None:
    """Set up logging: to the journal, with these fields on every entry, where systemd started us."""
    handler: logging.Handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter(_FORMAT))
    if journal is not None and "JOURNAL_STREAM" in os.environ:
        handler = journal.JournalHandler(SYSLOG_IDENTIFIER="bedside-edge", **fields)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)


class StopRequest:
    """Whether SIGTERM or SIGINT has come. A plain flag: a handler must not take locks."""

    def __init__(self) -> None:
        self.made = False

    def install(self) -> None:
        """Take over both signals."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._handle)

    def __call__(self) -> bool:
        """Whether to stop."""
        return self.made

    def _handle(self, _number: int, _frame: FrameType | None) -> None:
        self.made = True
