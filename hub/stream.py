"""The board's event stream: one watcher of the database, any number of listeners.

An event's id is `START.REVISION`. A browser that comes back with the last id it saw is sent all that has
changed since, in its present state; one that comes with none, or from before this process's start (the
database may have been another, or an older copy), is sent everything.
"""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

from fastapi.sse import ServerSentEvent

from edge.errors import StorageError
from hub import board
from hub.accounts import View
from hub.store import Store, revision

log = logging.getLogger(__name__)

POLL_S = 0.1
PING_S = 5.0
RETRY_MS = 1000
SILENT_S = 15.0  # an ingest or engine silent for so long makes the board not live


def _everything() -> View:
    return View()


class Stream:
    """Watches the database's revision and wakes everyone who listens."""

    def __init__(self, store: Store, clock: Callable[[], float]) -> None:
        self._store = store
        self._clock = clock
        self._changed = asyncio.Condition()
        self._revision = 0
        self._closing = False
        self.looked_s: float | None = None
        """When it last looked at the database, by time.monotonic."""
        self.trouble: str | None = "has not seen its database yet"
        """Why the board does not follow the database now."""
        self._start = secrets.token_hex(4)

    async def watch(self) -> None:
        """Runs as long as the web process; a database in trouble is said once and tried again."""
        broken = False
        while not self._closing:
            try:
                newest = await asyncio.to_thread(self._newest)
                broken, self.trouble = False, None
            except StorageError as error:
                if not broken:
                    log.error("%s", error)  # noqa: TRY400
                broken, self.trouble = True, str(error)
            else:
                if newest != self._revision:
                    async with self._changed:
                        self._revision = newest
                        self._changed.notify_all()
            self.looked_s = time.monotonic()
            await asyncio.sleep(POLL_S)

    async def close(self) -> None:
        """Ends every listener's stream."""
        self._closing = True
        async with self._changed:
            self._changed.notify_all()

    async def listen(
        self, last_event_id: str | None, view: Callable[[], View | None] = _everything
    ) -> AsyncIterator[ServerSentEvent]:
        """Events for one browser: the board, then changes as they come, and a ping every few seconds.

        `view` gives what may be seen, before anything is sent; with None the stream ends.
        """
        shown: View | None = None
        seen = self._resume(last_event_id)
        fresh = True
        pinged_at = 0.0
        while not self._closing:
            try:
                before, shown = shown, await asyncio.to_thread(view)
                if shown is None:
                    return
                if before is not None and before != shown:
                    seen = None
                if fresh or seen is None or seen < self._revision:
                    data = await asyncio.to_thread(self._data, seen, shown)
                    seen = int(data["revision"])
                    fresh = False
                    yield self._event("board", data, f"{self._start}.{seen}")
                if self._clock() - pinged_at >= PING_S or self._clock() < pinged_at:
                    pinged_at = self._clock()
                    yield self._event("ping", await asyncio.to_thread(self.ping), None)
            except StorageError:
                await asyncio.sleep(PING_S)  # no ping: the board will say that it is not live
                continue
            await self._wait(seen or 0, PING_S - (self._clock() - pinged_at))

    def ping(self) -> dict[str, Any]:
        """The hub's time, and which of its processes have given no sign of life lately."""
        now = self._clock()
        with self._store.read() as connection:
            signs = board.signs_of_life(connection)
        silent = [name for name in ("ingest", "engine") if now - signs.get(name, (0.0, False))[0] > SILENT_S]
        return {"now": now, "silent": silent}

    async def _wait(self, seen: int, seconds: float) -> None:
        async with self._changed:
            if seen >= self._revision and not self._closing:
                try:
                    await asyncio.wait_for(self._changed.wait(), max(0.05, seconds))
                except TimeoutError:
                    return

    def _resume(self, last_event_id: str | None) -> int | None:
        start, _, number = (last_event_id or "").partition(".")
        if start != self._start or not number.isascii() or not number.isdigit():
            return None
        return int(number[:18])

    def _newest(self) -> int:
        with self._store.read() as connection:
            return revision(connection)

    def _data(self, seen: int | None, shown: View) -> dict[str, Any]:
        with self._store.read() as connection:
            if seen is None or seen > revision(connection):
                return board.snapshot(connection, shown.wards, shown.names)
            return board.changes(connection, seen, shown.wards, shown.names)

    @staticmethod
    def _event(name: str, data: dict[str, Any], event_id: str | None) -> ServerSentEvent:
        text = json.dumps(data, separators=(",", ":"))
        return ServerSentEvent(event=name, raw_data=text, id=event_id, retry=RETRY_MS)
