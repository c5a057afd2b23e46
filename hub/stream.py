"""The board's event stream: one watcher of the database, any number of listeners.

An event's id is `VIEW.REVISION`. A browser that comes back with the last id it saw is sent all that has
changed since, in its present state; one that comes with none, from before this process's start (the database
may have been another, or an older copy) or that saw other wards then is sent everything. Listeners who see
the same and have seen as much share one query.
"""

from __future__ import annotations

import asyncio
import hashlib
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
from hub.freshness import is_fresh
from hub.store import Store, revision

log = logging.getLogger(__name__)

POLL_S = 0.1
PING_S = 5.0
RETRY_MS = 1000
MOST_SHARED = 100
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
        self._start = secrets.token_bytes(8)
        self._shared: dict[tuple[int | None, View], asyncio.Task[tuple[int, str]]] = {}

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
                        self._shared.clear()
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
        seen: int | None = None
        fresh = True
        ping_s = time.monotonic()
        while not self._closing:
            try:
                before, shown = shown, await asyncio.to_thread(view)
                if shown is None:
                    return
                if before != shown:
                    seen = self._resume(last_event_id, shown) if before is None else None
                if fresh or seen is None or seen < self._revision:
                    seen, text = await self._data(seen, shown)
                    fresh = False
                    yield _event("board", text, f"{self._name(shown)}.{seen}")
                if time.monotonic() >= ping_s:
                    ping_s = time.monotonic() + PING_S
                    yield _event("ping", _json(await asyncio.to_thread(self.ping)), None)
            except StorageError:
                await asyncio.sleep(PING_S)  # no ping: the board will say that it is not live
                continue
            await self._wait(seen or 0, ping_s - time.monotonic())

    def ping(self) -> dict[str, Any]:
        """The hub's time, and which of its processes have given no sign of life lately."""
        now = self._clock()
        with self._store.read() as connection:
            signs = board.signs_of_life(connection)
        needed = ("ingest", "engine")
        silent = [name for name in needed if not is_fresh(signs.get(name, (0.0,))[0], now, SILENT_S)]
        return {"now": now, "silent": silent}

    async def _wait(self, seen: int, seconds: float) -> None:
        async with self._changed:
            if seen >= self._revision and not self._closing:
                try:
                    await asyncio.wait_for(self._changed.wait(), max(0.05, seconds))
                except TimeoutError:
                    return

    def _name(self, shown: View) -> str:
        """Of what somebody sees, in this process."""
        return hashlib.blake2s(repr(shown).encode(), key=self._start, digest_size=8).hexdigest()

    def _resume(self, last_event_id: str | None, shown: View) -> int | None:
        name, _, number = (last_event_id or "").partition(".")
        if name != self._name(shown) or not number.isascii() or not number.isdigit():
            return None
        return int(number[:18])

    def _newest(self) -> int:
        with self._store.read() as connection:
            return revision(connection)

    async def _data(self, seen: int | None, shown: View) -> tuple[int, str]:
        """Revision and JSON of what has changed for whoever sees this, read once until the next change."""
        if len(self._shared) >= MOST_SHARED:  # browsers say what they have seen
            self._shared.clear()
        task = self._shared.get((seen, shown))
        if task is None or (task.done() and task.exception() is not None):
            task = asyncio.create_task(asyncio.to_thread(self._read, seen, shown))
            self._shared[seen, shown] = task
        return await asyncio.shield(task)  # one listener who goes takes it from nobody else

    def _read(self, seen: int | None, shown: View) -> tuple[int, str]:
        with self._store.read() as connection:
            if seen is None or seen > revision(connection):
                data = board.snapshot(connection, shown.wards, shown.names)
            else:
                data = board.changes(connection, seen, shown.wards, shown.names)
        return int(data["revision"]), _json(data)


def _json(data: dict[str, Any]) -> str:
    return json.dumps(data, separators=(",", ":"))


def _event(name: str, text: str, event_id: str | None) -> ServerSentEvent:
    return ServerSentEvent(event=name, raw_data=text, id=event_id, retry=RETRY_MS)
