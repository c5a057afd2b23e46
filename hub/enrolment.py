"""Wards' shared tablets, over HTTP: enrolling and revoking them, and whom one of them may act for."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, ConfigDict

from hub import sessions, tablets
from hub.accounts import TABLET, AccountError, Session, may_see
from hub.config import Settings
from hub.guard import Guard, lead_of
from hub.refusals import RefusalError
from hub.store import Store
from hub.values import Id, Label

log = logging.getLogger(__name__)


class Enrolment(BaseModel):
    """What the tablet is called, and whose beds it shows."""

    model_config = ConfigDict(extra="forbid")
    name: Label
    ward: Label


def router(settings: Settings, guard: Guard, store: Store, clock: Callable[[], float]) -> APIRouter:
    """Leads enrol and revoke tablets of their own wards, admins of every ward."""
    routes = APIRouter()

    @routes.get("/api/tablets")
    def listed(request: Request) -> list[dict[str, Any]]:
        session = lead_of(request)
        with store.read() as connection:
            return tablets.listed(connection, session.wards)

    @routes.post("/api/tablets")
    def enrol(request: Request, body: Enrolment) -> Response:
        session = lead_of(request)
        if not may_see(session.wards, body.ward):
            raise AccountError("tablet_ward", wards=", ".join(session.wards))
        with store.write() as connection:
            cookie = tablets.enrol(connection, body.name, body.ward, session, clock())
            sessions.end(connection, session, clock())  # or whoever comes next would act in this name
        log.info("%s has made a browser the tablet %s of ward %s", session.name, body.name, body.ward)
        response = JSONResponse({"name": body.name, "ward": body.ward})
        guard.set_tablet_cookie(request, response, cookie)
        return response

    @routes.post("/api/tablets/{tablet}/revoke")
    def revoke(request: Request, tablet: Id) -> dict[str, bool]:
        session = lead_of(request)
        with store.write() as connection:
            ward = tablets.ward_of(connection, tablet)
            if ward is None or not may_see(session.wards, ward):
                raise AccountError("no_tablet")
            tablets.revoke(connection, tablet, session, clock())
        return {"revoked": True}

    @routes.get("/api/tablet")
    def here(request: Request) -> dict[str, Any]:
        """Who can be chosen on this tablet; who needs no PIN, until when."""
        tablet, number = _tablet(request)
        now = clock()
        with store.read() as connection:
            people = tablets.people_of(connection, tablet.wards[0], now)
            trusted = tablets.trusted(connection, number, now, settings.tablets.pin_s)
        person, until = trusted or (None, None)
        if person not in [one["id"] for one in people]:
            person, until = None, None
        return {
            "people": people,
            "person": person,
            "until": until,
            "now": now,
            "nameless": settings.tablets.nameless,
        }

    @routes.post("/api/tablet/done")
    def done(request: Request) -> dict[str, None]:
        """Whoever gave a PIN has finished."""
        _, number = _tablet(request)
        with store.write() as connection:
            tablets.forget(connection, number)
        return {"person": None}

    return routes


def _tablet(request: Request) -> tuple[Session, int]:
    session: Session | None = request.state.session
    if session is None or session.role != TABLET or session.tablet is None:
        raise RefusalError("no_tablet")
    return session, session.tablet
