"""What people do on the board, as HTTP: accept, close, pause, mute; each by a named person."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterator
from typing import Annotated, Literal

from fastapi import APIRouter, HTTPException
from pydantic import BaseModel, ConfigDict, StringConstraints

from hub import board, mutes
from hub.store import Store

log = logging.getLogger(__name__)

Person = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=60)]


class Accept(BaseModel):
    """Who takes the alert on."""

    model_config = ConfigDict(extra="forbid")
    person: Person


class Close(BaseModel):
    """Who ends the alert, and what it was."""

    model_config = ConfigDict(extra="forbid")
    person: Person
    outcome: Literal["distress", "other need", "false alarm", "could not tell"]


class Pause(BaseModel):
    """Who wants two quiet minutes."""

    model_config = ConfigDict(extra="forbid")
    person: Person


class Mute(BaseModel):
    """Who mutes a bed, for how long and why."""

    model_config = ConfigDict(extra="forbid")
    person: Person
    minutes: Literal[15, 30, 60, 120, 240]
    reason: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=80)]


def router(store: Store, clock: Callable[[], float]) -> APIRouter:
    """The actions; what does not fit any more is refused with status 409 and one sentence."""
    routes = APIRouter(prefix="/api")

    @routes.post("/alerts/{alert_id}/accept")
    def accept(alert_id: int, body: Accept) -> dict[str, str]:
        with _refused_as_conflict(), store.write() as connection:
            board.accept(connection, alert_id, body.person, clock())
        log.info("alert #%d accepted by %s", alert_id, body.person)
        return {"state": "accepted"}

    @routes.post("/alerts/{alert_id}/close")
    def close(alert_id: int, body: Close) -> dict[str, str]:
        with _refused_as_conflict(), store.write() as connection:
            board.close(connection, alert_id, body.person, body.outcome, clock())
        log.info("alert #%d closed by %s: %s", alert_id, body.person, body.outcome)
        return {"state": "closed"}

    @routes.post("/alerts/{alert_id}/pause")
    def pause(alert_id: int, body: Pause) -> dict[str, float]:
        with _refused_as_conflict(), store.write() as connection:
            until = mutes.pause(connection, alert_id, body.person, clock())
        log.info("alert #%d paused by %s", alert_id, body.person)
        return {"until": until}

    @routes.post("/beds/{device_id}/mute")
    def mute(device_id: int, body: Mute) -> dict[str, float]:
        with _refused_as_conflict(), store.write() as connection:
            until = mutes.mute(connection, device_id, body.person, body.minutes, body.reason, clock())
        log.info("bed %d muted for %d min by %s: %s", device_id, body.minutes, body.person, body.reason)
        return {"until": until}

    @routes.post("/beds/{device_id}/unmute")
    def unmute(device_id: int, body: Pause) -> dict[str, bool]:
        with _refused_as_conflict(), store.write() as connection:
            mutes.lift(connection, device_id, body.person, clock())
        log.info("bed %d no longer muted: %s", device_id, body.person)
        return {"muted": False}

    return routes


@contextlib.contextmanager
def _refused_as_conflict() -> Iterator[None]:
    try:
        yield
    except (board.ActionError, mutes.MuteError) as error:
        raise HTTPException(409, str(error)) from error
