"""Logging in over HTTP, and what a session sees and is written down as: real server, real cookies."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from account_parts import PASSWORD, Ward, guarded_ward, raise_alert
from hub_parts import ROOT, Broker, Hub, until
from playwright.sync_api import expect
from simulate import Line

from hub import audit


@pytest.fixture(scope="module")
def ward(tmp_path_factory: pytest.TempPathFactory, broker: Broker) -> Iterator[Ward]:
    with guarded_ward(tmp_path_factory.mktemp("login"), broker) as ward:
        ward.add("Root", "admin")
        ward.add("Amara", "nurse", "a")
        yield ward


def acted(ward: Ward, count: int = 1) -> list[tuple[str, str, str]]:
    with ward.store.read() as connection:
        return [(entry.person, entry.role, entry.action) for entry in audit.latest(connection, count)]


def log_in(client: httpx.Client, name: str = "Amara", password: str = PASSWORD) -> httpx.Response:
    return client.post("/api/login", json={"name": name, "password": password})


def test_a_login_gives_a_cookie_no_script_and_no_other_site_has(ward: Ward) -> None:
    with ward.browser(address="10.0.1.1") as client:
        response = log_in(client, " aMARA ")
        assert (response.status_code, response.json()) == (200, {"name": "Amara"})
        cookie = response.headers["set-cookie"]
        assert cookie.startswith("bedside=")
        assert {"HttpOnly", "Path=/", "SameSite=strict"} <= set(cookie.split("; "))
        assert "Secure" not in cookie
        assert "domain" not in cookie.lower()
        assert client.get("/api/me").json() == {
            "accounts": True,
            "name": "Amara",
            "role": "nurse",
            "wards": ["a"],
        }
    assert acted(ward) == [("Amara", "nurse", "login")]


def test_over_https_the_cookie_is_secure_and_bound_to_the_host(ward: Ward) -> None:
    with ward.browser(address="10.0.1.2") as client:
        client.headers["X-Forwarded-Proto"] = "https"
        cookie = log_in(client).headers["set-cookie"]
    assert cookie.startswith("__Host-bedside=")
    assert {"Secure", "HttpOnly", "Path=/", "SameSite=strict"} <= set(cookie.split("; "))


def test_a_login_leaves_the_session_before_behind(ward: Ward) -> None:
    before = ward.cookie("Amara")
    with ward.browser(before, "10.0.1.3") as client:
        log_in(client)
    with ward.browser(before) as client:
        assert client.get("/api/me").status_code == 401


def test_a_planted_cookie_is_never_taken_over(ward: Ward) -> None:
    with ward.browser("x" * 43, "10.0.1.4") as client:
        assert client.get("/api/me").status_code == 401
        log_in(client)
    with ward.browser("x" * 43) as client:
        assert client.get("/api/me").status_code == 401


def test_wrong_passwords_tell_nothing_and_bring_a_pause(ward: Ward) -> None:
    with ward.browser(address="10.0.1.5") as client:
        answers = [log_in(client, name, "wrong words here") for name in ("Amara", "Nobody At All")]
        assert {(answer.status_code, answer.text) for answer in answers} == {(401, answers[0].text)}
        assert acted(ward, 2) == [
            ("Amara", "nurse", "login failed"),
            ("unknown", audit.UNPROVEN, "login failed"),
        ]
        for _ in range(3):
            assert log_in(client, "Somebody", "wrong words here").status_code == 401
        locked = log_in(client)
        assert locked.status_code == 429
        assert 0 < int(locked.headers["retry-after"]) <= 31
    with ward.browser(address="10.0.1.6") as client:
        assert log_in(client).status_code == 200, "it was that address, not the account"


def test_an_account_is_locked_wherever_the_guesses_come_from(ward: Ward) -> None:
    ward.add("Victim", "nurse")
    for number in range(5):
        with ward.browser(address=f"10.0.2.{number}") as client:
            assert log_in(client, "Victim", "wrong words here").status_code == 401
    with ward.browser(address="10.0.3.1") as client:
        assert log_in(client, "Victim").status_code == 429


def test_logging_out_ends_this_session_or_all(ward: Ward) -> None:
    one, two, three = (ward.logged_in("Root") for _ in range(3))
    with one, two, three:
        assert one.post("/api/logout").status_code == 200
        assert one.get("/api/me").status_code == 401
        assert two.get("/api/me").status_code == 200
        assert two.post("/api/logout-everywhere").status_code == 200
        assert three.get("/api/me").status_code == 401


def events(response: httpx.Response) -> Iterator[tuple[str, dict[str, Any]]]:
    name = ""
    for line in response.iter_lines():
        if line.startswith("event: "):
            name = line[7:]
        elif line.startswith("data: "):
            yield name, json.loads(line[6:])


def wards_in(data: dict[str, Any]) -> set[str]:
    return {one["ward"] for one in (*data["beds"], *data["alerts"])}


def test_a_session_sees_its_wards_and_the_hubs_own(ward: Ward, broker: Broker) -> None:
    with ward.logged_in("Amara") as client, ward.logged_in("Root") as admin:
        assert wards_in(client.get("/api/board").json()) <= {"a", ""}
        assert {"a", "b"} <= wards_in(admin.get("/api/board").json())
        with client.stream("GET", "/api/stream") as response, Line(broker.port, ward.hub.site) as line:
            stream = events(response)
            name, data = next(stream)
            assert (name, data["full"]) == ("board", True)
            assert "a" in wards_in(data)
            alert, _ = raise_alert(line, ward.store, "c")
            assert alert not in [one["id"] for one in data["alerts"]]
            seen = wards_in(data)
            for name, data in stream:
                if name == "ping":
                    break
                seen |= wards_in(data)
            assert seen <= {"a", ""}


def test_other_wards_from_now_on_are_sent_as_a_whole(ward: Ward) -> None:
    number = ward.add("Mover", "nurse", "a")
    with ward.logged_in("Mover") as client, ward.logged_in("Root") as admin:
        with client.stream("GET", "/api/stream") as response:
            stream = events(response)
            next(stream)
            change = {"role": "nurse", "wards": ["b"]}
            assert admin.post(f"/api/people/{number}/role", json=change).status_code == 200
            data = next(data for name, data in stream if name == "board" and data["full"])
        assert "b" in wards_in(data)
        assert "a" not in wards_in(data)


@pytest.mark.parametrize("how", ["disable", "logout-everywhere"])
def test_the_stream_ends_with_the_session(ward: Ward, how: str) -> None:
    leaver = f"Leaver {how}"
    number = ward.add(leaver, "nurse")
    with ward.logged_in(leaver) as client, ward.logged_in("Root") as admin:
        with client.stream("GET", "/api/stream") as response:
            stream = events(response)
            next(stream)
            if how == "disable":
                assert admin.post(f"/api/people/{number}/disable").status_code == 200
            else:
                with ward.logged_in(leaver) as other:
                    assert other.post("/api/logout-everywhere").status_code == 200
            began = time.monotonic()
            assert len(list(stream)) <= 2
            assert time.monotonic() - began < 15
        assert client.get("/api/stream").status_code == 401


def test_what_is_done_is_recorded_under_the_sessions_person(ward: Ward) -> None:
    with ward.logged_in("Amara") as client:
        path = f"/api/alerts/{ward.alerts['a']}/accept"
        assert client.post(path, json={"person": "Root"}).status_code == 403
        assert client.post(path, json={}).status_code == 200
        [row] = ward.hub.rows(f"SELECT accepted_by FROM alerts WHERE id = {ward.alerts['a']}")  # noqa: S608
        assert row == ("Amara",)
    assert acted(ward) == [("Amara", "nurse", "accept")]


def test_somebody_with_an_account_is_not_invited_again(ward: Ward) -> None:
    """With the invitation would come a role; a new password is another thing, and an admin's to give."""
    ward.add("Lead", "lead")
    for name in ("Lead", "Root"):
        with ward.logged_in(name) as client:
            answer = client.post("/api/people/invite", json={"name": "AMARA"})
            assert (answer.status_code, answer.json()["code"]) == (409, "has_account")


