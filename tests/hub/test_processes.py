"""Real processes over a real broker: receipts, kill -9, the supervisor, and every foreseeable fault."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from hub_parts import ROOT, Broker, Hub, end, listens, until
from ports import free_port
from simulate import Device, Line, hex_id

from edge.errors import ConfigError
from edge.topics import hub_topic
from hub.config import load

both = pytest.mark.parametrize("hub", ["sqlite", "postgresql"], indirect=True)


def listening(hub: Hub, times: int = 1) -> None:
    until(lambda: hub.log().count("listening to") >= times, 60, "ingest's subscription")


@both
def test_ingest_confirms_stores_once_and_sets_garbage_aside(hub: Hub, line: Line) -> None:
    hub.start("ingest")
    listening(hub)
    device = Device(line, "bed-1", "Bed 1")
    device.state()
    device.summary()
    device.summary(send=False)
    device.episode(hex_id(), "onset", 6.0)
    line.wait_for(device, {1, 3})
    assert 2 not in line.confirmed(device)
    last = line.receipts[-1][1]
    assert (last.upto_seq, last.gaps) == (3, ((2, 2),))
    for message in device.sent.values():
        device.send(message)
        device.send(message)
    line.wait_for(device, {1, 2, 3})
    for topic, payload in (
        (device.address.topic("episode"), b"garbage"),
        (device.address.topic("summary"), b"x" * 4000),
        (device.address.topic("song"), b"{}"),
    ):
        line.send(topic, payload)
    until(lambda: hub.rows("SELECT count(*) FROM rejects") == [(3,)], what="setting aside")
    assert sorted(hub.rows("SELECT seq FROM records")) == [(1,), (2,), (3,)]
    assert hub.rows("SELECT bed, status FROM devices") == [("Bed 1", "online")]


@both
def test_killed_ingest_loses_nothing_and_doubles_nothing(hub: Hub, line: Line) -> None:
    devices = [Device(line, f"kill-{number}", f"Bed {number}") for number in range(5)]
    ingest = hub.start("ingest")
    listening(hub)
    for round_number in range(3):
        for _ in range(40):
            for device in devices:
                device.summary()
        time.sleep(0.03 * round_number)
        ingest.kill()
        ingest.wait()
        ingest = hub.start("ingest")
        listening(hub, round_number + 2)
    everything = set(range(1, 121))
    until(lambda: _resent(devices, everything), 60, "every receipt")
    counts = hub.rows("SELECT count(*), count(DISTINCT seq), max(seq) FROM records GROUP BY device_id")
    assert counts == [(120, 120, 120)] * 5


def _resent(devices: list[Device], everything: set[int]) -> bool:
    for device in devices:
        device.resend()
    time.sleep(0.2)
    return all(device.line.confirmed(device) >= everything for device in devices)


def test_the_hub_says_online_and_offline(hub: Hub, line: Line) -> None:
    seen: list[bytes] = []
    topic = hub_topic(hub.site)
    line.client.message_callback_add(topic, lambda _c, _d, m: seen.append(m.payload))
    line.client.subscribe(topic, qos=1)
    ingest = hub.start("ingest")
    until(lambda: any(b'"online"' in payload for payload in seen), 60, "the hub's birth")
    assert end(ingest) == 0
    until(lambda: b'"offline"' in seen[-1], what="the hub's goodbye")


def test_the_supervisor_replaces_the_dead_and_stops_them_all(tmp_path: Path) -> None:
    port = free_port()
    hub = Hub(tmp_path, port)
    hub.config.write_text(hub.config.read_text().replace("[broker]\n", "[broker]\nstart = true\n"))
    supervisor = hub.start("run")
    try:
        until(hub.well, 60, "the whole hub")
        with Line(port, hub.site) as line:
            device = Device(line, "bed-1", "Bed 1")
            device.state()
            device.episode(hex_id(), "onset", 6.0)
            line.wait_for(device, {1})
            until(lambda: _distress(hub), 60, "the alert")
            children = _children(supervisor.pid)
            assert len(children) == 4
            for child in children:
                if "mosquitto" not in children[child]:
                    os.kill(child, signal.SIGKILL)
            until(lambda: hub.log().count("starting it again") == 3, 30, "the restart")
            until(hub.well, 60, "the hub's recovery")
            device.summary()
            until(lambda: _resent([device], {1, 2}), 60, "the second receipt")
            assert len(_distress(hub)) == 1
        children = _children(supervisor.pid)
        supervisor.send_signal(signal.SIGTERM)
        assert supervisor.wait(20) == 0
        assert not [child for child in children if Path(f"/proc/{child}").exists()]
        assert not listens(port)
        assert "Traceback" not in hub.log()
    finally:
        hub.stop()


def _distress(hub: Hub) -> list[dict[str, Any]]:
    """Without the technical alarms a busy machine may raise."""
    return [alert for alert in hub.alerts("waiting") if alert["kind"] == "distress"]


def _children(pid: int) -> dict[int, str]:
    """Process numbers and commands of a process's children."""
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return {int(child): Path(f"/proc/{child}/cmdline").read_text() for child in found}


