"""Who can use the board: eyes by day and night, keyboard, screen reader, and a tablet's home screen."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import axe_playwright_python
import pytest
from board_parts import accepted, alert, bed, board_page, stream, ward
from playwright.sync_api import expect

AXE = next(Path(axe_playwright_python.__file__).parent.rglob("axe.min.js")).read_text()
RULES = """() => axe.run(document, { resultTypes: ['violations'] }).then((found) => found.violations
  .map((one) => [one.impact, one.id, one.nodes.map((node) => node.html + node.failureSummary)]))"""
COLOURS = """() => [...document.querySelectorAll('.tile:not([data-priority="none"])')].map((tile) =>
  [tile, ...tile.querySelectorAll('*')].filter((node) => node.checkVisibility()).map((node) => {
    const style = getComputedStyle(node);
    const own = [style.color, style.backgroundColor, style.boxShadow, style.opacity, style.filter];
    return `${node.className.baseVal ?? node.className}: ${own}`;
  }))"""
LISTEN_TO_LIVE = """() => {
  window.said = [];
  const note = (changes) => changes.forEach((one) => window.said.push(one.target.id || one.target.data));
  const live = '[aria-live], [role="status"], [role="alert"], [role="log"]';
  for (const node of document.querySelectorAll(live)) {
    new MutationObserver(note).observe(node, { childList: true, characterData: true, subtree: true });
  }
}"""
STILL = "document.getAnimations().forEach((one) => { one.pause(); one.currentTime = 0; })"
# The relative luminance of a colour like rgb(1, 2, 3), by WCAG 2.2.
LUMINANCE = """(node) => {
  const parts = getComputedStyle(node).color.match(/[\\d.]+/g).slice(0, 3).map((part) => part / 255);
  const [r, g, b] = parts.map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}"""


def serious(page: Any) -> list[Any]:
    page.evaluate(STILL)
    page.evaluate(AXE)
    return [found for found in page.evaluate(RULES) if found[0] in ("serious", "critical")]


@pytest.mark.parametrize(("light", "language"), [("day", "en"), ("night", "en"), ("day", "ar")])
def test_axe_finds_nothing_serious(chromium: Any, web_url: str, light: str, language: str) -> None:
    """The board, then its dialogs: the alert's answers, settings, what is over."""
    rows, alerts = ward(30)
    alerts += [alert(5, 20, missed=True), alert(6, 1, state="closed", closed_by="Ben Ortiz", closed_at=1.8e9)]
    with board_page(chromium, web_url, rows, alerts, light=light, locale=language) as page:
        assert serious(page) == []
        page.locator(".close:visible").first.click()
        expect(page.locator("#answers .outcome").first).to_be_visible()
        assert serious(page) == []
        page.keyboard.press("Escape")
        for button, dialog in (("#menu", "#settings"), ("#recent-button", "#recent"), ("#you", "#people")):
            page.locator(button).click()
            expect(page.locator(dialog)).to_be_visible()
            assert serious(page) == []
            page.keyboard.press("Escape")
            expect(page.locator(dialog)).to_be_hidden()
            expect(page.locator(button)).to_be_focused()


def test_night_dims_calm_beds_but_never_an_alarm(chromium: Any, web_url: str) -> None:
    rows, alerts = ward(12)
    seen = {}
    for light in ("day", "night"):
        with board_page(chromium, web_url, rows, alerts, light=light) as page:
            assert page.evaluate("document.documentElement.dataset.light") == light
            page.evaluate(STILL)
            seen[light] = page.evaluate(COLOURS)
            calm = page.locator('.tile[data-priority="none"]').first
            seen[light + " calm"] = calm.locator(".bed").evaluate(LUMINANCE)
            seen[light + " ground"] = calm.evaluate("node => getComputedStyle(node).backgroundColor")
    assert len(seen["day"]) == 4
    assert seen["day"] == seen["night"]
    assert seen["day ground"] != seen["night ground"]
    assert seen["night calm"] < 0.7  # white would be 1


@pytest.mark.parametrize(("hour", "light"), [(6, "night"), (7, "day"), (19, "day"), (20, "night")])
def test_night_comes_by_itself(chromium: Any, web_url: str, hour: int, light: str) -> None:
    script = f"Date.prototype.getHours = () => {hour};"
    with board_page(chromium, web_url, [bed(1)], [], light="auto", script=script) as page:
        assert page.evaluate("document.documentElement.dataset.light") == light


def test_flashing_is_as_slow_as_it_must_be(chromium: Any, web_url: str) -> None:
    """High 2 Hz, medium 0.6 Hz, technical and accepted steady; never more than three flashes a second."""
    rows, alerts = ward(12)
    with board_page(chromium, web_url, rows, alerts) as page:
        rates = page.locator(".tile > header").evaluate_all(
            "all => all.map(head => head.getAnimations().map(one => 1000 / one.effect.getTiming().duration))"
        )
        assert [round(rate[0], 1) if rate else 0 for rate in rates[:4]] == [2, 0.6, 0, 0]
        assert all(rate == [] for rate in rates[4:])
        assert page.evaluate("document.getAnimations().length") == 2


def test_the_keyboard_reaches_every_action_in_the_order_seen(chromium: Any, web_url: str) -> None:
    rows, alerts = ward(12)
    with board_page(chromium, web_url, rows, alerts) as page:
        reached = []
        for _ in range(11):
            page.keyboard.press("Tab")
            reached.append(page.evaluate("document.activeElement.id || document.activeElement.ariaLabel"))
            width = page.evaluate("getComputedStyle(document.activeElement).outlineWidth")
            assert width == "3px"
        assert reached[:3] == ["recent-button", "you", "menu"]
        answers = [name for name in reached if name.startswith(("Accept", "Close"))]
        beds = [name.split(":")[0] for name in answers]
        assert beds == ["Accept Bed 5", "Accept Bed 9", "Close … Bed 11", "Accept Bed 12"]


