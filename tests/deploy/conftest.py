"""A card as an installer makes it, with certificates by the ward's own authority, and a box to put it in."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest
from hypothesis import settings

sys.path.insert(0, str(Path(__file__).parent))  # the modules beside this file

from box import Box
from cards import SETTINGS, WIFI

settings.register_profile("deploy", deadline=None, max_examples=150)


@pytest.fixture(scope="session")
def bundles(made_once):
    """A folder a device with its three files: bed-12, bed-13."""
    from hub.authority import Authority

    def fill(folder):
        authority = Authority(folder)
        authority.make()
        for device in ("bed-12", "bed-13"):
            authority.device(f"clinic/3b/{device}")

    root = made_once("bundles", fill)
    return {path.parent.name[-6:]: path.parent for path in root.rglob("bedside-device.crt")}


@pytest.fixture
def make_box(tmp_path, bundles):
    def make(name="box", device="bed-12", text=SETTINGS + WIFI):
        box = Box(tmp_path / name)
        for folder in (box.boot, box.data, box.root):
            folder.mkdir(parents=True)
        for file in bundles[device].iterdir():
            if file.name.startswith("bedside-"):
                shutil.copyfile(file, box.boot / file.name)
        box.write("0123456789abcdef" * 4 + "\n", "bedside-command.key")
        box.write(text)
        return box

    return make


@pytest.fixture
def box(make_box):
    return make_box()
