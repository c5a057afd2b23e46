"""The board in a real Chromium: what a nurse sees and does."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from typing import Any

import pytest
from board_parts import tile
from hub_parts import Broker, Hub, running_hub
from playwright.sync_api import expect
from simulate import Device, Line, hex_id


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, broker: Broker) -> Iterator[Hub]:
    timers = "[timers]\ncondition_delay_s = 0\n[faults]\ntrouble_delay_s = 0\n"
    with running_hub(tmp_path_factory.mktemp("board"), broker.port, timers) as hub:
        yield hub


@pytest.fixture
def line(running: Hub, broker: Broker) -> Iterator[Line]:
    with Line(broker.port, running.site) as line:
        yield line


@pytest.fixture
def page(chromium: Any, running: Hub) -> Iterator[Any]:
    """The board in a browser of its own; any error in its console fails the test."""
    context = chromium.new_context(viewport={"width": 1280, "height": 800})
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.goto(running.url)
    yield page
    context.close()
    assert [error for error in errors if "net::ERR_" not in error] == []


def test_a_bed_is_seen_then_heard_then_quiet(page: Any, line: Line) -> None:
    device = Device(line, "bed-1", "Bed 1")
    device.state()
    mine = tile(page, "Bed 1")
    expect(mine.locator(".emotion")).to_have_text("Quiet")
    device.emotion("happy", 0.07)
    expect(mine.locator(".emotion")).to_have_text("Happy")
    expect(mine.locator(".number")).to_have_text("7")
    expect(mine.get_by_role("meter")).to_have_attribute("aria-valuenow", "7")
    expect(mine.locator(".chip").first).to_have_attribute("title", "Listening")
    device.health(microphone="muted")
    expect(mine.locator(".chip").first).to_have_attribute("title", "Mic muted")


def test_an_alert_is_accepted_by_a_named_person_and_closed_with_an_outcome(
    page: Any, line: Line, running: Hub
) -> None:
    device = Device(line, "bed-2", "Bed 2")
    device.state()
    episode = hex_id()
    device.episode(episode, "onset", 6.0, reason="frightened, loud, 6 s")
    mine = tile(page, "Bed 2")
    expect(mine.locator(".word")).to_have_text("Distress")
    expect(mine.locator(".reason")).to_have_text(re.compile(r"^Frightened, loud, \d+\ss$"))
    expect(page.locator("#announce")).to_contain_text(
        re.compile(r"Bed 2: Distress\. Frightened, loud, \d+\ss\.")
    )
    expect(page.locator(".tile").first).to_contain_text("Bed 2")
    device.episode(episode, "end", 8.0, reason="frightened, loud, 8 s")
    # It counts on until the hold-off is over, on a busy machine in leaps.
    expect(mine.locator(".reason")).to_have_text(re.compile(r"^Frightened, loud, ([89]|[1-9]\d)\ss$"))

    mine.get_by_role("button", name=re.compile("^Accept")).click()
    page.get_by_role("button", name="Ben Ortiz").click()
    expect(page.locator("#you")).to_have_text("You are Ben Ortiz")
    expect(mine.locator(".who")).to_contain_text("Accepted by Ben Ortiz, ")
    for button in mine.locator("button:visible").all():
        box = button.bounding_box()
        assert box["width"] >= 44
        assert box["height"] >= 44
    mine.get_by_role("button", name=re.compile("^Close")).click()
    for button in page.locator("#answers button:visible").all():
        assert button.bounding_box()["height"] >= 44
    page.get_by_role("button", name="Other need").click()
    expect(page.locator("#answers")).to_be_hidden()
    expect(mine.locator(".word")).to_be_hidden()
    entry = page.locator("#recent-list li").filter(has_text="Bed 2")
    expect(entry).to_contain_text("Other need")
    expect(entry).to_contain_text("Ben Ortiz")
    [alert] = [a for a in running.alerts("closed") if a["bed"] == "Bed 2"]
    assert (alert["accepted_by"], alert["closed_by"]) == ("Ben Ortiz", "Ben Ortiz")

    page.reload()
    expect(page.locator("#you")).to_have_text("You are Ben Ortiz")


def test_a_name_can_be_typed_and_the_keyboard_does_it_all(page: Any, line: Line, running: Hub) -> None:
    device = Device(line, "bed-3", "Bed 3")
    device.state()
    device.episode(hex_id(), "onset", 6.0)
    mine = tile(page, "Bed 3")
    mine.get_by_role("button", name=re.compile("^Accept")).focus()
    page.keyboard.press("Enter")
    page.get_by_label("Somebody else").fill("Zoë O'Hara <b>")
    page.keyboard.press("Enter")
    expect(mine.locator(".who")).to_contain_text("Accepted by Zoë O'Hara <b>, ")
    mine.get_by_role("button", name=re.compile("^Close")).focus()
    page.keyboard.press("Enter")
    expect(page.locator("#answers")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#answers")).to_be_hidden()
    expect(mine.get_by_role("button", name=re.compile("^Close"))).to_be_focused()
    page.keyboard.press("Enter")
    page.get_by_role("button", name="False alarm").focus()
    page.keyboard.press("Space")
    expect(mine.locator(".word")).to_be_hidden()


def test_what_devices_write_is_never_markup(page: Any, line: Line) -> None:
    evil = "<img src=x onerror=alert(1)>"
    device = Device(line, "bed-4", evil)
    device.state()
    device.emotion("<b>mad</b>", 0.9)
    device.episode(hex_id(), "onset", 6.0, reason="<script>alert(2)</script>", emotion="<i>x</i>")
    mine = tile(page, evil)
    expect(mine.locator(".bed")).to_have_text(evil)
    expect(mine.locator(".reason")).to_contain_text("<i>x</i>, loud, ")
    expect(mine.locator(".emotion")).to_have_text("<b>mad</b>")
    assert page.locator(".tile img, .tile script, .tile b, .tile i").count() == 0


def test_high_comes_before_medium_before_technical(page: Any, line: Line) -> None:
    for number, duration in ((5, 6.0), (6, 90.0)):
        device = Device(line, f"bed-{number}", f"Bed {number}")
        device.state()
        device.episode(hex_id(), "onset", duration)
    lost = Device(line, "bed-7", "Bed 7")
    lost.state(microphone="lost")
    expect(tile(page, "Bed 7")).to_have_attribute("data-priority", "technical")
    expect(tile(page, "Bed 7").locator(".word")).to_have_text("Technical")
    expect(tile(page, "Bed 5")).to_have_attribute("data-priority", "medium")
    expect(tile(page, "Bed 6")).to_have_attribute("data-priority", "high")
    order = page.locator(".tile").evaluate_all("tiles => tiles.map(tile => tile.dataset.priority)")
    ranks = {"high": 0, "medium": 1, "missed": 2, "technical": 3, "none": 4}
    assert [ranks[name] for name in order] == sorted(ranks[name] for name in order)


def test_sound_is_off_until_a_touch_and_says_so(page: Any) -> None:
    expect(page.locator("#sound-off")).to_be_visible()
    page.locator("#sound-off").click()
    expect(page.locator("#sound-off")).to_be_hidden()
    expect(page.locator("#sound")).to_have_text("Sound on")


def test_flashing_stops_for_those_who_asked_for_calm(chromium: Any, running: Hub, line: Line) -> None:
    device = Device(line, "bed-8", "Bed 8")
    device.state()
    device.episode(hex_id(), "onset", 90.0)
    context = chromium.new_context(reduced_motion="reduce")
    page = context.new_page()
    page.goto(running.url)
    expect(tile(page, "Bed 8")).to_have_attribute("data-priority", "high")
    assert (
        tile(page, "Bed 8").locator("header").evaluate("node => getComputedStyle(node).animationName")
        == "none"
    )
    frame = tile(page, "Bed 8").evaluate("node => getComputedStyle(node).outlineStyle")
    assert frame == "double"  # what the flashing told
    context.close()


def test_not_live_when_the_server_dies_and_live_again_with_nothing_missed(
    page: Any, line: Line, running: Hub
) -> None:
    web = running.processes[2]
    expect(page.locator("#pulse-word")).to_have_text("Live")
    web.kill()
    web.wait()
    device = Device(line, "bed-9", "Bed 9")
    device.state()
    device.episode(hex_id(), "onset", 6.0)
    expect(page.locator("#not-live")).to_be_visible(timeout=60_000)
    expect(page.locator("#not-live-why")).to_contain_text("Nothing heard from the hub for")
    running.processes[2] = running.start("web")
    expect(page.locator("#not-live")).to_be_hidden(timeout=60_000)
    expect(tile(page, "Bed 9").locator(".word")).to_have_text("Distress")


def test_not_live_when_only_the_alert_engine_is_dead(page: Any, running: Hub) -> None:
    ping = f'{{"now": {time.time()}, "silent": ["engine"]}}'
    board = '{"full": true, "revision": 1, "beds": [], "alerts": []}'
    body = f"event: board\ndata: {board}\n\nevent: ping\ndata: {ping}\n\n"
    page.route("**/api/stream", lambda route: route.fulfill(body=body, content_type="text/event-stream"))
    page.reload()
    expect(page.locator("#not-live")).to_be_visible()
    expect(page.locator("#not-live-why")).to_have_text("In the hub, the part that raises alerts has stopped.")


def test_a_tab_that_slept_or_lost_its_network_has_missed_nothing(page: Any, line: Line, running: Hub) -> None:
    """What was raised meanwhile is there, and what was closed meanwhile is gone."""
    known, new = Device(line, "bed-10", "Bed 10"), Device(line, "bed-11", "Bed 11")
    known.state()
    known.episode(hex_id(), "onset", 6.0)
    expect(tile(page, "Bed 10").locator(".word")).to_have_text("Distress")
    session = page.context.new_cdp_session(page)
    session.send("Page.setWebLifecycleState", {"state": "frozen"})
    new.state()
    new.episode(hex_id(), "onset", 6.0)
    [alert] = [one for one in running.alerts("waiting") if one["bed"] == "Bed 10"]
    assert running.act(alert["id"], "accept", person="Ben Ortiz").is_success
    assert running.act(alert["id"], "close", person="Ben Ortiz", outcome="distress").is_success
    time.sleep(2)
    session.send("Page.setWebLifecycleState", {"state": "active"})
    expect(tile(page, "Bed 11").locator(".word")).to_have_text("Distress")
    expect(tile(page, "Bed 10").locator(".word")).to_be_hidden()
    page.context.set_offline(True)
    third = Device(line, "bed-12", "Bed 12")
    third.state()
    third.episode(hex_id(), "onset", 6.0)
    time.sleep(2)
    page.context.set_offline(False)
    expect(tile(page, "Bed 12").locator(".word")).to_have_text("Distress", timeout=20_000)
