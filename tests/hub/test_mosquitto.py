"""The broker's configuration for real use: certificates on both sides, and nobody reads a neighbour."""

from __future__ import annotations

import getpass
import re
import shutil
import ssl
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
import pytest
from hub_parts import Hub, end, listens, until
from paho.mqtt.enums import CallbackAPIVersion
from ports import free_port

from edge.messages import Address, Receipt, from_json
from hub import broker_files, check_broker
from hub.authority import Authority
from hub.config import load
from hub.simulated_device import SimulatedDevice

ME, OTHER, LOST = "clinic/3b/bed-12", "clinic/3b/bed-13", "clinic/3b/bed-14"
MANY = 10_000


@dataclass(frozen=True)
class Ward:
    """A ward's broker as an administrator sets it up with our own tools."""

    folder: Path
    port: int
    authority: Authority
    broker: Mosquitto

    def files(self, who: str) -> tuple[str, str, str]:
        """Authority, certificate and key of the hub or a device, by its folder."""
        found = self.folder / "ca" / who
        name = "bedside-hub" if who == "hub" else "bedside-device"
        return str(found / "bedside-ca.crt"), str(found / f"{name}.crt"), str(found / f"{name}.key")

    @property
    def section(self) -> str:
        """Of the hub's configuration."""
        ca, certificate, key = self.files("hub")
        return f'[broker.tls]\nca = "{ca}"\ncertificate = "{certificate}"\nkey = "{key}"\n'


class Mosquitto:
    """Runs the written configuration."""

    def __init__(self, file: Path, port: int) -> None:
        self._file, self._port = file, port
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        path = shutil.which("mosquitto") or "/usr/sbin/mosquitto"
        with self._file.with_name("log").open("ab") as log:
            self.process = subprocess.Popen([path, "-c", str(self._file)], stderr=log)
        until(lambda: listens(self._port), 30, what="mosquitto's start")

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        if self.process is not None:
            end(self.process)


@pytest.fixture(scope="module")
def ward(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ward]:
    folder = tmp_path_factory.mktemp("ward")
    authority = Authority(folder / "ca")
    authority.make()
    authority.broker(["localhost", "127.0.0.1"])
    authority.hub()
    for name in (ME, OTHER, LOST):
        authority.device(name)
    port = free_port()
    (folder / "etc").mkdir()
    broker = Mosquitto(folder / "etc" / "mosquitto.conf", port)
    ward = Ward(folder, port, authority, broker)
    settings = folder / "hub.toml"
    settings.write_text(f'site = "clinic"\n[broker]\nport = {port}\n{ward.section}')
    (folder / "memory").mkdir()
    broker_files.write(load(settings), folder / "etc", f"{folder / 'memory'}/")
    for file in (folder / "ca" / "broker").iterdir():
        shutil.copy(file, folder / "etc")
    with (folder / "etc" / "mosquitto.conf").open("a") as file:
        file.write(f"user {getpass.getuser()}\n")  # or root's mosquitto would become one who may not look in
    broker.start()
    yield ward
    broker.stop()


class Client:
    """A client with one of the certificates, which keeps what it is sent."""

    def __init__(self, ward: Ward, who: str, *topics: str) -> None:
        ca, certificate, key = ward.files(who)
        self.got: list[tuple[str, bytes]] = []
        self.ready = False
        self.published = 0
        context = ssl.create_default_context(cafile=ca)
        context.load_cert_chain(certificate, key)
        self.client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
        self.client.tls_set_context(context)
        self.client.on_message = lambda _c, _d, message: self.got.append((message.topic, message.payload))
        self.client.on_publish = lambda *_: setattr(self, "published", self.published + 1)
        self.client.on_subscribe = lambda *_: setattr(self, "ready", True)
        self.client.connect("127.0.0.1", ward.port)
        self.client.subscribe([(topic, mqtt.SubscribeOptions(qos=1)) for topic in topics or ("nothing",)])
        self.client.loop_start()
        until(lambda: self.ready, what="the subscription")

    def __enter__(self) -> Any:
        return self

    def send(self, topic: str, payload: bytes, qos: int = 1, *, retain: bool = False) -> None:
        self.client.publish(topic, payload, qos, retain=retain)

    def __exit__(self, *_: object) -> None:
        self.client.disconnect()
        self.client.loop_stop()


def folder_of(device: str) -> str:
    return f"devices/{device.replace('/', '.')}"


def test_a_device_writes_only_its_own_topics_and_reads_only_its_own_answers(ward: Ward) -> None:
    with (
        Client(ward, "hub", "ser/v1/clinic/+/+/episode") as hub,
        Client(ward, folder_of(ME), "#", f"ser/v1/{OTHER}/command", "ser/v1/+/+/+/receipt") as me,
        Client(ward, folder_of(ME), f"ser/v1/{ME}/command") as forger,  # mosquitto 2.0.11 hangs up on it
    ):
        forger.client.publish(f"ser/v1/{OTHER}/episode", b"forged", qos=1)
        forger.client.publish(f"ser/v1/{OTHER}/state", b"forged", qos=1, retain=True)
        forger.client.publish(f"ser/v1/{ME}/receipt", b"forged", qos=1)
        forger.client.publish("ser/v1/clinic/hub/state", b"forged", qos=1, retain=True)
        time.sleep(0.5)
        me.client.publish(f"ser/v1/{ME}/episode", b"mine", qos=1)
        until(lambda: hub.got, what="the device's own message")
        hub.client.publish(f"ser/v1/{OTHER}/receipt", b"not mine", qos=1)
        hub.client.publish(f"ser/v1/{OTHER}/command", b"not mine", qos=1)
        hub.client.publish("ser/v1/clinic/hub/state", b"online", qos=1)
        hub.client.publish(f"ser/v1/{ME}/receipt", b"mine", qos=1)
        hub.client.publish(f"ser/v1/{ME}/command", b"mine", qos=1)
        expected = {
            ("ser/v1/clinic/hub/state", b"online"),
            (f"ser/v1/{ME}/receipt", b"mine"),
            (f"ser/v1/{ME}/command", b"mine"),
        }
        until(lambda: expected <= set(me.got), what="what is for this device")
        time.sleep(0.3)
        assert hub.got == [(f"ser/v1/{ME}/episode", b"mine")]
        assert set(me.got) == expected


