"""The daemon as a system service: systemd's notifications, the journal, signals."""

from __future__ import annotations

import faulthandler
import logging
import os
import signal
import socket
import sys
import time
from types import FrameType

try:
    from systemd import journal
except ImportError:  # no systemd here: logs go to stderr
    journal = None

_FORMAT = "%(asctime)s %(levelname)s %(message)s"


def notify(*lines: str) -> bool:
    """Tell systemd, such as `READY=1`: the protocol of sd_notify(3). False where it has not been told.

    Never waits: systemd-python's own call would, with Python's global lock held, should systemd itself hang,
    and the whole daemon with it.
    """
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return True  # nobody wants to know
    if address.startswith("@"):  # an abstract socket, as unix(7) writes it
        address = "\0" + address[1:]
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as line:
            line.setblocking(False)
            line.sendto("\n".join(lines).encode(), address)
    except OSError:
        return False
    return True


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


def journal_handler(identifier: str, **fields: str) -> logging.Handler | None:
    """What writes to the journal, with these fields on every entry; None where systemd did not start us."""
    if journal is None or "JOURNAL_STREAM" not in os.environ:
        return None
    handler: logging.Handler = journal.JournalHandler(SYSLOG_IDENTIFIER=identifier, **fields)
    return handler


def log_to_journal_or_stderr(**fields: str) -> None:
    """Set up logging: to the journal, with these fields on every entry, where systemd started us."""
    handler = journal_handler("bedside-edge", **fields)
    if handler is None:
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(logging.Formatter(_FORMAT))
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
