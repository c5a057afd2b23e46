"""What every process of the hub needs: logging, stopping on a signal, signs of life, one clock."""

from __future__ import annotations

import faulthandler
import logging
import signal
import sys
import threading
import time
from collections.abc import Callable
from types import FrameType

from edge import stop
from edge.errors import BedsideError
from edge.service import journal_handler, notify, notify_reloading

log = logging.getLogger(__name__)

clock = time.time  # the hub's wall clock, seconds since 1970 in UTC
BEAT_S = 2.0
_RELOAD_S = 0.5


class Stop(stop.Stop):
    """The same, told to systemd; SIGHUP asks for a new beginning."""

    def __init__(self) -> None:
        super().__init__()
        self.again = False
        """Asked to stop only to begin anew, with other settings."""
        self._reload = False

    def listen(self, check: Callable[[], object] | None = None) -> None:
        """Takes over the signals; only in a main thread. SIGUSR1 writes every thread's stack to stderr.

        With `check`, which reads the settings, SIGHUP asks for a new beginning: where they are right.
        """
        self.take_signals()
        faulthandler.register(signal.SIGUSR1, all_threads=True)
        if check is not None:
            signal.signal(signal.SIGHUP, self._ask_reload)
            threading.Thread(target=self._look, args=(check,), name="reload", daemon=True).start()

    def _handle(self, number: int, frame: FrameType | None) -> None:
        notify("STOPPING=1")
        super()._handle(number, frame)

    def _ask_reload(self, _number: int, _frame: FrameType | None) -> None:
        notify_reloading()  # at once: whoever has sent the signal waits for the READY that follows
        self._reload = True

    def _look(self, check: Callable[[], object]) -> None:
        while not self.wait(_RELOAD_S):
            if not self._reload:
                continue
            self._reload = False
            try:
                check()
            except BedsideError as error:
                log.error("not reloaded, the old settings stay in force: %s", error)  # noqa: TRY400
                notify("READY=1", f"STATUS=not reloaded: {error}")
            else:
                log.info("beginning anew with the settings as they are now")
                self.again = True
                self.set()


class Pulse:
    """Tells whoever started this process, systemd or our own supervisor, that its work goes on.

    Only the loop that does the work may call `beat`: a process that hangs falls silent and is started anew.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._next_s = 0.0
        self._ready = False

    def beat(self, status: str, *, ready: bool = True) -> None:
        """The work has gone on: `ready`, it can be done, or it waits, as `status` says, for what it needs."""
        now = self._monotonic()
        first = ready and not self._ready
        if now < self._next_s and not first:
            return
        if notify(*(["READY=1"] if first else []), "WATCHDOG=1", f"STATUS={status}"):
            self._ready = self._ready or ready
            self._next_s = now + BEAT_S

    def falter(self, problem: str) -> None:
        """The work does not go on; whoever listens will start the process anew when that lasts."""
        now = self._monotonic()
        if now >= self._next_s and notify(f"STATUS={problem}"):
            log.error("%s", problem)
            self._next_s = now + BEAT_S


def about(logger: logging.Logger, alert: int) -> logging.LoggerAdapter[logging.Logger]:
    """The logger with the journal field ALERT on what it writes: `journalctl ALERT=12`."""
    return logging.LoggerAdapter(logger, {"ALERT": str(alert)})


def start_logging(name: str, level: str, **fields: str) -> None:
    """To the journal, with PROCESS and these fields on every entry, or plain lines on stderr."""
    handler = journal_handler(f"bedside-hub-{name}", PROCESS=name, **fields)
    if handler is None:
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(logging.Formatter(f"bedside-hub {name}: %(levelname)s %(message)s"))
    logging.basicConfig(handlers=[handler], level=level.upper(), force=True)
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
