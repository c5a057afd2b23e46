"""Renewal over the wire: the guarded broker, the real ingest, the real daemon, the command by hand."""

import shutil
import subprocess
import sys

import pytest
from provision_parts import MASTER, index_of

from deploy.renew import wish
from edge.certificates import days_left
from edge.commands import sign
from edge.messages import Command, from_json, to_json
from edge.renewal import FILE_NAME
from hub import authority as hub_authority

from hub_parts import ROOT, end, until  # isort: skip
from ward_parts import folder_of, hub_on, make_ward  # isort: skip

NAME = "clinic/3b/bed-12"
PATIENCE_S = 120  # on a busy machine
pytestmark = pytest.mark.timeout(900)


@pytest.fixture
def ward(tmp_path, monkeypatch):
    """A device's certificate that ends in 20 days; the broker's and the hub's hold for longer."""
    ward = make_ward(tmp_path / "ward")
    monkeypatch.setattr(hub_authority, "DAYS", 20)
    ward.authority.device(NAME)
    monkeypatch.undo()
    ward.broker.start()
    yield ward
    ward.broker.stop()


@pytest.fixture
def hub(ward, tmp_path):
    (tmp_path / "hub").mkdir()
    hub = hub_on(ward, tmp_path / "hub")
    (tmp_path / "master.key").write_text(MASTER)
    with hub.config.open("a") as file:
        file.write(f'[commands]\nmaster_key_file = "{tmp_path / "master.key"}"\n')
    hub.start("ingest")
    until(lambda: "listening to" in hub.log(), PATIENCE_S, "the subscription")
    yield hub
    hub.stop()


class Device:
    """The daemon at a bed, playing a voice over and over."""

    def __init__(self, ward, hub, folder):
        self.folder = folder
        self.storage = folder / "storage"
        folder.mkdir()
        command = [sys.executable, "-m", "hub.cli", "device-key", "--config", hub.config, "3b", "bed-12"]
        key = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
        (folder / "command.key").write_text(key)
        ca, self.cert, key = [shutil.copy(file, folder) for file in ward.files(folder_of(NAME))]
        self._config = folder / "edge.toml"
        self._config.write_text(
            'site = "clinic"\nward = "3b"\ndevice = "bed-12"\nbed = "12"\n'
            f'[model]\npath = "{ROOT / "model" / "bedside-ser.tflite"}"\n'
            f'[broker]\nhost = "127.0.0.1"\nport = {ward.port}\n'
            f'ca_file = "{ca}"\ncert_file = "{self.cert}"\nkey_file = "{key}"\n'
            f'[storage]\nfolder = "{self.storage}"\n[commands]\nkey_file = "command.key"\n'
        )
        self.process = None

    def start(self):
        scene = ROOT / "tests" / "data" / "scene.wav"
        command = [
            sys.executable,
            "-m",
            "edge",
            "run",
            "--config",
            self._config,
            "--source",
            scene,
            "--repeat",
        ]
        with (self.folder / "log").open("a") as log:
            self.process = subprocess.Popen(
                list(map(str, command)), cwd=ROOT, stdout=log, stderr=subprocess.STDOUT
            )

    @property
    def log(self):
        return (self.folder / "log").read_text()

    def connections(self):
        return self.log.count("connected to the broker")

    def stop(self):
        if self.process is not None:
            end(self.process, 20)


@pytest.fixture
def device(ward, hub, tmp_path):
    one = Device(ward, hub, tmp_path / "device")
    yield one
    one.stop()


def renew(ward, hub, *words):
    """(exit status, what it printed) of the command."""
    command = [
        sys.executable,
        "-m",
        "deploy",
        "renew",
        "--config",
        hub.config,
        "--authority",
        ward.folder / "ca",
    ]
    done = subprocess.run(
        list(map(str, (*command, *words))), cwd=ROOT, capture_output=True, text=True, timeout=240, check=False
    )
    return done.returncode, done.stdout + done.stderr