def test_a_killed_supervisor_leaves_nothing_behind(hub: Hub) -> None:
    supervisor = hub.start("run")
    until(hub.answers, 60, "the board")
    children = _children(supervisor.pid)
    supervisor.kill()
    supervisor.wait()
    until(lambda: not [child for child in children if Path(f"/proc/{child}").exists()], 60, "their end")


def test_a_broker_that_comes_late_is_said_once_and_found(tmp_path: Path) -> None:
    late = Broker(tmp_path)
    hub = Hub(tmp_path, late.port)
    try:
        hub.start("ingest")
        until(lambda: "cannot be reached" in hub.log(), 60, "the sentence")
        time.sleep(1.5)
        assert hub.log().count("cannot be reached") == 1
        late.start()
        listening(hub)
        late.stop()
        until(lambda: "is gone" in hub.log() or hub.log().count("cannot be reached") == 2, 60, "the notice")
        assert "Traceback" not in hub.log()
    finally:
        hub.stop()
        late.stop()


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "hub.cli", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("verb", ["run", "web"])
def test_a_port_in_use_is_one_sentence(hub: Hub, verb: str) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", hub.port))
        other.listen()
        result = command(verb, "--config", str(hub.config))
    assert result.returncode == 69
    assert result.stderr.count("\n") == 1
    assert f"port {hub.port}" in result.stderr
    assert "web.port" in result.stderr


def test_a_brokers_port_in_use_is_one_sentence(hub: Hub) -> None:
    text = hub.config.read_text()
    hub.config.write_text(text.replace("[broker]\n", "[broker]\nstart = true\n"))
    result = command("run", "--config", str(hub.config))
    assert result.returncode == 69
    assert "cannot start a broker" in result.stderr


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("site = 'a b'", "site is 'a b'"),
        ("", "site is missing"),
        ("site = 'x'\nward = 3", "unknown key ward"),
        ("site = 'x'\n[web]\nport = 70000", "web.port is 70000; it must be a whole number from 1 to 65535"),
        ("site = 'x'\n[timers]\nmerge_s = 'long'", "timers.merge_s is 'long'"),
        ("site = 'x'\n[broker]\nstart = true\nhost = 'ward'", "must stay on 127.0.0.1"),
        ("site = 'x'\n[broker]\nhost = '10.0.0.7'", "tls is not given"),
        ("site = 'x'\n[broker]\nplain_text = true\n[broker.tls]\nca = 'a'", "leave one of them out"),
        ("site = 'x'\n[broker]\npassword_file = '/nowhere'\nusername = 'hub'", "broker.password_file"),
        ("site = 'x'\n[broker]\npassword_file = '/nowhere'", "give both"),
        ("site = 'x'\n[broker.tls]\nca = 'a'\nkey = 'b'", "certificate and key belong together"),
        ("site = ", "is not TOML"),
    ],
)
def test_a_wrong_configuration_names_key_value_and_what_is_allowed(
    tmp_path: Path, text: str, words: str
) -> None:
    path = tmp_path / "hub.toml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load(path)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_plain_text_over_a_network_only_where_the_settings_say_so(tmp_path: Path) -> None:
    path = tmp_path / "hub.toml"
    path.write_text("site = 'x'\n[broker]\nhost = '10.0.0.7'\nplain_text = true")
    assert load(path).broker.plain_text
    path.write_text("site = 'x'\n[broker]\nhost = '10.0.0.7'\n[broker.tls]\nca = 'ca.crt'")
    assert not load(path).broker.plain_text


def test_no_configuration_and_no_certificates(tmp_path: Path) -> None:
    assert command("run", "--config", str(tmp_path / "none.toml")).returncode == 78
    path = tmp_path / "hub.toml"
    path.write_text(f"site = 'x'\ndata = '{tmp_path}'\n[broker.tls]\nca = '/nowhere/ca.pem'")
    result = command("ingest", "--config", str(path))
    assert result.returncode == 78
    assert "broker.tls cannot be used" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_data_folder_that_cannot_be_is_one_sentence(hub: Hub, tmp_path: Path) -> None:
    (tmp_path / "data").write_text("in the way")
    result = command("alerts", "--config", str(hub.config))
    assert result.returncode == 74
    assert result.stderr.count("\n") == 1