def test_without_accounts_everything_is_as_before(tmp_path: Path, broker: Broker) -> None:
    hub = Hub(tmp_path, broker.port)
    hub.start("web")
    try:
        until(hub.answers, 15, "the web process")
        assert 'data-t="demo"' in httpx.get(hub.url).text
        assert httpx.get(f"{hub.url}/api/me").json() == {"accounts": False}
        assert httpx.get(f"{hub.url}/login").headers["location"] == "/"
        assert httpx.get(f"{hub.url}/people").status_code == 404
        body = {"name": "x", "password": "y"}
        headers = {"X-Requested-With": "bedside"}
        assert httpx.post(f"{hub.url}/api/login", json=body, headers=headers).status_code == 404
        assert hub.act(1, "accept").status_code == 422
    finally:
        hub.stop()


def admin(hub: Hub, name: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "hub.cli", "admin", "--config", str(hub.config), name]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)


def test_the_command_line_refuses_what_cannot_be(tmp_path: Path) -> None:
    hub = Hub(tmp_path, 1)
    refused = admin(hub, "Root")
    assert (refused.returncode, "accounts.required is false" in refused.stderr) == (78, True)
    hub.config.write_text(hub.config.read_text().replace("required = false", "required = true"))
    assert admin(hub, "  ").returncode == 2
    assert admin(hub, "R\x1b").returncode == 2
    reserved = admin(hub, "Tablet 3b, not identified")
    assert (reserved.returncode, "taken for a tablet" in reserved.stderr) == (2, True)


