"""A booted machine for all tests of this folder, a broker on this side of it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # machine.py, beside this file
sys.path.insert(0, str(Path(__file__).parents[1] / "edge"))

from broker_parts import Broker, Hub
from machine import CHECKOUT, Machine
from waiting import until


@pytest.fixture(name="until")
def until_fixture():
    return until


@pytest.fixture(scope="session")
def machine(tmp_path_factory):
    if os.geteuid() != 0:
        pytest.skip("booting a machine needs root")
    if shutil.which("systemd-nspawn") is None:
        pytest.skip("systemd-nspawn is not installed")
    try:
        one = Machine(tmp_path_factory.mktemp("machine"))
    except subprocess.CalledProcessError as error:
        pytest.skip(f"no file system can be mounted here: {error.stderr.decode().strip()}")
    yield one
    one.close()


@pytest.fixture
def make_broker(tmp_path):
    brokers = []

    def make(extra=""):
        brokers.append(Broker(tmp_path, extra))
        brokers[-1].start()
        return brokers[-1]

    yield make
    for broker in brokers:
        broker.stop()


@pytest.fixture
def guarded_broker(machine, make_broker, tmp_path):
    """The port of a broker that asks for a password, and the settings that have it from a credential."""
    passwords = tmp_path / "passwords"
    subprocess.run(["mosquitto_passwd", "-c", "-b", str(passwords), "bed-1", "right"], check=True)
    passwords.chmod(0o644)
    broker = make_broker(f"password_file {passwords}\nallow_anonymous false\n")
    machine.write("etc/credstore/bedside-broker-password", "right\n", mode=0o600)
    return broker.port, 'username = "bed-1"\npassword_file = "credential:bedside-broker-password"'


@pytest.fixture
def hub(make_broker):
    """The hub as a device sees it, on a broker of its own: `hub.port`."""
    broker = make_broker()
    one = Hub(broker.port)
    one.port = broker.port
    yield one
    one.close()


@pytest.fixture
def configure(machine):
    def write(port, extra="", broker=""):
        text = (
            f'site = "demo"\nward = "ward-1"\ndevice = "bed-1"\nbed = "Bed 1"\n'
            f'[model]\npath = "{CHECKOUT}/model/bedside-ser.tflite"\n'
            f'[broker]\nhost = "127.0.0.1"\nport = {port}\n{broker}\n'
            f'[storage]\nfolder = "/var/lib/bedside-edge"\n{extra}'
        )
        machine.configure(text)
        return text

    yield write
    machine.stop()
