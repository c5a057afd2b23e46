"""Takes the pictures in hub/README.md from the running hub: `python tests/hub/make_screenshots.py`."""

from __future__ import annotations

import re
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).parents[1] / "edge"))  # ports.py

from account_parts import guarded_ward
from browser import chromium
from hub_parts import ROOT, Broker, Hub, until
from ports import free_port
from simulate import Device, Line, hex_id

PICTURES = ROOT / "hub" / "screenshots"
ICONS = ROOT / "hub" / "static"
VOICES = {
    1: ("calm", 0.04),
    2: ("happy", 0.07),
    4: ("neutral", 0.11),
    7: ("neutral", 0.06),
    14: ("sad", 0.21),
    18: ("happy", 0.03),
    22: ("surprised", 0.18),
    27: ("calm", 0.02),
}
BEDS = range(1, 31)
MUTED = 16


class Ward(threading.Thread):
    """Thirty beds, some of which speak every second."""

    def __init__(self, line: Line) -> None:
        super().__init__(daemon=True)
        self.devices = {n: Device(line, f"bed-{n:02}", f"Bed {n}", "3b") for n in BEDS}
        self.voices = dict(VOICES)
        self.gone: set[int] = set()
        self.stop = threading.Event()

    def run(self) -> None:
        for number, device in self.devices.items():
            device.state()
            device.emotion(("neutral", "calm", "sad")[number % 3], 0.05, ago=40.0 + 97 * (number % 7))
        while not self.stop.wait(1.0):
            for number, (emotion, distress) in self.voices.items():
                self.devices[number].emotion(emotion, distress)
            for number, device in self.devices.items():
                if number not in self.gone:
                    device.health("muted" if number == MUTED else "healthy")


def shot(page: Any, name: str) -> None:
    page.wait_for_timeout(400)
    flashing = "document.getAnimations().forEach(a => { a.pause(); a.currentTime = 0; })"
    page.mouse.move(0, 0)
    page.evaluate(flashing)  # at the bright half, whichever moment it is
    page.screenshot(path=PICTURES / f"{name}.png")
    print(PICTURES / f"{name}.png")


def tile(page: Any, bed: str) -> Any:
    return page.locator(".tile").filter(has=page.get_by_role("heading", name=bed, exact=True))


def accept(page: Any, bed: str) -> None:
    tile(page, bed).get_by_role("button", name=re.compile("^Accept")).click()
    tile(page, bed).get_by_role("button", name=re.compile("^Close")).wait_for()


def mute(hub: Hub, bed: str, minutes: int, reason: str) -> None:
    [number] = [one["id"] for one in hub.board()["beds"] if one["bed"] == bed]
    hub.at_bed(number, "mute", person="Amara Diallo", minutes=minutes, reason=reason).raise_for_status()


def scene(ward: Ward) -> None:
    """Bed 5 high, bed 9 medium, bed 11 accepted later, bed 12 without power."""
    beds = ward.devices
    beds[5].episode(hex_id(), "onset", 71.0, distress=0.92)
    beds[9].episode(hex_id(), "onset", 12.0, emotion="sad", distress=0.66)
    beds[11].episode(hex_id(), "onset", 9.0, emotion="angry", distress=0.71)
    beds[12].state("offline", "connection lost")
    ward.gone.add(12)
    ward.voices |= {5: ("fearful", 0.92), 9: ("sad", 0.66), 11: ("angry", 0.58)}


def main() -> int:
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, chromium() as browser:
        port = free_port()
        hub = Hub(Path(folder), port)
        text = hub.config.read_text().replace("[broker]\n", "[broker]\nstart = true\n")
        nurses = '["Amara Diallo", "Ben Ortiz", "Chen Wei", "Dana Novak"]'
        text = text.replace('["Amara Diallo", "Ben Ortiz"]', nurses).replace(hub.site, "st-anne")
        hub.config.write_text(text)
        hub.site = "st-anne"
        supervisor = hub.start("run")
        try:
            icons(browser)
            until(hub.well, 90, "the hub")
            with Line(port, hub.site) as line:
                take(browser, hub, Ward(line), supervisor)
            take_tablet(browser, Path(folder) / "tablet")
        finally:
            hub.stop()
    return 0


