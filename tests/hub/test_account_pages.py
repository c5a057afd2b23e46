"""The pages beside the board in Chromium: a tablet at night, people and tablets, languages, eyes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from account_parts import PASSWORD, PIN, Ward, guarded_ward
from board_parts import LANGUAGES, TABLET
from hub_parts import Broker, until
from playwright.sync_api import expect
from sqlalchemy import text
from test_board_access import serious
from test_board_languages import TEXTS, grammar, strings

from hub.store import next_revision

expect.set_options(timeout=20_000)  # a page's modules may take long on a busy machine
ACCEPT = re.compile("^Accept Bed")


@pytest.fixture(scope="module")
def ward(tmp_path_factory: pytest.TempPathFactory, broker: Broker) -> Iterator[Ward]:
    with guarded_ward(tmp_path_factory.mktemp("pages"), broker) as ward:
        ward.add("Root Admin", "admin")
        ward.add("Lena Lead", "lead", "a")
        for name in ("Amara Diallo", "Ben Ortiz"):
            ward.add(name, "nurse", "a")
            ward.set_pin(name)
        yield ward


@pytest.fixture
def page(chromium: Any) -> Iterator[Any]:
    context = chromium.new_context(viewport={"width": TABLET[0], "height": TABLET[1]}, locale="en-GB")
    yield context.new_page()
    context.close()


def enter(page: Any, ward: Ward, who: str, path: str = "/") -> None:
    page.context.add_cookies([{"name": "bedside", "value": ward.cookie(who), "url": ward.hub.url}])
    page.goto(ward.hub.url + path)


def on_tablet(page: Any, ward: Ward, name: str) -> None:
    with ward.tablet("a", name) as client:
        cookie = client.cookies["bedside"]
    page.context.add_cookies([{"name": "bedside", "value": cookie, "url": ward.hub.url}])
    page.goto(ward.hub.url)
    page.get_by_role("button", name=ACCEPT).wait_for()


def accepted_by(ward: Ward) -> Any:
    return ward.hub.rows(f"SELECT accepted_by FROM alerts WHERE id = {ward.alerts['a']}")[0][0]  # noqa: S608


def wait_again(ward: Ward) -> None:
    """The alert waits as if nobody had done anything, and no wrong PIN counts."""
    with ward.store.write() as connection:
        waits = text("UPDATE alerts SET accepted_by = NULL, accepted_at = NULL, revision = :revision")
        connection.execute(waits, {"revision": next_revision(connection)})
        connection.execute(text("DELETE FROM login_failures"))


def give(page: Any, pin: str) -> None:
    for digit in pin:
        page.locator(f'[data-digit="{digit}"]').click()
    page.get_by_role("button", name="OK").click()


def test_a_nurse_accepts_on_a_shared_tablet(ward: Ward, page: Any) -> None:
    """A tap for Accept, the name, four digits, OK; a wrong PIN is said; then a minute without."""
    wait_again(ward)
    on_tablet(page, ward, "Station")
    expect(page.locator("#you")).to_have_text("Tablet Station")
    page.get_by_role("button", name=ACCEPT).click()
    dialog = page.locator("#sign")
    expect(dialog.get_by_role("heading", name="Who are you?")).to_be_visible()
    dialog.get_by_role("button", name="Amara Diallo").click()
    give(page, "9182")
    expect(dialog.get_by_role("alert")).to_have_text("The PIN is wrong.")
    expect(page.locator("#sign-dots")).to_have_text("○○○○")
    assert accepted_by(ward) is None
    page.keyboard.type(PIN)
    page.keyboard.press("Enter")
    expect(dialog).to_be_hidden()
    assert accepted_by(ward) == "Amara Diallo"
    expect(page.locator("#you")).to_contain_text(re.compile(r"Amara Diallo · \d+"))
    page.get_by_role("button", name=re.compile("^Close … Bed")).click()
    page.locator("#answers .outcome").first.click()
    query = f"SELECT closed_by FROM alerts WHERE id = {ward.alerts['a']}"  # noqa: S608
    until(lambda: ward.hub.rows(query) == [("Amara Diallo",)], what="the closing, without another PIN")
    page.route("**/api/tablet/done", lambda route: route.abort())
    page.locator("#you").click()
    expect(page.locator("#toast")).to_contain_text("The hub does not answer")
    expect(page.locator("#you")).to_contain_text(
        "Amara Diallo"
    )  # whoever comes next must not think it is over
    page.unroute("**/api/tablet/done")
    page.locator("#you").click()
    expect(page.locator("#you")).to_have_text("Tablet Station")
    with ward.store.write() as connection:
        connection.execute(text("UPDATE alerts SET closed_by = NULL, closed_at = NULL, outcome = NULL"))


def test_nobody_is_kept_from_accepting_at_three_in_the_morning(ward: Ward, page: Any) -> None:
    """Two taps without a PIN, also from the PIN pad; the board says so."""
    wait_again(ward)
    on_tablet(page, ward, "Night")
    for path in ([], ["Ben Ortiz"]):
        wait_again(ward)
        page.reload()
        page.get_by_role("button", name=ACCEPT).click()
        for name in path:
            page.locator("#sign").get_by_role("button", name=name).click()
        page.get_by_role("button", name="Accept without a PIN").click()
        expect(page.locator("#sign")).to_be_hidden()
        assert accepted_by(ward) == "Tablet Night, not identified"
        expect(page.locator(".tile .who").first).to_contain_text("Tablet Night, not identified")
    page.locator(".tile .open").first.click()
    page.locator("#answers .accept").click()
    page.locator("#sign").get_by_role("button", name="Ben Ortiz").click()
    give(page, PIN)
    until(lambda: accepted_by(ward) == "Ben Ortiz", what="a colleague's taking over")
    expect(page.locator("#answers .accept")).to_be_hidden()
    with ward.store.write() as connection:
        connection.execute(text("UPDATE alerts SET accepted_by = 'Tablet Night, not identified'"))
    page.evaluate("localStorage.setItem('bedside.language', 'de')")
    page.reload()
    expect(page.locator(".tile .who").first).to_contain_text("Tablet Night, nicht erkannt")


def test_the_dialog_works_by_keyboard_and_screen_reader_and_mirrored(ward: Ward, page: Any) -> None:
    wait_again(ward)
    on_tablet(page, ward, "Keys")
    page.get_by_role("button", name=ACCEPT).press("Enter")
    expect(page.locator("#sign")).to_be_visible()
    assert serious(page) == []
    page.locator("#sign .name").first.press("Enter")
    expect(page.locator('[data-digit="1"]')).to_be_focused()
    assert serious(page) == []
    for button in page.locator("#sign button:visible").all():
        box = button.bounding_box()
        assert min(box["width"], box["height"]) >= 44
    page.keyboard.type("47")
    expect(page.locator("#sign-count")).to_have_text("Digits entered: 2")
    page.keyboard.press("Backspace")
    expect(page.locator("#sign-count")).to_have_text("Digits entered: 1")
    page.keyboard.press("Escape")
    expect(page.locator("#sign")).to_be_hidden()
    page.evaluate("localStorage.setItem('bedside.language', 'ar')")
    page.reload()
    page.locator(".tile .accept").first.click()
    page.locator("#sign .name").first.click()
    one, three = (page.locator(f'[data-digit="{digit}"]').bounding_box() for digit in "13")
    assert one["x"] < three["x"], "digits stand as on every telephone"


def test_an_admin_changes_people_and_tablets(ward: Ward, page: Any) -> None:
    number = ward.add("Wanda Work", "nurse", "a")
    with ward.logged_in("Wanda Work") as wanda, ward.tablet("a", "Old one") as tablet:
        enter(page, ward, "Root Admin", "/people")
        card = page.get_by_role("listitem", name="Wanda Work")
        card.get_by_text("Change").click()
        card.get_by_label("Role").select_option("lead")
        card.get_by_label("Wards").fill("a, b")
        card.get_by_role("button", name="Save").click()
        expect(card).to_contain_text("lead · a, b")
        assert wanda.get("/api/me").json()["wards"] == ["a", "b"]
        card.get_by_text("Change").click()
        card.get_by_role("button", name="Code for a new password").click()
        expect(card.get_by_role("status")).to_contain_text(re.compile(r"[0-9A-Z]{5}(-[0-9A-Z]{5}){3}"))
        card.get_by_role("button", name="Log out everywhere").click()
        expect(card).to_contain_text("Logged in: 0")
        assert wanda.get("/api/me").status_code == 401
        card.get_by_text("Change").click()
        card.get_by_role("button", name="Disable").click()
        expect(card).to_contain_text("disabled")
        card.get_by_text("Change").click()
        card.get_by_role("button", name="Enable").click()
        expect(card).not_to_contain_text("disabled")
        own = page.get_by_role("listitem", name="Root Admin")
        own.get_by_text("Change").click()
        own.get_by_label("Role").select_option("nurse")
        own.get_by_role("button", name="Save").click()
        expect(own.get_by_role("alert")).to_have_text("Root Admin is the only admin. Make another one first.")
        page.get_by_role("listitem", name="Old one").get_by_role("button", name="Revoke").click()
        expect(page.get_by_role("listitem", name="Old one")).to_have_count(0)
        assert tablet.get("/api/me").status_code == 401
    assert ward.hub.rows(f"SELECT role FROM people WHERE id = {number}") == [("lead",)]  # noqa: S608


def test_a_lead_sees_their_wards_nurses_and_makes_a_tablet(ward: Ward, page: Any) -> None:
    ward.add("Nora Elsewhere", "nurse", "b")
    enter(page, ward, "Lena Lead", "/people")
    expect(page.get_by_role("listitem", name="Amara Diallo")).to_be_visible()
    for name in ("Nora Elsewhere", "Root Admin"):
        expect(page.get_by_role("listitem", name=name)).to_have_count(0)
    expect(page.get_by_text("Change")).to_have_count(0)
    page.get_by_label("Name of the tablet").fill("Kitchen")
    page.get_by_role("button", name="Make this browser a tablet").click()
    expect(page.locator("#you")).to_have_text("Tablet Kitchen")
    assert ward.hub.rows("SELECT ward, made_by FROM tablets WHERE name = 'Kitchen'") == [("a", "Lena Lead")]


def test_a_nurse_sets_a_pin_and_enters_a_patient(ward: Ward, page: Any) -> None:
    ward.add("Pina Pin", "nurse", "a")
    enter(page, ward, "Pina Pin", "/account")
    expect(page.get_by_text("You have no PIN yet.")).to_be_visible()
    form = page.get_by_role("region", name=re.compile("^PIN for wards"))
    for pin, again, said in (
        ("5186", "5187", "The two are not the same."),
        ("1234", "1234", "This PIN is guessed at once."),
    ):
        form.get_by_label("New PIN").fill(pin)
        form.get_by_label("The same again").fill(again)
        form.get_by_label("Your password").fill(PASSWORD)
        form.get_by_role("button", name="Set the PIN").click()
        expect(form.get_by_role("alert")).to_contain_text(said)
    form.get_by_label("New PIN").fill("5186")
    form.get_by_label("The same again").fill("5186")
    form.get_by_role("button", name="Set the PIN").click()
    expect(page.get_by_text("You have a PIN.")).to_be_visible()
    page.goto(f"{ward.hub.url}/patients")
    page.get_by_label("Patient in Bed a").fill("Otto Heide")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("status")).to_have_text("Saved.")
    page.get_by_role("link", name="Back to the board").click()
    expect(page.locator(".tile .alert").first).to_contain_text("Otto Heide")
    page.goto(f"{ward.hub.url}/patients")
    page.get_by_role("button", name="Clear").click()
    expect(page.get_by_label("Patient in Bed a")).to_have_value("")
    assert ward.hub.rows("SELECT * FROM patients") == []


PAGES = {
    "/login": None,
    "/join": None,
    "/people": "Root Admin",
    "/account": "Amara Diallo",
    "/patients": "Amara Diallo",
}


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_pages_speak_every_language_whole(ward: Ward, chromium: Any, language: str) -> None:
    """No text is another language's; nothing serious for axe, by day and by night, on tablet and phone."""
    with ward.tablet("a", f"Desk {language}"):
        names = [row[0] for row in ward.hub.rows("SELECT name FROM people UNION SELECT name FROM tablets")]
    names += [
        strings(language)["patient_in"].replace("{bed}", "Bed a"),
        "Bed a",
        "a",
        "b",
        "a, b",
        "·",
        "bedside-hub admin --config FILE NAME",
    ]
    said = "|".join(re.escape(name) for name in names)
    used = strings(language)["tablet_used"].replace("{ward}", "a").split("{ago}")[0]
    allowed = re.compile(f"{grammar(strings(language)).pattern}|{said}|{re.escape(used)}.*")
    for number, (path, who) in enumerate(PAGES.items()):
        size = TABLET if number % 2 else (390, 844)
        context = chromium.new_context(viewport={"width": size[0], "height": size[1]}, locale=language)
        page = context.new_page()
        page.add_init_script(f"localStorage.setItem('bedside.light', '{('day', 'night')[number % 2]}')")
        if who:
            enter(page, ward, who, path)
        else:
            page.goto(ward.hub.url + path)
        expect(page.locator("h1")).not_to_be_empty()
        for one in page.locator("summary").all():
            one.click()
        assert [one for one in page.evaluate(TEXTS) if not allowed.fullmatch(one)] == [], path
        html = "[document.documentElement.lang, document.documentElement.dir]"
        assert page.evaluate(html) == [language, "rtl" if language == "ar" else "ltr"]
        assert serious(page) == [], path
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
        context.close()
