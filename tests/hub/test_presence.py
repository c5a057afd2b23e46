"""Boards tell the hub what they show: a real Chromium, a real hub, and the alarm where no board is seen."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from hub_parts import Broker, Hub, running_hub, until
from playwright.sync_api import expect
from receivers import receiver
from simulate import Device, Line, hex_id

QUICK = "[timers]\ncondition_delay_s = 0\n[ladder]\nunseen_s = 5\n[delivery]\nmissing_s = 30\nsilent_s = 30\n"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, broker: Broker) -> Iterator[Hub]:
    with running_hub(tmp_path_factory.mktemp("presence"), broker.port, QUICK) as hub:
        yield hub


@pytest.fixture
def line(running: Hub, broker: Broker) -> Iterator[Line]:
    with Line(broker.port, running.site) as line:
        yield line


def distress(line: Line, name: str, bed: str) -> None:
    device = Device(line, name, bed)
    device.state()
    device.episode(hex_id(), "onset", 6.0)


def alert_of(hub: Hub, bed: str) -> dict[str, Any]:
    found: dict[str, Any] = until(
        lambda: next((a for a in hub.alerts("waiting") if a["bed"] == bed and a["kind"] == "distress"), None),
        15,
        "the alert",
    )
    return found


def seen(hub: Hub, alert: int) -> list[Any]:
    query = f"SELECT state FROM deliveries WHERE alert_id = {alert} AND channel = 'board' ORDER BY id"  # noqa: S608
    return [row[0] for row in hub.rows(query)]


def test_what_a_board_shows_is_seen_and_climbs_the_ladder_only_when_it_is_in_front(
    chromium: Any, running: Hub, line: Line
) -> None:
    context = chromium.new_context(viewport={"width": 1280, "height": 800})
    page = context.new_page()
    page.goto(running.url)
    expect(page.locator("#pulse")).to_have_attribute("data-live", "yes")
    distress(line, "bed-1", "Bed 1")
    alert = alert_of(running, "Bed 1")["id"]
    until(lambda: seen(running, alert) == ["seen"], 15, "the board's word")
    [board] = running.rows("SELECT shown_at, sounded_at FROM boards WHERE shown_at IS NOT NULL")
    assert time.time() - board[0] < 60
    assert board[1] is None, "its sound is locked until somebody touches it"
    page.locator("#room").click(position={"x": 400, "y": 500})
    query = "SELECT count(*) FROM boards WHERE sounded_at IS NOT NULL"
    until(lambda: running.rows(query) == [(1,)], 15, "its sound")
    time.sleep(6)
    assert alert_of(running, "Bed 1")["level"] == 1, "it waits for the neighbours"

    page.evaluate(
        "Object.defineProperty(document, 'visibilityState', { get: () => 'hidden' });"
        "document.dispatchEvent(new Event('visibilitychange'))"
    )
    time.sleep(1)
    distress(line, "bed-2", "Bed 2")
    tile = page.locator(".tile").filter(has_text="Bed 2")
    expect(tile.locator(".word")).to_have_text("Distress")
    until(lambda: alert_of(running, "Bed 2")["level"] == 4, 15, "the lead's call")
    assert [one["level"] for one in alert_of(running, "Bed 2")["called"]] == ["lead"]
    expect(tile.locator(".since")).to_contain_text("Called: lead ")
    context.close()


def test_a_ward_nobody_sees_calls_outside(hub: Hub, broker: Broker) -> None:
    with receiver() as phone, Line(broker.port, hub.site) as line:
        outside = f"[[push]]\nname = 'duty phone'\nurl = '{phone.url}'\n"
        hub.config.write_text(hub.config.read_text() + QUICK + outside)
        for verb in ("ingest", "alerts", "web", "push"):
            hub.start(verb)
        until(hub.well, 60, "the hub")
        device = Device(line, "bed-1", "Bed 1")
        device.state()
        until(lambda: device.health() or phone.bodies("call"), 90, "the call")
        [told] = phone.bodies("call")[0]["alerts"]
        assert (told["kind"], told["ward"], told["level"]) == ("board", "3b", "lead")
        alarm = next(one for one in hub.alerts("waiting") if one["kind"] == "board")
        said = {"board": "ab" * 8, "shows": True, "sounds": True, "alerts": [[alarm["id"], alarm["level"]]]}
        answer = httpx.post(
            f"{hub.url}/api/presence", json=said, headers={"X-Requested-With": "bedside"}, timeout=10
        )
        assert answer.status_code == 204
        until(lambda: phone.bodies("over"), 15, "its end")
        assert phone.bodies("over")[0]["alerts"][0]["state"] == "resolved"


@pytest.mark.parametrize(
    "wrong",
    [
        {"board": "x"},
        {"board": "0" * 16, "shows": True, "sounds": True, "alerts": [[1, 9]]},
        {"board": "0" * 16, "shows": True, "sounds": True, "alerts": [[1, 1]] * 5001},
        {"board": "0" * 16, "shows": True, "sounds": True, "who": "me"},
    ],
)
def test_nonsense_is_refused(running: Hub, wrong: dict[str, Any]) -> None:
    headers = {"X-Requested-With": "bedside"}
    answer = httpx.post(f"{running.url}/api/presence", json=wrong, headers=headers, timeout=10)
    assert answer.status_code == 422


def test_page_and_hub_agree_on_how_often_a_board_speaks() -> None:
    from hub.reach import FRESH_S

    text = (Path(__file__).parents[2] / "hub" / "static" / "presence.js").read_text()
    every = float(text.partition("const EVERY_S = ")[2].partition(";")[0])
    assert 2 * every < FRESH_S < 4 * every
