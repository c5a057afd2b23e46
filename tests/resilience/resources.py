"""What a daemon holds over time while its broker comes and goes: memory, file descriptors, threads."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from broker_parts import Broker, Hub
from waiting import until

ROOT = Path(__file__).parents[2]
SCENE = ROOT / "tests" / "data" / "scene.wav"


@dataclass(frozen=True, slots=True)
class Holding:
    """What a process holds at one moment."""

    rss_kb: int
    pss_kb: int
    descriptors: int
    threads: int


def holding(pid: int) -> Holding:
    """Read from /proc."""
    memory = dict(line.split(":") for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:])
    return Holding(
        rss_kb=int(memory["Rss"].split()[0]),
        pss_kb=int(memory["Pss"].split()[0]),
        descriptors=_count(f"/proc/{pid}/fd"),
        threads=_count(f"/proc/{pid}/task"),
    )


def _count(folder: str) -> int:
    return sum(1 for _ in Path(folder).iterdir())


def watch(folder: Path, rounds: int, up_s: float, down_s: float) -> list[Holding]:
    """A daemon that listens at real time.

    The first moment is `up_s` after its first words, each other one so long after the broker was away for
    `down_s` and came back.
    """
    broker = Broker(folder)
    broker.start()
    hub = Hub(broker.port)
    config = folder / "edge.toml"
    config.write_text(
        'site = "demo"\nward = "ward-1"\ndevice = "bed-1"\nbed = "Bed 1"\n'
        f'[model]\npath = "{ROOT / "model" / "bedside-ser.tflite"}"\n'
        f'[broker]\nhost = "127.0.0.1"\nport = {broker.port}\n[storage]\nfolder = "store"\n'
    )
    command = [
        sys.executable,
        "-P",
        "-m",
        "edge",
        "run",
        "--config",
        str(config),
        "--repeat",
        "--source",
        str(SCENE),
    ]
    with (folder / "log").open("w") as log:
        daemon = subprocess.Popen(
            command, stdout=log, stderr=log, env={**os.environ, "PYTHONPATH": str(ROOT)}
        )
    try:
        until(lambda: hub.of("emotion"), 30)
        moments = [_settled(daemon.pid, up_s)]
        for _ in range(rounds):
            states = len(hub.of("state"))
            broker.stop()
            time.sleep(down_s)
            broker.start()
            until(lambda before=states: len(hub.of("state")) > before, 60)
            moments.append(_settled(daemon.pid, up_s))
        assert daemon.poll() is None, (folder / "log").read_text()
    finally:
        daemon.kill()
        daemon.wait()
        hub.close()
        broker.stop()
    assert "Traceback" not in (folder / "log").read_text()
    return moments


def _settled(pid: int, seconds: float) -> Holding:
    time.sleep(seconds)
    return holding(pid)


def assert_steady(moments: list[Holding], memory_kb: int) -> None:
    """No file descriptor and no thread more than at the start; memory grows by less than `memory_kb`."""
    first, last = moments[0], moments[-1]
    assert last.threads <= first.threads
    assert last.descriptors <= first.descriptors
    assert last.pss_kb - first.pss_kb < memory_kb
