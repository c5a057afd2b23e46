"""The web process: the board and its event stream; what people do there is hub.actions."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import socket
import time
from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import uvicorn
from fastapi import FastAPI, Header, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from fastapi.sse import EventSourceResponse, ServerSentEvent
from fastapi.staticfiles import StaticFiles
from fastapi.templating import Jinja2Templates

from edge.errors import StorageError, UnavailableError
from hub import (
    __version__,
    actions,
    bed_names,
    bed_page,
    board,
    enrolment,
    health,
    login,
    metrics,
    own_account,
    people,
    rejects_page,
    staff,
)
from hub.accounts import ADMIN, LEAD, NAME
from hub.alerts import OUTCOMES
from hub.canary import Canary
from hub.config import Settings
from hub.guard import Guard, refusal
from hub.presence import Presence
from hub.presence import router as present
from hub.proofs import Proofs
from hub.recipients import LOOPBACK
from hub.refusals import RefusalError
from hub.service import Pulse, Stop
from hub.store import Store
from hub.stream import SILENT_S, Stream

log = logging.getLogger(__name__)

HERE = Path(__file__).parent
STUCK_S = 20.0
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; object-src 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}


def create_app(settings: Settings, store: Store, clock: Callable[[], float]) -> FastAPI:
    """The application; `app.state.stream` is its event stream, to be closed before the server stops."""
    stream: Stream | None = None
    guard = Guard(settings, store, clock)
    proofs = Proofs(store, clock, settings.tablets.pin_s)
    presence = Presence(store, clock)

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        nonlocal stream
        app.state.stream = stream = Stream(store, clock)
        watcher = asyncio.create_task(stream.watch(), name="watch the database")
        writer = asyncio.create_task(presence.write(), name="write down what boards say")
        yield
        presence.stop()
        await stream.close()
        await watcher
        await writer

    app = FastAPI(title="bedside-ser hub", version=__version__, lifespan=lifespan, openapi_url=None)
    app.mount("/static", StaticFiles(directory=HERE / "static"), name="static")
    templates = Jinja2Templates(directory=HERE / "templates")

    @app.middleware("http")
    async def harden(request: Request, call_next: Any) -> Response:
        instead: Response | None = refusal(RefusalError("foreign"))
        if request.method in ("GET", "HEAD") or _is_ours(request):
            instead = await guard.admit(request)
        response: Response = await call_next(request) if instead is None else instead
        response.headers.update(HEADERS)
        return response

    _answer_errors(app)

    @app.get("/", response_class=HTMLResponse)
    def page(request: Request) -> HTMLResponse:
        session = request.state.session
        context = {
            "site": settings.site,
            "nurses": settings.nurses,
            "outcomes": OUTCOMES,
            "stale_s": settings.faults.stale_s,
            "silent_s": SILENT_S,
            "mute_minutes": actions.mute_minutes(request.state.session),
            "version": __version__,
            "me": session,
            "sees_patients": guard.view(request.state.session).names == NAME,
            "may_invite": session is not None and session.role in (LEAD, ADMIN),
            "rejects": rejects_page.hint(session, store, clock),
        }
        return templates.TemplateResponse(request, "board.html", context)

    @app.get("/api/stream", response_class=EventSourceResponse)
    async def events(
        request: Request,
        last_event_id: Annotated[str | None, Header()] = None,
    ) -> AsyncIterator[ServerSentEvent]:
        if stream is not None:
            async for event in stream.listen(last_event_id, partial(guard.still, request.state.session)):
                yield event

    @app.get("/api/board")
    def whole(request: Request) -> dict[str, Any]:
        with store.read() as connection:
            shown = guard.view(request.state.session)
            return board.snapshot(connection, shown.wards, shown.names)

    app.include_router(actions.router(settings, store, clock, proofs))
    app.include_router(bed_page.router(settings, store, clock, templates))
    app.include_router(rejects_page.router(settings, store, clock, templates))
    app.include_router(present(presence))
    app.include_router(login.pages(guard, store, templates))
    app.include_router(login.router(guard, store, clock, proofs))
    app.include_router(own_account.router(guard, store, clock, proofs, templates))
    app.include_router(staff.router(store, clock, templates))
    app.include_router(enrolment.router(settings, guard, store, clock))
    app.include_router(bed_names.router(settings, store, clock, proofs, templates))
    app.include_router(metrics.router(settings, store, clock))
    app.include_router(health.router(settings, store, clock))

    return app


def _answer_errors(app: FastAPI) -> None:
    """What is answered in place of each exception."""

    @app.exception_handler(StorageError)
    async def storage(_request: Request, error: StorageError) -> JSONResponse:
        log.error("%s", error)
        return refusal(RefusalError("database"))

    @app.exception_handler(Exception)
    async def defect(_request: Request, _error: Exception) -> Response:
        """Past `harden`: whoever answers a defect stands outside of it, and logs it."""
        return PlainTextResponse("the hub has a defect; its log says where", 500, HEADERS)

    @app.exception_handler(RefusalError)
    async def refuse(_request: Request, error: RefusalError) -> JSONResponse:
        return refusal(error)

    @app.exception_handler(RequestValidationError)
    async def invalid(_request: Request, _error: RequestValidationError) -> JSONResponse:
        return refusal(RefusalError("invalid"))


def _is_ours(request: Request) -> bool:
    """A header no form can send, and where the browser names an origin, our own."""
    origin = request.headers.get("origin")
    same = origin is None or urlsplit(origin).netloc == request.headers.get("host")
    return same and request.headers.get("x-requested-with") == "bedside"


def listen(host: str, port: int) -> socket.socket:
    """A socket for the board. Raises UnavailableError in one sentence where the port cannot be had."""
    try:
        info = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        server = socket.socket(info[0], socket.SOCK_STREAM)
    except OSError as error:
        raise UnavailableError(f"web.host is {host!r}, no address of this machine: {error}") from error
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        server.bind(info[4])
        server.listen(256)
    except OSError as error:
        server.close()
        if error.errno == errno.EADDRINUSE:
            why = "another program uses it; stop that one or choose another web.port"
        else:
            why = error.strerror or str(error)
        raise UnavailableError(f"cannot serve the board on {host} port {port}: {why}") from error
    return server


class _Server(uvicorn.Server):
    """Leaves the signals to hub.service.Stop."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _tell(pulse: Pulse, server: uvicorn.Server, stream: Stream | None, where: str) -> None:
    """Ready is who answers browsers and follows the database."""
    if stream is None or stream.looked_s is None or not server.started:
        pulse.beat("starts", ready=False)
    elif time.monotonic() - stream.looked_s > STUCK_S:
        pulse.falter(f"the board has not looked at its database for {STUCK_S:g} s")
    else:
        pulse.beat(stream.trouble or f"the board is on {where}", ready=stream.trouble is None)


