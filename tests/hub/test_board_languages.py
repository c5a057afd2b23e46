"""Six languages, each complete: no key missing or unused, no English left on a page in another one."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from board_parts import LANGUAGES, accepted, alert, bed, board_page, every_fault, ward

from hub.faults import CAUSES

STATIC = Path(__file__).parents[2] / "hub" / "static"
NAMES = r"Bed \d+|site-\w+|bedside-ser [\d.]+|Amara Diallo|Ben Ortiz"
OF_THEIR_OWN = ("bed.html", "rejects.html")  # tried with their own texts in test_bed_page.py
NUMBER = r"[\d:]+"  # \d is a digit of any script

# Every text that is in the page, shown or waiting to be, and every label.
TEXTS = """() => {
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode.parentElement;
    if (node.tagName !== 'OPTION' || node.lang === '') found.push(walker.currentNode.data.trim());
  }
  for (const node of document.querySelectorAll('[aria-label], [title]')) {
    found.push(node.getAttribute('aria-label') || '', node.title || '');
  }
  return found.filter((text) => text);
}"""

# A value of a fault as the browser itself writes it in a language.
FORMAT = """([locale, name, value]) => {
  const unit = { seconds: 'second', hours: 'hour', days: 'day', megabytes: 'megabyte' }[name];
  if (typeof value !== 'number') return value;
  const unitDisplay = unit === 'megabyte' ? 'short' : 'long';
  return new Intl.NumberFormat(locale, unit && { style: 'unit', unit, unitDisplay }).format(value);
}"""


CALLED = [{"level": level, "at": 1.8e9} for level in ("buddy", "ward", "lead")]


def outside(*states: str) -> list[dict[str, Any]]:
    """What became of a call to the ward's phone, once for each state."""
    return [{"channel": "push", "name": "Amara Diallo", "state": state, "at": 1.8e9} for state in states]


def strings(language: str) -> dict[str, str]:
    text = (STATIC / "lang" / f"{language}.js").read_text()
    return dict(json.loads(text.removeprefix("export default ").rstrip().removesuffix(";")))


def places(text: str) -> set[str]:
    return set(re.findall(r"\{\w+\}", text))


def grammar(own: dict[str, str]) -> re.Pattern[str]:
    """All that a page may say in a language: its own texts, with what belongs there in their places."""
    inner = dict.fromkeys(("n", "time", "lost", "all"), NUMBER)
    inner |= dict.fromkeys(("name", "bed", "ward"), NAMES)

    def filled(*keys: str) -> str:
        texts = [own[key] for name in keys for key in own if re.fullmatch(name, key)]
        return "|".join(
            re.sub(r"\\\{(\w+)\\\}", lambda found: f"(?:{inner[found[1]]})", re.escape(t)) for t in texts
        )

    inner["span"] = filled("seconds", "minutes", "hours", "days")
    inner["left"] = f"{NUMBER}|{filled('minutes')}|(?:{filled('hours')}) (?:{filled('minutes')})"
    inner["ago"] = filled("now", "ago")
    level, outside = filled("called_.*"), filled("outside_.*")
    inner["list"] = f"(?:(?:{level})[,،、 ]*)+(?: ?\\((?:(?:{outside})[,،、 ]*)+\\))?"
    inner["emotion"] = filled("cause_.*", "emotion_.*")
    inner["word"] = filled("alert_.*")
    inner["reason"] = filled("reason.*", "fault_(?:ward|clock|microphone_lost)", "mute_(?:therapy|visitors)")
    inner["reason"] += "|" + filled("times")
    news = f"(?:(?:{filled('announce')}) ?)+"
    how = filled("going_on", "ended", "since", "late")
    waiting = f"(?:{how}) · (?:{filled('called')})"
    chips = f"{NUMBER} (?:{filled('p_.*')})|{inner['left']}"
    return re.compile(
        f"{filled('(?!refused_|fault_).*')}|{inner['reason']}|{NAMES}|{waiting}|{news}|{chips}|[\\u2013: ]+"
    )


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_key_is_missing_or_unused(language: str) -> None:
    english, own = strings("en"), strings(language)
    assert list(own) == list(english)
    assert all(own.values())
    assert {key for key in english if places(english[key]) != places(own[key])} == set()
    code = "\n".join(path.read_text() for path in STATIC.glob("*.js"))
    templates = (STATIC.parent / "templates").glob("*.html")
    code += "\n".join(path.read_text() for path in templates if path.name not in OF_THEIR_OWN)
    literal = set(re.findall(r"[\"'`](\w+)[\"'`]", code))
    literal |= set(re.findall(r"{% block title %}(\w+)", code))
    families = (*re.findall(r"`(\w+_)\$\{", code), "outcome_", "reason_")
    assert {key for key in own if key not in literal and not key.startswith(families)} == set()
    for name in re.findall(r"\bt\(\"(\w+)\"", code) + re.findall(r"data-t(?:-label)?=\"(\w+)\"", code):
        assert name in own


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_cause_of_a_technical_alert_is_told_whole(chromium: Any, web_url: str, language: str) -> None:
    """With its values, in the language's own numbers and units; an old row keeps its English sentence."""
    own = strings(language)
    assert {key.removeprefix("fault_") for key in own if key.startswith("fault_")} == set(CAUSES)
    alerts = every_fault()
    old = alert(99, 99, "technical", fault="", reason="microphone gone")
    beds = [bed(one["device_id"]) for one in alerts]
    with board_page(chromium, web_url, [*beds, bed(99)], [*alerts, old], locale=language) as page:
        for one in alerts:
            code, values = one["fault"], one["fault_values"]
            assert places(own[f"fault_{code}"]) == {f"{{{name}}}" for name in values}
            filled = {name: page.evaluate(FORMAT, [language, name, value]) for name, value in values.items()}
            assert reason(page, one["device_id"]) == own[f"fault_{code}"].format(**filled)
        assert reason(page, 99) == "Microphone gone"


