"""The guard before every page: whose session a request carries, and what is refused without one."""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from fastapi import Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse, RedirectResponse, Response

from edge.errors import StorageError
from hub import accounts, sessions, tablets
from hub.accounts import (
    ABSOLUTE_S,
    ADMIN,
    LEAD,
    NAME,
    NOTHING,
    NURSE,
    TABLET,
    TABLET_ABSOLUTE_S,
    Session,
    View,
)
from hub.config import Settings
from hub.refusals import RefusalError
from hub.store import Store

log = logging.getLogger(__name__)

PUBLIC = frozenset({"/login", "/join", "/api/login", "/api/join", "/healthz", "/metrics"})
SECURE_COOKIE, PLAIN_COOKIE = "__Host-bedside", "bedside"


class Guard:
    """Knows whose session a request carries. Where no accounts are required, everybody's is None."""

    def __init__(self, settings: Settings, store: Store, clock: Callable[[], float]) -> None:
        self.required = settings.accounts.required
        self._https = settings.web.https
        self._names_on_tablets = settings.tablets.patients
        self._names_without_accounts = settings.patients.without_accounts
        self._store = store
        self._clock = clock
        self._touching: set[str] = set()
        self._later = ThreadPoolExecutor(1, "touch")

    async def admit(self, request: Request) -> Response | None:
        """Puts the session into `request.state.session`; what to answer instead where there is none."""
        request.state.session = None
        if not self.required:
            return None
        try:
            request.state.session = await run_in_threadpool(self._find, self.cookie(request))
        except StorageError as error:
            log.error("%s", error)  # noqa: TRY400
            return None if is_public(request) else refusal(RefusalError("database"))
        if request.state.session is not None or is_public(request):
            return None
        if request.method == "GET" and not request.url.path.startswith("/api/"):
            return RedirectResponse("/login", 303)
        return refusal(RefusalError("login"))

    def still(self, session: Session | None) -> View | None:
        """What a session may see now; None once it has ended. It counts as used."""
        if not self.required:
            return self.view(None)
        found = None if session is None else self.find_by_key(session.key)
        return None if found is None else self.view(found)

    def view(self, session: Session | None) -> View:
        """What somebody may see; without accounts, that is everybody."""
        if session is None:
            return View((), NAME if self._names_without_accounts else NOTHING)
        if session.role == TABLET:
            return View(session.wards, self._names_on_tablets)
        return View(session.wards, NAME if session.role in (NURSE, LEAD) else NOTHING)

    def cookie(self, request: Request) -> str | None:
        """What a login has left in this browser."""
        return request.cookies.get(self._cookie_name(request))

    def set_cookie(
        self, request: Request, response: Response, value: str, seconds: float = ABSOLUTE_S
    ) -> None:
        """Leaves a login in this browser, out of reach of scripts and of other sites."""
        response.set_cookie(
            self._cookie_name(request),
            value,
            max_age=int(seconds),
            secure=self._is_secure(request),
            httponly=True,
            samesite="strict",
        )

    def set_tablet_cookie(self, request: Request, response: Response, value: str) -> None:
        """The same for a ward's tablet, in the place of whoever was logged in."""
        self.set_cookie(request, response, value, TABLET_ABSOLUTE_S)

    def drop_cookie(self, request: Request, response: Response) -> None:
        """Takes it out again."""
        name, secure = self._cookie_name(request), self._is_secure(request)
        response.delete_cookie(name, secure=secure, httponly=True, samesite="strict")

    def _is_secure(self, request: Request) -> bool:
        return self._https or request.url.scheme == "https"

    def _cookie_name(self, request: Request) -> str:
        return SECURE_COOKIE if self._is_secure(request) else PLAIN_COOKIE

    def _find(self, cookie: str | None) -> Session | None:
        return None if cookie is None else self.find_by_key(accounts.key(cookie))

    def find_by_key(self, key: str) -> Session | None:
        """The session of that key, which counts as used now, as soon as that can be written down."""
        now = self._clock()
        with self._store.read() as connection:
            found = sessions.find(connection, key, now) or tablets.find(connection, key, now)
        if found is None:
            return None
        session, seen_at = found
        if now - seen_at >= sessions.TOUCH_S and key not in self._touching:
            self._touching.add(key)
            self._later.submit(self._touch, session, now)
        return session

    def _touch(self, session: Session, now: float) -> None:
        """Apart from requests, none of which is to wait for the writers' lock or to fail for this."""
        try:
            with self._store.write() as connection:
                if session.tablet is None:
                    sessions.touch(connection, session.key, now)
                else:
                    tablets.touch(connection, session.tablet, now)
        except StorageError as error:
            log.warning("when %s was here last is not written down: %s", session.name, error)
        finally:
            self._touching.discard(session.key)


def is_public(request: Request) -> bool:
    """Whether a request needs no session."""
    return request.url.path in PUBLIC or request.url.path.startswith("/static/")


def person_of(request: Request) -> Session:
    """The person who has logged in. Raises RefusalError: there are no accounts, or it is a ward's tablet."""
    session: Session | None = request.state.session
    if session is None:
        raise RefusalError("no_accounts")
    if session.role == TABLET:
        raise RefusalError("on_tablet")
    return session


def lead_of(request: Request) -> Session:
    """The same, where it is a lead or an admin."""
    session = person_of(request)
    if session.role not in (LEAD, ADMIN):
        raise RefusalError("lead_only")
    return session


def admin_of(request: Request) -> Session:
    """The same, where it is an admin."""
    session = person_of(request)
    if session.role != ADMIN:
        raise RefusalError("admin_only")
    return session


def address_of(request: Request) -> str:
    """Where a request comes from, as far as that is known."""
    return request.client.host if request.client else ""


def refusal(error: RefusalError) -> JSONResponse:
    """A refusal as an answer."""
    headers = {} if error.retry_s is None else {"Retry-After": str(int(error.retry_s) + 1)}
    return JSONResponse(error.answer(), error.status, headers)
