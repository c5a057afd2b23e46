"""The board when something goes wrong: nobody answers, two answer at once, the hub's processes are killed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from board_parts import accepted, alert, bed, board_page, tile
from hub_parts import Broker, Hub, running_hub, until
from playwright.sync_api import expect
from simulate import Device, Line, hex_id

from hub.escalation import BUDDY, LEAD, WARD

LADDER_S = (6.0, 9.0, 12.0)  # neighbours, ward, lead


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, broker: Broker) -> Iterator[Hub]:
    buddy, ward, lead = LADDER_S
    more = f"[timers]\ncondition_delay_s = 0\n[ladder]\nbuddy_s = {buddy}\nward_s = {ward}\nlead_s = {lead}\n"
    with running_hub(tmp_path_factory.mktemp("trouble"), broker.port, more) as hub:
        yield hub


@pytest.fixture
def line(running: Hub, broker: Broker) -> Iterator[Line]:
    with Line(broker.port, running.site) as line:
        yield line


def board(chromium: Any, running: Hub, person: str) -> Any:
    page = chromium.new_context(viewport={"width": 1280, "height": 800}).new_page()
    page.add_init_script(f"localStorage.setItem('bedside.person', '{person}')")
    page.goto(running.url)
    expect(page.locator("#pulse-word")).to_have_text("Live")
    return page


def raised(line: Line, number: int) -> None:
    device = Device(line, f"bed-{number}", f"Bed {number}")
    device.state()
    device.episode(hex_id(), "onset", 6.0)


def test_of_two_tablets_that_accept_at_once_the_second_is_told_who_was_first(
    chromium: Any, running: Hub, line: Line
) -> None:
    first, second = board(chromium, running, "Amara Diallo"), board(chromium, running, "Ben Ortiz")
    raised(line, 1)
    for page in (first, second):
        expect(tile(page, "Bed 1").locator(".word")).to_have_text("Distress")

    def lose_the_race(route: Any) -> None:
        """Ben's tap is on its way when Amara's is recorded."""
        [alert] = [one for one in running.alerts("waiting") if one["bed"] == "Bed 1"]
        headers = {"X-Requested-With": "bedside"}
        url = f"{running.url}/api/alerts/{alert['id']}/accept"
        assert httpx.post(url, json={"person": "Amara Diallo"}, headers=headers, timeout=10).is_success
        route.continue_()

    second.route("**/accept", lose_the_race)
    tile(second, "Bed 1").get_by_role("button", name=re.compile("^Accept")).click()
    expect(second.locator("#toast")).to_have_text("Amara Diallo has already accepted this alert.")
    for page in (first, second):
        expect(tile(page, "Bed 1").locator(".who")).to_contain_text("Accepted by Amara Diallo")
    tile(first, "Bed 1").get_by_role("button", name=re.compile("^Close")).click()
    first.get_by_role("button", name="Other need").click()
    for page in (first, second):
        expect(tile(page, "Bed 1").locator(".word")).to_be_hidden()
        page.context.close()


def test_calls_go_out_at_their_times_with_the_web_process_dead_and_the_board_tells_of_them(
    chromium: Any, running: Hub, line: Line
) -> None:
    page = board(chromium, running, "Amara Diallo")
    raised(line, 2)
    mine = tile(page, "Bed 2")
    expect(mine.locator(".word")).to_have_text("Distress")
    shown = "SELECT shown_at FROM alerts WHERE bed = 'Bed 2'"
    until(lambda: running.rows(shown)[0][0], 15, "word of a board that shows it")  # or nobody waits for it
    web = running.processes[2]
    web.kill()
    web.wait()
    query = (
        "SELECT deliveries.level, min(made_at - raised_at) FROM deliveries JOIN alerts"
        " ON alerts.id = alert_id WHERE bed = 'Bed 2' AND channel = 'board' AND deliveries.kind = 'call'"
        " GROUP BY deliveries.level ORDER BY deliveries.level"
    )
    until(lambda: running.rows(query)[-1][0] == LEAD, LADDER_S[2] + 30, "the call to whoever leads the ward")
    waits = dict(running.rows(query))
    for level, due_s in zip((BUDDY, WARD, LEAD), LADDER_S, strict=True):
        assert -0.1 <= waits[level] - due_s < 5
    running.processes[2] = running.start("web")
    expect(page.locator("#pulse-word")).to_have_text("Live", timeout=60_000)
    expect(mine.locator(".since")).to_contain_text("Called: lead", timeout=30_000)
    page.context.close()


def test_the_alert_engine_killed_is_not_live_until_it_is_back(
    chromium: Any, running: Hub, line: Line
) -> None:
    page = board(chromium, running, "Amara Diallo")
    engine = running.processes[1]
    engine.kill()
    engine.wait()
    expect(page.locator("#not-live")).to_be_visible(timeout=40_000)
    expect(page.locator("#not-live-why")).to_contain_text("the part that raises alerts has stopped")
    raised(line, 3)
    running.processes[1] = running.start("alerts")
    expect(page.locator("#not-live")).to_be_hidden(timeout=60_000)
    expect(tile(page, "Bed 3").locator(".word")).to_have_text("Distress", timeout=30_000)
    page.context.close()


def test_what_was_accepted_and_not_attended_waits_again_and_says_for_whom(
    chromium: Any, web_url: str
) -> None:
    """As hub.board tells it once people are called anew: to be taken over, or closed, by anybody."""
    called = [{"level": "buddy", "at": 1_700_000_000.0}]
    again = accepted(alert(1, 5, "high")) | {"state": "waiting", "level": BUDDY, "called": called}
    on_the_way = accepted(alert(2, 7), "Tablet desk, not identified")
    shown = [alert(1, 5, "high"), on_the_way]
    with board_page(chromium, web_url, [bed(5), bed(7)], shown) as page:
        one, said = tile(page, "Bed 5"), page.locator("#announce-high")
        expect(said).to_contain_text("Bed 5")
        shown[0] = accepted(shown[0])  # what the stream tells when the page asks next
        expect(one).to_have_attribute("data-state", "accepted")
        said.evaluate("node => { node.textContent = ''; }")
        shown[0] = again
        expect(said).to_contain_text("Bed 5")
        expect(one).to_have_attribute("data-state", "waiting")
        expect(one.locator(".since")).to_contain_text("Accepted by Amara Diallo")
        expect(one.locator(".since")).to_contain_text("Called: neighbours")
        expect(one.get_by_role("button", name=re.compile("^Accept"))).to_be_visible()
        page.get_by_role("button", name="Open Bed 5", exact=True).click()
        card = page.locator("#answers .card")
        expect(card.locator(".who")).to_contain_text("Accepted by Amara Diallo")
        expect(card.locator(".accept")).to_be_visible()
        expect(card.locator(".outcome").first).to_be_visible()
        page.keyboard.press("Escape")
        expect(tile(page, "Bed 7")).to_have_attribute("data-state", "accepted")
        page.get_by_role("button", name="Open Bed 7", exact=True).click()
        expect(card.locator(".who")).to_contain_text("Tablet desk, not identified")
        expect(card.locator(".accept")).to_be_visible()