def reason(page: Any, number: int) -> str:
    mine = page.locator(".tile").filter(has=page.get_by_role("heading", name=f"Bed {number}", exact=True))
    return str(mine.locator(".reason").text_content())


@pytest.mark.parametrize("language", [name for name in LANGUAGES if name != "en"])
def test_no_english_is_left_on_the_page(chromium: Any, web_url: str, language: str) -> None:
    """Each text is one of the language's own, with numbers, times and names in its places."""
    rows, alerts = ward(14)
    until = rows[0]["heard_at"] + 900
    rows.append(bed(15, muted_until=until, muted_by="Amara Diallo", muted_reason="therapy"))
    rows.append(bed(16, muted_until=until + 9000, muted_by="Ben Ortiz", muted_reason="visitors"))
    alerts += [
        alert(5, 3, "technical", kind="link", fault="ward", fault_values={"lost": 2, "all": 3}),
        alert(6, 4, missed=True),
        accepted(alert(7, 6, "high", level_db=-60.0)),
        alert(8, 1, state="closed", closed_by="Ben Ortiz", closed_at=1.8e9, outcome="could not tell"),
        alert(9, 2, "technical", state="resolved", ended_at=1.8e9, kind="clock", fault="clock"),
        alert(10, 8, paused_until=rows[0]["heard_at"] + 60, paused_by="Ben Ortiz"),
        alert(11, 10, "high", level=4, called=CALLED, outside=outside("delivered", "failed")),
        alert(12, 13, level=4, called=CALLED[2:], outside=outside("pending")),
    ]
    own = strings(language)
    allowed = grammar(own)
    with board_page(chromium, web_url, rows, alerts, locale=language) as page:
        page.get_by_role("button", name=re.compile("^" + re.escape(own["close"]))).first.click()
        page.locator("#answers .outcome").first.wait_for()
        texts = page.evaluate(TEXTS)
        for number in (15, 8, 1):  # muted, paused, calm
            page.keyboard.press("Escape")
            page.get_by_role("button", name=own["open_bed"].format(bed=f"Bed {number}"), exact=True).click()
            texts += page.evaluate(TEXTS)
        assert page.evaluate("document.documentElement.dir") == ("rtl" if language == "ar" else "ltr")
        assert page.evaluate("document.documentElement.lang") == language
    assert len(texts) > 120
    assert [text for text in texts if not allowed.fullmatch(text)] == []
    leaks = [
        f"{one} {two}" for one, two in (("Not", "hearing"), ("5 s", "ago"), ("Accepted by", "Ben Ortiz"))
    ]
    assert [text for text in leaks if allowed.fullmatch(text)] == []  # or the test would see nothing


def test_the_menu_changes_the_language_and_the_browser_remembers(chromium: Any, web_url: str) -> None:
    rows, alerts = ward(12)
    with board_page(chromium, web_url, rows[:6], alerts[:1], locale="en-GB") as page:
        page.get_by_role("button", name="Settings").click()
        page.get_by_label("Language").select_option("ar")
        page.keyboard.press("Escape")
        assert page.locator(".tile .word").first.text_content() == strings("ar")["alert_high"]
        first, second = (page.locator(".tile").nth(index).bounding_box() for index in (0, 1))
        assert first["x"] > second["x"] or first["y"] < second["y"]  # mirrored
        page.reload()
        page.locator(".tile").first.wait_for()
        assert page.evaluate("[document.documentElement.lang, document.documentElement.dir]") == ["ar", "rtl"]
        page.locator("#menu").click()
        page.locator("#language").select_option("")
        assert page.evaluate("document.documentElement.lang") == "en"
        assert page.locator(".tile .word").first.text_content() == strings("en")["alert_high"]