def test_new_alerts_are_said_and_only_high_ones_interrupt(chromium: Any, web_url: str) -> None:
    rows = [bed(1), bed(2), bed(3)]
    with board_page(chromium, web_url, rows, []) as page:
        events = stream(rows, [alert(1, 1, "high"), alert(2, 2), accepted(alert(3, 3))])
        page.route(
            "**/api/stream", lambda route: route.fulfill(body=events, content_type="text/event-stream")
        )
        loud, calm = page.locator("#announce-high"), page.locator("#announce")
        expect(loud).to_contain_text("Bed 1: Distress")
        expect(calm).to_contain_text("Bed 2: Distress.")
        assert "Bed 3" not in f"{loud.text_content()} {calm.text_content()}"
        assert loud.get_attribute("aria-live") == "assertive"
        assert calm.get_attribute("aria-live") == "polite"


def test_news_of_one_moment_is_all_said(chromium: Any, web_url: str) -> None:
    """A mute that begins does not take the place of the alert that is raised with it."""
    rows, alerts = [bed(1), bed(2)], [alert(9, 1, state="closed")]
    with board_page(chromium, web_url, rows, alerts) as page:
        expect(page.locator("#pulse-word")).to_have_text("Live")
        alerts.append(alert(1, 1))
        rows[1] |= {"muted_until": time.time() + 900, "muted_by": "Ben Ortiz", "muted_reason": "therapy"}
        said = page.locator("#announce")
        expect(said).to_contain_text("Bed 1: Distress.")
        expect(said).to_contain_text("Bed 2: muted for 15")


def test_a_screen_reader_is_told_of_changes_and_not_of_each_second(chromium: Any, web_url: str) -> None:
    alerts = [alert(1, 1, "high"), alert(2, 2, paused_until=time.time() + 110, paused_by="A")]
    with board_page(chromium, web_url, [bed(1), bed(2)], alerts, clock=True) as page:
        waiting = page.locator(".waiting").first
        before = waiting.text_content()
        page.evaluate(LISTEN_TO_LIVE)
        page.clock.run_for(3000)
        expect(waiting).not_to_have_text(before)
        assert page.evaluate("window.said") == []

        page.route("**/api/stream", lambda route: route.abort())
        page.clock.set_system_time(time.time() - 3600)  # the tablet's clock is set back meanwhile
        page.clock.run_for(20_000)
        why = page.locator("#not-live-why")
        expect(why).to_be_visible()
        expect(page.locator("#not-live-said")).to_contain_text("NOT LIVE. Nothing heard from the hub for")
        before = why.text_content()
        page.evaluate("window.said.length = 0")
        page.clock.run_for(4000)
        expect(why).not_to_have_text(before)
        assert page.evaluate("window.said") == []


def test_time_that_passes_while_the_tablet_sleeps_counts_and_a_clock_set_back_does_not(
    chromium: Any, web_url: str
) -> None:
    with board_page(chromium, web_url, [bed(1)], []) as page:
        before, back, slept = page.evaluate("""async () => {
          const { seconds } = await import("/static/clock.js");
          const now = Date.now;
          const found = [seconds()];
          Date.now = () => now() - 3600e3;
          found.push(seconds());
          Date.now = () => now() + 1800e3;
          found.push(seconds());
          Date.now = now;
          return found;
        }""")
    assert 0 <= back - before < 60
    assert 5400 <= slept - back < 5460


def test_a_board_open_for_months_does_not_grow(chromium: Any, web_url: str) -> None:
    with board_page(chromium, web_url, [bed(1)], []) as page:
        kept = page.evaluate("""async () => {
          const { forgetOld } = await import("/static/summary.js");
          const states = ["closed", "resolved", "merged", "waiting"];
          const all = new Map();
          for (let id = 0; id < 200; id += 1) {
            all.set(id, { id, state: states[id % 4], opened_at: id, ended_at: id, closed_at: null });
          }
          forgetOld(all);
          return [...all.values()].map((one) => [one.id, one.state]);
        }""")
    assert len([state for _, state in kept if state == "waiting"]) == 50
    assert [number for number, state in kept if state != "waiting"] == [
        n for n in range(160, 200) if n % 4 < 2
    ]


def test_it_can_be_installed_and_keeps_the_screen_awake(chromium: Any, web_url: str) -> None:
    script = """window.locks = [];
      navigator.wakeLock.request = (kind) => { window.locks.push(kind); return Promise.resolve({}); };"""
    with board_page(chromium, web_url, [bed(1)], [], script=script) as page:
        session = page.context.new_cdp_session(page)
        manifest = session.send("Page.getAppManifest")
        assert manifest["url"].endswith("/static/board.webmanifest")
        assert manifest["errors"] == []
        kinds = [
            one["errorId"] for one in session.send("Page.getInstallabilityErrors")["installabilityErrors"]
        ]
        assert [kind for kind in kinds if kind != "in-incognito"] == []  # Playwright's contexts all are
        assert page.evaluate("window.locks") == ["screen"]
        assert page.evaluate("navigator.serviceWorker.getRegistrations().then(all => all.length)") == 0
        for name in ("icon-192.png", "icon-512.png", "icon-maskable-512.png"):
            size = page.evaluate(
                "(name) => fetch(`/static/${name}`).then((answer) => answer.blob())"
                ".then((blob) => createImageBitmap(blob)).then((image) => image.width)",
                name,
            )
            assert str(size) in name
