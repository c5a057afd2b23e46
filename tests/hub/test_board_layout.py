"""Thirty beds on a tablet, sixty on a wall screen: nothing scrolls, is cut off or too small to touch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from board_parts import LANGUAGES, TABLET, WALL, accepted, alert, bed, board_page, every_fault, ward
from test_board_languages import strings

FLAWS = (Path(__file__).parent / "board_flaws.js").read_text()


@pytest.mark.parametrize(
    ("beds", "size", "language"),
    [*((30, TABLET, language) for language in LANGUAGES), (60, WALL, "en"), (60, WALL, "ar")],
)
def test_all_beds_are_seen_at_once(
    chromium: Any, web_url: str, beds: int, size: tuple[int, int], language: str
) -> None:
    """Also with the bar that says that sound is off."""
    rows, alerts = ward(beds)
    person = "localStorage.setItem('bedside.person', 'Amara Diallo')"
    with board_page(chromium, web_url, rows, alerts, size=size, script=person, locale=language) as page:
        assert page.locator(".tile").count() == beds
        assert page.locator("#sound-off").is_visible()
        assert page.evaluate(FLAWS) == []
        page.locator("#sound-off").click()
        page.locator("#sound-off").wait_for(state="hidden")
        page.wait_for_timeout(100)
        assert page.evaluate(FLAWS) == []


@pytest.mark.parametrize("language", ["en", "ar"])
def test_patients_names_fit_too(chromium: Any, web_url: str, language: str) -> None:
    """On a calm tile and on an alert's; a bed of which the hub tells no name shows none."""
    rows, alerts = ward(30)
    for number, row in enumerate(rows):
        row["patient"] = ("Maria Schmidt", "Fatima Zahra Benali", None)[number % 3]
    with board_page(chromium, web_url, rows, alerts, locale=language) as page:
        assert page.evaluate(FLAWS) == []
        shown = page.locator(".tile", has=page.get_by_text("Fatima Zahra Benali").locator("visible=true"))
        assert shown.count() == 10
        assert page.locator(".patient:visible").count() == 18  # two are in the words of an alert


def test_few_beds_are_large(chromium: Any, web_url: str) -> None:
    rows, alerts = ward(12)
    with board_page(chromium, web_url, rows, alerts) as page:
        assert page.evaluate(FLAWS) == []
        heights = page.locator(".tile").evaluate_all("all => all.map(tile => tile.clientHeight)")
        assert min(heights) > 130
        used = page.evaluate(
            "document.getElementById('beds').clientHeight / document.getElementById('room').clientHeight"
        )
        assert used > 0.75


def test_half_the_ward_in_alarm_still_fits(chromium: Any, web_url: str) -> None:
    rows = [bed(number) for number in range(1, 31)]
    alerts = [alert(number, number, ("high", "medium", "technical")[number % 3]) for number in range(1, 16)]
    with board_page(chromium, web_url, rows, alerts) as page:
        assert page.evaluate(FLAWS) == []
    with board_page(chromium, web_url, rows, [accepted(one) for one in alerts], locale="de") as page:
        assert page.evaluate(FLAWS) == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_longest_reasons_fit(chromium: Any, web_url: str, language: str) -> None:
    rows = [bed(number) for number in range(1, 31)]
    own = strings(language)
    alerts = sorted(every_fault(), key=lambda one: len(own[f"fault_{one['fault']}"]))
    for shown in (alerts[-4:], [accepted(one) for one in alerts[-4:]], alerts):
        with board_page(chromium, web_url, rows, shown, locale=language) as page:
            flaws = page.evaluate(FLAWS)
            if shown is alerts:  # in the narrow tiles of half a ward in alarm the dialog tells the rest
                flaws = [flaw for flaw in flaws if not flaw.endswith("its text is cut short")]
            assert flaws == []


def test_a_phone_scrolls_and_cuts_nothing_off(chromium: Any, web_url: str) -> None:
    rows, alerts = ward(12)
    with board_page(chromium, web_url, rows, alerts, size=(390, 844)) as page:
        assert page.evaluate(FLAWS) == ["the beds scroll"]


def test_more_than_fit_scroll_with_the_alerts_on_top(chromium: Any, web_url: str) -> None:
    rows = [bed(number) for number in range(1, 81)]
    with board_page(chromium, web_url, rows, [alert(1, 77, "high"), alert(2, 66)]) as page:
        flaws = page.evaluate(FLAWS)
        assert flaws == ["the beds scroll"]
        names = page.locator(".bed").all_text_contents()
        assert names[:5] == ["Bed 77", "Bed 66", "Bed 1", "Bed 2", "Bed 3"]
        assert page.locator(".tile").first.bounding_box()["y"] < 200


def test_who_waits_longest_comes_first_within_a_priority(chromium: Any, web_url: str) -> None:
    rows = [bed(number) for number in (10, 2, 1, 7)]
    alerts = [alert(1, 7), alert(2, 10), alert(3, 1, "technical")]
    with board_page(chromium, web_url, rows, alerts) as page:
        assert page.locator(".bed").all_text_contents() == ["Bed 10", "Bed 7", "Bed 1", "Bed 2"]