def test_a_device_is_renewed_without_its_card_and_stays_so(ward, hub, device):
    status, told = renew(ward, hub, "--list")
    assert (status, told) == (0, f"{NAME} ends on {told.split()[3]} in 20 days: to be renewed\n")
    status, told = renew(ward, hub)  # nobody is there yet
    assert status == 69, told
    assert "clinic/3b/bed-12: not renewed: the broker knows no device 3b/bed-12" in told
    assert index_of(ward.folder / "ca", NAME) == ["V", "V"], "signed, and kept until the device can take it"
    device.start()
    until(lambda: device.connections() == 1, PATIENCE_S, "the first connection")
    until(
        lambda: hub.rows("SELECT 1 FROM boots JOIN devices ON devices.id = device_id WHERE ward = '3b'"), 60
    )
    status, told = renew(ward, hub)
    assert (status, "certificate renewed until 20" in told) == (0, True), told
    assert index_of(ward.folder / "ca", NAME) == ["V", "V"], "the one that was kept, and no third"
    assert "connecting anew, to show the broker the renewed certificate" in device.log
    until(lambda: device.connections() == 2, PATIENCE_S, "the second connection")
    assert days_left(device.storage / FILE_NAME) > 700
    assert days_left(device.cert) < 21, "the card's is as it was"
    assert "not renewed" not in told
    status, told = renew(ward, hub)
    assert (status, told) == (0, "no device's certificate ends within 30 days\n")
    until(
        lambda: (hub.rows("SELECT certificate_days FROM devices WHERE ward = '3b'") or [(0,)])[0][0] > 700, 60
    )
    # The same after a restart, also where the card's has run out or been revoked.
    device.stop()
    revoke_first(ward)
    device.start()
    until(lambda: device.connections() == 3, PATIENCE_S, "the connection after the restart")
    query = "SELECT count(*), max(seq) FROM records JOIN devices ON devices.id = device_id WHERE ward = '3b'"
    until(lambda: all(count == last for count, last in hub.rows(f"{query} GROUP BY boot_id")), PATIENCE_S)


def revoke_first(ward):
    """Has the broker refuse the certificate on the card, and none else."""
    serial = (ward.folder / "ca" / "index.txt").read_text().splitlines()[2].split("\t")[3]
    from hub.device_certificates import DeviceCertificates

    DeviceCertificates(ward.folder / "ca").withdraw([serial])
    (ward.folder / "etc" / "bedside.crl").write_bytes((ward.folder / "ca" / "bedside.crl").read_bytes())
    ward.broker.stop()
    ward.broker.start()


def test_a_renewal_the_device_refuses_is_told_in_its_words(ward, hub, device):
    """The key on its card is no longer the one the authority has signed for."""
    other = ward.folder / "ca" / "devices" / "clinic.3b.bed-12"
    device.start()
    until(lambda: device.connections() == 1, PATIENCE_S, "the first connection")
    until(
        lambda: hub.rows("SELECT 1 FROM boots JOIN devices ON devices.id = device_id WHERE ward = '3b'"), 60
    )
    other.rename(other.with_name("earlier"))
    hub_authority.Authority(ward.folder / "ca").device(NAME)
    status, told = renew(ward, hub, "--within", "9000")
    assert status == 69, told
    assert "the device does not take it: it does not go with this device's key" in told
    assert device.connections() == 1
    assert not (device.storage / FILE_NAME).exists()


def test_the_longest_name_fits_into_a_message(ward):
    """And the longest reason a person may give, where 1,024 bytes are the most."""
    name = f"{'s' * 20}/{'w' * 20}/{'d' * 22}"
    ward.authority.device(name)
    pem = (ward.folder / "ca" / folder_of(name) / "bedside-device.crt").read_text()
    certificate = wish(pem, 0.0).certificate
    plain = Command(
        id="a" * 32,
        boot_id="b" * 32,
        expires_ms=2**53 - 1,
        action="renew",
        reason="r" * 80,
        certificate=certificate,
    )
    assert len(to_json(sign(b"k" * 64, "topic", plain))) < 1000
    assert from_json(Command, to_json(plain)) == plain


@pytest.mark.parametrize(("words", "sentence"), [(("--within", "soon"), "--within is 'soon'")])
def test_wrong_arguments(tmp_path, words, sentence):
    done = subprocess.run(
        [sys.executable, "-m", "deploy", "renew", "--config", "x", *words],
        cwd=ROOT, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert (done.returncode, sentence in done.stderr) == (78, True), done.stderr
