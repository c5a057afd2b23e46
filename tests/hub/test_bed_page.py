"""One bed's page in a real Chromium, over a day that went through the real ingest and engine."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from bed_day import live_through
from board_parts import LANGUAGES, bed, stream
from hub_parts import Broker, Hub, serving, until
from playwright.sync_api import expect
from test_board_access import serious
from test_board_languages import STATIC, TEXTS, places, strings

from hub.store import Store

expect.set_options(timeout=20_000)
PAGES = {"bed": "bed.html", "rejects": "rejects.html"}
NAMES = r"Bed 5|bed-05|3b|site-\w+|bedside-ser [\d.]+|Amara Diallo|Ben Ortiz|simulated 1|0\.1\.0"
DASH = "\u2013"
REASONS = r"started|network is back|power lost or network down|listening again|muted: washing"
REASONS += "|microphone unplugged|microphone is back"


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory, broker: Broker) -> Iterator[Hub]:
    hub = Hub(tmp_path_factory.mktemp("bed"), broker.port)
    store = Store(hub.database)
    live_through(store, time.time())
    store.close()
    with serving(hub):
        yield hub


@contextmanager
def bed_page(
    chromium: Any,
    hub: Hub,
    *,
    size: tuple[int, int] = (1280, 800),
    light: str = "day",
    at: str = "",
    **options: Any,
) -> Iterator[Any]:
    """The page with the hub's real past and a stream that lives."""
    context = chromium.new_context(viewport={"width": size[0], "height": size[1]}, **options)
    context.set_default_timeout(60_000)  # two cores may have much else to do
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    [number] = [row[0] for row in hub.rows("SELECT id FROM devices WHERE name = 'bed-05'")]
    rows = [bed(number, bed="Bed 5", name="bed-05", emotion="sad", emotion_at=time.time())]
    page.route(
        "**/api/stream",
        lambda route: route.fulfill(body=stream(rows, []), content_type="text/event-stream"),
    )
    page.add_init_script(f"localStorage.setItem('bedside.light', '{light}')")
    page.goto(f"{hub.url}/beds/{number}{at}")
    page.locator(".lanes").wait_for()
    yield page
    context.close()
    assert [error for error in errors if "net::ERR_" not in error] == []


def texts_of(folder: str, language: str) -> dict[str, str]:
    text = (STATIC / folder / "lang" / f"{language}.js").read_text()
    return dict(json.loads(text.removeprefix("export default ").rstrip().removesuffix(";")))


@pytest.mark.parametrize("folder", PAGES)
@pytest.mark.parametrize("language", LANGUAGES)
def test_no_text_of_a_page_is_missing_or_unused(folder: str, language: str) -> None:
    english, own = texts_of(folder, "en"), texts_of(folder, language)
    assert list(own) == list(english)
    assert all(own.values())
    assert {key for key in english if places(english[key]) != places(own[key])} == set()
    code = "\n".join(path.read_text() for path in (STATIC / folder).glob("*.js"))
    code += (STATIC.parent / "templates" / PAGES[folder]).read_text()
    literal = set(re.findall(r"[\"'`](\w+)[\"'`]", code))
    families = tuple(re.findall(r"`(\w+_)\$\{", code))
    assert {key for key in own if key not in literal and not key.startswith(families)} == set()
    for name in re.findall(r"\bt\(\"(\w+)\"", code) + re.findall(r"data-t(?:-label)?=\"(\w+)\"", code):
        assert name in own or name in strings(language)


@pytest.mark.parametrize("language", [name for name in LANGUAGES if name != "en"])
def test_no_english_is_left_on_the_page(chromium: Any, hub: Hub, language: str) -> None:
    english = {**strings("en"), **texts_of("bed", "en")}
    own = {**strings(language), **texts_of("bed", language)}
    words = {
        word
        for key in english
        for word in re.findall(r"[a-z]{4,}", re.sub(r"\{\w+\}", " ", english[key].lower()))
    }
    words -= set(re.findall(r"\w+", " ".join(own.values()).lower()))
    with bed_page(chromium, hub, locale=language) as page:
        page.locator("#details summary").click()
        found = page.evaluate(TEXTS) + page.locator("svg title").all_text_contents()
        assert page.evaluate("document.documentElement.dir") == ("rtl" if language == "ar" else "ltr")
    assert len(found) > 300
    plain = [re.sub(f"{NAMES}|{REASONS}", "", text).lower() for text in found]
    assert [text for text in plain if words & set(re.findall(r"\w+", text))] == []


@pytest.mark.parametrize(("light", "language"), [("day", "en"), ("night", "de"), ("day", "ar")])
def test_axe_finds_nothing_serious_and_all_can_be_touched(
    chromium: Any, hub: Hub, light: str, language: str
) -> None:
    with bed_page(chromium, hub, light=light, locale=language) as page:
        page.locator("#details summary").click()
        assert serious(page) == []
        small = page.locator("button:visible, input:visible, summary, a.tool").evaluate_all(
            """all => all.filter(one => { const box = one.getBoundingClientRect();
              return box.height < 44 || box.width < 44; }).map(one => one.outerHTML)"""
        )
        assert small == []
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_what_was_not_heard_is_said_in_picture_words_and_table(chromium: Any, hub: Hub) -> None:
    with bed_page(chromium, hub) as page:
        expect(page.locator(".unheard").nth(2)).to_be_attached()
        expect(page.locator("#sums")).to_contain_text("microphone muted")
        said = page.locator(".lanes .unheard title").all_text_contents()
        for why in ("microphone muted", "microphone lost"):
            assert any(why in one for one in said)
        page.locator("#details summary").click()
        muted = page.locator("#table tr", has_text="Not heard: microphone")
        assert muted.count() >= 3
        for row in muted.all():
            assert "Quiet" not in (row.text_content() or "")
            assert "Calm" not in (row.text_content() or "")


