"""One bed's page, and the past of the bed it draws, over HTTP; seen by whoever sees the bed on the board.

A bed is told of by the device that stands there; `bed` names one where it stood before.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Query, Request
from fastapi.responses import HTMLResponse, Response
from fastapi.templating import Jinja2Templates
from sqlalchemy import Connection

from hub import __version__, history
from hub.accounts import may_see
from hub.actions import wards_of
from hub.config import Settings
from hub.history import Limits
from hub.store import Store
from hub.stream import SILENT_S
from hub.tables import CANARY

DAY_S = 86400.0
LONGEST_S = DAY_S + 3600  # a day on which clocks are put back

Moment = Annotated[float | None, Query(ge=0, le=253402300799, allow_inf_nan=False)]  # to the year 9999
Place = Annotated[str | None, Query(min_length=1, max_length=100, pattern=r"^[^\x00]+$")]


def router(
    settings: Settings, store: Store, clock: Callable[[], float], templates: Jinja2Templates
) -> APIRouter:
    """The page and its data; a bed of another ward is no bed at all."""
    routes = APIRouter()
    limits = Limits(settings.faults.stale_s, settings.timers)

    @routes.get("/beds/{device_id}", response_class=HTMLResponse)
    def page(request: Request, device_id: int, bed: Place = None) -> Response:
        with store.read() as connection:
            device, place = _see(request, connection, device_id, bed)
        context = {
            "bed": device,
            "place": place,
            "site": settings.site,
            "stale_s": settings.faults.stale_s,
            "silent_s": SILENT_S,
            "version": __version__,
            "me": request.state.session,
        }
        return templates.TemplateResponse(request, "bed.html", context)

    @routes.get("/api/beds/{device_id}/timeline")
    def timeline(
        request: Request,
        device_id: int,
        bed: Place = None,
        start: Annotated[Moment, Query(alias="from")] = None,
        end: Annotated[Moment, Query(alias="to")] = None,
    ) -> dict[str, Any]:
        now = clock()
        until = now if end is None else min(end, now)
        since = until - DAY_S if start is None else start
        if not 0 < until - since <= LONGEST_S:
            raise HTTPException(422, "from must be before to, now and at most 25 hours earlier")
        with store.read() as connection:
            device, place = _see(request, connection, device_id, bed)
            return {"bed": device} | history.past(connection, device, place, since, until, now, limits)

    return routes


def _see(
    request: Request, connection: Connection, device_id: int, place: str | None
) -> tuple[dict[str, Any], str]:
    """The device, and the bed it is asked about: a former one, or without `place` where it stands now."""
    device = history.device(connection, device_id) if 0 < device_id < 2**53 else None
    if device is None or device["ward"] == CANARY or not may_see(wards_of(request), device["ward"]):
        raise HTTPException(404, "there is no such bed")
    if place in (None, device["bed"]):
        return device, device["bed"]
    if not history.stood_at(connection, device_id, place):
        raise HTTPException(404, "the device is not known to have stood at such a bed")
    return device, place
