"""`GET /healthz`: whether the hub can do its work, for a service manager or a monitor; open to all."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from hub import __version__, board
from hub.config import Settings
from hub.freshness import is_fresh
from hub.store import Store
from hub.stream import SILENT_S


def router(settings: Settings, store: Store, clock: Callable[[], float]) -> APIRouter:
    """Status 200 where each process that alerts need has given a sign of life lately and can work, or 503."""
    routes = APIRouter()
    needed = ("ingest", "engine", *(("push",) if settings.recipients else ()))

    @routes.get("/healthz")
    def health() -> JSONResponse:
        with store.read() as connection:
            signs = board.signs_of_life(connection)
        now = clock()
        processes = {
            name: {"age_s": round(now - at, 1), "working": working and is_fresh(at, now, SILENT_S)}
            for name, (at, working) in signs.items()
        }
        well = all(processes.get(name, {}).get("working", False) for name in needed)
        body = {"ok": well, "version": __version__, "site": settings.site, "processes": processes}
        return JSONResponse(body, 200 if well else 503)

    return routes
