"""A PostgreSQL server of our own, from Debian's package, for the tests and the bench."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from hub_parts import end, listens, until
from ports import free_port
from sqlalchemy import URL

PASSWORD = "correct horse"  # noqa: S105
SETTINGS = {
    "fsync": "off",  # what a killed server loses does not depend on it, only what a power cut does
    "synchronous_commit": "off",  # the hub must ask for what it needs
    "max_connections": "60",
    "shared_buffers": "16MB",
}


def binaries() -> Path | None:
    """The folder of the newest server installed, None where there is none."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[4]))
    return found[-1].parent if found else None


class Cluster:
    """One server on a free port and a socket in its own folder; `postgres` needs no password there."""

    def __init__(self, bin_folder: Path, **settings: str) -> None:
        self._bin = bin_folder
        # Not pytest's folder: only root may enter that, and the server refuses to run as root.
        self.folder = Path(tempfile.mkdtemp(prefix="bedside-pg-"))
        self._user = "postgres" if os.geteuid() == 0 else None
        if self._user:
            shutil.chown(self.folder, self._user)
        self.port = free_port()
        self._settings = {**SETTINGS, **settings}
        self._process: subprocess.Popen[bytes] | None = None
        secret = self.folder / "password"
        secret.write_text(PASSWORD)
        secret.chmod(0o644)
        options = "--auth-local=trust --auth-host=scram-sha-256 --username=postgres --no-sync --encoding=UTF8"
        command = [bin_folder / "initdb", "-D", self.folder / "data", *options.split(), "--locale=C.UTF-8"]
        made = subprocess.run(
            [*command, f"--pwfile={secret}"], user=self._user, cwd="/", capture_output=True, check=False
        )
        assert made.returncode == 0, made.stderr.decode()

    def start(self) -> None:
        options = [f"--{name}={value}" for name, value in self._settings.items()]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [self._bin / "postgres", "-D", self.folder / "data", "-p", str(self.port),
                 "-k", self.folder, "-h", "127.0.0.1", *options],
                user=self._user, cwd="/", stdout=log, stderr=log,
            )  # fmt: skip
        until(self.answers, 30, "PostgreSQL's start")

    def answers(self) -> bool:
        try:
            psycopg.connect(self._text("postgres")).close()
        except psycopg.OperationalError:
            return False
        return True

    def kill(self) -> None:
        """Every process of the server at once, as a crash does."""
        assert self._process is not None
        self._process.send_signal(signal.SIGQUIT)
        self._process.wait(20)

    def stop(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)  # at once, whoever is connected
            end(self._process, 20)
        until(lambda: not listens(self.port), 10, "PostgreSQL's end")

    def remove(self) -> None:
        self.stop()
        shutil.rmtree(self.folder)

    def run(self, statement: str) -> None:
        with psycopg.connect(self._text("postgres"), autocommit=True) as connection:
            connection.execute(statement)

    def create(self, *options: str) -> URL:
        """A new empty database."""
        name = f"hub_{time.monotonic_ns()}"
        self.run(f"CREATE DATABASE {name} {' '.join(options)}")
        query = {"host": str(self.folder), "port": str(self.port)}
        return URL.create("postgresql+psycopg", "postgres", database=name, query=query)

    def drop(self, url: URL) -> None:
        self.run(f"DROP DATABASE {url.database} WITH (FORCE)")

    def _text(self, database: str) -> str:
        return f"host={self.folder} port={self.port} user=postgres dbname={database}"


@contextlib.contextmanager
def database(kind: str, request: pytest.FixtureRequest) -> Iterator[URL | None]:
    """A new empty database; None for SQLite, where a file in the hub's data folder will be it."""
    if kind == "sqlite":
        yield None
        return
    cluster: Cluster = request.getfixturevalue("cluster")
    url = cluster.create()
    yield url
    cluster.drop(url)
