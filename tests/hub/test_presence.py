"""Boards tell the hub what they show: a real Chromium, a real hub, and the alarm where no board is seen."""

from __future__ import annotations

import contextlib
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
from sqlalchemy import text

from hub.store import Store

QUICK = "[timers]\ncondition_delay_s = 0\n"


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


def earlier(hub: Hub, *changes: str) -> None:
    """Has it all happened a while ago: what a minute would show is shown at once, at any speed."""
    with contextlib.closing(Store(hub.database)) as store, store.write() as connection:
        for change in changes:
            connection.execute(text(change))


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
    past = "raised_at = raised_at - 30, shown_at = shown_at - 30, call_at = 1"
    earlier(running, f"UPDATE alerts SET {past} WHERE id = {alert}")  # noqa: S608
    due = f"SELECT call_at FROM alerts WHERE id = {alert} AND call_at > 1"  # noqa: S608
    until(lambda: running.rows(due), 30, "the engine's look")
    assert alert_of(running, "Bed 1")["level"] == 1, "it waits for the neighbours"

    page.evaluate(
        "Object.defineProperty(document, 'visibilityState', { get: () => 'hidden' });"
        "document.dispatchEvent(new Event('visibilitychange'))"
    )
    distress(line, "bed-2", "Bed 2")
    tile = page.locator(".tile").filter(has_text="Bed 2")
    expect(tile.locator(".word")).to_have_text("Distress")
    other = alert_of(running, "Bed 2")["id"]
    earlier(running, f"UPDATE alerts SET raised_at = raised_at - 30, call_at = 1 WHERE id = {other}")  # noqa: S608
    until(lambda: alert_of(running, "Bed 2")["level"] == 4, 30, "the lead's call")
    assert [one["level"] for one in alert_of(running, "Bed 2")["called"]] == ["lead"]
    expect(tile.locator(".since")).to_contain_text("Called: lead ")
    context.close()


def test_a_ward_nobody_sees_calls_outside(hub: Hub, broker: Broker) -> None:
    with receiver() as phone, Line(broker.port, hub.site) as line:
        outside = f"[[push]]\nname = 'duty phone'\nurl = '{phone.url}'\n"
        hub.config.write_text(f"{hub.config.read_text()}{QUICK}[ladder]\nunseen_s = 5\n{outside}")
        for verb in ("ingest", "alerts", "web", "push"):
            hub.start(verb)
        until(hub.well, 60, "the hub")
        device = Device(line, "bed-1", "Bed 1")
        device.state()
        known = "SELECT count(*) FROM devices JOIN processes ON processes.name = 'web' WHERE ward = '3b'"
        until(lambda: hub.rows(known) == [(1,)], 30, "the bed and its board's server")
        earlier(
            hub,
            "UPDATE devices SET status_at = status_at - 150 WHERE ward = '3b'",
            "UPDATE processes SET since = since - 150 WHERE name = 'web'",
        )
        until(lambda: device.health() or phone.bodies("call"), 60, "the call")
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
