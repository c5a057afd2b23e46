"""Login, invitation and logout, over HTTP."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from fastapi.templating import Jinja2Templates
from pydantic import BaseModel, ConfigDict, StringConstraints

from hub import accounts, passwords, people, sessions
from hub.accounts import TABLET, AccountError, Session
from hub.guard import Guard, address_of, person_of
from hub.proofs import Proofs
from hub.store import Store
from hub.values import Name

log = logging.getLogger(__name__)

Password = Annotated[str, StringConstraints(min_length=1, max_length=1000)]


class Login(BaseModel):
    """A name and its password."""

    model_config = ConfigDict(extra="forbid")
    name: Name
    password: Password


class Join(BaseModel):
    """An invitation's code, and the password to be."""

    model_config = ConfigDict(extra="forbid")
    code: Annotated[str, StringConstraints(min_length=1, max_length=60)]
    password: Password


def pages(guard: Guard, store: Store, templates: Jinja2Templates) -> APIRouter:
    """Where one logs in, and where one chooses a password."""
    routes = APIRouter()

    @routes.get("/login", response_class=HTMLResponse)
    def login_page(request: Request) -> Response:
        if not guard.required or request.state.session is not None:
            return RedirectResponse("/", 303)
        with store.read() as connection:
            context = {"nobody": people.is_empty(connection)}
        return templates.TemplateResponse(request, "login.html", context)

    @routes.get("/join", response_class=HTMLResponse)
    def join_page(request: Request) -> Response:
        if not guard.required:
            return RedirectResponse("/", 303)
        least, most = accounts.PASSWORD_LENGTH
        return templates.TemplateResponse(request, "join.html", {"least": least, "most": most})

    return routes


def router(guard: Guard, store: Store, clock: Callable[[], float], proofs: Proofs) -> APIRouter:
    """What these pages ask for, and logout."""
    routes = APIRouter()

    @routes.post("/api/login")
    def login(request: Request, body: Login) -> Response:
        if not guard.required:
            raise AccountError("no_accounts")
        _refuse_on_tablets(request)
        one = proofs.password(body.name, body.password, address_of(request))
        with store.write() as connection:
            cookie = sessions.begin(connection, one.person, one.hashed, guard.cookie(request), clock())
        return _welcome(request, one.name, cookie)

    @routes.post("/api/join")
    def join(request: Request, body: Join) -> Response:
        if not guard.required:
            raise AccountError("no_accounts")
        _refuse_on_tablets(request)
        with store.read() as connection:
            name = people.invited(connection, body.code, clock())
        accounts.check_password(body.password, name)
        hashed = passwords.hashed(body.password)
        with store.write() as connection:
            person = people.join(connection, body.code, hashed, clock())
            cookie = sessions.begin(connection, person, hashed, guard.cookie(request), clock())
        return _welcome(request, name, cookie)

    @routes.get("/api/me")
    def me(request: Request) -> dict[str, Any]:
        session: Session | None = request.state.session
        if session is None:
            return {"accounts": False}
        return {"accounts": True, "name": session.name, "role": session.role, "wards": list(session.wards)}

    @routes.post("/api/logout")
    def logout(request: Request) -> Response:
        return _goodbye(request, everywhere=False)

    @routes.post("/api/logout-everywhere")
    def logout_everywhere(request: Request) -> Response:
        return _goodbye(request, everywhere=True)

    def _welcome(request: Request, name: str, cookie: str) -> Response:
        log.info("%s has logged in", name)
        response = JSONResponse({"name": name})
        guard.set_cookie(request, response, cookie)
        return response

    def _goodbye(request: Request, *, everywhere: bool) -> Response:
        session = person_of(request)
        with store.write() as connection:
            sessions.end(connection, session, clock(), everywhere=everywhere)
        response = JSONResponse({"name": session.name})
        guard.drop_cookie(request, response)
        return response

    return routes


def _refuse_on_tablets(request: Request) -> None:
    """A login would end the tablet's own."""
    session: Session | None = request.state.session
    if session is not None and session.role == TABLET:
        raise AccountError("on_tablet")
