"""The board before and after a box is plugged in: the real hub, broker, daemon and Chromium.

A person speaks into a microphone made of PulseAudio.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import wave
from pathlib import Path
from typing import Any

import numpy as np
from browser import chromium
from hub_parts import ROOT, Hub, until
from ports import free_port
from simulate import Device, Line
from virtual_microphone import VirtualMicrophone

SETTINGS = """\
site = "{site}"
ward = "3b"
device = "bed-12"
bed = "Bed 12"
[model]
path = "{root}/model/bedside-ser.tflite"
[broker]
host = "127.0.0.1"
port = {port}
[storage]
folder = "{folder}/store"
"""
NEIGHBOURS = (10, 11)


def take(pictures: Path) -> None:
    """board-before.png and board-after.png."""
    with tempfile.TemporaryDirectory() as name, chromium() as browser:
        folder, port = Path(name), free_port()
        hub = Hub(folder, port)
        text = hub.config.read_text().replace("[broker]\n", "[broker]\nstart = true\n")
        hub.config.write_text(text.replace(hub.site, "clinic"))
        hub.site = "clinic"
        hub.start("run")
        try:
            until(hub.well, 90, "the hub")
            page = browser.new_page(viewport={"width": 900, "height": 330})
            page.add_init_script("localStorage.setItem('bedside.light', 'day')")
            page.goto(hub.url)
            page.locator("#sound-off").click()
            with Line(port, hub.site) as line:
                for number in NEIGHBOURS:
                    device = Device(line, f"bed-{number}", f"Bed {number}", "3b")
                    device.state()
                    device.emotion("neutral", 0.04)
                settings = SETTINGS.format(site="clinic", root=ROOT, port=port, folder=folder)
                _arrive(page, pictures, folder, settings)
        finally:
            hub.stop()


def _arrive(page: Any, pictures: Path, folder: Path, settings: str) -> None:
    page.get_by_role("heading", name="Bed 11", exact=True).wait_for()
    _shot(page, pictures / "board-before.png")
    (folder / "edge.toml").write_text(settings)
    microphone = VirtualMicrophone(folder / "microphone", is_noisy=True)
    command = [sys.executable, "-m", "edge", "run", "--config", folder / "edge.toml"]
    with subprocess.Popen(command, cwd=ROOT, env=microphone.environment) as bed:
        try:
            heading = page.get_by_role("heading", name="Bed 12", exact=True)
            heading.wait_for(timeout=60_000)
            for _ in range(3):
                microphone.play(_samples(ROOT / "tests/data/neutral.wav"))
            page.locator(".tile").filter(has=heading).get_by_text("now", exact=True).wait_for()
            _shot(page, pictures / "board-after.png")
        finally:
            bed.terminate()
            bed.wait()
            microphone.unplug()


def _samples(recording: Path) -> Any:
    with wave.open(str(recording)) as opened:
        return np.frombuffer(opened.readframes(opened.getnframes()), "<i2")


def _shot(page: Any, path: Path) -> None:
    page.wait_for_timeout(600)
    page.mouse.move(0, 0)
    page.screenshot(path=path)
    print(path)
