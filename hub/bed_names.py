"""Who lies in which bed, over HTTP: nurses and leads of the ward enter and clear it, nobody else sees it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response
from fastapi.templating import Jinja2Templates
from pydantic import StringConstraints
from sqlalchemy import Connection

from edge.errors import BedsideError
from edge.topics import Address
from hub import audit, board, commands, patients
from hub.accounts import LEAD, NURSE, Session
from hub.actions import see_bed
from hub.audit import UNPROVEN, Actor
from hub.config import Settings
from hub.proofs import Proofs
from hub.refusals import RefusalError
from hub.signing import Named, actor
from hub.store import Store
from hub.values import Id, Text

log = logging.getLogger(__name__)


class Patient(Named):
    """Who lies there."""

    name: Annotated[Text, StringConstraints(strip_whitespace=True, min_length=1, max_length=patients.LONGEST)]


def router(
    settings: Settings, store: Store, clock: Callable[[], float], proofs: Proofs, templates: Jinja2Templates
) -> APIRouter:
    """The page for those who look after patients, and what it asks for. No name is ever logged."""
    routes = APIRouter()
    may_forget = settings.commands.master_key_file is not None

    @routes.get("/patients", response_class=HTMLResponse)
    def page(request: Request) -> Response:
        session = _reader(request)
        context = {"me": session, "beds": _listed(session), "longest": patients.LONGEST}
        return templates.TemplateResponse(request, "patients.html", context | {"may_forget": may_forget})

    @routes.get("/api/patients")
    def listed(request: Request) -> list[dict[str, Any]]:
        return _listed(_reader(request))

    @routes.post("/api/patients/{device_id}")
    def put(request: Request, device_id: Id, body: Patient) -> dict[str, bool]:
        who = _carer(request, body)
        with store.write() as connection:
            see_bed(request, connection, device_id)
            patients.put(connection, device_id, " ".join(body.name.split()), who, clock())
        log.info("bed %d has a patient entered by %s", device_id, who.name)
        return {"entered": True, "may_forget": may_forget}

    @routes.post("/api/patients/{device_id}/clear")
    def clear(request: Request, device_id: Id, body: Named) -> dict[str, bool]:
        who = _carer(request, body)
        with store.write() as connection:
            see_bed(request, connection, device_id)
            patients.clear(connection, device_id, who, clock())
        log.info("bed %d has its patient cleared by %s", device_id, who.name)
        return {"entered": False, "may_forget": may_forget}

    @routes.post("/api/patients/{device_id}/forget")
    def forget(request: Request, device_id: Id, body: Named) -> dict[str, bool]:
        """Has the device forget what it learnt of the last patient's voice, and waits for its answer."""
        who = _carer(request, body)
        with store.write() as connection:
            see_bed(request, connection, device_id)
            ward, device = board.name_of_bed(connection, device_id)
            _note(connection, device_id, ward, who, "ask to forget")  # also where no answer comes
        try:
            address = Address(settings.site, ward, device)
            commands.ask(settings, store, address, commands.Wish("forget"), clock)
        except BedsideError as error:
            raise RefusalError("forget_failed", why=str(error)) from error
        with store.write() as connection:
            _note(connection, device_id, ward, who, "forget")
        return {"forgotten": True}

    def _note(connection: Connection, device_id: int, ward: str, who: Actor, action: str) -> None:
        place = {"ward": ward, "tablet": who.tablet}
        audit.write(connection, clock(), who.name, who.role, action, f"device {device_id}", **place)

    def _carer(request: Request, body: Named) -> Actor:
        who = actor(request, body, proofs)
        if who.role not in (NURSE, LEAD) and not (
            who.role == UNPROVEN and settings.patients.without_accounts
        ):
            raise RefusalError("patients_only")
        return who

    def _reader(request: Request) -> Session | None:
        session: Session | None = request.state.session
        may = settings.patients.without_accounts if session is None else session.role in (NURSE, LEAD)
        if not may:
            raise RefusalError("patients_only")
        return session

    def _listed(session: Session | None) -> list[dict[str, Any]]:
        with store.read() as connection:
            return patients.listed(connection, () if session is None else session.wards)

    return routes
