"""Listens to the board's event stream as a browser does, and tells when each bed and alert was on it."""

from __future__ import annotations

import contextlib
import http.client
import json
import logging
import threading
import time
from typing import Any

from hub.config import Web

log = logging.getLogger(__name__)

_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  (where one listens; one asks the machine itself)
_WAIT_S = 20.0  # a ping comes every five
_START_S = 30.0  # the first event is the whole board


class BoardListener:
    """A thread that reads the stream from `start` to `stop`; `trouble` says why it cannot.

    `login` is a name and its password, where the hub has accounts.
    """

    def __init__(self, web: Web, login: tuple[str, str] | None = None) -> None:
        self._web, self._login = web, login
        self._headers = {"Accept": "text/event-stream", "X-Requested-With": "bedside"}
        self._lock = threading.Lock()
        self._heard: list[tuple[str, float, float]] = []
        self._alerts: dict[str, float] = {}
        self._beds: set[str] = set()
        self._ready = threading.Event()
        self._closing = False
        self.trouble: str | None = None
        self._thread = threading.Thread(target=self._run, name="board", daemon=True)

    def start(self) -> None:
        """Begins; returns once the whole board has come, or cannot."""
        self._thread.start()
        if not self._ready.wait(_START_S):
            self.trouble = f"it has not come within {_START_S:g} s"

    def stop(self) -> None:
        """Logs out and ends, at the next event at the latest; nobody waits for it."""
        self._closing = True
        if "Cookie" in self._headers:
            with contextlib.suppress(OSError, http.client.HTTPException), self._connect() as connection:
                connection.request("POST", "/api/logout", headers=self._headers)
                connection.getresponse().read()

    def take_heard(self) -> list[tuple[str, float, float]]:
        """Since the call before: a bed, when the hub heard it last, when that was here; since 1970."""
        with self._lock:
            taken, self._heard = self._heard, []
        return taken

    def alerts(self) -> dict[str, float]:
        """Beds with a distress alert that this stream brought, and when it first did; since 1970."""
        with self._lock:
            return dict(self._alerts)

    def beds(self) -> set[str]:
        """Every bed that has been on the board."""
        with self._lock:
            return set(self._beds)

    def _run(self) -> None:
        try:
            with self._connect() as connection:
                if self._login is not None and not self._log_in(connection, *self._login):
                    return
                connection.request("GET", "/api/stream", headers=self._headers)
                response = connection.getresponse()
                if response.status == 200:
                    self._read(response)
                else:
                    self.trouble = f"it answers {response.status}: {response.reason}"
        except (OSError, http.client.HTTPException) as error:
            if not self._closing:
                self.trouble = str(error) or type(error).__name__
        finally:
            self._ready.set()

    def _connect(self) -> contextlib.closing[http.client.HTTPConnection]:
        host = _EVERYWHERE.get(self._web.host, self._web.host)
        return contextlib.closing(http.client.HTTPConnection(host, self._web.port, timeout=_WAIT_S))

    def _log_in(self, connection: http.client.HTTPConnection, name: str, password: str) -> bool:
        body = json.dumps({"name": name, "password": password})
        connection.request(
            "POST", "/api/login", body, headers=self._headers | {"Content-Type": "application/json"}
        )
        response = connection.getresponse()
        response.read()
        if response.status != 200:
            self.trouble = f"it refuses the login as {name}: {response.status} {response.reason}"
            return False
        self._headers["Cookie"] = response.getheader("Set-Cookie", "").partition(";")[0]
        return True

    def _read(self, response: http.client.HTTPResponse) -> None:
        event = ""
        while not self._closing:
            line = response.readline()
            if not line:
                raise http.client.HTTPException("the stream has ended")
            if line.startswith(b"event:"):
                event = line[6:].strip().decode()
            elif line.startswith(b"data:") and event == "board":
                self._take(json.loads(line[5:]), time.time())

    def _take(self, data: dict[str, Any], now: float) -> None:
        with self._lock:
            self._beds |= {row["bed"] for row in data["beds"]}
            if not data["full"]:
                self._heard += [(row["bed"], row["heard_at"], now) for row in data["beds"]]
                for alert in data["alerts"]:
                    if alert["kind"] == "distress":
                        self._alerts.setdefault(alert["bed"], now)
        self._ready.set()
