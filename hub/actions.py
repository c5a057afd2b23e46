"""What people do on the board, as HTTP: accept, close, pause, mute; each by a named person."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Annotated, Literal

from fastapi import APIRouter, Request
from pydantic import StringConstraints
from sqlalchemy import Connection

from hub import board, mutes
from hub.accounts import MUTE_MINUTES, Session, may_see
from hub.config import Settings
from hub.proofs import Proofs
from hub.refusals import RefusalError
from hub.service import about
from hub.signing import Named, actor
from hub.store import Store
from hub.values import Id, Text

log = logging.getLogger(__name__)


class Close(Named):
    """Who ends the alert, and what it was."""

    outcome: Literal["distress", "other need", "false alarm", "could not tell"]


class Mute(Named):
    """Who mutes a bed, for how long and why."""

    minutes: Literal[15, 30, 60, 120, 240]
    reason: Annotated[Text, StringConstraints(strip_whitespace=True, min_length=1, max_length=80)]


def router(settings: Settings, store: Store, clock: Callable[[], float], proofs: Proofs) -> APIRouter:
    """The actions; what does not fit any more is refused with status 409 (hub.refusals)."""
    routes = APIRouter(prefix="/api")

    @routes.post("/alerts/{alert_id}/accept")
    def accept(request: Request, alert_id: Id, body: Named) -> dict[str, str]:
        who = actor(request, body, proofs, nameless=settings.tablets.nameless)
        with store.write() as connection:
            _see_alert(request, connection, alert_id)
            board.accept(connection, alert_id, who, clock())
        about(log, alert_id).info("alert #%d accepted by %s", alert_id, who.name)
        return {"state": "accepted"}

    @routes.post("/alerts/{alert_id}/close")
    def close(request: Request, alert_id: Id, body: Close) -> dict[str, str]:
        who = actor(request, body, proofs)
        with store.write() as connection:
            _see_alert(request, connection, alert_id)
            board.close(connection, alert_id, who, body.outcome, clock())
        about(log, alert_id).info("alert #%d closed by %s: %s", alert_id, who.name, body.outcome)
        return {"state": "closed"}

    @routes.post("/alerts/{alert_id}/pause")
    def pause(request: Request, alert_id: Id, body: Named) -> dict[str, float]:
        who = actor(request, body, proofs)
        with store.write() as connection:
            _see_alert(request, connection, alert_id)
            until = mutes.pause(connection, alert_id, who, clock())
        about(log, alert_id).info("alert #%d paused by %s", alert_id, who.name)
        return {"until": until}

    @routes.post("/beds/{device_id}/mute")
    def mute(request: Request, device_id: Id, body: Mute) -> dict[str, float]:
        who = actor(request, body, proofs)
        if body.minutes > _longest(who.role):
            raise RefusalError("mute_longest", role=who.role, minutes=_longest(who.role))
        with store.write() as connection:
            see_bed(request, connection, device_id)
            until = mutes.mute(connection, device_id, who, body.minutes, body.reason, clock())
        log.info("bed %d muted for %d min by %s: %s", device_id, body.minutes, who.name, body.reason)
        return {"until": until}

    @routes.post("/beds/{device_id}/unmute")
    def unmute(request: Request, device_id: Id, body: Named) -> dict[str, bool]:
        who = actor(request, body, proofs)
        with store.write() as connection:
            see_bed(request, connection, device_id)
            mutes.lift(connection, device_id, who, clock())
        log.info("bed %d no longer muted: %s", device_id, who.name)
        return {"muted": False}

    return routes


def wards_of(request: Request) -> tuple[str, ...]:
    """The wards whoever asks may see, empty for all."""
    session: Session | None = request.state.session
    return () if session is None else session.wards


def mute_minutes(session: Session | None) -> list[int]:
    """For how long whoever has this session may mute a bed."""
    longest = max(mutes.MINUTES) if session is None else _longest(session.role)
    return [minutes for minutes in mutes.MINUTES if minutes <= longest]


def _longest(role: str) -> int:
    return MUTE_MINUTES.get(role, max(mutes.MINUTES))


def _see_alert(request: Request, connection: Connection, alert_id: int) -> None:
    ward = board.ward_of_alert(connection, alert_id)
    if ward is None or not may_see(wards_of(request), ward):
        raise RefusalError("no_alert")


def see_bed(request: Request, connection: Connection, device_id: int) -> None:
    """Raises RefusalError where there is no such bed in the wards of whoever asks."""
    ward = board.ward_of_bed(connection, device_id)
    if ward is None or not may_see(wards_of(request), ward):
        raise RefusalError("no_bed")
