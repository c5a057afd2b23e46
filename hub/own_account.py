"""A person's own account, over HTTP: password and PIN, which nobody else can set."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response
from fastapi.templating import Jinja2Templates
from pydantic import BaseModel, ConfigDict, StringConstraints

from hub import accounts, passwords, people, pins, sessions
from hub.guard import Guard, address_of, person_of
from hub.login import Password
from hub.proofs import Proofs
from hub.store import Store


class NewPassword(BaseModel):
    """The password as it is, and as it will be."""

    model_config = ConfigDict(extra="forbid")
    password: Password
    new: Password


class NewPin(BaseModel):
    """The password, as somebody else may stand before an open browser, and the PIN to be."""

    model_config = ConfigDict(extra="forbid")
    password: Password
    pin: Annotated[str, StringConstraints(min_length=1, max_length=20)]


def router(
    guard: Guard, store: Store, clock: Callable[[], float], proofs: Proofs, templates: Jinja2Templates
) -> APIRouter:
    """The page, and what it asks for."""
    routes = APIRouter()

    @routes.get("/account", response_class=HTMLResponse)
    def page(request: Request) -> Response:
        session = person_of(request)
        least, most = accounts.PASSWORD_LENGTH
        with store.read() as connection:
            context = {"me": session, "has_pin": people.has_pin(connection, session.person_id)}
        return templates.TemplateResponse(request, "account.html", context | {"least": least, "most": most})

    @routes.post("/api/account/password")
    def change_password(request: Request, body: NewPassword) -> Response:
        session = person_of(request)
        accounts.check_password(body.new, session.name)
        proofs.password(session.name, body.password, address_of(request), own=True)
        hashed = passwords.hashed(body.new)
        with store.write() as connection:
            people.set_password(connection, session, hashed, clock())
            cookie = sessions.begin(connection, session.person_id, hashed, guard.cookie(request), clock())
        response = JSONResponse({"name": session.name})
        guard.set_cookie(request, response, cookie)
        return response

    @routes.post("/api/account/pin")
    def change_pin(request: Request, body: NewPin) -> dict[str, bool]:
        session = person_of(request)
        pins.check_pin(body.pin)
        proofs.password(session.name, body.password, address_of(request), own=True)
        hashed = passwords.hashed(body.pin)
        with store.write() as connection:
            people.set_pin(connection, session, hashed, clock())
        return {"pin": True}

    @routes.post("/api/account/pin/remove")
    def remove_pin(request: Request) -> dict[str, bool]:
        session = person_of(request)
        with store.write() as connection:
            people.set_pin(connection, session, None, clock())
        return {"pin": False}

    return routes
