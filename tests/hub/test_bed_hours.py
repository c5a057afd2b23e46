"""Which hours a bed's page asks the hub for, when, and what it shows until it has them."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from board_parts import alert, bed, stream
from engine_parts import Loose, arrival, put
from hub_parts import Broker, Hub, serving, until
from playwright.sync_api import expect
from simulate import Device

from hub.store import Store

HOUR = 3600


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory, broker: Broker) -> Iterator[Hub]:
    hub = Hub(tmp_path_factory.mktemp("hours"), broker.port)
    store = Store(hub.database)
    device = Device(Loose(), "bed-1", "Bed 1")  # type: ignore[arg-type]
    put(store, arrival(device, device.state_message(), time.time()))
    store.close()
    with serving(hub):
        yield hub


class Hours:
    """The hub's answers in the test's hand: what was asked for, and what waits for its answer."""

    def __init__(self) -> None:
        self.asked: list[dict[str, float]] = []
        self.held: list[Any] = []
        self.holds = self.fails = False

    def route(self, route: Any) -> None:
        query = {name: values[0] for name, values in parse_qs(urlsplit(route.request.url).query).items()}
        self.asked.append({name: float(query[name]) for name in ("from", "to") if name in query})
        if self.fails:
            route.abort()
        elif self.holds:
            self.held.append(route)
        else:
            self.answer(route, self.asked[-1])

    def answer(self, route: Any, asked: dict[str, float], **more: Any) -> None:
        end = asked.get("to", time.time())
        lists = ("slices", "unheard", "late", "episodes", "alerts", "mutes", "happenings", "states")
        device = {"clock_off_at": None, "storage_refused_at": None, "disk_free_mb": None, "model": "m"}
        device |= {"model_refused": None}
        device |= {"certificate_days": None, "temperature_c": None, "microphone_at": end, "software": "s"}
        told = {"now": time.time(), "from": asked["from"], "to": end, "slice_s": 900, "first_at": 1.0}
        told |= {name: [] for name in lists} | {"bed": bed(1) | device} | more
        route.fulfill(body=json.dumps(told), content_type="application/json")


def wait_for(page: Any, requests: list[Any], count: int) -> None:
    """Routes are served only while Playwright is called."""
    until(lambda: page.evaluate("true") and len(requests) == count, 30, f"request number {count}")


@contextmanager
def hours_page(
    chromium: Any, hub: Hub, rows: list[Any], alerts: list[Any], **options: Any
) -> Iterator[tuple[Any, Hours]]:
    """The page with a clock, a stream and hours that only the test moves."""
    context = chromium.new_context(viewport={"width": 1280, "height": 800}, **options)
    context.set_default_timeout(60_000)
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    hours = Hours()
    page.route("**/timeline?*", hours.route)
    page.route(
        "**/api/stream",
        lambda route: route.fulfill(body=stream(rows, alerts), content_type="text/event-stream"),
    )
    page.clock.install()
    page.goto(f"{hub.url}/beds/1")
    page.locator(".lanes").wait_for()
    expect(page.locator("#now")).not_to_be_empty()
    page.clock.pause_at(time.time() + 5)  # from here on only the test moves it
    hours.asked.clear()
    page.get_by_role("button", name="24 h", exact=True).click()
    wait_for(page, hours.asked, 1)
    page.locator(".lanes").wait_for()
    yield page, hours
    context.close()
    assert errors == []


def test_it_asks_once_in_fifteen_seconds_while_somebody_speaks_and_soon_after_an_answer(
    chromium: Any, hub: Hub
) -> None:
    rows, alerts = [bed(1, emotion_at=time.time())], [alert(1, 1)]
    with hours_page(chromium, hub, rows, alerts) as (page, hours):
        said = page.locator("#now")
        for level in ("55", "66", "77"):  # each is another word of the stream
            rows[0] |= {"distress": int(level) / 100, "emotion_at": time.time() + 60}
            expect(said).to_contain_text(level)
            page.clock.run_for(4000)
        assert len(hours.asked) == 1
        page.clock.run_for(5000)
        wait_for(page, hours.asked, 2)
        alerts[0] |= {"state": "accepted", "accepted_by": "Ben Ortiz", "accepted_at": time.time()}
        rows[0]["distress"] = 0.88
        expect(said).to_contain_text("88")
        page.clock.run_for(3000)
        wait_for(page, hours.asked, 3)


def test_a_slow_answer_is_waited_for_and_the_last_wish_wins(chromium: Any, hub: Hub) -> None:
    with hours_page(chromium, hub, [bed(1)], []) as (page, hours):
        hours.holds = True
        page.clock.run_for(16_000)
        wait_for(page, hours.held, 1)
        page.clock.run_for(8000)
        assert len(hours.asked) == 2
        page.get_by_role("button", name="6 h", exact=True).click()
        wait_for(page, hours.held, 2)
        expect(page.locator("#chart")).to_be_hidden()  # not the day's picture under other hours
        expect(page.locator(".asking")).to_be_visible()
        hours.answer(hours.held[1], hours.asked[2])
        expect(page.locator("#chart")).to_be_visible()
        assert hours.asked[2]["from"] == pytest.approx(hours.asked[0]["from"] + 18 * HOUR, abs=600)


def test_a_failure_is_said_shows_no_other_hours_and_is_tried_again(chromium: Any, hub: Hub) -> None:
    with hours_page(chromium, hub, [bed(1)], []) as (page, hours):
        trouble = page.locator("#trouble")
        hours.fails = True
        page.clock.run_for(16_000)
        expect(trouble).to_have_text("Not brought up to date: the hub does not answer. Trying again.")
        expect(page.locator("#chart")).to_be_visible()
        page.get_by_role("button", name="Earlier").click()
        expect(trouble).to_contain_text("These hours cannot be shown")
        expect(page.locator("#chart")).to_be_hidden()
        expect(page.locator(".asking")).to_be_hidden()
        hours.fails = False
        page.clock.run_for(6000)
        expect(page.locator("#chart")).to_be_visible()
        expect(trouble).to_be_hidden()


@pytest.mark.parametrize(("day", "length"), [("2024-10-27", 25), ("2024-03-31", 23), ("2024-06-01", 24)])
def test_a_day_is_as_long_as_it_was(chromium: Any, hub: Hub, day: str, length: int) -> None:
    """Where clocks are put back and forward; its hours are those the clock on the wall showed."""
    with hours_page(chromium, hub, [bed(1)], [], timezone_id="Europe/Berlin") as (page, hours):
        page.locator("#day").fill(day)
        wait_for(page, hours.asked, 2)
        asked = hours.asked[1]
        assert asked["to"] - asked["from"] == length * HOUR
        expect(page.locator("#span")).to_contain_text("00:00")
        expect(page.locator(".asking")).to_be_hidden()
        names = page.locator(".tick-name").all_text_contents()
        assert names == [f"{hour:02}:00" for hour in range(2, 24, 2) if length != 23 or hour != 2]
        page.get_by_role("button", name="Earlier").click()
        wait_for(page, hours.asked, 3)
        assert hours.asked[2] == {"from": asked["from"] - 24 * HOUR, "to": asked["from"]}
