"""Where an alert is shown after its device has moved: at the bed where somebody needed help."""

from __future__ import annotations

from typing import Any

from board_parts import LISTEN, alert, bed, board_page, tile
from hub_parts import until
from playwright.sync_api import expect


def test_an_alert_stays_at_its_bed_when_the_device_moves(chromium: Any, web_url: str) -> None:
    rows = [bed(1), bed(2)]
    alerts = [alert(1, 1, "high")]
    with board_page(chromium, web_url, rows, alerts) as page:
        expect(tile(page, "Bed 1").locator(".word")).to_have_text("Distress \u2013 high")
        rows[0] |= {"bed": "Bed 9", "muted_until": 4e9, "muted_by": "A", "muted_reason": "x"}
        expect(tile(page, "Bed 9")).to_have_attribute("data-priority", "none")
        left = tile(page, "Bed 1")
        expect(left.locator(".word")).to_have_text("Distress \u2013 high")
        expect(left.locator(".emotion")).to_be_hidden()  # nothing is heard there now
        expect(left.locator(".since")).to_have_text("Not hearing")
        expect(left.locator(".hush")).to_be_hidden()
        left.get_by_role("button", name="Open Bed 1", exact=True).click()
        expect(page.locator("#answers-title")).to_have_text("Bed 1")
        expect(page.locator("#answers .accept")).to_be_visible()


def test_an_alert_is_on_the_tile_of_the_device_that_stands_at_its_bed_now(
    chromium: Any, web_url: str
) -> None:
    rows = [bed(1, bed="Bed 9"), bed(2, bed="Bed 1"), bed(3, bed="Bed 1", ward="4a")]
    with board_page(chromium, web_url, rows, [alert(1, 1)]) as page:
        expect(page.locator(".tile")).to_have_count(3)
        mine = tile(page, "Bed 1 · 3b")
        expect(mine.locator(".word")).to_have_text("Distress")
        expect(mine.locator(".emotion")).to_be_visible()


def test_a_technical_alert_goes_along_with_its_device_and_says_from_where(
    chromium: Any, web_url: str
) -> None:
    with board_page(chromium, web_url, [bed(1, bed="Bed 9")], [alert(1, 1, "technical")]) as page:
        expect(page.locator(".tile")).to_have_count(1)
        expect(tile(page, "Bed 9").locator(".since")).to_contain_text("Bed 1")


def test_the_mute_of_a_device_does_not_silence_the_bed_it_left(chromium: Any, web_url: str) -> None:
    rows = [bed(1, bed="Bed 9", muted_until=4e9, muted_by="A", muted_reason="x")]
    with board_page(chromium, web_url, rows, [alert(1, 1, "high")], script=LISTEN) as page:
        page.locator("#sound-off").click()
        until(lambda: page.evaluate("window.tones.some((tone) => tone.frequency === 880)"))
