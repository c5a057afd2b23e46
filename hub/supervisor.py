"""`bedside-hub run`: starts the hub's processes, starts again whichever dies, stops them all."""

from __future__ import annotations

import ctypes
import logging
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from edge.errors import StorageError, UnavailableError
from hub.broker import port_is_free
from hub.config import Settings
from hub.service import Stop

log = logging.getLogger(__name__)

TICK_S = 0.1
STEADY_S = 10.0  # a process up for so long starts its backoff afresh
BACKOFF_S = (0.5, 30.0)
STOP_S = 1.5  # for a polite end; what is left then is killed
HOPELESS = frozenset({64, 69, 74, 78})  # exit statuses that a first start will only repeat
_PR_SET_PDEATHSIG = 1

MOSQUITTO = """\
# Written by bedside-hub at each start; changes here are lost.
listener {port} {host}
allow_anonymous true
persistence false
# A broker with default limits acknowledges what it then drops: 20 in flight, 1000 waiting.
max_inflight_messages 0
max_queued_messages 0
max_packet_size 4096
log_type error
log_type warning
"""


@dataclass(slots=True)
class Child:
    """One process to keep alive."""

    name: str
    command: list[str]
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    starts: int = 0
    pause_s: float = BACKOFF_S[0]
    next_start: float = 0.0


class Supervisor:
    """Keeps the children running until asked to stop."""

    def __init__(self, children: list[Child]) -> None:
        self._children = children

    def run(self, stop: Stop) -> int:
        """Returns 0 after a stop, or the exit status of a child that can never start."""
        try:
            while not stop.wait(TICK_S):
                for child in self._children:
                    status = self._tend(child, time.monotonic())
                    if status is not None:
                        return status
            return 0
        finally:
            self._stop_all()

    def _tend(self, child: Child, now: float) -> int | None:
        if child.process is None:
            if now >= child.next_start:
                self._start(child, now)
            return None
        status = child.process.poll()
        if status is None:
            if now - child.started_at >= STEADY_S:
                child.pause_s = BACKOFF_S[0]
            return None
        if child.starts == 1 and status in HOPELESS and now - child.started_at < STEADY_S:
            return status  # it has said why in a sentence of its own
        child.process = None
        child.next_start = now + child.pause_s
        log.error("%s ended with status %d; starting it again in %g s", child.name, status, child.pause_s)
        child.pause_s = min(child.pause_s * 2, BACKOFF_S[1])
        return None

    def _start(self, child: Child, now: float) -> None:
        child.process = subprocess.Popen(  # noqa: S603  (our own commands)
            child.command,
            stdin=subprocess.DEVNULL,
            process_group=0,  # Ctrl-C is for the supervisor, which ends them in order
            preexec_fn=_die_with_parent,  # noqa: PLW1509  (no threads here)
        )
        child.started_at = now
        child.starts += 1
        log.info("%s started, process %d", child.name, child.process.pid)

    def _stop_all(self) -> None:
        """The broker last, so that ingest can say goodbye."""
        deadline = time.monotonic() + STOP_S
        running = [child.process for child in reversed(self._children) if child.process is not None]
        brokers = [child.process for child in self._children if child.process and child.name == "broker"]
        for group in ([process for process in running if process not in brokers], brokers):
            for process in group:
                process.terminate()
            for process in group:
                try:
                    process.wait(max(0.05, deadline - time.monotonic()))
                except subprocess.TimeoutExpired:
                    log.warning("process %d does not stop; killing it", process.pid)
                    process.kill()
                    process.wait()


def _die_with_parent() -> None:
    """In the child: a supervisor killed outright must not leave a half of the hub behind."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def children(settings: Settings, config: Path) -> list[Child]:
    """The processes of a hub, in the order of their start. Raises where one cannot possibly start."""
    found = []
    if settings.broker.start:
        found.append(Child("broker", [_mosquitto(), "-c", str(_mosquitto_configuration(settings))]))
    for verb in ("ingest", "alerts", "web"):
        # -P: a folder named hub where we were started must not be taken for the package.
        command = [sys.executable, "-P", "-m", "hub.cli", verb, "--config", str(config)]
        found.append(Child(verb, command))
    return found


def _mosquitto() -> str:
    path = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")
    if path is None:
        raise UnavailableError("broker.start is true and mosquitto is not installed: apt install mosquitto")
    return path


def _mosquitto_configuration(settings: Settings) -> Path:
    broker = settings.broker
    if not port_is_free(broker.host, broker.port):
        raise UnavailableError(
            f"cannot start a broker on {broker.host} port {broker.port}: another program uses it; "
            "stop that one, choose another broker.port, or set broker.start to false"
        )
    path = Path(settings.data) / "mosquitto.conf"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(MOSQUITTO.format(host=broker.host, port=broker.port), encoding="utf-8")
    except OSError as error:
        raise StorageError(f"cannot write {path}: {error.strerror}") from error
    return path


def run(settings: Settings, config: Path, stop: Stop) -> int:
    """The whole hub under one supervisor; the exit status."""
    if not port_is_free(settings.web.host, settings.web.port):
        raise UnavailableError(
            f"cannot serve the board on {settings.web.host} port {settings.web.port}: another program "
            "uses it; stop that one or choose another web.port"
        )
    return Supervisor(children(settings, config)).run(stop)
