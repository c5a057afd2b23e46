"""A ward under torture: real broker, hub and bedside daemon, killed at random with SIGKILL and started again.

The witness is independent of the daemon's own bookkeeping: a trigger in the outbox's database copies each
message into a second table in the very transaction that stores it, and nothing ever removes it there.
"""

from __future__ import annotations

import json
import os
import random
import sqlite3
import subprocess
import sys
import time
import wave
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import numpy as np
from hub_parts import ROOT, Broker, Hub, end, until

from edge.outbox import FILE_NAME, Outbox

DATA = ROOT / "tests" / "data"
KINDS = ("daemon", "broker", "ingest", "alerts", "everything")
_SHARES = (6, 5, 6, 2, 1)
_WITNESS = """
CREATE TABLE witness (boot_id TEXT, seq INTEGER, kind TEXT, body BLOB);
CREATE TRIGGER witness AFTER INSERT ON outbox
BEGIN INSERT INTO witness VALUES (new.boot_id, new.seq, new.kind, new.body); END;
"""
_DRAIN_S = 180.0
Key = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was on the device and what is at the hub after everything has run on undisturbed."""

    kills: Counter[str]
    seconds: float
    witnessed: dict[Key, bytes]
    """Every durable message ever stored on the device, by start and number."""
    doubled: int
    """Messages stored under a number already used."""
    waiting: int
    """Messages in the outbox that the hub has not."""
    arrived: list[tuple[str, int, str]]
    """What the hub has: start, number, body."""
    hub_episodes: set[str]
    """Episodes the hub's alert engine knows."""
    logs: str

    @property
    def onsets(self) -> set[str]:
        """Every episode that ever began on the device."""
        messages = map(json.loads, self.witnessed.values())
        return {message["episode"] for message in messages if message.get("phase") == "onset"}


@dataclass(slots=True)
class Ward:
    """Everything that runs. Use as a context manager; what it started ends with it."""

    folder: Path
    broker: Broker = field(init=False)
    hub: Hub = field(init=False)
    config: Path = field(init=False)
    running: dict[str, subprocess.Popen[str]] = field(default_factory=dict)
    starts: int = 0

    def __enter__(self) -> Self:
        self.broker = Broker(self.folder)
        self.hub = Hub(self.folder, self.broker.port)
        self.config = self.folder / "edge.toml"
        self.config.write_text(
            f'site = "{self.hub.site}"\nward = "ward-1"\ndevice = "bed-1"\nbed = "Bed 1"\n'
            f'[model]\npath = "{ROOT / "model" / "bedside-ser.tflite"}"\n'
            f'[broker]\nhost = "127.0.0.1"\nport = {self.broker.port}\n[storage]\nfolder = "store"\n'
            "[episodes]\nonset = 0.5\noffset = 0.3\ncount = 1\namong = 1\nhold_off_s = 2\nsmoothing = 0.0\n"
            "min_duration_s = 0.0\n"
        )
        Outbox(self.folder / "store", "0" * 32).close()
        with sqlite3.connect(self.database) as connection:
            connection.executescript(_WITNESS)
        connection.close()
        return self

    def __exit__(self, *_: object) -> None:
        for process in self.running.values():
            process.kill()
            process.wait()
        self.hub.stop()
        self.broker.stop()

    @property
    def database(self) -> Path:
        return self.folder / "store" / FILE_NAME

    def start(self, kind: str, *sources: Path, fast: bool = True) -> None:
        """Starts one of the parts and does not wait for it."""
        if kind == "broker":
            self.broker.start()
            assert self.broker.process is not None
            self.running[kind] = self.broker.process
        elif kind == "daemon":
            self.running[kind] = self._start_daemon(sources, fast=fast)
        else:
            self.running[kind] = self.hub.start(kind)

    def _start_daemon(self, sources: tuple[Path, ...], *, fast: bool) -> subprocess.Popen[str]:
        self.starts += 1
        command = [
            sys.executable,
            "-P",
            "-m",
            "edge",
            "run",
            "--config",
            str(self.config),
            "--repeat",
            "--source",
        ]
        with (self.folder / f"daemon-{self.starts}.log").open("w") as log:
            return subprocess.Popen(
                [*command, *map(str, sources), *(["--fast"] if fast else [])],
                stdout=log,
                stderr=subprocess.STDOUT,
                text=True,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
            )

    def kill(self, kind: str) -> None:
        """Kills a part as a crash would."""
        process = self.running.pop(kind)
        assert process.poll() is None, f"{kind} had ended by itself:\n{self.logs()[-3000:]}"
        process.kill()
        process.wait()

    def logs(self) -> str:
        """What daemon and hub have logged, all starts."""
        daemons = sorted(self.folder.glob("daemon-*.log"), key=lambda path: path.stat().st_mtime)
        return self.hub.log() + "".join(path.read_text() for path in daemons)

    def has_begun(self) -> bool:
        """Whether the device has stored a message."""
        return bool(_rows(self.database, "SELECT 1 FROM witness LIMIT 1"))

    def waiting(self) -> set[tuple[object, ...]]:
        """Start and number of what is in the device's outbox and not at the hub."""
        held, there = "SELECT boot_id, seq FROM outbox", "SELECT boot_id, seq FROM records"
        return set(_rows(self.database, held)) - set(_rows(self.hub.database, there))


