"""`bedside-hub run`: starts the hub's processes, starts again whichever dies or hangs, stops them all.

To its processes it is what systemd is to it: they tell it READY, WATCHDOG and STATUS (hub.service.Pulse).
"""

from __future__ import annotations

import ctypes
import logging
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from edge.errors import StorageError, UnavailableError
from hub.broker import port_is_free
from hub.config import Settings
from hub.ear import Ear
from hub.service import Pulse, Stop

log = logging.getLogger(__name__)

BROKER = "broker"
TICK_S = 0.1
STEADY_S = 10.0  # a process up for so long starts its backoff afresh
BACKOFF_S = (0.5, 30.0)
SILENT_S = 30.0  # a process that has told of its work and falls silent for so long hangs
FIRST_SIGN_S = 120.0  # and so does one that tells nothing at all for so long
STOP_S = 1.5  # for a polite end; what is left then is killed
HOPELESS = frozenset({64, 78})  # wrong arguments, wrong settings: what a first start will only repeat
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
    told_at: float | None = None
    """When it last said that its work goes on; None before it has."""
    ready: bool = False
    status: str = "starts"

    def hear(self, words: Mapping[str, str], now: float) -> None:
        """Takes in what the process tells."""
        self.ready = self.ready or "READY" in words
        self.status = words.get("STATUS", self.status)
        if "WATCHDOG" in words:
            self.told_at = now

    def hangs_for(self, now: float) -> float | None:
        """How long it has told nothing, in seconds, where that is too long; a broker tells nothing."""
        if self.name == BROKER:
            return None
        limit = FIRST_SIGN_S if self.told_at is None else SILENT_S
        silent = now - (self.started_at if self.told_at is None else self.told_at)
        return silent if silent > limit else None


class Supervisor:
    """Keeps the children running until asked to stop."""

    def __init__(self, children: list[Child]) -> None:
        self._children = children
        self._ear = Ear()
        self._pulse = Pulse()

    def run(self, stop: Stop) -> int:
        """Returns 0 after a stop, or the exit status of a child that can never start."""
        try:
            while not stop.wait(TICK_S):
                self._listen(time.monotonic())
                for child in self._children:
                    status = self._tend(child, time.monotonic())
                    if status is not None:
                        return status
                self._tell()
            return 0
        finally:
            self._stop_all()
            self._ear.close()

    def _listen(self, now: float) -> None:
        for process, words in self._ear.take():
            for child in self._children:
                if child.process is not None and child.process.pid == process:
                    child.hear(words, now)

    def _tell(self) -> None:
        """Ready is the hub once each of its processes is; a broker of our own tells nothing."""
        tells = [child for child in self._children if child.name != BROKER]
        status = "; ".join(f"{child.name}: {child.status}" for child in tells)
        self._pulse.beat(status, ready=all(child.ready for child in tells))

    def _tend(self, child: Child, now: float) -> int | None:
        if child.process is None:
            if now >= child.next_start:
                self._start(child, now)
            return None
        status = child.process.poll()
        if status is None:
            if now - child.started_at >= STEADY_S:
                child.pause_s = BACKOFF_S[0]
            silent = child.hangs_for(now)
            if silent is not None:
                log.error("%s has not got on for %.1f s; killing it", child.name, silent)
                child.told_at = now  # one that cannot even be killed is told of again later
                child.process.kill()
            return None
        if child.starts == 1 and status in HOPELESS and now - child.started_at < STEADY_S:
            return status  # it has said why in a sentence of its own
        child.process, child.ready, child.status = None, False, "has ended"
        log.error("%s ended with status %d; starting it again in %g s", child.name, status, child.pause_s)
        self._postpone(child, now)
        return None

    @staticmethod
    def _postpone(child: Child, now: float) -> None:
        child.next_start = now + child.pause_s
        child.pause_s = min(child.pause_s * 2, BACKOFF_S[1])

    def _start(self, child: Child, now: float) -> None:
        try:
            child.process = subprocess.Popen(  # noqa: S603  (our own commands)
                child.command,
                stdin=subprocess.DEVNULL,
                env=self._environment(),
                process_group=0,  # Ctrl-C is for the supervisor, which ends them in order
                preexec_fn=_die_with_parent,  # noqa: PLW1509  (no threads here)
            )
        except (OSError, subprocess.SubprocessError) as error:  # no memory, no process to be had
            child.status = f"cannot be started: {error}"
            log.error("%s %s; trying again in %g s", child.name, child.status, child.pause_s)  # noqa: TRY400
            self._postpone(child, now)
            return
        child.started_at, child.told_at, child.status = now, None, "starts"
        child.starts += 1
        log.info("%s started, process %d", child.name, child.process.pid)

    def _environment(self) -> dict[str, str]:
        own = {name: value for name, value in os.environ.items() if not name.startswith("WATCHDOG_")}
        return {**own, "NOTIFY_SOCKET": self._ear.name}

    def _stop_all(self) -> None:
        """The broker last, so that ingest can say goodbye."""
        deadline = time.monotonic() + STOP_S
        running = [child.process for child in reversed(self._children) if child.process is not None]
        brokers = [child.process for child in self._children if child.process and child.name == BROKER]
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
        found.append(Child(BROKER, [_mosquitto(), "-c", str(_mosquitto_configuration(settings))]))
    verbs = ["ingest", "alerts", "web", *(["push"] if settings.recipients else [])]
    for verb in verbs:
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