def _warn(settings: Settings, store: Store) -> None:
    if not settings.accounts.required:
        return
    with store.read() as connection:
        if people.is_empty(connection):
            log.warning("nobody has an account yet; make the first: bedside-hub admin --config FILE NAME")
    if not settings.web.https and settings.web.host not in LOOPBACK:
        log.warning("web.https is false: passwords may cross the network in the clear; see hub/README.md")


def run(settings: Settings, store: Store, stop: Stop, clock: Callable[[], float]) -> None:
    """The web process."""
    server_socket = listen(settings.web.host, settings.web.port)
    app = create_app(settings, store, clock)
    config = uvicorn.Config(app, log_config=None, access_log=False, timeout_graceful_shutdown=1, ws="none")
    server = _Server(config)
    pulse = Pulse()
    where = f"{settings.web.host}:{settings.web.port}"

    async def serve() -> None:
        serving = asyncio.create_task(server.serve([server_socket]), name="serve")
        while not serving.done() and not await asyncio.to_thread(stop.wait, 0.2):
            _tell(pulse, server, getattr(app.state, "stream", None), where)
        if hasattr(app.state, "stream"):
            await app.state.stream.close()  # or its listeners would hold the server open
        server.should_exit = True
        await serving

    _warn(settings, store)
    canary = Canary(settings, clock)
    canary.start()
    try:
        with server_socket:
            log.info("the board is on http://%s:%d", settings.web.host, settings.web.port)
            asyncio.run(serve())
    finally:
        canary.stop()
