"""Takes the pictures in hub/README.md from the running hub: `python tests/hub/make_screenshots.py`."""

from __future__ import annotations

import re
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from hub_parts import ROOT, Hub, free_port, until
from playwright.sync_api import sync_playwright
from simulate import Device, Line, hex_id

PICTURES = ROOT / "hub" / "screenshots"
CHROMIUM = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
CALM = {1: ("calm", 0.04), 2: ("happy", 0.07), 4: ("neutral", 0.11), 7: ("neutral", 0.06), 10: ("sad", 0.21)}
BEDS = range(1, 13)


class Ward(threading.Thread):
    """Twelve beds that speak every second."""

    def __init__(self, line: Line) -> None:
        super().__init__(daemon=True)
        self.devices = {n: Device(line, f"bed-{n:02}", f"Bed {n}", "3b") for n in BEDS}
        self.voices = dict(CALM)
        self.gone: set[int] = set()
        self.stop = threading.Event()

    def run(self) -> None:
        for device in self.devices.values():
            device.state()
            device.emotion("neutral", 0.05, ago=140.0 + 37 * (device.bed == "Bed 3"))
        while not self.stop.wait(1.0):
            for number, (emotion, distress) in self.voices.items():
                self.devices[number].emotion(emotion, distress)
            for number, device in self.devices.items():
                if number not in self.gone:
                    device.health()


def shot(page: Any, name: str) -> None:
    page.wait_for_timeout(400)
    flashing = "document.getAnimations().forEach(a => { a.pause(); a.currentTime = 0; })"
    page.evaluate(flashing)  # at the bright half, whichever moment it is
    page.screenshot(path=PICTURES / f"{name}.png")
    print(PICTURES / f"{name}.png")


def answer(page: Any, bed: str, name: str, outcome: str | None) -> None:
    tile = page.locator(".tile").filter(has=page.get_by_role("heading", name=bed, exact=True))
    tile.get_by_role("button", name=re.compile("^Accept")).click()
    if page.locator("#people").is_visible():
        page.get_by_role("button", name=name).click()
    if outcome:
        tile.get_by_role("button", name=outcome).click()
    page.wait_for_timeout(300)


def scene(ward: Ward) -> None:
    """Bed 5 high, bed 9 medium, bed 3 missed, bed 11 accepted later, bed 12 without power."""
    beds = ward.devices
    beds[5].episode(hex_id(), "onset", 71.0, reason="frightened, loud, 71 s", distress=0.92)
    beds[9].episode(hex_id(), "onset", 12.0, reason="crying, 12 s", emotion="sad", distress=0.66)
    beds[11].episode(hex_id(), "onset", 9.0, reason="angry, loud, 9 s", emotion="angry", distress=0.71)
    beds[12].state("offline", "power lost or network down")
    ward.gone.add(12)
    ward.voices |= {5: ("fearful", 0.92), 9: ("sad", 0.66), 11: ("angry", 0.58)}


def main() -> int:
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        port = free_port()
        hub = Hub(Path(folder), port)
        text = hub.config.read_text().replace("[broker]\n", "[broker]\nstart = true\n")
        nurses = '["Amara Diallo", "Ben Ortiz", "Chen Wei", "Dana Novak"]'
        text = text.replace('["Amara Diallo", "Ben Ortiz"]', nurses).replace(hub.site, "st-anne")
        hub.config.write_text(text)
        hub.site = "st-anne"
        supervisor = hub.start("run")
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=CHROMIUM)
        try:
            until(hub.well, 30, "the hub")
            with Line(port, hub.site) as line:
                take(browser, hub, Ward(line), supervisor)
        finally:
            browser.close()
            hub.stop()
    return 0


def take(browser: Any, hub: Hub, ward: Ward, supervisor: Any) -> None:
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    page.goto(hub.url)
    ward.start()
    time.sleep(3)
    shot(page, "sound-off")
    page.locator("#sound-off").click()
    ward.devices[4].episode(hex_id(), "end", 14.0, reason="moaning, 14 s", emotion="sad", ago=2.0)
    until(lambda: hub.alerts("waiting"), 10, "an alert")
    page.wait_for_timeout(500)
    answer_first(page)
    answer(page, "Bed 4", "Amara Diallo", "Other need")
    shot(page, "calm")
    scene(ward)
    until(lambda: len(hub.alerts("waiting")) == 4, 20, "the alerts")
    page.wait_for_timeout(1500)
    answer(page, "Bed 11", "Amara Diallo", None)
    shot(page, "alerts")
    page.locator("#you").click()
    shot(page, "who")
    page.locator("#people-cancel").click()
    for name, width, height in (("phone", 390, 844), ("wall", 1920, 1080)):
        other = browser.new_page(viewport={"width": width, "height": height})
        other.goto(hub.url)
        other.locator("#sound-off").click()
        other.wait_for_timeout(1200)
        shot(other, name)
        other.close()
    ward.stop.set()
    supervisor.terminate()
    page.locator("#not-live").wait_for(state="visible", timeout=20_000)
    page.wait_for_timeout(2500)
    shot(page, "not-live")


def answer_first(page: Any) -> None:
    page.locator("#you").click()
    page.get_by_role("button", name="Amara Diallo").click()
    page.wait_for_timeout(200)


if __name__ == "__main__":
    sys.exit(main())
