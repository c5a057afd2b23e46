"""The page of messages that broke the wire contract, and its data, over HTTP; for admins only."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response
from fastapi.templating import Jinja2Templates

from hub import __version__, rejects
from hub.accounts import ADMIN, Session
from hub.config import Settings
from hub.guard import admin_of
from hub.store import Store, counter


def hint(session: Session | None, store: Store, clock: Callable[[], float]) -> int | None:
    """How many messages were set aside within a day, for an admin; None for everybody else."""
    if session is None or session.role != ADMIN:
        return None
    with store.read() as connection:
        return rejects.lately(connection, clock())


def router(
    settings: Settings, store: Store, clock: Callable[[], float], templates: Jinja2Templates
) -> APIRouter:
    """The page and its data, for admins only."""
    routes = APIRouter()

    @routes.get("/rejects", response_class=HTMLResponse)
    def page(request: Request) -> Response:
        admin_of(request)
        context = {"site": settings.site, "version": __version__}
        return templates.TemplateResponse(request, "rejects.html", context)

    @routes.get("/api/rejects")
    def listed(request: Request) -> dict[str, Any]:
        admin_of(request)
        now = clock()
        with store.read() as connection:
            found = rejects.kept(connection)
            return {
                "now": now,
                "ever": counter(connection, "rejects"),
                "kept": len(found),
                "day": rejects.lately(connection, now),
                "groups": [asdict(group) for group in rejects.groups(found)],
            }

    return routes
