"""The daemon as a system service: systemd's notifications, the journal, signals."""

from __future__ import annotations

import faulthandler
import logging
import os
import signal
import sys
import time
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


def notify_reloading() -> None:
    """Tell systemd that the configuration is being read anew; `READY=1` says when that is done."""
    notify("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}", "STATUS=reading the settings")


class _StateField(logging.Filter):
    """Puts the field STATE, the source's state, on every entry."""

    state = "starting"

    def filter(self, record: logging.LogRecord) -> bool:
        if not hasattr(record, "STATE"):
            record.STATE = self.state
        return True


_state_field = _StateField()


def tell_state(state: str) -> None:
    """The source's state for the field STATE of journal entries from now on."""
    _state_field.state = state


def log_to_journal_or_stderr(**fields: str) -> None:
    """Set up logging: to the journal, with these fields on every entry, where systemd started us."""
    handler: logging.Handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter(_FORMAT))
    if journal is not None and "JOURNAL_STREAM" in os.environ:
        handler = journal.JournalHandler(SYSLOG_IDENTIFIER="bedside-edge", **fields)
    handler.addFilter(_state_field)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)


class Requests:
    """What signals have asked for. Plain flags: a handler must not take locks."""

    def __init__(self) -> None:
        self.stop = False
        """SIGTERM or SIGINT has come."""
        self._reload = False

    def install(self) -> None:
        """Take over SIGTERM, SIGINT and SIGHUP; SIGUSR1 writes every thread's stack to standard error."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        signal.signal(signal.SIGHUP, self._ask_reload)
        faulthandler.register(signal.SIGUSR1, all_threads=True)

    def take_reload(self) -> bool:
        """Whether SIGHUP has come since the call before."""
        asked, self._reload = self._reload, False
        return asked

    def _stop(self, _number: int, _frame: FrameType | None) -> None:
        self.stop = True

    def _ask_reload(self, _number: int, _frame: FrameType | None) -> None:
        self._reload = True
