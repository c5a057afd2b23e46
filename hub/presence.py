"""What boards tell of themselves over HTTP: that they are seen, whether they can sound, what they show.

Kept in memory and written together, twice a second at most: fifty boards cost the database one short
transaction every few seconds, and an alert that fifty boards show is written once.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from edge.errors import StorageError
from hub import boards
from hub.actions import wards_of
from hub.boards import WEB, Report
from hub.store import Store, beat, begin_work
from hub.values import Id

log = logging.getLogger(__name__)

TURN_S = 0.5
BEAT_S = 3.0
TROUBLE_S = 5.0
MOST_SHOWN = 5000  # alerts in one report
MOST_BOARDS = 1000  # between two writings
MOST_KNOWN = 20_000  # confirmations remembered, so that they are written once

Level = Annotated[int, Field(ge=0, le=4)]
Number = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{16}$")]


class Present(BaseModel):
    """A board's words: its number, whether it is seen and can sound, and alerts it has begun to show."""

    model_config = ConfigDict(extra="forbid")
    board: Number
    shows: bool
    sounds: bool
    alerts: Annotated[list[tuple[Id, Level]], Field(max_length=MOST_SHOWN)] = []


class Presence:
    """Collects what boards say and writes it down."""

    def __init__(self, store: Store, clock: Callable[[], float]) -> None:
        self._store, self._clock = store, clock
        self._reports: dict[str, Report] = {}
        self._shown: dict[tuple[str, ...], dict[int, tuple[int, str]]] = {}
        self._known: dict[tuple[tuple[str, ...], int], int] = {}
        self._stopping = asyncio.Event()

    def hear(self, name: str, wards: tuple[str, ...], said: Present) -> None:
        """Takes in a report; written down soon."""
        now = self._clock()
        before = self._reports.get(said.board)
        if before is None and len(self._reports) >= MOST_BOARDS:
            return
        shown_at, sounded_at = (None, None) if before is None else (before.shown_at, before.sounded_at)
        self._reports[said.board] = Report(
            name, wards, now, now if said.shows else shown_at, now if said.sounds else sounded_at
        )
        for alert, level in said.alerts if said.shows else []:
            if self._known.get((wards, alert), -1) < level:
                self._known[wards, alert] = level
                self._shown.setdefault(wards, {})[alert] = (level, name or said.board)
        while len(self._known) > MOST_KNOWN:
            del self._known[next(iter(self._known))]

    async def write(self) -> None:
        """Runs as long as the web process, whose sign of life it gives."""
        beaten_at = 0.0
        begun = False
        while not self._stopping.is_set():
            pause = TURN_S
            now = self._clock()
            if self._shown or not 0 <= now - beaten_at < BEAT_S:
                reports, self._reports = self._reports, {}
                shown, self._shown = self._shown, {}
                try:
                    await asyncio.to_thread(self._save, reports, shown, now, begun=begun)
                    begun, beaten_at = True, now
                except StorageError as error:
                    log.error("what boards say of themselves is not written: %s", error)  # noqa: TRY400
                    self._reports = reports | self._reports
                    for wards, alerts in shown.items():
                        self._shown[wards] = alerts | self._shown.get(wards, {})
                    pause = TROUBLE_S
            try:
                await asyncio.wait_for(self._stopping.wait(), pause)
            except TimeoutError:
                continue

    def stop(self) -> None:
        """Ends `write`."""
        self._stopping.set()

    def _save(
        self,
        reports: dict[str, Report],
        shown: dict[tuple[str, ...], dict[int, tuple[int, str]]],
        now: float,
        *,
        begun: bool,
    ) -> None:
        with self._store.write() as connection:
            if begun:
                beat(connection, WEB, now, working=True)
            else:
                begin_work(connection, WEB, now)
            boards.save(connection, reports, now)
            for wards, alerts in shown.items():
                by_board: dict[str, dict[int, int]] = {}
                for alert, (level, board) in alerts.items():
                    by_board.setdefault(board, {})[alert] = level
                for board, levels in by_board.items():
                    boards.confirm(connection, levels, wards, board, now)


def router(presence: Presence) -> APIRouter:
    """Where boards tell of themselves, once a quarter of a minute and at each change."""
    routes = APIRouter(prefix="/api")

    @routes.post("/presence", status_code=204)
    async def present(request: Request, body: Present) -> None:
        session = request.state.session
        presence.hear("" if session is None else session.name, wards_of(request), body)

    return routes
