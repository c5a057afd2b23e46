"""`bedside-hub check` beside a hub that is well, and one that is not."""

import re
import subprocess
import sys
from pathlib import Path

from hub_parts import ROOT, Hub, until
from simulate import Device, Line

from hub import check_host
from hub.config import Commands, Settings


def check(hub: Hub) -> tuple[int, str]:
    result = subprocess.run(
        [sys.executable, "-m", "hub.cli", "check", "--config", str(hub.config)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "Traceback" not in result.stderr
    return result.returncode, " ".join(result.stdout.split())  # however long lines are broken


def test_before_while_and_after_it_runs(hub: Hub, line: Line) -> None:
    status, text = check(hub)
    assert status == 0
    assert re.search(r"-- database .*is not there yet", text)
    assert not hub.database.exists(), "looking makes nothing"
    for verb in ("ingest", "alerts", "web"):
        hub.start(verb)
    until(hub.well, 60, "the hub")
    status, text = check(hub)
    assert status == 0, text
    assert re.search(r"ok database \S", text)
    assert "ok processes signs of life: ingest" in text
    assert "none has ever been heard" in text
    assert "lets us hear the devices of" in text
    device = Device(line, "bed-1", "Bed 1")
    device.state()
    until(lambda: hub.board()["beds"], 10, "the bed")
    assert "all 1 heard" in check(hub)[1]
    hub.stop()
    hub.config.write_text(re.sub(r"\[broker\]\nport = \d+", "[broker]\nport = 1", hub.config.read_text()))
    status, text = check(hub)
    assert status == 69
    assert "!! broker" in text
    assert "cannot be reached" in text
    assert "to be put right: broker" in text


def test_processes_that_have_stopped_are_red(hub: Hub) -> None:
    hub.start("ingest")
    until(lambda: hub.database.exists() and "!! processes" in check(hub)[1], 20, "the finding")
    status, text = check(hub)
    assert status == 69
    assert "engine has given no sign of life ever" in text
    assert "-> start the hub" in text


def test_a_key_that_cannot_be_read_is_red() -> None:
    (found,) = check_host.command_key(Settings(site="x", commands=Commands("/nowhere")))
    assert found.kind == "red"
    assert found.status == 78


def test_secrets_that_others_can_read_are_red(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text("k" * 40)
    settings = Settings(site="x", commands=Commands(str(key)))
    key.chmod(0o644)
    (found,) = check_host.secrets(settings)
    assert found.kind == "red"
    assert f"commands.master_key_file is {key}, which every user" in found.words[0]
    assert found.remedy == f"chmod 600 {key}"
    key.chmod(0o600)
    (found,) = check_host.secrets(settings)
    assert found.kind == "well"


def test_a_demo_s_broker_is_told_for_what_it_is(hub: Hub) -> None:
    text = check(hub)[1]
    assert "-- access list the broker lets in anybody" in text
    assert "-- access list the broker lets us write any topic" in text
    assert "plain_text" not in text
    hub.config.write_text(hub.config.read_text().replace("[broker]\n", "[broker]\nplain_text = true\n"))
    assert "-- broker broker.plain_text: whoever is on the network may read" in check(hub)[1]
