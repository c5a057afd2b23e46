"""A ward's authority and a hub's settings, as `bedside-deploy provision` needs them."""

import os
import shutil
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "hub"))  # hub_parts.py, ward_parts.py
sys.path.append(str(Path(__file__).parents[1] / "edge"))  # ports.py

from deploy import cli
from hub.authority import Authority

MASTER = "5" * 64
HOST = "hub.clinic.example"


def make_authority(folder):
    authority = Authority(folder)
    authority.make()
    authority.broker([HOST])


class Office:
    """Where cards are made: `run` is the command with this authority and these settings."""

    def __init__(self, folder, authority):
        """`authority` is a folder `make_authority` has made; it is copied."""
        self.folder = folder
        self.authority = folder / "ca"
        self.broker = folder / "broker"
        shutil.copytree(authority, self.authority)
        (self.authority / "broker").rename(self.broker)
        (self.authority / "broker").symlink_to(self.broker)
        (folder / "master.key").write_text(MASTER + "\n")
        self.config = folder / "hub.toml"
        self.configure()

    def configure(self, more=None):
        keys = f'[commands]\nmaster_key_file = "{self.folder / "master.key"}"\n'
        self.config.write_text(f'site = "clinic"\n{keys if more is None else more}')

    def run(self, verb, *words):
        """The exit status."""
        given = ["--config", self.config, "--authority", self.authority]
        given += ["--broker", self.broker] if verb != "renew" else []
        return cli.main([verb, *map(str, given), *map(str, words)])

    def index(self):
        """The state of each device's certificate, V or R, and its name."""
        rows = [line.split("\t") for line in (self.authority / "index.txt").read_text().splitlines()]
        names = [f"{row[0]} {row[5]}".replace("\\/", "/") for row in rows]
        return [name.replace("/CN=", "") for name in names if "clinic/" in name]

    def private_keys(self):
        """Every file below the folder that holds a private key, but the authority's and the broker's own."""
        found = [Path(root) / name for root, _, names in os.walk(self.folder) for name in names]
        keys = [path for path in found if b"PRIVATE KEY" in path.read_bytes()]
        return [path for path in keys if path.name not in {"ca.key", "broker.key"}]


def index_of(authority, name):
    """The states of a device's certificates, V or R, oldest first."""
    rows = [line.split("\t") for line in (authority / "index.txt").read_text().splitlines()]
    return [row[0] for row in rows if row[5].replace("\\/", "/") == f"/CN={name}"]
