"""The broker's configuration for real use: certificates on both sides, and nobody reads a neighbour."""

from __future__ import annotations

import getpass
import shutil
import ssl
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
import pytest
from hub_parts import ROOT, Hub, end, free_port, listens, until
from paho.mqtt.enums import CallbackAPIVersion

DEPLOY = ROOT / "deploy" / "mosquitto"
ME, OTHER = "clinic/3b/bed-12", "clinic/3b/bed-13"


def openssl(*arguments: str, folder: Path) -> None:
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True, timeout=30)


def certificate(folder: Path, file: str, name: str) -> None:
    """A key and a certificate of our own authority; the common name is the user name."""
    curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    subject = "/CN=" + name.replace("/", r"\/")
    openssl("req", *curve, "-keyout", f"{file}.key", "-out", f"{file}.csr", "-subj", subject, folder=folder)
    # Python 3.13 checks by RFC 5280 to the letter: key identifiers are not optional there.
    (folder / "names.txt").write_text(
        "subjectAltName=IP:127.0.0.1,DNS:localhost\n"
        "subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\nbasicConstraints=CA:FALSE\n"
    )
    signing = ("-CA", "bedside-ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-extfile", "names.txt")
    openssl("x509", "-req", "-in", f"{file}.csr", *signing, "-out", f"{file}.crt", folder=folder)


@pytest.fixture(scope="module")
def ward(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, int]]:
    """The shipped files with their paths and port moved here, and a mosquitto that runs them."""
    folder = tmp_path_factory.mktemp("ward")
    curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    authority = ("-keyout", "ca.key", "-out", "bedside-ca.crt", "-subj", "/CN=ward authority")
    signs = ("-addext", "keyUsage=critical,keyCertSign,cRLSign")
    openssl("req", "-x509", *curve, *authority, *signs, folder=folder)
    for file, name in (("broker", "localhost"), ("hub", "hub"), ("me", ME), ("other", OTHER)):
        certificate(folder, file, name)
    port = free_port()
    text = (DEPLOY / "bedside.conf").read_text()
    text = text.replace("listener 8883", f"listener {port} 127.0.0.1").replace(
        "log_dest syslog", "log_dest stderr"
    )
    text = text.replace("/etc/mosquitto/certs", str(folder)).replace("/etc/mosquitto", str(folder))
    text = text.replace("persistence true", "persistence false")
    text += f"user {getpass.getuser()}\n"  # or root's mosquitto would become a user who may not look in here
    (folder / "bedside.conf").write_text(text)
    shutil.copy(DEPLOY / "bedside.acl", folder / "bedside.acl")
    path = shutil.which("mosquitto") or "/usr/sbin/mosquitto"
    with (folder / "log").open("w") as log:
        broker = subprocess.Popen([path, "-c", str(folder / "bedside.conf")], stderr=log)
    try:
        until(lambda: listens(port), what="mosquitto's start")
        yield folder, port
    finally:
        end(broker)


class Client:
    """A client with one of the certificates, which keeps what it is sent."""

    def __init__(self, ward: tuple[Path, int], file: str, *topics: str) -> None:
        folder, port = ward
        self.got: list[tuple[str, bytes]] = []
        self.ready = False
        context = ssl.create_default_context(cafile=str(folder / "bedside-ca.crt"))
        context.load_cert_chain(folder / f"{file}.crt", folder / f"{file}.key")
        self.client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
        self.client.tls_set_context(context)
        self.client.on_message = lambda _c, _d, message: self.got.append((message.topic, message.payload))
        self.client.on_subscribe = lambda *_: setattr(self, "ready", True)
        self.client.connect("127.0.0.1", port)
        self.client.subscribe([(topic, mqtt.SubscribeOptions(qos=1)) for topic in topics])
        self.client.loop_start()
        until(lambda: self.ready, what="the subscription")

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *_: object) -> None:
        self.client.disconnect()
        self.client.loop_stop()


def test_a_device_writes_only_its_own_topics_and_reads_only_its_own_answers(ward: tuple[Path, int]) -> None:
    with (
        Client(ward, "hub", "ser/v1/+/+/+/episode") as hub,
        Client(ward, "me", "#") as me,
        Client(ward, "me", f"ser/v1/{ME}/command") as forger,  # mosquitto 2.0.11 hangs up on it
    ):
        forger.client.publish(f"ser/v1/{OTHER}/episode", b"forged", qos=1)
        forger.client.publish(f"ser/v1/{ME}/receipt", b"forged", qos=1)
        time.sleep(0.5)
        me.client.publish(f"ser/v1/{ME}/episode", b"mine", qos=1)
        until(lambda: hub.got, what="the device's own message")
        hub.client.publish(f"ser/v1/{OTHER}/receipt", b"not mine", qos=1)
        hub.client.publish("ser/v1/clinic/hub/state", b"online", qos=1)
        hub.client.publish(f"ser/v1/{ME}/receipt", b"mine", qos=1)
        until(lambda: len(me.got) == 2, what="the receipt")
        time.sleep(0.3)
        assert hub.got == [(f"ser/v1/{ME}/episode", b"mine")]
        assert me.got == [("ser/v1/clinic/hub/state", b"online"), (f"ser/v1/{ME}/receipt", b"mine")]


def test_nobody_comes_in_without_a_certificate(ward: tuple[Path, int]) -> None:
    folder, port = ward
    client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
    client.tls_set_context(ssl.create_default_context(cafile=str(folder / "bedside-ca.crt")))
    answers: list[str] = []
    client.on_connect = lambda *_: answers.append("in")
    client.on_disconnect = lambda *_: answers.append("out")
    try:
        client.connect("127.0.0.1", port)
        client.loop_start()
        until(lambda: answers, what="the refusal")
    except (ssl.SSLError, ConnectionError):
        pass
    finally:
        client.loop_stop()
    assert "in" not in answers


def test_the_hub_listens_over_tls_with_its_certificate(ward: tuple[Path, int], tmp_path: Path) -> None:
    folder, port = ward
    hub = Hub(tmp_path, port)
    files = f'ca = "{folder}/bedside-ca.crt"\ncertificate = "{folder}/hub.crt"\nkey = "{folder}/hub.key"\n'
    hub.config.write_text(hub.config.read_text() + f"[broker.tls]\n{files}")
    try:
        hub.start("ingest")
        until(lambda: "listening to" in hub.log(), 15, "the subscription")
        hub.start("alerts")
        hub.start("web")
        until(hub.canary_at, 15, "the canary, which the access list must let through")
    finally:
        hub.stop()