def _rows(database: Path, query: str) -> list[tuple[object, ...]]:
    connection = sqlite3.connect(database, timeout=30)
    try:
        return connection.execute(query).fetchall()
    finally:
        connection.close()


def torture(folder: Path, kills: int, seed: int) -> Outcome:
    """Kills so often, lets everything run on undisturbed, and looks at both ends."""
    dice = random.Random(seed)
    pause = _quiet(folder / "quiet.wav", 6.0)
    scene = (DATA / "angry.wav", pause, DATA / "fearful.wav", pause)
    done: Counter[str] = Counter()
    begun_s = time.monotonic()
    with Ward(folder) as ward:
        for kind in ("broker", "ingest", "alerts"):
            ward.start(kind)
        ward.start("daemon", *scene)
        until(ward.has_begun, 60, "the first durable message")
        for _ in range(kills):
            # Some die long after their start, some in the middle of it.
            time.sleep(dice.choice((0.1, 1.0, 3.0)) * dice.random())
            kind = dice.choices(KINDS, _SHARES)[0]
            for part in KINDS[:-1] if kind == "everything" else (kind,):
                ward.kill(part)
            done[kind] += 1
            time.sleep(dice.random() * 0.2)
            for part in ("broker", "ingest", "alerts", "daemon") if kind == "everything" else (kind,):
                ward.start(part, *(scene if part == "daemon" else ()))
        ward.kill("daemon")
        return _settle(ward, done, begun_s)


def _settle(ward: Ward, kills: Counter[str], begun_s: float) -> Outcome:
    """A daemon at its usual pace in a quiet room, until everything it holds has its receipt."""
    quiet = ward.folder / "quiet.wav"
    ward.start("daemon", quiet, fast=False)
    until(lambda: not ward.waiting(), _DRAIN_S, "the hub's having all of the outbox")
    # Its last words as well: the minute it sums up on SIGTERM is for the next start to send.
    end(ward.running["daemon"], 10)
    ward.start("daemon", quiet, fast=False)
    until(lambda: not ward.waiting(), 60, "the hub's having all of the outbox")
    stored = _rows(ward.database, "SELECT boot_id, seq, body FROM witness")
    witnessed = {(str(boot_id), int(str(seq))): bytes(body) for boot_id, seq, body in stored}
    onsets = {key for key, body in witnessed.items() if b'"onset"' in body}
    query = "SELECT id FROM episodes"
    until(
        lambda: len(_rows(ward.hub.database, query)) >= len(onsets), 60, "every episode in the alert engine"
    )
    return Outcome(
        kills=kills,
        seconds=time.monotonic() - begun_s,
        witnessed=witnessed,
        doubled=len(stored) - len(witnessed),
        waiting=len(ward.waiting()),
        arrived=[
            (str(boot_id), int(str(seq)), str(body))
            for boot_id, seq, body in _rows(ward.hub.database, "SELECT boot_id, seq, body FROM records")
        ],
        hub_episodes={str(row[0]) for row in _rows(ward.hub.database, query)},
        logs=ward.logs(),
    )


def _quiet(path: Path, seconds: float) -> Path:
    """A recording of a quiet room."""
    samples = np.random.default_rng(0).integers(-2, 3, int(seconds * 16000)).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16000)
        file.writeframes(samples.tobytes())
    return path
