"""What people do on the board, as HTTP: accept, close, pause, mute; each by a named person."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Annotated, Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, StringConstraints
from sqlalchemy import Connection

from hub import board, mutes
from hub.accounts import MUTE_MINUTES, Session, login_name, may_see
from hub.audit import UNPROVEN
from hub.refusals import RefusalError
from hub.store import Store

log = logging.getLogger(__name__)

Person = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=60)]


class Named(BaseModel):
    """Who does it."""

    model_config = ConfigDict(extra="forbid")
    person: Person | None = None  # needed only where there are no accounts


class Close(Named):
    """Who ends the alert, and what it was."""

    outcome: Literal["distress", "other need", "false alarm", "could not tell"]


class Mute(Named):
    """Who mutes a bed, for how long and why."""

    minutes: Literal[15, 30, 60, 120, 240]
    reason: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=80)]


def router(store: Store, clock: Callable[[], float]) -> APIRouter:
    """The actions; what does not fit any more is refused with status 409 (hub.refusals)."""
    routes = APIRouter(prefix="/api")

    @routes.post("/alerts/{alert_id}/accept")
    def accept(request: Request, alert_id: int, body: Named) -> dict[str, str]:
        person, role = _who(request, body.person)
        with store.write() as connection:
            _see_alert(request, connection, alert_id)
            board.accept(connection, alert_id, person, clock(), role=role)
        log.info("alert #%d accepted by %s", alert_id, person)
        return {"state": "accepted"}

    @routes.post("/alerts/{alert_id}/close")
    def close(request: Request, alert_id: int, body: Close) -> dict[str, str]:
        person, role = _who(request, body.person)
        with store.write() as connection:
            _see_alert(request, connection, alert_id)
            board.close(connection, alert_id, person, body.outcome, clock(), role=role)
        log.info("alert #%d closed by %s: %s", alert_id, person, body.outcome)
        return {"state": "closed"}

    @routes.post("/alerts/{alert_id}/pause")
    def pause(request: Request, alert_id: int, body: Named) -> dict[str, float]:
        person, role = _who(request, body.person)
        with store.write() as connection:
            _see_alert(request, connection, alert_id)
            until = mutes.pause(connection, alert_id, person, clock(), role=role)
        log.info("alert #%d paused by %s", alert_id, person)
        return {"until": until}

    @routes.post("/beds/{device_id}/mute")
    def mute(request: Request, device_id: int, body: Mute) -> dict[str, float]:
        person, role = _who(request, body.person)
        longest = MUTE_MINUTES.get(role, max(mutes.MINUTES))
        if body.minutes > longest:
            raise RefusalError("mute_longest", role=role, minutes=longest)
        with store.write() as connection:
            _see_bed(request, connection, device_id)
            until = mutes.mute(connection, device_id, person, body.minutes, body.reason, clock(), role=role)
        log.info("bed %d muted for %d min by %s: %s", device_id, body.minutes, person, body.reason)
        return {"until": until}

    @routes.post("/beds/{device_id}/unmute")
    def unmute(request: Request, device_id: int, body: Named) -> dict[str, bool]:
        person, role = _who(request, body.person)
        with store.write() as connection:
            _see_bed(request, connection, device_id)
            mutes.lift(connection, device_id, person, clock(), role=role)
        log.info("bed %d no longer muted: %s", device_id, person)
        return {"muted": False}

    return routes


def wards_of(request: Request) -> tuple[str, ...]:
    """The wards whoever asks may see, empty for all."""
    session: Session | None = request.state.session
    return () if session is None else session.wards


def _who(request: Request, named: str | None) -> tuple[str, str]:
    """Person and role. Nobody who has logged in answers in another's name."""
    session: Session | None = request.state.session
    if session is None:
        if named is None:
            raise RefusalError("nobody")
        return named, UNPROVEN
    if named is not None and login_name(named) != login_name(session.name):
        raise RefusalError("other_name", name=session.name)
    return session.name, session.role


def _see_alert(request: Request, connection: Connection, alert_id: int) -> None:
    ward = board.ward_of_alert(connection, alert_id)
    if ward is None or not may_see(wards_of(request), ward):
        raise RefusalError("no_alert")


def _see_bed(request: Request, connection: Connection, device_id: int) -> None:
    ward = board.ward_of_bed(connection, device_id)
    if ward is None or not may_see(wards_of(request), ward):
        raise RefusalError("no_bed")
