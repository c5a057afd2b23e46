"""Accounts of the ward's people, over HTTP: the list, invitations, disabling, roles."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response
from fastapi.templating import Jinja2Templates
from pydantic import BaseModel, ConfigDict, Field

from hub import accounts, board, people, tablets
from hub.accounts import ADMIN, NURSE, Session
from hub.guard import admin_of, lead_of
from hub.store import Store
from hub.values import Id, Label, Name

Wards = Annotated[list[Label], Field(max_length=100)]
HOURS = int(accounts.INVITATION_S / 3600)


class Invitation(BaseModel):
    """Who gets an account, and what they may do and see; no wards for all."""

    model_config = ConfigDict(extra="forbid")
    name: Name
    role: Literal["nurse", "lead", "admin"] = "nurse"
    wards: Wards = []


class Change(BaseModel):
    """What somebody may do and see from now on."""

    model_config = ConfigDict(extra="forbid")
    role: Literal["nurse", "lead", "admin"]
    wards: Wards = []


def router(store: Store, clock: Callable[[], float], templates: Jinja2Templates) -> APIRouter:
    """Leads see and invite; only admins do more."""
    routes = APIRouter()

    @routes.get("/people", response_class=HTMLResponse)
    def page(request: Request) -> Response:
        session = lead_of(request)
        context = {
            "me": session,
            "people": _listed(session),
            "tablets": _tablets(session),
            "known_wards": session.wards or _wards(),
            "roles": accounts.MAY_INVITE[session.role],
            "all_roles": accounts.ROLES,
            "is_admin": session.role == ADMIN,
        }
        return templates.TemplateResponse(request, "people.html", context)

    @routes.get("/api/people")
    def listed(request: Request) -> list[dict[str, Any]]:
        return _listed(lead_of(request))

    @routes.post("/api/people/invite")
    def invite(request: Request, body: Invitation) -> dict[str, Any]:
        session = lead_of(request)
        accounts.check_invitation(body.role, body.wards, session.role, session.wards)
        with store.write() as connection:
            code = people.invite(connection, body.name, body.role, body.wards, session, clock())
        return {"code": code, "name": body.name, "hours": HOURS}

    @routes.post("/api/people/{person}/disable")
    def disable(request: Request, person: Id) -> dict[str, bool]:
        session = admin_of(request)
        with store.write() as connection:
            people.disable(connection, person, session, clock())
        return {"disabled": True}

    @routes.post("/api/people/{person}/enable")
    def enable(request: Request, person: Id) -> dict[str, bool]:
        session = admin_of(request)
        with store.write() as connection:
            people.enable(connection, person, session, clock())
        return {"disabled": False}

    @routes.post("/api/people/{person}/logout")
    def log_out(request: Request, person: Id) -> dict[str, int]:
        session = admin_of(request)
        with store.write() as connection:
            people.log_out(connection, person, session, clock())
        return {"sessions": 0}

    @routes.post("/api/people/{person}/code")
    def new_password(request: Request, person: Id) -> dict[str, Any]:
        session = admin_of(request)
        with store.write() as connection:
            code, name = people.new_password(connection, person, session, clock())
        return {"code": code, "name": name, "hours": HOURS}

    @routes.post("/api/people/{person}/role")
    def change(request: Request, person: Id, body: Change) -> dict[str, str]:
        session = admin_of(request)
        with store.write() as connection:
            people.change(connection, person, body.role, body.wards, session, clock())
        return {"role": body.role}

    def _listed(session: Session) -> list[dict[str, Any]]:
        with store.read() as connection:
            found = people.listed(connection)
        if session.role == ADMIN:
            return found
        mine = set(session.wards)
        return [
            one
            for one in found
            if one["id"] == session.person_id
            or (one["role"] == NURSE and (not mine or not one["wards"] or mine & set(one["wards"])))
        ]

    def _tablets(session: Session) -> list[dict[str, Any]]:
        with store.read() as connection:
            return tablets.listed(connection, session.wards)

    def _wards() -> list[str]:
        with store.read() as connection:
            return board.wards(connection)

    return routes