def refused(ward: Ward, who: str | None) -> bool:
    """Whether the broker lets nobody in with this certificate, or with none."""
    ca, certificate, key = ward.files(who or "hub")
    context = ssl.create_default_context(cafile=ca)
    if who is not None:
        context.load_cert_chain(certificate, key)
    client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
    client.tls_set_context(context)
    answers: list[str] = []
    client.on_connect = lambda *_: answers.append("in")
    client.on_disconnect = lambda *_: answers.append("out")
    try:
        client.connect("127.0.0.1", ward.port)
        client.loop_start()
        until(lambda: answers, what="the answer")
    except (ssl.SSLError, ConnectionError):
        pass
    finally:
        client.loop_stop()
    return "in" not in answers


def test_nobody_comes_in_without_a_certificate_or_with_a_revoked_one(ward: Ward) -> None:
    assert refused(ward, None)
    assert not refused(ward, folder_of(LOST))
    ward.authority.revoke(LOST)
    shutil.copy(ward.folder / "ca" / "bedside.crl", ward.folder / "etc")
    ward.broker.stop()
    ward.broker.start()
    assert refused(ward, folder_of(LOST))
    assert not refused(ward, folder_of(ME))
    assert not refused(ward, "hub")
    stolen = shutil.copytree(ward.folder / "ca" / folder_of(LOST), ward.folder / "ca" / "stolen").name
    ward.authority.device(LOST)
    assert refused(ward, stolen)
    assert not refused(ward, folder_of(LOST)), "the device that took its place"


def hub_on(ward: Ward, folder: Path) -> Hub:
    hub = Hub(folder, ward.port)
    text = re.sub(r'site = "[^"]*"', 'site = "clinic"', hub.config.read_text())
    hub.config.write_text(f"{text}{ward.section}")
    return hub


def test_the_hub_listens_over_tls_with_its_certificate(ward: Ward, tmp_path: Path) -> None:
    hub = hub_on(ward, tmp_path)
    try:
        hub.start("ingest")
        until(lambda: "listening to" in hub.log(), 30, "the subscription")
        hub.start("alerts")
        hub.start("web")
        until(hub.canary_at, 30, "the canary, which the access list must let through")
    finally:
        hub.stop()


def test_ten_thousand_messages_wait_for_a_hub_that_is_away(ward: Ward, tmp_path: Path) -> None:
    """And a broker that is killed meanwhile loses nothing: what has no receipt is sent again."""
    site, place, name = ME.split("/")
    hub = hub_on(ward, tmp_path)
    ingest = hub.start("ingest")
    confirmed: set[int] = set()
    try:
        until(lambda: "listening to" in hub.log(), 30, "the subscription")
        with Client(ward, folder_of(ME), f"ser/v1/{ME}/receipt") as me:
            device = SimulatedDevice(Address(site, place, name), "Bed 12", me.send)
            me.client.on_message = lambda _c, _d, message: confirmed.update(
                device.confirm(from_json(Receipt, message.payload))
            )
            ingest.kill()
            ingest.wait()
            for _ in range(MANY):
                device.summary()
            until(lambda: me.published == MANY, 60, "the broker's word for all of them")
            hub.start("ingest")
            until(lambda: len(confirmed) == MANY, 60, "every receipt, nothing sent twice")
            assert not device.sent
            device.summary(send=False)
            ward.broker.kill()
            device.summary()
            ward.broker.start()
            until(me.client.is_connected, 30, "the device's return")
            me.client.subscribe(f"ser/v1/{ME}/receipt", qos=1)

            def emptied() -> bool:
                for message in list(device.sent.values()):
                    device.send(message)
                time.sleep(0.3)
                return not device.sent

            until(emptied, 60, "an empty outbox")
        assert hub.rows("SELECT count(*), max(seq) FROM records") == [(MANY + 2, MANY + 2)]
    finally:
        hub.stop()


def test_check_tells_a_guarded_broker_from_an_open_one(ward: Ward, tmp_path: Path) -> None:
    hub = hub_on(ward, tmp_path)
    (found,) = check_broker.access_list(load(hub.config))
    assert found.kind == "well"
    (found,) = check_broker.certificates(load(hub.config))
    assert re.fullmatch(r"days left: authority 36\d\d, own 7\d\d, broker 7\d\d", found.words[0])
    kept = ward.folder / "etc" / "bedside.acl"
    text = kept.read_text()
    kept.write_text("topic readwrite #\nuser hub\ntopic readwrite #\n")
    ward.broker.stop()
    ward.broker.start()
    try:
        (found,) = check_broker.access_list(load(hub.config))
        assert found.kind == "red"
        assert "lets us write any topic" in found.words[0]
    finally:
        kept.write_text(text)
        ward.broker.stop()
        ward.broker.start()
