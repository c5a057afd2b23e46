"""A whole ward in one machine: authority, mosquitto, hub and a device as services, TLS on every line."""

import sqlite3
from pathlib import Path

import httpx
import pytest
from hub_service import DATA, WHOLE, HubService, exposure
from machine import CHECKOUT, ROOT
from ports import free_port

from hub.authority import Authority

BROKER = "mosquitto.service"
DROP_IN = ROOT / "systemd" / "mosquitto.service.d" / "bedside.conf"
FOLDER = "etc/bedside-ser/broker"
SCENE = CHECKOUT / "tests" / "data" / "scene.wav"
HUB_TLS = """[broker.tls]
ca = "credential:bedside-ca.crt"
certificate = "credential:bedside-hub.crt"
key = "credential:bedside-hub.key"
"""
DEVICE_TLS = """ca_file = "credential:bedside-ca.crt"
cert_file = "credential:bedside-device.crt"
key_file = "credential:bedside-device.key"
"""


def test_exposure_of_the_broker(tmp_path):
    """The drop-in after Debian's own unit, as systemd reads them."""
    debian = Path("/lib/systemd/system/mosquitto.service")
    if not debian.exists():
        pytest.skip("mosquitto is not Debian's here")
    both = tmp_path / BROKER
    both.write_text(debian.read_text() + DROP_IN.read_text())
    assert exposure(both) <= 1.5


@pytest.fixture
def service(machine):
    one = HubService(machine)
    one.lay()
    yield one
    one.forget()
    machine.stop()
    machine.run("systemctl", "stop", BROKER)
    machine.run("sh", "-c", "rm -rf /etc/credstore/*")


@pytest.fixture
def port(machine, service, tmp_path):
    """The broker's, which runs as its unit with what our own commands have made for it."""
    authority = Authority(tmp_path / "ca")
    authority.make()
    authority.broker(["127.0.0.1"])
    authority.hub()
    authority.device("demo/ward-1/bed-1")
    for bundle in ("hub", "devices/demo.ward-1.bed-1"):
        for file in (tmp_path / "ca" / bundle).iterdir():
            machine.write(f"etc/credstore/{file.name}", file.read_text(), mode=0o600)
    port = free_port()
    service.configure(f"port = {port}", HUB_TLS)
    service.hand("broker-config", "--out", f"/{FOLDER}")
    for file in (tmp_path / "ca" / "broker").iterdir():
        machine.write(f"{FOLDER}/{file.name}", file.read_text(), mode=0o640)
    machine.run("sh", "-c", f"chgrp mosquitto /{FOLDER}/*")
    machine.write("etc/systemd/system/mosquitto.service.d/bedside.conf", DROP_IN.read_text())
    machine.run("systemctl", "daemon-reload")
    machine.run("systemctl", "start", BROKER)
    return port


def rows(file, query):
    connection = sqlite3.connect(file, timeout=30)
    try:
        return connection.execute(query).fetchall()
    finally:
        connection.close()


def test_a_voice_in_distress_reaches_the_board(machine, service, port, configure, until):
    """And restarts of broker and hub, in any order, lose nothing."""
    service.start(WHOLE)
    assert service.show(WHOLE, "ActiveState") == "active"
    configure(port, broker=DEVICE_TLS)
    machine.start("--source", SCENE, "--repeat")
    until(lambda: "; connected" in machine.show("StatusText"), 30)
    url = f"http://127.0.0.1:{service.port}"

    def alerts():
        try:
            board = httpx.get(f"{url}/api/board", timeout=5).json()
        except httpx.HTTPError:
            return []
        return [one for one in board["alerts"] if one["kind"] == "distress"]

    [alert] = until(alerts, 60)
    assert alert["bed"] == "Bed 1"
    assert [one["PROCESS"] for one in machine.journal(f"ALERT={alert['id']}")] == ["alerts"]
    for order in ((BROKER, WHOLE), (WHOLE, BROKER)):
        for unit in order:
            machine.run("systemctl", "restart", unit)
    out = service.hand("check", check=False)
    assert "ok  broker" in out
    assert "ok  access list" in out
    assert "ok  certificates" in out
    assert "ok  units" in out
    assert "to be put right" not in out
    database = machine.root / DATA.lstrip("/") / "hub.sqlite3"
    outbox = machine.root / "var/lib/private/bedside-edge/outbox.sqlite"
    until(lambda: rows(outbox, "SELECT count(*) FROM outbox") == [(0,)], 60)
    kept = rows(database, "SELECT count(*), max(seq) FROM records JOIN devices ON devices.id = device_id"
                " WHERE name = 'bed-1'")  # fmt: skip
    assert kept[0][0] == kept[0][1] >= 2, "each number from the first on"
    assert [one["id"] for one in alerts()][-1:] == [alert["id"]]
    assert machine.show("NRestarts") == "0"
    assert {service.show(unit, "Result") for unit in (WHOLE, BROKER)} == {"success"}
