"""Asking a device: the command line, the real broker, ingest, and the real daemon with its own key."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hub_parts import ROOT, Broker, Hub, end, until

from edge.commands import Gatekeeper, sign
from edge.messages import Command
from edge.topics import Address
from hub.commands import device_key

MASTER = "5" * 64
Ask = Callable[..., tuple[int, str]]


@pytest.fixture
def ask(hub: Hub) -> Ask:
    """Runs a verb of bedside-hub to its end: (exit status, what it printed)."""
    key = hub.folder / "master.key"
    key.write_text(MASTER + "\n")
    with hub.config.open("a") as file:
        file.write(f'[commands]\nmaster_key_file = "{key}"\n')

    def run(verb: str, *arguments: str) -> tuple[int, str]:
        command = [sys.executable, "-m", "hub.cli", verb, "--config", str(hub.config), *arguments]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
        return done.returncode, (done.stdout + done.stderr).strip()

    return run


@pytest.fixture
def device(hub: Hub, broker: Broker, ask: Ask, tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The daemon at a bed, playing a voice over and over, with the key the hub prints for it."""
    status, key = ask("device-key", "ward-1", "bed-1")
    assert status == 0, key
    (tmp_path / "command.key").write_text(key + "\n")
    config = tmp_path / "edge.toml"
    config.write_text(
        f'site = "{hub.site}"\nward = "ward-1"\ndevice = "bed-1"\nbed = "Bed 1"\n'
        f'[model]\npath = "{ROOT / "model" / "bedside-ser.tflite"}"\n'
        f'[broker]\nhost = "127.0.0.1"\nport = {broker.port}\n[storage]\nfolder = "{tmp_path / "edge"}"\n'
        '[commands]\nkey_file = "command.key"\n'
    )
    scene = str(ROOT / "tests" / "data" / "scene.wav")
    command = [sys.executable, "-m", "edge", "run", "--config", str(config), "--source", scene, "--repeat"]
    with (tmp_path / "edge.log").open("w") as log:
        process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=subprocess.STDOUT)
    yield process
    end(process)


def listening(hub: Hub) -> None:
    hub.start("ingest")
    until(lambda: "listening to" in hub.log(), 20, "ingest's subscription")


def heard(hub: Hub) -> str:
    hub.start("web")
    until(hub.answers, 20, "the board")
    devices = until(lambda: hub.board()["beds"], 20, "the device's first word")
    return str(devices[0]["microphone"])


@pytest.mark.usefixtures("device")
def test_mute_and_unmute_from_the_hub(hub: Hub, ask: Ask) -> None:
    listening(hub)
    assert heard(hub) == "file"
    status, out = ask("command", "ward-1", "bed-1", "mute", "--minutes", "20", "--reason", "visitors")
    assert (status, out) == (0, "ward-1/bed-1 (Bed 1): microphone muted; muted for 20 min: visitors")
    until(lambda: hub.board()["beds"][0]["microphone"] == "muted", what="the board's word")
    status, out = ask("command", "ward-1", "bed-1", "rebirth")
    assert (status, "muted for 20 min: visitors" in out) == (0, True), out
    status, out = ask("command", "ward-1", "bed-1", "unmute", "--reason", "visitors gone")
    assert (status, out) == (0, "ward-1/bed-1 (Bed 1): microphone file; visitors gone")
    until(lambda: hub.board()["beds"][0]["microphone"] == "file", what="the board's word")


def test_a_device_with_another_key_does_nothing(
    hub: Hub, ask: Ask, device: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    listening(hub)
    assert heard(hub) == "file"
    (hub.folder / "master.key").write_text("6" * 64)
    status, out = ask("command", "ward-1", "bed-1", "mute")
    assert status == 69
    assert "has not done it within 10 s; its journal says why" in out
    assert "its signature is not of this device's key" in (tmp_path / "edge.log").read_text()
    end(device)
    status, out = ask("command", "ward-1", "bed-1", "mute")
    assert (status, "is offline (stopped)" in out) == (69, True), out


@pytest.mark.usefixtures("device")
def test_without_ingest_the_hub_knows_no_time_of_the_device(hub: Hub, ask: Ask, tmp_path: Path) -> None:
    until(lambda: "connected to the broker" in (tmp_path / "edge.log").read_text(), 20, "the daemon")
    status, out = ask("command", "ward-1", "bed-1", "mute")
    assert (status, "check that ingest runs" in out) == (69, True), out


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (("ward-1", "bed-9", "mute"), 69, "the broker knows no device ward-1/bed-9"),
        (("ward/1", "bed-1", "mute"), 2, "ward is 'ward/1'"),
        (("ward-1", "bed-1", "mute", "--minutes", "1441"), 2, "minutes is 1441"),
        (("ward-1", "bed-1", "mute", "--minutes", "-1"), 2, "minutes is -1"),
        (("ward-1", "bed-1", "mute", "--reason", ""), 2, "reason is ''"),
        (("ward-1", "bed-1", "shout"), 2, "invalid choice: 'shout'"),
    ],
)
def test_bad_arguments(ask: Ask, arguments: tuple[str, ...], status: int, words: str) -> None:
    found, out = ask("command", *arguments)
    assert found == status, out
    assert words in out
    assert "Traceback" not in out


def test_bad_keys(hub: Hub, ask: Ask) -> None:
    key = hub.folder / "master.key"
    key.write_text("short\n")
    status, out = ask("device-key", "ward-1", "bed-1")
    assert (status, "has 5 characters; at least 32" in out) == (78, True), out
    key.unlink()
    status, out = ask("command", "ward-1", "bed-1", "mute")
    assert (status, "openssl rand -hex 32" in out) == (78, True), out
    hub.config.write_text(hub.config.read_text().split("[commands]")[0])
    status, out = ask("device-key", "ward-1", "bed-1")
    assert (status, "commands.master_key_file is not configured" in out) == (78, True), out


def test_no_broker(hub: Hub, ask: Ask) -> None:
    hub.config.write_text(hub.config.read_text().replace("port = ", "port = 1 # ", 1))
    status, out = ask("command", "ward-1", "bed-1", "mute")
    assert (status, "cannot be reached" in out) == (69, True), out


def test_one_device_s_key_is_no_other_s() -> None:
    names = [Address("site", "ward-1", f"bed-{number}") for number in range(50)]
    keys = [device_key(MASTER.encode(), name) for name in names]
    assert len(set(keys)) == len(names)
    topic = names[0].topic("command")
    plain = Command(id="a" * 32, boot_id="b" * 32, expires_ms=9000, action="mute")
    Gatekeeper(keys[0].encode(), topic, "b" * 32).check(sign(keys[0].encode(), topic, plain), 1)
