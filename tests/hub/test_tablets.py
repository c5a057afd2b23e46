"""A ward's shared tablet over HTTP: whom it knows, what a PIN allows, and what it never does."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from account_parts import PASSWORD, PIN, Ward, answers, guarded_ward
from hub_parts import Broker
from sqlalchemy import text

from hub import audit, config, tablets
from hub.accounts import TABLET_ABSOLUTE_S, TABLET_IDLE_S

MUTE = {"minutes": 15, "reason": "visit"}


@pytest.fixture(scope="module")
def ward(tmp_path_factory: pytest.TempPathFactory, broker: Broker) -> Iterator[Ward]:
    with guarded_ward(tmp_path_factory.mktemp("tablets"), broker) as ward:
        ward.add("Root", "admin")
        ward.add("Lena", "lead", "a")
        for name in ("Amara", "Ben", "Chen"):
            ward.add(name, "nurse", "a")
            ward.set_pin(name)
        ward.add("Without", "nurse", "a")
        ward.add("Elsewhere", "nurse", "b")
        ward.set_pin("Elsewhere")
        yield ward


@pytest.fixture(autouse=True)
def fresh(ward: Ward) -> None:
    """Alert waiting, no failures, nobody trusted; each test has tablets of its own."""
    with ward.store.write() as connection:
        connection.execute(text("DELETE FROM login_failures"))
        connection.execute(text("UPDATE alerts SET accepted_by = NULL, accepted_at = NULL"))


def accept(ward: Ward, tablet: httpx.Client, **who: Any) -> httpx.Response:
    return tablet.post(f"/api/alerts/{ward.alerts['a']}/accept", json=who)


def accepted_by(ward: Ward) -> str | None:
    [(name,)] = ward.hub.rows(f"SELECT accepted_by FROM alerts WHERE id = {ward.alerts['a']}")  # noqa: S608
    return None if name is None else str(name)


def latest(ward: Ward) -> tuple[str, str, str, Any]:
    with ward.store.read() as connection:
        [entry] = audit.latest(connection, 1)
    return entry.person, entry.role, entry.action, json.loads(entry.details).get("tablet")


def code(response: httpx.Response) -> str:
    return str(response.json()["code"])


def test_a_lead_makes_a_browser_a_tablet_and_is_logged_out_there(ward: Ward) -> None:
    with ward.logged_in("Lena") as browser:
        lead = browser.cookies["bedside"]
        assert code(browser.post("/api/tablets", json={"name": "x", "ward": "b"})) == "tablet_ward"
        answer = browser.post("/api/tablets", json={"name": "door", "ward": "a"})
        cookie = answer.headers["set-cookie"]
        assert {"HttpOnly", "Path=/", "SameSite=strict"} <= set(cookie.split("; "))
        assert f"Max-Age={int(TABLET_ABSOLUTE_S)}" in cookie
        assert browser.get("/api/me").json() == {
            "accounts": True, "name": "door", "role": "tablet", "wards": ["a"],
        }  # fmt: skip
        again = {"name": "somebody", "password": PASSWORD}
        assert code(browser.post("/api/login", json=again)) == "on_tablet"
        assert 'data-tablet="door"' in browser.get("/").text
    with ward.browser(lead) as before:
        assert before.get("/api/me").status_code == 401
    with ward.logged_in("Lena") as browser:
        assert code(browser.post("/api/tablets", json={"name": "door", "ward": "a"})) == "tablet_name"
        [row] = [one for one in browser.get("/api/tablets").json() if one["name"] == "door"]
        assert (row["ward"], row["made_by"]) == ("a", "Lena")
        assert "key" not in row


def test_revoking_ends_it_at_once(ward: Ward) -> None:
    with ward.tablet("a", "lost") as tablet, ward.logged_in("Lena") as lead:
        number = next(one["id"] for one in lead.get("/api/tablets").json() if one["name"] == "lost")
        assert lead.post(f"/api/tablets/{number}/revoke").status_code == 200
        assert tablet.get("/api/me").status_code == 401
        assert accept(ward, tablet).status_code == 401


def test_a_lead_neither_sees_nor_revokes_other_wards_tablets(ward: Ward) -> None:
    with ward.tablet("b", "theirs"), ward.logged_in("Lena") as lead, ward.logged_in("Root") as admin:
        assert "theirs" not in [one["name"] for one in lead.get("/api/tablets").json()]
        number = next(one["id"] for one in admin.get("/api/tablets").json() if one["name"] == "theirs")
        assert code(lead.post(f"/api/tablets/{number}/revoke")) == "no_tablet"
        assert admin.post(f"/api/tablets/{number}/revoke").status_code == 200


def test_it_offers_whoever_has_a_pin_on_the_ward_those_on_duty_first(ward: Ward) -> None:
    ward.cookie("Chen")  # logged in somewhere
    with ward.store.write() as connection:
        ids = [ward.people[name] for name in ("Amara", "Ben")]
        query = f"UPDATE people SET pin_used_at = NULL WHERE id IN ({ids[0]}, {ids[1]})"  # noqa: S608
        connection.execute(text(query))
        connection.execute(text("UPDATE sessions SET seen_at = 1 WHERE person_id = :id"), {"id": ids[0]})
    with ward.tablet("a") as tablet:
        found = tablet.get("/api/tablet").json()
    assert [(one["name"], one["on_duty"]) for one in found["people"]] == [
        ("Chen", True), ("Amara", False), ("Ben", False),
    ]  # fmt: skip
    assert (found["person"], found["nameless"]) == (None, True)


def test_a_pin_names_the_person_and_serves_for_a_minute(ward: Ward) -> None:
    with ward.tablet("a", "one") as tablet, ward.tablet("a", "two") as other:
        amara = ward.people["Amara"]
        assert code(accept(ward, tablet, by=amara)) == "pin_needed"
        assert accept(ward, tablet, by=amara, pin=PIN).status_code == 200
        assert accepted_by(ward) == "Amara"
        assert latest(ward) == ("Amara", "nurse", "accept", "one")
        here = tablet.get("/api/tablet").json()
        assert here["person"] == amara
        assert 0 < here["until"] - here["now"] <= 60
        bed = f"/api/beds/{ward.beds['a']}"
        assert tablet.post(f"{bed}/mute", json=MUTE | {"by": amara}).status_code == 200
        assert latest(ward) == ("Amara", "nurse", "mute", "one")
        assert code(tablet.post(f"{bed}/unmute", json={"by": ward.people["Ben"]})) == "pin_needed"
        assert code(other.post(f"{bed}/unmute", json={"by": amara})) == "pin_needed"
        assert tablet.post("/api/tablet/done").status_code == 200
        assert code(tablet.post(f"{bed}/unmute", json={"by": amara})) == "pin_needed"
        ben = {"by": ward.people["Ben"], "pin": PIN}
        assert tablet.post(f"{bed}/unmute", json=ben).status_code == 200
        assert latest(ward) == ("Ben", "nurse", "unmute", "one")


def test_a_pin_serves_no_longer_than_its_time_nor_for_whoever_may_not(ward: Ward) -> None:
    with ward.tablet("a") as tablet, ward.logged_in("Root") as admin:
        amara = ward.people["Amara"]
        who = {"by": amara}
        bed = f"/api/beds/{ward.beds['a']}/mute"

        def trusted() -> bool:
            return tablet.post(bed, json=MUTE | who).status_code == 200

        for spoil in (
            "UPDATE tablets SET person_until = person_until - 60",
            "UPDATE tablets SET person_until = person_until + 3600",  # a clock that was set back
        ):
            assert tablet.post(bed, json=MUTE | who | {"pin": PIN}).status_code == 200
            assert trusted()
            with ward.store.write() as connection:
                connection.execute(text(spoil))
            assert not trusted()
        assert tablet.post(bed, json=MUTE | who | {"pin": PIN}).status_code == 200
        assert admin.post(f"/api/people/{amara}/role", json={"role": "nurse", "wards": ["b"]}).is_success
        assert not trusted()
        assert admin.post(f"/api/people/{amara}/role", json={"role": "nurse", "wards": ["a"]}).is_success
        assert trusted()
        assert admin.post(f"/api/people/{amara}/disable").is_success
        assert not trusted()
        assert admin.post(f"/api/people/{amara}/enable").is_success
        assert not trusted(), "whoever was disabled gives the PIN anew"


def test_nobody_is_kept_from_accepting_and_only_from_that_without_a_pin(ward: Ward) -> None:
    with ward.tablet("a", "night desk") as tablet:
        alert = f"/api/alerts/{ward.alerts['a']}"
        for verb, body in (("close", {"outcome": "distress"}), ("pause", {})):
            assert code(tablet.post(f"{alert}/{verb}", json=body)) == "pin_needed"
        assert accept(ward, tablet).status_code == 200
        name = "Tablet night desk, not identified"
        assert accepted_by(ward) == name
        assert latest(ward) == (name, "tablet", "accept", "night desk")
        close = {"outcome": "other need", "by": ward.people["Ben"], "pin": "0000"}
        assert code(tablet.post(f"{alert}/close", json=close)) == "wrong_pin"
    with ward.logged_in("Root") as admin:
        invitation = {"name": "tablet  Desk, NOT identified"}
        assert code(admin.post("/api/people/invite", json=invitation)) == "reserved_name"


def test_wrong_pins_pause_the_person_everywhere_and_the_tablet_for_everybody(ward: Ward) -> None:
    amara, ben = ward.people["Amara"], ward.people["Ben"]
    with ward.tablet("a") as tablet, ward.tablet("a") as other:
        for _ in range(5):
            assert code(accept(ward, tablet, by=amara, pin="9182")) == "wrong_pin"
        assert latest(ward)[:3] == ("Amara", "nurse", "PIN failed")
        for client, person in ((tablet, amara), (other, amara), (tablet, ben)):
            locked = accept(ward, client, by=person, pin=PIN)
            assert (locked.status_code, code(locked)) == (429, "pin_locked")
            assert 0 < int(locked.headers["retry-after"]) <= 31
        assert accept(ward, other, by=ben, pin=PIN).status_code == 200
        with ward.browser(address="10.0.9.1") as browser:
            login = {"name": "Amara", "password": PASSWORD}
            assert browser.post("/api/login", json=login).status_code == 200, "a PIN locks no password"
        with ward.store.write() as connection:
            connection.execute(text("UPDATE alerts SET accepted_by = NULL, accepted_at = NULL"))
        assert accept(ward, tablet).status_code == 200, "nor is anybody kept from accepting"


def test_unknown_people_and_those_of_other_wards_have_no_right_pin(ward: Ward) -> None:
    with ward.tablet("a") as tablet:
        for person in (ward.people["Elsewhere"], ward.people["Without"], 999_999):
            assert code(accept(ward, tablet, by=person, pin=PIN)) == "wrong_pin"


def test_it_sees_its_ward_and_nothing_else(ward: Ward) -> None:
    with ward.tablet("a") as tablet:
        board = tablet.get("/api/board").json()
        assert {one["ward"] for one in (*board["beds"], *board["alerts"])} <= {"a", ""}
        other = tablet.post(
            f"/api/alerts/{ward.alerts['b']}/accept", json={"by": ward.people["Ben"], "pin": PIN}
        )
        assert code(other) == "no_alert"
        for path in ("/people", "/account", "/patients", "/api/people"):
            assert tablet.get(path).status_code == 403


def test_nobody_sets_a_pin_but_its_owner_with_the_password(ward: Ward) -> None:
    number = ward.add("Owner", "nurse", "a")
    pin = {"password": PASSWORD, "pin": "5186"}
    with ward.logged_in("Owner") as own, ward.tablet("a") as tablet, ward.logged_in("Root") as admin:
        assert code(own.post("/api/account/pin", json=pin | {"pin": "1234"})) == "pin_guessed"
        assert code(own.post("/api/account/pin", json=pin | {"password": "wrong"})) == "wrong_password"
        assert own.post("/api/account/pin", json=pin).status_code == 200
        assert accept(ward, tablet, by=number, pin="5186").status_code == 200
        assert latest(ward) == ("Owner", "nurse", "accept", tablet.get("/api/me").json()["name"])
        assert own.post("/api/account/pin/remove").status_code == 200
        assert code(accept(ward, tablet, by=number)) == "pin_needed"
        own.post("/api/account/pin", json=pin)
        new = admin.post(f"/api/people/{number}/code").json()["code"]
    with ward.browser(address="10.0.9.2") as browser:
        assert browser.post("/api/join", json={"code": new, "password": PASSWORD}).status_code == 200
        assert "pin_unset" in browser.get("/account").text, "a code may have come into other hands"


def test_a_pin_is_nowhere_but_hashed(ward: Ward) -> None:
    with ward.tablet("a") as tablet:
        accept(ward, tablet, by=ward.people["Ben"], pin="83056194")
        accept(ward, tablet, by=ward.people["Ben"], pin="83056194x")
    assert "83056194" not in ward.hub.log()
    for file in ward.hub.database.parent.glob("hub.sqlite3*"):
        assert b"83056194" not in file.read_bytes()
    hashes = [row[0] for row in ward.hub.rows("SELECT pin FROM people WHERE pin IS NOT NULL")]
    assert all(one.startswith("$argon2id$") for one in hashes)


@pytest.mark.parametrize(("column", "seconds"), [("seen_at", TABLET_IDLE_S), ("made_at", TABLET_ABSOLUTE_S)])
def test_it_ends_by_itself_once_unused_or_old(ward: Ward, column: str, seconds: float) -> None:
    with ward.tablet("a", f"old {column}") as tablet:
        assert tablet.get("/api/me").status_code == 200
        with ward.store.write() as connection:
            query = text(f"UPDATE tablets SET {column} = :at WHERE name = :name")  # noqa: S608
            connection.execute(query, {"at": time.time() - seconds, "name": f"old {column}"})
        assert tablet.get("/api/me").status_code == 401


def test_the_names_that_are_reserved() -> None:
    assert tablets.is_reserved(" TABLET 3b,  not identified ")
    assert not tablets.is_reserved("Tabletta Not")


def test_it_can_be_forbidden_to_accept_without_a_pin(ward: Ward) -> None:
    with ward.tablet("a") as tablet:
        cookies = dict(tablet.cookies)
    requests = ("POST", f"/api/alerts/{ward.alerts['a']}/accept", {}), ("GET", "/api/tablet", None)
    refused, here = answers(ward, *requests, cookies=cookies, tablets=config.Tablets(nameless=False))
    assert code(refused) == "pin_needed"
    assert here.json()["nameless"] is False
