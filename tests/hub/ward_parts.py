"""A ward's broker as an administrator sets it up with our own tools: TLS, a certificate on both sides."""

from __future__ import annotations

import getpass
import re
import shutil
import ssl
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
from hub_parts import Hub, end, listens, until
from paho.mqtt.enums import CallbackAPIVersion
from ports import free_port

from hub import broker_files
from hub.authority import Authority
from hub.config import load


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


def make_ward(folder: Path, *devices: str, names: Sequence[str] = ()) -> Ward:
    """Its broker is not started yet."""
    authority = Authority(folder / "ca")
    authority.make()
    authority.broker(["localhost", "127.0.0.1", *names])
    authority.hub()
    for name in devices:
        authority.device(name)
    port = free_port()
    (folder / "etc").mkdir()
    ward = Ward(folder, port, authority, Mosquitto(folder / "etc" / "mosquitto.conf", port))
    settings = folder / "hub.toml"
    settings.write_text(f'site = "clinic"\n[broker]\nport = {port}\n{ward.section}')
    (folder / "memory").mkdir()
    broker_files.write(load(settings), folder / "etc", f"{folder / 'memory'}/")
    for file in (folder / "ca" / "broker").iterdir():
        shutil.copy(file, folder / "etc")
    with (folder / "etc" / "mosquitto.conf").open("a") as file:
        file.write(f"user {getpass.getuser()}\n")  # or root's mosquitto would become one who may not look in
    return ward


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


def hub_on(ward: Ward, folder: Path) -> Hub:
    hub = Hub(folder, ward.port)
    text = re.sub(r'site = "[^"]*"', 'site = "clinic"', hub.config.read_text())
    hub.config.write_text(f"{text}{ward.section}")
    return hub
