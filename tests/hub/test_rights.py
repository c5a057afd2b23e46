"""Every route of the hub for every role, for nobody, and for those who may no longer."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from account_parts import PASSWORD, Ward, guarded_ward
from hub_parts import Broker
from sqlalchemy import text
from starlette.routing import Mount

from hub import config
from hub.accounts import IDLE_S
from hub.web import create_app

WHO = ("nobody", "expired", "disabled", "nurse", "lead", "admin", "elsewhere", "tablet")
ALL = "login login login in in in in in"
PUBLIC = "in in in in in in in in"
PERSON = "login login login in in in in forbidden"
SEE = "login login login in in in hidden in"
ACT = "login login login in in in hidden forbidden"
INVITING = "login login login forbidden in in forbidden forbidden"
ADMIN = "login login login forbidden forbidden in forbidden forbidden"
CARER = "login login login in in forbidden in forbidden"
PATIENT = "login login login in in forbidden hidden forbidden"
TABLET = "login login login hidden hidden hidden hidden in"
MUTE = {"minutes": 15, "reason": "visit"}
TABLE: list[tuple[str, str, dict[str, Any] | None, str]] = [
    ("GET", "/", None, ALL),
    ("GET", "/api/stream", None, ALL),
    ("GET", "/api/board", None, ALL),
    ("GET", "/api/me", None, ALL),
    ("GET", "/healthz", None, PUBLIC),
    ("GET", "/metrics", None, PUBLIC),
    ("GET", "/static/board.css", None, PUBLIC),
    ("GET", "/login", None, PUBLIC),
    ("GET", "/join", None, PUBLIC),
    ("POST", "/api/login", {"name": "", "password": ""}, PUBLIC),
    ("POST", "/api/join", {"code": "", "password": ""}, PUBLIC),
    ("POST", "/api/presence", {"board": "0" * 16, "shows": True, "sounds": False}, ALL),
    ("POST", "/api/alerts/{alert_id}/accept", {}, SEE),
    ("POST", "/api/alerts/{alert_id}/pause", {}, ACT),
    ("POST", "/api/alerts/{alert_id}/close", {"outcome": "distress"}, ACT),
    ("GET", "/beds/{device_id}", None, SEE),
    ("GET", "/api/beds/{device_id}/timeline", None, SEE),
    ("POST", "/api/beds/{device_id}/mute", MUTE, ACT),
    ("POST", "/api/beds/{device_id}/mute", MUTE | {"minutes": 60}, ACT),
    ("POST", "/api/beds/{device_id}/mute", MUTE | {"minutes": 120}, INVITING),
    ("POST", "/api/beds/{device_id}/mute", MUTE | {"minutes": 240}, INVITING),
    ("POST", "/api/beds/{device_id}/unmute", {}, ACT),
    ("POST", "/api/alerts/{alert_id}/accept", {"person": "Somebody Else"},
     "login login login forbidden forbidden forbidden forbidden forbidden"),
    ("POST", "/api/alerts/{alert_id}/accept", {"by": 999_999, "pin": "4711"},
     "login login login in in in hidden forbidden"),
    ("GET", "/people", None, INVITING),
    ("GET", "/api/people", None, INVITING),
    ("GET", "/rejects", None, ADMIN),
    ("GET", "/api/rejects", None, ADMIN),
    ("POST", "/api/people/invite", {"name": "New One", "wards": ["a"]}, INVITING),
    ("POST", "/api/people/invite", {"name": "New One", "wards": []}, ADMIN),
    ("POST", "/api/people/invite", {"name": "New One", "wards": ["a"], "role": "lead"}, ADMIN),
    ("POST", "/api/people/invite", {"name": "New One", "role": "admin"}, ADMIN),
    ("POST", "/api/people/{person}/disable", {}, ADMIN),
    ("POST", "/api/people/{person}/enable", {}, ADMIN),
    ("POST", "/api/people/{person}/role", {"role": "nurse"}, ADMIN),
    ("POST", "/api/people/{person}/logout", {}, ADMIN),
    ("POST", "/api/people/{person}/code", {}, ADMIN),
    ("GET", "/account", None, PERSON),
    ("POST", "/api/account/password", {"password": "x", "new": "x"}, PERSON),
    ("POST", "/api/account/pin", {"password": "x", "pin": "x"}, PERSON),
    ("POST", "/api/account/pin/remove", {}, PERSON),
    ("GET", "/api/tablets", None, INVITING),
    ("POST", "/api/tablets", {"name": "Tried", "ward": "a"}, INVITING),
    ("POST", "/api/tablets", {"name": "Tried", "ward": "b"}, ADMIN),
    ("POST", "/api/tablets/{tablet}/revoke", {}, INVITING),
    ("GET", "/api/tablet", None, TABLET),
    ("POST", "/api/tablet/done", {}, TABLET),
    ("GET", "/patients", None, CARER),
    ("GET", "/api/patients", None, CARER),
    ("POST", "/api/patients/{device_id}", {"name": "Maria Schmidt"}, PATIENT),
    ("POST", "/api/patients/{device_id}/clear", {}, PATIENT),
    ("POST", "/api/patients/{device_id}/forget", {}, PATIENT),
    ("POST", "/api/logout", {}, PERSON),
    ("POST", "/api/logout-everywhere", {}, PERSON),
    ("GET", "/docs", None, ALL),
    ("GET", "/api/nothing", None, ALL),
]  # fmt: skip


@pytest.fixture(scope="module")
def ward(tmp_path_factory: pytest.TempPathFactory, broker: Broker) -> Iterator[Ward]:
    with guarded_ward(tmp_path_factory.mktemp("rights"), broker) as ward:
        for name in ("nurse", "lead", "expired", "disabled"):
            ward.add(name, name if name == "lead" else "nurse", "a")
        ward.add("admin", "admin")
        ward.add("elsewhere", "nurse", "b")
        yield ward


def browser(ward: Ward, who: str) -> httpx.Client:
    if who == "nobody":
        return ward.browser()
    if who == "tablet":
        return ward.tablet("a")
    if who == "disabled":
        with ward.store.write() as connection:
            connection.execute(text("UPDATE people SET disabled_at = NULL WHERE name = 'disabled'"))
    cookie = ward.cookie(who)
    with ward.store.write() as connection:
        if who == "expired":
            query = text("UPDATE sessions SET seen_at = :at WHERE person_id = :person")
            connection.execute(query, {"at": time.time() - IDLE_S, "person": ward.people[who]})
        if who == "disabled":
            connection.execute(text("UPDATE people SET disabled_at = 1 WHERE name = 'disabled'"))
    return ward.browser(cookie)


def told(client: httpx.Client, method: str, path: str, body: dict[str, Any] | None) -> str:
    """in, login, forbidden or hidden: how the hub took a request, whatever came of it then."""
    with client.stream(method, path, json=body) as response:
        if path == "/api/stream" and response.status_code == 200:
            return "in"
        detail = str(response.read(), "utf-8", "replace")
        assert response.status_code < 500 or "master_key_file" in detail, detail
        if response.status_code == 303 and response.headers["location"] == "/login":
            return "login"
        if response.status_code == 401 and "log in first" in detail:
            return "login"
        if response.status_code == 403:
            return "forbidden"
        return "hidden" if "there is no such" in detail else "in"


def test_the_table_has_every_route(ward: Ward) -> None:
    app = create_app(config.load(ward.hub.config), ward.store, time.time)
    routes = set(paths(app.routes))
    tried = {(method, path) for method, path, _, _ in TABLE if not path.startswith("/static")}
    assert ("POST", "/api/people/invite") in routes
    assert routes - tried <= {("GET", "/docs/oauth2-redirect"), ("GET", "/redoc"), ("GET", "/openapi.json")}


def paths(routes: Any) -> Iterator[tuple[str, str]]:
    for route in routes:
        if isinstance(route, Mount):
            assert route.path == "/static"
        elif hasattr(route, "methods"):
            yield from ((method, route.path) for method in route.methods - {"HEAD"})
        else:
            yield from paths(route.original_router.routes)


@pytest.mark.parametrize(
    ("method", "path", "body", "expected"), TABLE, ids=[f"{row[0]} {row[1]} {row[2] or ''}" for row in TABLE]
)
def test_who_may_what(ward: Ward, method: str, path: str, body: dict[str, Any] | None, expected: str) -> None:
    numbers = {
        "alert_id": ward.alerts["a"],
        "device_id": ward.beds["a"],
        "person": 999_999,
        "tablet": 999_999,
    }
    found = {}
    for who in WHO:
        with browser(ward, who) as client:
            found[who] = told(client, method, path.format(**numbers), body)
    if "{person}" in path or "{tablet}" in path:
        found = {who: "in" if word == "hidden" else word for who, word in found.items()}
    assert found == dict(zip(WHO, expected.split(), strict=True))


def test_what_is_not_the_boards_own_is_refused_for_everybody(ward: Ward) -> None:
    for who in ("nobody", "admin"):
        for headers in ({"X-Requested-With": "XMLHttpRequest"}, {"Origin": "https://elsewhere.example"}):
            with browser(ward, who) as client:
                answer = client.post("/api/login", json={"name": "x", "password": PASSWORD}, headers=headers)
                assert (answer.status_code, "board itself" in answer.text) == (403, True)
                assert "default-src 'self'" in answer.headers["content-security-policy"]


def test_the_pages_obey_the_policy(ward: Ward) -> None:
    with browser(ward, "admin") as admin, browser(ward, "nobody") as nobody:
        paths = ("/", "/people", "/account", "/rejects", f"/beds/{ward.beds['a']}")
        pages = [admin.get(path) for path in paths]
        for response in (*pages, nobody.get("/login"), nobody.get("/join")):
            assert response.status_code == 200
            assert "unsafe" not in response.headers["content-security-policy"]
            assert "default-src 'self'" in response.headers["content-security-policy"]
            for forbidden in ("<style", "style=", "onclick=", "http://", "https://"):
                assert forbidden not in response.text
    static = Path(__file__).parents[2] / "hub" / "static"
    assert not [file.name for file in static.rglob("*.js") if "innerHTML" in file.read_text()]


def test_what_no_database_takes_is_not_understood(ward: Ward) -> None:
    """Numbers beyond 64 bits, and the character NUL, which PostgreSQL takes in no text."""
    numbers = {"alert_id": 2**63, "device_id": 2**63, "person": 2**63, "tablet": 2**63}
    places = {"alert_id": ward.alerts["a"], "device_id": ward.beds["a"], "person": 1, "tablet": 1}
    tried = [(row[0], row[1].format(**numbers), row[2]) for row in TABLE if "{" in row[1]]
    tried += [
        (method, path.format(**places), {**(body or {}), name: "a\0b"})
        for method, path, body, _ in TABLE
        for name in {"name", "ward", "person", "reason"} & (body or {}).keys()
    ]
    assert len(tried) > 20
    with browser(ward, "admin") as client:
        for method, path, body in tried:
            answer = client.request(method, path, json=body)
            assert answer.status_code in (404, 422), (method, path, body, answer.text)
