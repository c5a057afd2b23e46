"""A whole ward in one machine: authority, mosquitto, hub and a device as services, TLS on every line."""

import shutil
import sqlite3
import ssl
import time
from pathlib import Path

import httpx
import paho.mqtt.client as mqtt
import pytest
from hub_service import CONFIG, DATA, WHOLE, HubService, exposure
from machine import CHECKOUT, ROOT
from paho.mqtt.enums import CallbackAPIVersion
from ports import free_port

from edge.topics import Address
from hub.authority import Authority
from hub.commands import device_key

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


def have_all_arrived(outbox, database):
    """Whether the hub has what the device holds: received messages leave it with the next one."""
    held = rows(outbox, "SELECT boot_id, seq FROM outbox")
    return set(held) <= set(rows(database, "SELECT boot_id, seq FROM records"))


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

    def well():
        out = service.hand("check", check=False)
        return out if "to be put right" not in out else None

    out = until(well, 60)  # the hub comes back to the broker in its own time
    assert "ok  broker" in out
    assert "ok  access list" in out
    assert "ok  certificates" in out
    assert "ok  units" in out
    database = machine.root / DATA.lstrip("/") / "hub.sqlite3"
    outbox = machine.root / "var/lib/private/bedside-edge/outbox.sqlite"
    until(lambda: have_all_arrived(outbox, database), 60)
    kept = rows(database, "SELECT count(*), max(seq) FROM records JOIN devices ON devices.id = device_id"
                " WHERE name = 'bed-1'")  # fmt: skip
    assert kept[0][0] == kept[0][1] >= 2, "each number from the first on"
    assert [one["id"] for one in alerts()][-1:] == [alert["id"]]
    assert machine.show("NRestarts") == "0"
    assert {service.show(unit, "Result") for unit in (WHOLE, BROKER)} == {"success"}


UNITS = ("bedside-broker-reload.path", "bedside-broker-reload.service", "bedside-renew.service")
AUTHORITY = "etc/bedside-ser/authority"
LOST = "demo/ward-1/bed-2"


@pytest.fixture
def units(machine, tmp_path, port):
    """Those that renew and revoke, with the ward's authority on the hub's machine."""
    for unit in UNITS:
        machine.write(f"etc/systemd/system/{unit}", (ROOT / "systemd" / unit).read_text())
    start = f"{machine.python} -P -m deploy renew --config {CONFIG} --within 9000"
    text = f"{machine.base}ExecStart=\nExecStart={start}\n".replace("RestartSec=0.3\n", "")
    machine.write("etc/systemd/system/bedside-renew.service.d/test.conf", text)
    machine.run("systemctl", "daemon-reload")
    machine.run("systemctl", "start", UNITS[0])
    yield
    machine.run("systemctl", "stop", *UNITS, check=False)
    machine.run("rm", "-rf", f"/{AUTHORITY}")


class Stolen:
    """A box with a certificate of its own, that keeps its connection."""

    def __init__(self, folder, port):
        context = ssl.create_default_context(cafile=folder / "bedside-ca.crt")
        context.load_cert_chain(folder / "bedside-device.crt", folder / "bedside-device.key")
        self.came_in = 0
        self.client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
        self.client.tls_set_context(context)
        self.client.on_connect = lambda *_: setattr(self, "came_in", self.came_in + 1)
        self.client.reconnect_delay_set(1, 1)
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()

    def close(self):
        self.client.disconnect()
        self.client.loop_stop()


def test_certificates_are_renewed_over_the_wire_and_revoked_within_a_minute(
    machine, service, port, units, configure, until, tmp_path
):
    """By the shipped units; nobody else loses anything."""
    Authority(tmp_path / "ca").device(LOST)
    machine.write("etc/credstore/bedside-hub-command.key", "5" * 64, mode=0o600)
    key = device_key(b"5" * 64, Address("demo", "ward-1", "bed-1"))
    machine.write("etc/credstore/bedside-command.key", key, mode=0o600)
    commands = '[commands]\nmaster_key_file = "credential:bedside-hub-command.key"\n'
    service.configure(f"port = {port}", HUB_TLS + commands)
    service.start(WHOLE)
    configure(port, '[commands]\nkey_file = "credential:bedside-command.key"\n', DEVICE_TLS)
    machine.start("--source", SCENE, "--repeat")
    until(lambda: "; connected" in machine.show("StatusText"), 120)
    database = machine.root / DATA.lstrip("/") / "hub.sqlite3"
    until(lambda: rows(database, "SELECT 1 FROM boots JOIN devices ON devices.id = device_id"), 60)

    machine.run("systemctl", "start", UNITS[2])
    assert machine.show("ConditionResult", unit=UNITS[2]) == "no", "no authority is on this machine"
    shutil.copytree(tmp_path / "ca", machine.root / AUTHORITY)
    machine.run("systemctl", "start", UNITS[2], check=False, seconds=200)
    said = machine.messages(f"_SYSTEMD_UNIT={UNITS[2]}")
    assert any(f"{LOST}: not renewed" in line for line in said), said  # it is not online
    assert any("demo/ward-1/bed-1: ward-1/bed-1 (Bed 1)" in line for line in said), said
    assert (machine.root / "var/lib/private/bedside-edge/renewed-device.crt").exists()

    stolen = Stolen(tmp_path / "ca" / "devices" / "demo.ward-1.bed-2", port)
    try:
        until(lambda: stolen.came_in == 1, 60)
        environment = ["env", f"PYTHONPATH={CHECKOUT}", "PYTHONDONTWRITEBYTECODE=1"]
        command = [machine.python, "-P", "-m", "deploy", "revoke", "--config", CONFIG, "ward-1/bed-2"]
        told = machine.run(*environment, *map(str, command), seconds=200)
        assert "the broker has been restarted: demo/ward-1/bed-2 is cut off" in told
        until(lambda: not stolen.client.is_connected(), 60)
        until(lambda: "; connected" in machine.show("StatusText"), 60)
        time.sleep(3)  # it tries again each second
        assert stolen.came_in == 1
        assert not stolen.client.is_connected()
    finally:
        stolen.close()

    good = (machine.root / FOLDER / "bedside.crl").read_text()
    since = machine.show("ActiveEnterTimestampMonotonic", unit=BROKER)
    machine.write(f"{FOLDER}/bedside.crl", "rubbish")
    until(lambda: machine.show("ActiveState", unit=UNITS[1]) == "failed", 60)
    machine.write(f"{FOLDER}/bedside.crl", good)
    until(lambda: machine.show("ActiveEnterTimestampMonotonic", unit=BROKER) != since, 60)
    outbox = machine.root / "var/lib/private/bedside-edge/outbox.sqlite"
    until(lambda: "; connected" in machine.show("StatusText"), 60)
    until(lambda: have_all_arrived(outbox, database), 120)
    kept = ("SELECT count(*), max(seq) FROM records JOIN devices ON devices.id = device_id"
            " WHERE name = 'bed-1'")  # fmt: skip
    until(lambda: rows(database, kept)[0][0] >= 1, 90)
    assert len({*rows(database, kept)[0]}) == 1, "each number from the first on"
    assert {service.show(unit, "Result") for unit in (WHOLE, BROKER)} == {"success"}
