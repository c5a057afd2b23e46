"""Takes the pictures of a bed's page and of the messages set aside: `python tests/hub/bed_pictures.py`."""

from __future__ import annotations

import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).parents[1] / "edge"))  # ports.py

from account_parts import REQUIRED, Ward
from bed_day import live_through
from browser import chromium
from hub_parts import ROOT, Hub, until
from ports import free_port
from simulate import Device, Line

from edge.messages import to_json
from hub import passwords
from hub.store import Store

PICTURES = ROOT / "hub" / "screenshots"


def main() -> int:
    """A day in the past, then the running hub with the same device alive."""
    with tempfile.TemporaryDirectory() as folder, chromium() as browser:
        port = free_port()
        hub = Hub(Path(folder), port, REQUIRED)
        text = hub.config.read_text().replace("[broker]\n", "[broker]\nstart = true\n")
        hub.config.write_text(text.replace(hub.site, "st-anne"))
        hub.site = "st-anne"
        store = Store(hub.database)
        live_through(store, time.time())
        ward = Ward(hub, store, passwords.hashed("green kettle on tuesday"), {}, {}, {})
        ward.add("Dana Novak", "admin")
        hub.start("run")
        try:
            until(hub.well, 60, "the hub")
            with Line(port, hub.site) as line:
                take(browser, ward, line)
        finally:
            hub.stop()
            store.close()
    return 0


def take(browser: Any, ward: Ward, line: Line) -> None:
    stop = threading.Event()
    device = Device(line, "bed-05", "Bed 5", "3b")

    def live() -> None:
        device.state()
        while not stop.wait(1.0):
            device.emotion("calm", 0.06)
            device.health()

    threading.Thread(target=live, daemon=True).start()
    strange(line)
    cookie = ward.cookie("Dana Novak")
    for name, path, light, language in (
        ("bed-day", "/beds/1", "day", "en"),
        ("bed-night", "/beds/1", "night", "en"),
        ("bed-arabic", "/beds/1", "day", "ar"),
        ("rejects", "/rejects", "day", "en"),
    ):
        context = browser.new_context(viewport={"width": 1280, "height": 800}, locale=language)
        context.add_cookies([{"name": "bedside", "value": cookie, "url": ward.hub.url}])
        context.add_init_script(f"localStorage.setItem('bedside.light', '{light}')")
        page = context.new_page()
        page.goto(ward.hub.url + path)
        page.locator(".lanes, .group").first.wait_for()
        page.wait_for_timeout(3000)
        if name == "rejects":
            page.locator("#groups summary").first.click()
            page.wait_for_timeout(300)
        page.screenshot(path=PICTURES / f"{name}.png", full_page=name == "bed-day")
        print(PICTURES / f"{name}.png")
        context.close()
    stop.set()


def strange(line: Line) -> None:
    """What breaks the contract: a device with other software, one with a broken disk, and somebody else."""
    old = Device(line, "bed-17", "Bed 17", "3b")
    for _ in range(14):
        number = old.summary(send=False)
        text = to_json(old.sent[number])
        line.send(old.address.topic("summary"), text.replace(b'"v":1', b'"v":2'))
    line.send(old.address.topic("episode"), bytes(range(200, 256)) * 3)
    line.send(f"ser/v1/{line.site}/3b/bed-99/state", b'{"status":"online","bed":"<script>alert(1)</script>"}')
    time.sleep(2)


if __name__ == "__main__":
    sys.exit(main())
