"""Messages that broke the contract, as an admin sees them: grouped, counted, harmless whatever they hold."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from account_parts import Ward, guarded_ward
from engine_parts import T0, put
from hub_parts import Broker
from playwright.sync_api import expect
from test_board_access import serious
from test_board_languages import TEXTS, strings

from hub import check, rejects
from hub.arrivals import Arrival
from hub.intake import KEPT_REJECTS
from hub.store import Store

TOPIC = "ser/v1/site/3b/bed-1/episode"
SCRIPT = b'{"v":1,"x":"<img src=x onerror=\\"document.title=\'owned\'\\"><script>document.title=1</script>"}'
HOSTILE = {
    "script": SCRIPT,
    "invalid UTF-8": b"\xff\xfe\x80 not text",
    "zeros": b"\0" * 900,
    "direction": "\u202eevil\u202c \u2066x".encode(),
    "huge": b"A" * 70_000,
    "empty": b"",
    "template": b"{{ 7 * 7 }} ${7*7} </pre></code>",
}


def broken(payload: bytes, topic: str = TOPIC, at: float = T0) -> Arrival:
    return Arrival(topic, payload, retained=False, at=at)


def groups(store: Store) -> list[rejects.Group]:
    with store.read() as connection:
        return rejects.groups(rejects.kept(connection))


def test_they_are_grouped_by_device_and_reason_newest_first(store: Store) -> None:
    other = TOPIC.replace("bed-1", "bed-2")
    put(store, *(broken(b"{}", at=T0 + n) for n in range(30)))
    put(
        store, broken(b"{}", other, T0 + 40), broken(b"[]", TOPIC, T0 + 50), broken(b"x", "no/topic", T0 + 60)
    )
    found = groups(store)
    assert [(one.device, one.kind, one.count) for one in found] == [
        ("no/topic", "", 1),
        ("3b/bed-1", "episode", 1),
        ("3b/bed-2", "episode", 1),
        ("3b/bed-1", "episode", 30),
    ]
    assert (found[3].first_at, found[3].last_at) == (T0, T0 + 29)
    assert len(found[3].messages) == rejects.SAMPLES
    with store.read() as connection:
        assert rejects.lately(connection, T0 + 86400 + 45) == 2


def test_numbers_in_a_reason_do_not_tear_a_group_apart(store: Store) -> None:
    put(store, *(broken(b"x" * (2000 + n)) for n in range(5)))
    assert [one.count for one in groups(store)] == [5]


def test_the_newest_thousand_are_shown(store: Store) -> None:
    for start in (0, 600):
        put(store, *(broken(b"{}", at=T0 + start + n) for n in range(600)))
    [group] = groups(store)
    assert (group.count, group.last_at) == (KEPT_REJECTS, T0 + 1199)


@pytest.mark.parametrize("payload", HOSTILE.values(), ids=HOSTILE)
def test_what_is_shown_can_be_seen_and_nothing_else(store: Store, payload: bytes) -> None:
    put(store, broken(payload, TOPIC + "\u202e\n"))
    [one] = groups(store)[0].messages
    assert one.size == min(len(payload), 1024)
    shown = one.text if one.text is not None else one.hex
    assert shown is not None
    assert shown.isprintable()
    assert one.topic.isprintable()
    assert (one.text is None) == (payload[:2] in (b"\xff\xfe", b"\0\0"))
    assert len(shown) <= 3 * 1024


@pytest.fixture(scope="module")
def ward(tmp_path_factory: pytest.TempPathFactory, broker: Broker) -> Iterator[Ward]:
    with guarded_ward(tmp_path_factory.mktemp("rejects"), broker) as ward:
        ward.add("Root", "admin")
        put(ward.store, *(broken(payload, at=time.time()) for payload in HOSTILE.values()))
        put(ward.store, broken(SCRIPT, f"ser/v1/x/3b/{SCRIPT.decode()}/episode", time.time()))
        yield ward


def opened(chromium: Any, ward: Ward, light: str, **options: Any) -> Any:
    context = chromium.new_context(viewport={"width": 1280, "height": 800}, **options)
    context.add_init_script(f"localStorage.setItem('bedside.light', '{light}')")
    context.add_cookies([{"name": "bedside", "value": ward.cookie("Root"), "url": ward.hub.url}])
    page = context.new_page()
    page.goto(f"{ward.hub.url}/rejects")
    page.locator(".group").first.wait_for()
    return page


@pytest.mark.parametrize(("language", "light"), [("en", "day"), ("ar", "night")])
def test_what_an_attacker_sent_is_text_on_the_page(
    chromium: Any, ward: Ward, language: str, light: str
) -> None:
    page = opened(chromium, ward, light, locale=language)
    for summary in page.locator("#groups summary").all():
        summary.click()
    expect(page.locator("pre", has_text="<script>").first).to_be_visible()
    assert "ff fe 80" in (page.locator("#groups").text_content() or "")
    assert page.title().endswith(" · Bedside")
    assert page.locator("#groups img, #groups script").count() == 0
    assert serious(page) == []
    small = page.locator("button:visible, summary, a.tool").evaluate_all(
        "all => all.filter(one => one.getBoundingClientRect().height < 44).map(one => one.outerHTML)"
    )
    assert small == []
    if language != "en":
        english = set(strings("en").values()) - set(strings(language).values())
        assert [text for text in page.evaluate(TEXTS) if text in english] == []
    page.context.close()


def test_the_check_tells_the_administrator(ward: Ward) -> None:
    with ward.store.read() as connection:
        [finding] = check.set_aside(connection, time.time())
        assert str(len(HOSTILE) + 1) in str(finding)
        assert check.set_aside(connection, time.time() + 90_000) == []