def test_the_command_line_gives_an_admin_a_new_password_and_nobody_a_new_role(ward: Ward) -> None:
    known = admin(ward.hub, "ROOT")
    assert known.stdout.startswith("Root sets a new password with this code")
    refused = admin(ward.hub, "Amara")
    assert (refused.returncode, "an account that is no admin's" in refused.stderr) == (78, True)


def disable(page: Any, name: str) -> None:
    card = page.get_by_role("listitem", name=name)
    card.get_by_text("Change").click()
    card.get_by_role("button", name="Disable").click()


def test_from_the_first_admin_to_an_accepted_alert(chromium: Any, tmp_path: Path, broker: Broker) -> None:
    """By the command line, an invitation and a nurse's login, in browsers of their own."""
    with guarded_ward(tmp_path, broker) as ward:
        assert "nobody has an account yet" in ward.hub.log()
        code = admin(ward.hub, "Root Admin").stdout.splitlines()[1]
        first, second = chromium.new_context(), chromium.new_context()
        page = first.new_page()
        page.goto(ward.hub.url)
        expect(page.get_by_role("heading", name="Log in")).to_be_visible()
        page.goto(f"{ward.hub.url}/join#{code}")
        page.get_by_label("New password").fill(PASSWORD)
        page.get_by_label("The same again").fill("another one entirely")
        page.keyboard.press("Enter")
        expect(page.get_by_role("alert")).to_have_text("The two are not the same.")
        page.get_by_label("The same again").fill(PASSWORD)
        page.keyboard.press("Enter")
        expect(page.locator("#you")).to_contain_text("Root Admin")

        page.locator("#you").click()
        page.get_by_role("link", name="People and tablets").click()
        page.get_by_label("Name, as it will stand").fill("Amara Diallo")
        invitation = page.get_by_role("region", name="Invite")
        invitation.get_by_label("Wards").fill("a")
        page.get_by_role("button", name="Make a code").click()
        expect(invitation.get_by_role("status")).to_contain_text("For Amara Diallo")
        invited = re.search(r"/join#([0-9A-Z-]{23})", invitation.inner_text())
        assert invited is not None

        nurse = second.new_page()
        nurse.goto(f"{ward.hub.url}/join")
        nurse.get_by_label("Invitation code").fill(invited[1].lower())
        nurse.get_by_label("New password").fill("blue lamp on wednesday")
        nurse.get_by_label("The same again").fill("blue lamp on wednesday")
        nurse.get_by_role("button", name="Begin").click()
        expect(nurse.locator("#you")).to_contain_text("Amara Diallo")
        nurse.locator("#you").click()
        nurse.get_by_role("button", name="Log out", exact=True).click()
        nurse.get_by_label("Your name").fill("amara diallo")
        nurse.get_by_label("Password").fill("blue lamp on wednesday")
        nurse.keyboard.press("Enter")
        tile = nurse.locator(".tile").filter(has=nurse.get_by_role("heading", name="Bed a", exact=True))
        tile.get_by_role("button", name=re.compile("^Accept")).click()
        query = f"SELECT accepted_by FROM alerts WHERE id = {ward.alerts['a']}"  # noqa: S608
        until(lambda: ward.hub.rows(query) == [("Amara Diallo",)], what="the acceptance")
        expect(nurse.get_by_text("Bed b")).to_have_count(0)

        page.goto(f"{ward.hub.url}/people")
        disable(page, "Amara Diallo")
        expect(nurse.get_by_role("heading", name="Log in")).to_be_visible(timeout=25_000)
        first.close()
        second.close()
        with ward.store.read() as connection:
            summary = audit.verify(audit.entries(connection))
        assert summary.entries == 10
