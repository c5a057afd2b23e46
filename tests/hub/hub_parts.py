"""Real parts for the hub's tests: a mosquitto and the hub's own processes, started and stopped."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
from ports import free_port
from sqlalchemy import URL, NullPool, create_engine, text

ROOT = Path(__file__).parents[2]


def complete(work: Coroutine[Any, Any, Any]) -> Any:
    """What comes of it in a thread of its own: Playwright keeps an event loop running in the tests' one."""
    with ThreadPoolExecutor(1) as elsewhere:
        return elsewhere.submit(asyncio.run, work).result()


def until(condition: Callable[[], Any], seconds: float = 10.0, what: str = "it") -> Any:
    """The first true value of the condition; fails after so many seconds."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, f"{what} did not happen within {seconds:g} s"
        time.sleep(0.05)


def end(process: subprocess.Popen[Any], seconds: float = 5.0) -> int:
    """Stops a process by its number, politely first."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    try:
        return process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


class Broker:
    """A mosquitto on a port of its own, with raised limits."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self._file = folder / "mosquitto.conf"
        self._file.write_text(
            f"listener {self.port} 127.0.0.1\nallow_anonymous true\npersistence false\n"
            "max_inflight_messages 0\nmax_queued_messages 0\nlog_type error\n"
        )
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        path = shutil.which("mosquitto") or "/usr/sbin/mosquitto"
        self.process = subprocess.Popen([path, "-c", str(self._file)])
        until(lambda: listens(self.port), what="mosquitto's start")

    def stop(self) -> None:
        if self.process is not None:
            end(self.process)


def database_toml(url: URL) -> str:
    """The section of the hub's configuration that names a database of PostgreSQL."""
    return f'[database]\nurl = "{url.set(drivername="postgresql").render_as_string()}"\n'


OPEN_TO_ALL = "[accounts]\nrequired = false\n"


class Hub:
    """The hub's processes over one configuration file."""

    def __init__(self, folder: Path, broker_port: int, more: str = "", url: URL | None = None) -> None:
        self.folder = folder
        self.site = f"site-{uuid.uuid4().hex[:8]}"  # many hubs share one broker, which retains states
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.database = folder / "data" / "hub.sqlite3"  # where no url is given
        self._place = url or URL.create("sqlite", database=str(self.database))
        self.config = folder / "hub.toml"
        self.config.write_text(
            f'site = "{self.site}"\ndata = "{folder / "data"}"\nnurses = ["Amara Diallo", "Ben Ortiz"]\n'
            f"[broker]\nport = {broker_port}\n[web]\nport = {self.port}\n{more}"
            f"{database_toml(url) if url else ''}"
            f"{'' if '[accounts]' in more else OPEN_TO_ALL}"
        )
        self.processes: list[subprocess.Popen[str]] = []
        self.logs: list[Path] = []

    def start(self, verb: str) -> subprocess.Popen[str]:
        log = self.folder / f"{verb}-{len(self.logs)}.log"
        self.logs.append(log)
        with log.open("w") as out:
            process = subprocess.Popen(
                [sys.executable, "-m", "hub.cli", verb, "--config", str(self.config)],
                cwd=ROOT,
                stdout=out,
                stderr=subprocess.STDOUT,
                text=True,
                env={**os.environ, "PYTHONUNBUFFERED": "1"},
            )
        self.processes.append(process)
        return process

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """What a query finds in the database, without the hub's help."""
        engine = create_engine(self._place, poolclass=NullPool)
        with engine.connect() as connection:
            return [tuple(row) for row in connection.execute(text(query))]

    def canary_at(self) -> float | None:
        """When the canary was last heard; None: never."""
        found = self.rows("SELECT at FROM processes WHERE name = 'hub.canary'")
        return found[0][0] if found else None

    def log(self) -> str:
        return "".join(log.read_text() for log in self.logs)

    def stop(self) -> None:
        for process in reversed(self.processes):
            end(process)

    def answers(self) -> bool:
        try:
            return httpx.get(f"{self.url}/healthz", timeout=2).status_code in (200, 503)
        except httpx.TransportError:
            return False

    def well(self) -> bool:
        try:
            return httpx.get(f"{self.url}/healthz", timeout=2).status_code == 200
        except httpx.TransportError:
            return False

    def board(self) -> dict[str, Any]:
        data: dict[str, Any] = httpx.get(f"{self.url}/api/board", timeout=5).json()
        return data

    def alerts(self, state: str) -> list[dict[str, Any]]:
        return [alert for alert in self.board()["alerts"] if alert["state"] == state]

    def act(self, alert: int, verb: str, **body: str) -> httpx.Response:
        headers = {"X-Requested-With": "bedside"}
        return httpx.post(f"{self.url}/api/alerts/{alert}/{verb}", json=body, headers=headers, timeout=5)

    def at_bed(self, bed: int, verb: str, **body: Any) -> httpx.Response:
        headers = {"X-Requested-With": "bedside"}
        return httpx.post(f"{self.url}/api/beds/{bed}/{verb}", json=body, headers=headers, timeout=5)


@contextlib.contextmanager
def running_hub(folder: Path, broker_port: int, more: str = "", url: URL | None = None) -> Iterator[Hub]:
    """A hub with its three processes up and well; stopped at the end."""
    hub = Hub(folder, broker_port, more, url)
    for verb in ("ingest", "alerts", "web"):
        hub.start(verb)
    try:
        until(hub.well, 60, "the hub")
        yield hub
    finally:
        hub.stop()


@contextlib.contextmanager
def serving(hub: Hub) -> Iterator[Hub]:
    """The hub with its web process alone, which answers; stopped at the end."""
    hub.start("web")
    try:
        until(hub.answers, 60, "the web process")
        yield hub
    finally:
        hub.stop()
