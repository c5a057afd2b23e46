"""Signals, signs of life, and a supervisor that hears them."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hub_parts import until

from edge.errors import ConfigError
from hub import supervisor
from hub.config import load
from hub.ear import Ear
from hub.service import Pulse, Stop
from hub.supervisor import BROKER, FIRST_SIGN_S, SILENT_S, Child, Supervisor

HANGS = """
import os, time
from edge.service import notify
notify("READY=1", "WATCHDOG=1", "STATUS=works")
time.sleep(1000)
"""


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """Where systemd would listen."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "notify"))
        listener.settimeout(5)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        yield listener


def everything(told: socket.socket) -> list[str]:
    told.setblocking(False)
    found = []
    try:
        while True:
            found.append(told.recv(4096).decode())
    except BlockingIOError:
        return found


def test_ready_is_said_once_and_the_rest_not_too_often(told: socket.socket) -> None:
    now = [0.0]
    pulse = Pulse(lambda: now[0])
    pulse.beat("waits", ready=False)
    pulse.beat("waits", ready=False)
    assert everything(told) == ["WATCHDOG=1\nSTATUS=waits"]
    pulse.beat("works")
    assert everything(told) == ["READY=1\nWATCHDOG=1\nSTATUS=works"], "at once"
    pulse.beat("works")
    assert everything(told) == []
    now[0] = 2.0
    pulse.beat("the database is away", ready=False)
    now[0] = 4.0
    pulse.falter("it hangs")
    assert everything(told) == ["WATCHDOG=1\nSTATUS=the database is away", "STATUS=it hangs"]


def test_a_signal_ends_every_wait() -> None:
    code = "from hub.service import Stop; s = Stop(); s.listen(); print('up', flush=True); s.wait(60)"
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
        assert time.monotonic() - began < 15
    stop = Stop()
    waits = [threading.Thread(target=stop.wait, args=(60,)) for _ in range(3)]
    for one in waits:
        one.start()
    stop.set()
    for one in waits:
        one.join(10)
    assert not any(one.is_alive() for one in waits)
    assert not stop.again


def test_the_ear_knows_who_speaks() -> None:
    ear = Ear()
    code = "from edge.service import notify; notify('READY=1', 'STATUS=a = b')"
    with subprocess.Popen([sys.executable, "-c", code], env={**os.environ, "NOTIFY_SOCKET": ear.name}) as one:
        assert one.wait(20) == 0
    assert ear.take() == [(one.pid, {"READY": "1", "STATUS": "a = b"})]
    assert ear.take() == []
    ear.close()


def test_a_process_that_hangs_is_killed_and_started_again(
    told: socket.socket, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(supervisor, "SILENT_S", 0.5)
    monkeypatch.setattr("hub.service.BEAT_S", 0.05)
    child = Child("ingest", [sys.executable, "-c", HANGS])
    stop = Stop()
    thread = threading.Thread(target=Supervisor([child]).run, args=(stop,))
    thread.start()
    words: list[str] = []

    def is_back() -> bool:
        words.extend(everything(told))  # the kernel keeps but a few
        return child.starts == 2

    try:
        until(is_back, 30, "the second start")
    finally:
        stop.set()
        thread.join(10)
    assert re.search(r"ingest has not got on for \d+\.\d s; killing it", caplog.text)
    assert "READY=1\nWATCHDOG=1\nSTATUS=ingest: works" in words
    assert any("STATUS=ingest: has ended" in one for one in words)


def test_a_process_that_never_tells_anything_hangs_too() -> None:
    child = Child("web", [], started_at=1000.0)
    assert child.hangs_for(1000.0 + FIRST_SIGN_S) is None
    assert child.hangs_for(1000.5 + FIRST_SIGN_S) == FIRST_SIGN_S + 0.5
    child.hear({"WATCHDOG": "1"}, 1100.0)
    assert child.hangs_for(1100.0 + SILENT_S) is None
    assert child.hangs_for(1100.5 + SILENT_S) == SILENT_S + 0.5
    assert Child(BROKER, [], started_at=0.0).hangs_for(1e9) is None


def test_a_process_that_cannot_be_started_ends_no_other(caplog: pytest.LogCaptureFixture) -> None:
    """As where the machine has no memory or no process left."""
    stop = Stop()
    none = Child("ingest", ["/nowhere/python"], pause_s=0.05)
    other = Child("web", [sys.executable, "-c", HANGS])
    thread = threading.Thread(target=Supervisor([none, other]).run, args=(stop,))
    thread.start()
    try:
        until(lambda: caplog.text.count("ingest cannot be started: ") >= 2 and other.ready, 30, "two trials")
    finally:
        stop.set()
        thread.join(10)
    assert other.starts == 1


def test_secrets_of_the_service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "word").write_text("right\n")
    file = tmp_path / "hub.toml"
    file.write_text('site = "x"\n[broker]\nusername = "hub"\npassword_file = "credential:word"\n')
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    with pytest.raises(ConfigError, match="needs a service with LoadCredential="):
        load(file)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert load(file).broker.password() == "right"
    file.write_text(file.read_text().replace("credential:word", "credential:other"))
    with pytest.raises(ConfigError, match=r"broker\.password_file is .*other.*No such file"):
        load(file)