def test_who_did_what_is_told_newest_first(chromium: Any, hub: Hub) -> None:
    with bed_page(chromium, hub) as page:
        told = page.locator("#told li > span").all_text_contents()
    in_order = [
        "Short distress, no alert: Surprised",
        "Missed distress: Frightened",
        f"Ben Ortiz closed Distress {DASH} high: Distress",
        f"Ben Ortiz accepted: Distress {DASH} high",
        "Ben Ortiz silenced the alert",
        f"Became Distress {DASH} high",
        "Distress: Frightened",
        "Ben Ortiz closed Distress: Other need",
        "Distress: Sad",
        "Microphone: Mic lost",
        "Amara Diallo cleared the patient",
        "Amara Diallo changed the patient\u2019s name",
        "Amara Diallo entered the patient",
        "Amara Diallo muted alerts for 60",
    ]
    found = [next((n for n, text in enumerate(told) if text.startswith(one)), None) for one in in_order]
    assert None not in found, told
    assert found == sorted(found)  # type: ignore[type-var]


def test_the_keyboard_moves_through_the_hours(chromium: Any, hub: Hub) -> None:
    with bed_page(chromium, hub) as page:
        slider = page.locator("#scrub")
        slider.focus()
        said = []
        for _ in range(3):
            page.keyboard.press("ArrowLeft")
            said.append(slider.get_attribute("aria-valuetext") or "")
        assert len(set(said)) == 3
        assert said[-1].split(",")[0] in (page.locator("#readout").text_content() or "")
        page.keyboard.press("Home")
        first = slider.get_attribute("aria-valuetext")
        assert first != said[-1]


def test_hours_before_and_closer(chromium: Any, hub: Hub) -> None:
    with bed_page(chromium, hub) as page:
        slices = page.locator("#table tbody tr")
        assert 96 <= slices.count() <= 98
        page.get_by_role("button", name="1 h", exact=True).click()
        expect(slices.first).to_contain_text(re.compile(r"\d\d:\d\d"))
        expect(page.locator("[data-hours='1']")).to_have_attribute("aria-pressed", "true")
        until(lambda: page.locator("#table tbody tr").count() <= 62, 20, "minutes instead of quarter hours")
        page.get_by_role("button", name="Earlier").click()
        expect(page.get_by_role("button", name="Up to now")).to_be_enabled()
        assert re.search(r"#hours=1&to=\d+$", page.url)
        page.reload()
        page.locator(".lanes").wait_for()
        expect(page.locator("[data-hours='1']")).to_have_attribute("aria-pressed", "true")
        page.get_by_role("button", name="Up to now").click()
        expect(page.get_by_role("button", name="Later")).to_be_disabled()


def test_in_arabic_time_runs_from_right_to_left(chromium: Any, hub: Hub) -> None:
    with bed_page(chromium, hub, locale="ar") as page:
        edges = page.locator(".lanes .spoken").evaluate_all(
            "all => all.map(one => Number(one.getAttribute('x')))"
        )
    assert edges == sorted(edges, reverse=True)


def test_it_says_not_live_and_when_it_cannot_load(chromium: Any, hub: Hub) -> None:
    with bed_page(chromium, hub) as page:
        page.route("**/timeline?*", lambda route: route.abort())
        page.get_by_role("button", name="6 h", exact=True).click()
        expect(page.locator("#trouble")).to_contain_text("cannot be shown")
        body = stream([], [], silent=["engine"])
        page.route("**/api/stream", lambda route: route.fulfill(body=body, content_type="text/event-stream"))
        expect(page.locator("#not-live")).to_be_visible(timeout=20_000)
        expect(page.locator("#not-live-why")).to_contain_text("raises alerts")
        assert page.locator("#app").evaluate("node => node.inert")
        page.unroute("**/timeline?*")


def test_it_fits_on_paper(chromium: Any, hub: Hub, tmp_path: Path) -> None:
    with bed_page(chromium, hub, light="night") as page:
        page.pdf(path=tmp_path / "bed.pdf", prefer_css_page_size=True)
        page.emulate_media(media="print")
        assert (
            page.locator("body").evaluate("node => getComputedStyle(node).backgroundColor")
            == "rgb(255, 255, 255)"
        )
        assert not page.locator("#scrub").is_visible()
        assert page.locator(".lanes").is_visible()
    pages = len(re.findall(rb"/Type\s*/Page\b(?!s)", (tmp_path / "bed.pdf").read_bytes()))
    assert 1 <= pages <= 2


def test_a_phone_needs_no_scrolling_sideways(chromium: Any, hub: Hub) -> None:
    with bed_page(chromium, hub, size=(390, 844), locale="de") as page:
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
