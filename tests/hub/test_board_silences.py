"""Pausing an alert and muting a bed on the board: few taps, a countdown, who and why, an end that is told."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from typing import Any

import pytest
from board_parts import LISTEN, accepted, alert, bed, board_page, tile
from hub_parts import Broker, Hub, running_hub, until
from playwright.sync_api import expect
from simulate import Device, Line, hex_id

from hub import actions
from hub.accounts import Session

# Keeps what the board shows for some seconds only.
TOASTS = """
window.toasts = [];
addEventListener("DOMContentLoaded", () => {
  const toast = document.getElementById("toast");
  new MutationObserver(() => window.toasts.push(toast.textContent)).observe(toast, { childList: true });
});
"""
AMARA = "localStorage.setItem('bedside.person', 'Amara Diallo')"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, broker: Broker) -> Iterator[Hub]:
    timers = "[timers]\ncondition_delay_s = 0\n"
    with running_hub(tmp_path_factory.mktemp("silences"), broker.port, timers) as hub:
        yield hub


@pytest.fixture
def line(running: Hub, broker: Broker) -> Iterator[Line]:
    with Line(broker.port, running.site) as line:
        yield line


@pytest.fixture
def page(chromium: Any, running: Hub) -> Iterator[Any]:
    context = chromium.new_context(viewport={"width": 1280, "height": 800})
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.add_init_script(AMARA)
    page.goto(running.url)
    yield page
    context.close()
    assert errors == []


def opened(page: Any, name: str) -> Any:
    page.get_by_role("button", name=f"Open {name}", exact=True).click()
    return page.locator("#answers")


def test_a_calm_bed_is_muted_with_a_reason_in_three_taps_and_unmuted_in_two(
    page: Any, line: Line, running: Hub
) -> None:
    Device(line, "bed-1", "Bed 1").state()
    mine = tile(page, "Bed 1")
    dialog = opened(page, "Bed 1")
    expect(dialog).to_contain_text("No alert at this bed.")
    lengths = dialog.locator("#mute-minutes button")
    assert lengths.all_text_contents() == ["15\xa0min", "30\xa0min", "60\xa0min", "2\xa0h", "4\xa0h"]
    assert [button.is_disabled() for button in lengths.all()] == [True] * 5  # never without a reason
    dialog.get_by_role("button", name="Care in progress").click()
    for button in dialog.locator("button:visible, a:visible").all():
        box = button.bounding_box()
        assert (box["width"] >= 44, box["height"] >= 44) == (True, True)
    dialog.get_by_role("button", name="15\xa0min").click()
    expect(dialog).to_be_hidden()
    expect(mine.locator(".hush")).to_have_text(
        "Muted 15\xa0min15\xa0min"
    )  # in full, and short for little room
    expect(page.locator("#announce")).to_contain_text("Bed 1: muted for 15\xa0min by Amara Diallo.")
    [found] = [one for one in running.board()["beds"] if one["bed"] == "Bed 1"]
    assert (found["muted_by"], found["muted_reason"]) == ("Amara Diallo", "care in progress")
    assert 880 < found["muted_until"] - time.time() <= 900

    opened(page, "Bed 1")
    expect(dialog.locator("#muted-left")).to_have_text(re.compile("^Muted for another 15\xa0min, until "))
    expect(dialog.locator("#muted-by")).to_have_text("Amara Diallo: Care in progress")
    dialog.get_by_role("button", name="End the mute now").click()
    expect(mine.locator(".hush")).to_be_hidden()
    expect(page.locator("#toast")).to_have_text("Bed 1: the mute is over, alerts are heard again.")


def test_another_reason_is_typed_and_the_link_leads_to_the_beds_page(
    page: Any, line: Line, running: Hub
) -> None:
    Device(line, "bed-2", "Bed 2").state()
    dialog = opened(page, "Bed 2")
    dialog.get_by_role("button", name="Other …").click()
    assert dialog.locator("#mute-minutes button").first.is_disabled()
    dialog.get_by_label("Another reason").fill(" <b>music lesson</b> ")
    dialog.get_by_role("button", name="30\xa0min").click()
    expect(tile(page, "Bed 2").locator(".hush-left")).to_have_text("30\xa0min")
    [found] = [one for one in running.board()["beds"] if one["bed"] == "Bed 2"]
    assert found["muted_reason"] == "<b>music lesson</b>"
    opened(page, "Bed 2")
    expect(dialog.locator("#muted-by")).to_have_text("Amara Diallo: <b>music lesson</b>")
    dialog.get_by_role("link", name="The last 24 hours").click()
    expect(page).to_have_url(f"{running.url}/beds/{found['id']}")


def test_the_only_alert_of_a_bed_is_paused_in_two_taps_on_every_board(
    page: Any, chromium: Any, line: Line, running: Hub
) -> None:
    device = Device(line, "bed-3", "Bed 3")
    device.state()
    device.episode(hex_id(), "onset", 6.0)
    other = chromium.new_page()
    other.goto(running.url)
    expect(tile(other, "Bed 3").locator(".word")).to_have_text("Distress")
    opened(page, "Bed 3").get_by_role("button", name="Silence for 2 min").click()
    for board in (page, other):
        expect(tile(board, "Bed 3").locator(".hush-words")).to_have_text(re.compile(r"^Silent [12]:\d\d$"))
        expect(tile(board, "Bed 3").locator(".since")).to_have_text("still going on")
    dialog = opened(other, "Bed 3")
    expect(dialog.locator(".card .hush")).to_have_text(
        re.compile(r"^Silent for another [12]:\d\d \(Amara Diallo\)$")
    )
    expect(dialog.locator(".pause")).to_be_hidden()
    other.close()


def test_a_mute_and_a_pause_end_on_the_board_by_themselves_and_sound_comes_back(
    chromium: Any, web_url: str
) -> None:
    rows = [bed(1), bed(2)]
    alerts: list[
        dict[str, Any]
    ] = []  # the stream begins anew each second and tells what is in the lists then
    with board_page(chromium, web_url, rows, alerts, script=LISTEN + TOASTS) as page:
        page.locator("#sound-off").click()
        now = time.time()
        rows[0] |= {"muted_until": now + 59, "muted_by": "Amara Diallo", "muted_reason": "therapy"}
        alerts += [alert(1, 1, "high"), alert(2, 2, paused_until=now + 8, paused_by="Ben Ortiz")]
        expect(tile(page, "Bed 1").locator(".hush-words")).to_have_text(re.compile(r"^Muted 0:\d\d$"))
        expect(tile(page, "Bed 2").locator(".hush-words")).to_have_text(re.compile(r"^Silent 0:0\d$"))

        def told() -> str:
            return " ".join(page.evaluate("window.toasts"))

        def heard() -> list[int]:
            tones = [tone["frequency"] for tone in page.evaluate("window.tones")]
            return list(dict.fromkeys(one for one in tones if one in (ready, medium, high)))

        ready, medium, high = 523, 660, 880
        until(lambda: heard() == [ready, medium], 60, "the sound of bed 2")
        until(
            lambda: told() == "Bed 2: the pause is over, the alert is heard again.", what="the news of bed 2"
        )
        rows[0]["muted_until"] = time.time() + 3
        until(lambda: heard() == [ready, medium, high], 60, "the sound of bed 1")
        over = "Bed 1: the mute is over, alerts are heard again."
        until(lambda: told().endswith(over), what="the news of bed 1")
        expect(page.locator(".hush:visible")).to_have_count(0)


def test_what_makes_no_sound_has_no_pause_and_a_wards_alert_no_mute(chromium: Any, web_url: str) -> None:
    alerts = [
        accepted(alert(1, 1)),
        alert(2, 2, missed=True),
        alert(3, 3, "technical"),
        alert(4, 4) | {"device_id": None, "priority": "technical", "bed": "3b"},
        alert(5, 5),
    ]
    rows = [bed(number) for number in (1, 2, 3)] + [bed(5, muted_until=4e9, muted_by="A", muted_reason="x")]
    with board_page(chromium, web_url, rows, alerts) as page:
        for name, mute in (("Bed 1", 1), ("Bed 2", 1), ("Bed 3", 1), ("3b", 0), ("Bed 5", 1)):
            dialog = opened(page, name)
            assert dialog.locator(".card").count() == 1
            assert dialog.locator(".pause:visible").count() == 0
            assert dialog.locator("#mute:visible").count() == mute
            page.keyboard.press("Escape")
            expect(page.get_by_role("button", name=f"Open {name}", exact=True)).to_be_focused()


def test_a_nurse_is_offered_an_hour_at_most_and_a_lead_four() -> None:
    assert actions.mute_minutes(Session("key", 1, "Ben", "nurse", ())) == [15, 30, 60]
    assert actions.mute_minutes(Session("key", 1, "Lea", "lead", ())) == [15, 30, 60, 120, 240]
    assert actions.mute_minutes(None) == [15, 30, 60, 120, 240]
