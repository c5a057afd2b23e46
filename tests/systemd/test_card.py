"""A card in a machine: its settings are taken over by the shipped unit, and the daemon runs with them."""

import json
import shutil
import subprocess

import pytest
from machine import CHECKOUT, ROOT

from hub.authority import Authority

SCENE = CHECKOUT / "tests" / "data" / "scene.wav"
UNIT = "bedside-settings.service"
EDGE = "/etc/bedside-ser/edge.toml"
SETTINGS = """\
site = "demo"
ward = "ward-1"
device = "bed-1"
bed = "Bed 1"
[hub]
host = "127.0.0.1"
port = {port}
[wifi]
country = "DE"
ssid = "Ward"
passphrase = "kept to itself"  # ask Anna
"""


@pytest.fixture
def authority(tmp_path):
    one = Authority(tmp_path / "ca")
    one.make()
    one.broker(["127.0.0.1"])
    one.device("demo/ward-1/bed-1")
    return tmp_path / "ca"


@pytest.fixture
def broker(authority, make_broker):
    """One that takes only devices with a certificate of the ward's."""
    files = {"cafile": "bedside-ca.crt", "certfile": "broker.crt", "keyfile": "broker.key"}
    lines = [f"{key} {authority / 'broker' / name}" for key, name in files.items()]
    return make_broker("\n".join([*lines, "require_certificate true", "use_identity_as_username true", ""]))


@pytest.fixture
def card(machine, authority, broker):
    """What an installer has put into the machine; the links an image has are there too."""
    machine.run("mkdir", "-p", "/opt/card", "/opt/data", "/opt/bedside-ser")
    machine.run("ln", "-sfn", str(CHECKOUT / "model"), "/opt/bedside-ser/model")
    folder = machine.root / "opt/card"
    for file in (authority / "devices/demo.ward-1.bed-1").iterdir():
        shutil.copyfile(file, folder / file.name)
    (folder / "bedside.toml").write_text(SETTINGS.format(port=broker.port), encoding="utf-8")
    name = machine.run("hostname").strip()
    links = CHECKOUT / "systemd/image/bedside-image.tmpfiles"
    machine.run("systemd-tmpfiles", "--create", "--prefix=/etc/bedside-ser", str(links))
    machine.write(f"etc/systemd/system/{UNIT}", (ROOT / "systemd" / UNIT).read_text(encoding="utf-8"))
    command = f"{machine.python} -P -m deploy apply --boot /opt/card --data /opt/data --root /"
    machine.write(
        f"etc/systemd/system/{UNIT}.d/test.conf",
        f"[Service]\nEnvironment=PYTHONPATH={CHECKOUT}\nExecStart=\nExecStart={command}\n",
    )
    machine.run("systemctl", "daemon-reload")
    yield folder
    machine.stop()
    machine.run("systemctl", "stop", UNIT, check=False)
    machine.run("systemctl", "reset-failed", UNIT, check=False)
    machine.run("hostname", name)
    machine.run(
        "sh", "-c", f"rm -rf {EDGE} /opt/card /opt/data /run/bedside /run/credstore /run/systemd/network"
    )


def test_a_card_becomes_a_listening_bed(machine, card, until):
    machine.run("systemctl", "restart", UNIT)
    assert machine.show("Result", unit=UNIT) == "success"
    assert machine.run("hostname").strip() == "bedside-bed-1"
    assert "all is well" in (card / "STATUS.TXT").read_text()
    assert 'passphrase = ""  # ask Anna' in (card / "bedside.toml").read_text()
    assert "PRIVATE KEY" not in (card / "bedside-device.key").read_text()
    assert "Passphrase=kept to itself" in machine.run("cat", "/run/bedside/iwd/networks/Ward.psk")

    machine.start("--source", SCENE, "--repeat")
    until(lambda: "; connected" in machine.show("StatusText"), 60)

    def told():
        return json.loads(machine.run("cat", "/run/bedside-edge/state.json"))

    until(lambda: told()["state"]["connected"], 20)
    assert told()["state"] == {"microphone": "file", "muted": False, "connected": True}
    shown = machine.run("env", f"PYTHONPATH={CHECKOUT}", str(machine.python), "-P", "-m", "deploy", "status")
    assert "The settings of bed Bed 1 (demo/ward-1/bed-1) are in force: all is well." in shown
    assert "; connected" in shown

    (card / "bedside.toml").write_text("site = demo\n", encoding="utf-8")
    machine.run("systemctl", "restart", UNIT, check=False)
    assert machine.show("ExecMainStatus", unit=UNIT) == "78"
    assert "WRONG SETTINGS: bedside.toml, line 1: text must stand" in (card / "STATUS.TXT").read_text()
    machine.run("systemctl", "restart", "bedside-edge")  # the last good ones are in force
    until(lambda: "; connected" in machine.show("StatusText"), 60)


def test_no_two_units_wait_for_each_other(tmp_path):
    """Nor does one of them hold up what the other needs: systemd itself looks at their order."""
    units = ("bedside-settings.service", "bedside-led.service", "bedside-edge.service")
    for name in units:
        text = (ROOT / "systemd" / name).read_text(encoding="utf-8")
        lines = [line for line in text.splitlines() if not line.startswith(("ExecStart=", "Documentation="))]
        (tmp_path / name).write_text("\n".join(lines).replace("[Service]", "[Service]\nExecStart=/bin/true"))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *(str(tmp_path / name) for name in units)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    ours = [line for line in done.stderr.splitlines() if "bedside-" in line]
    assert (done.returncode, ours) == (0, [])
