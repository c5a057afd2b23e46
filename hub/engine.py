"""The alert engine's process: feeds hub.alerts from the database and writes the result back.

Each look at a bed is one transaction; when to look again stands in the database, so a restart goes on
exactly where the last process stopped. It needs neither the web process nor ingest to be alive.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection

from sqlalchemy import Connection

from edge.errors import StorageError
from hub import ledger
from hub.alerts import Timers, assess
from hub.config import Settings
from hub.faults import Fault, device_fault
from hub.service import Stop
from hub.store import Store, beat

log = logging.getLogger(__name__)

TICK_S = 0.1
BEAT_S = 3.0
ROUND_S = 1.0  # how often every device's liveness is looked at
DEAF_GRACE_S = 15.0  # how long ingest may be deaf or dead before that is an alert itself
DEAF = "the hub hears no device: its broker or its ingest process is down"


class Engine:
    """Keeps the alerts in the database what they should be."""

    def __init__(self, store: Store, timers: Timers, clock: Callable[[], float]) -> None:
        self._store = store
        self._timers = timers
        self._clock = clock
        self._started_at = clock()
        self._beat_at = 0.0

    def run(self, stop: Stop) -> None:
        """Looks every tick for news and deadlines, every second at all devices, until asked to stop."""
        next_round = 0.0
        pause = TICK_S
        while not stop.wait(pause):
            try:
                self.follow_episodes()
                if time.monotonic() >= next_round:
                    next_round = time.monotonic() + ROUND_S
                    self.watch_devices()
                pause = TICK_S
            except StorageError as error:
                pause = min(pause * 2, 10.0)
                log.error("%s; trying again in %g s", error, pause)  # noqa: TRY400

    def follow_episodes(self) -> None:
        """Takes in new records and meets due deadlines."""
        more = True
        while more:
            now = self._clock()
            with self._store.read() as connection:
                if not ledger.has_news(connection) and not ledger.due(connection, now):
                    return
            with self._store.write() as connection:
                touched, more = ledger.take_in(connection)
                self._assess(connection, touched | set(ledger.due(connection, now)), now)

    def watch_devices(self) -> None:
        """Raises and ends technical alerts, and gives the engine's own sign of life."""
        now = self._clock()
        with self._store.read() as connection:
            known = ledger.faults(connection)
            wanted = self._wanted(connection, now)
        changes = {
            device_id: fault
            for device_id, fault in wanted.items()
            if (device_id in known or fault is not None) and not _matches(known.get(device_id), fault)
        }
        if not changes and now < self._beat_at + BEAT_S:
            return
        with self._store.write() as connection:
            beat(connection, "engine", now, working=True)
            self._beat_at = now
            for device_id, fault in changes.items():
                row = ledger.write_fault(connection, device_id, known.get(device_id), fault, now)
                if row is not None and fault is not None:
                    log.warning("technical alert #%d: %s", row, fault.reason)

    def _wanted(self, connection: Connection, now: float) -> dict[int | None, Fault | None]:
        """What should be wrong now, by device; the hub itself is None. A deaf hub judges no device."""
        since = ledger.listening_since(connection, now, DEAF_GRACE_S)
        if since is None:
            deaf = now >= self._started_at + DEAF_GRACE_S
            return {None: Fault("hub", now, DEAF) if deaf else None}
        wanted: dict[int | None, Fault | None] = {None: None}
        for device_id, link in ledger.links(connection).items():
            wanted[device_id] = device_fault(link, since, now, self._timers)
        return wanted

    def _assess(self, connection: Connection, devices: Collection[int], now: float) -> None:
        for device_id in devices:
            known = ledger.episodes(connection, device_id, now)
            shown = ledger.shown(connection, device_id, known)
            result = assess(known, shown, now, self._timers)
            new = ledger.write(connection, device_id, result, now)
            if new:
                log.info("distress alert %s raised", ledger.alert_ids(new))


def _matches(known: tuple[int, str, str] | None, fault: Fault | None) -> bool:
    return known is not None and fault is not None and known[1:] == (fault.kind, fault.reason)


def run(settings: Settings, store: Store, stop: Stop, clock: Callable[[], float]) -> None:
    """The alert engine process."""
    Engine(store, settings.timers, clock).run(stop)