def take_tablet(browser: Any, folder: Path) -> None:
    """Accepting on a ward's shared tablet, of a hub of its own that requires accounts."""
    folder.mkdir()
    broker = Broker(folder)
    broker.start()
    try:
        with guarded_ward(folder, broker) as ward:
            for name in ("Amara Diallo", "Ben Ortiz", "Chen Wei", "Dana Novak", "Fatima Benali"):
                ward.add(name, "nurse", "a")
                ward.set_pin(name)
            ward.cookie("Amara Diallo")
            ward.cookie("Chen Wei")
            with ward.tablet("a", "Station 3b") as tablet:
                cookie = {"name": "bedside", "value": tablet.cookies["bedside"], "url": ward.hub.url}
            context = browser.new_context(viewport={"width": 1280, "height": 800})
            context.add_cookies([cookie])
            page = context.new_page()
            page.add_init_script("localStorage.setItem('bedside.light', 'night')")
            page.goto(ward.hub.url)
            page.locator(".tile .accept").first.click()
            page.locator("#sign .name").first.wait_for()
            shot(page, "tablet-who")
            page.locator("#sign .name").first.click()
            page.keyboard.type("47")
            shot(page, "tablet-pin")
            context.close()
    finally:
        broker.stop()


def take(browser: Any, hub: Hub, ward: Ward, supervisor: Any) -> None:
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    page.add_init_script(
        "localStorage.getItem('bedside.light') || localStorage.setItem('bedside.light', 'day')"
    )
    page.goto(hub.url)
    ward.start()
    time.sleep(3)
    shot(page, "sound-off")
    page.locator("#sound-off").click()
    page.locator("#you").click()
    shot(page, "who")
    page.get_by_role("button", name="Amara Diallo").click()
    scene(ward)
    until(lambda: len(hub.alerts("waiting")) == 4, 30, "the alerts")
    page.wait_for_timeout(1500)
    accept(page, "Bed 11")
    mute(hub, "Bed 18", 30, "therapy")
    shot(page, "day")
    page.get_by_role("button", name="Open Bed 20", exact=True).click()
    page.get_by_role("button", name="Care in progress").click()
    shot(page, "mute")
    page.keyboard.press("Escape")
    tile(page, "Bed 11").get_by_role("button", name=re.compile("^Close")).click()
    shot(page, "close")
    page.keyboard.press("Escape")
    page.locator("#menu").click()
    page.locator("#light").select_option("night")
    page.locator("#settings-done").click()
    shot(page, "night")
    for name, size, language in (
        ("phone", (390, 844), "en"),
        ("wall", (1920, 1080), "en"),
        ("arabic", (1280, 800), "ar"),
        ("hindi", (1280, 800), "hi"),
    ):
        context = browser.new_context(viewport={"width": size[0], "height": size[1]}, locale=language)
        other = context.new_page()
        light = "night" if name in ("phone", "wall") else "day"
        other.add_init_script(f"localStorage.setItem('bedside.light', '{light}')")
        other.goto(hub.url)
        other.locator("#sound-off").click()
        other.wait_for_timeout(1200)
        shot(other, name)
        context.close()
    ward.stop.set()
    supervisor.terminate()
    page.locator("#not-live").wait_for(state="visible", timeout=20_000)
    page.wait_for_timeout(2500)
    shot(page, "not-live")


def icons(browser: Any) -> None:
    """The board's icons for a home screen, from mark.svg; maskable ones may lose their edge."""
    mark = (ICONS / "mark.svg").read_text()
    for name, size, edge in (("icon-192", 192, 0), ("icon-512", 512, 0), ("icon-maskable-512", 512, 64)):
        page = browser.new_page(viewport={"width": size, "height": size})
        ground = "#26304a" if edge else "transparent"
        page.set_content(
            f"<style>body {{ margin: {edge}px; background: {ground} }} svg {{ display: block }}</style>{mark}"
        )
        page.locator("svg").evaluate("(svg, size) => { svg.style.width = `${size}px`; }", size - 2 * edge)
        page.screenshot(path=ICONS / f"{name}.png", omit_background=True)
        page.close()


if __name__ == "__main__":
    sys.exit(main())
