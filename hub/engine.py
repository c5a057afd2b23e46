"""The alert engine's process: feeds hub.alerts from the database and writes the result back.

Each look at a bed is one transaction; when to look again stands in the database, so a restart goes on
exactly where the last process stopped. It needs neither the web process nor ingest to be alive.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Mapping, Sequence

from sqlalchemy import Connection

from edge.clock import clock_synced
from edge.errors import StorageError
from hub import beds, boards, calls, deliveries, ledger, reach, set_back, technical_alerts
from hub.alerts import Timers, assess
from hub.config import Settings
from hub.delivery import Delivery, Recipient
from hub.escalation import BED, Ladder
from hub.faults import CHAIN, CLOCK, HUB, OUTSIDE, Fault, Key, Limits, Place, cause
from hub.service import Pulse, Stop, about
from hub.store import Store, beat
from hub.ward_faults import chain_fault, hub_clock_fault, wanted

log = logging.getLogger(__name__)

TICK_S = 0.1
NAMED = 10  # alerts raised at once, each in a line of its own
TURN_S = 0.02  # SQLite has no queue of writers: who begins anew at once lets nobody in
BEAT_S = 3.0
SET_BACK_S = 1.0  # a time server corrects less by slowing the clock
ROUND_S = 1.0  # how often every device's liveness is looked at
DEAF_GRACE_S = 15.0  # how long ingest may be deaf or dead before that is an alert itself
HERE = (Place(), HUB)


class Engine:
    """Keeps the alerts in the database what they should be."""

    def __init__(
        self,
        store: Store,
        timers: Timers,
        limits: Limits,
        ladder: Ladder,
        clock: Callable[[], float],
        *,
        delivery: Delivery | None = None,
        recipients: Sequence[Recipient] = (),
        synced: Callable[[], bool] = lambda: True,
    ) -> None:
        """`synced` tells whether the clock is synchronised."""
        self._store = store
        self._timers, self._limits, self._ladder = timers, limits, ladder
        self._delivery, self._recipients = delivery or Delivery(), tuple(recipients)
        self._clock, self._synced = clock, synced
        self._unsynced_since: float | None = None
        self._started_at = clock()
        self._next_beat_s = 0.0  # by time.monotonic: a clock set back must not silence it
        self._looked_at: float | None = None
        self._pulse = Pulse()

    def run(self, stop: Stop) -> None:
        """Looks every tick for news and deadlines, every second at all devices, until asked to stop."""
        next_round = 0.0
        pause = TICK_S
        while not stop.wait(pause):
            try:
                self.mind_the_clock()
                more = self._follow_some()
                self.call_people()
                if time.monotonic() >= next_round:
                    next_round = time.monotonic() + ROUND_S
                    self.watch_devices()
                self._pulse.beat("every alert is up to date" if not more else "takes in what has come")
                pause = TURN_S if more else TICK_S
            except StorageError as error:
                pause = min(max(pause, TICK_S) * 2, 10.0)
                log.error("%s; trying again in %g s", error, pause)  # noqa: TRY400
                self._pulse.beat(str(error), ready=False)

    def mind_the_clock(self) -> None:
        """Moves back what is remembered where the clock was set back, also while no engine was there."""
        now = self._clock()
        if self._looked_at is None:
            with self._store.read() as connection:
                self._looked_at = boards.heard_of(connection, "engine")
        back_s = self._looked_at - now
        if back_s > SET_BACK_S:
            with self._store.write() as connection:
                set_back.move(connection, back_s, now)
            log.warning("the hub's clock was set back by %.1f s; deadlines move with it", back_s)
        self._looked_at = now

    def follow_episodes(self) -> None:
        """Takes in all new records and meets all due deadlines."""
        while self._follow_some():
            time.sleep(TURN_S)

    def _follow_some(self) -> bool:
        """One transaction of them, so that in a flood nobody's call has to wait; whether there are more."""
        now = self._clock()
        with self._store.read() as connection:
            if not ledger.has_news(connection) and not ledger.due(connection, now):
                return False
        with self._store.write() as connection:
            touched, more = ledger.take_in(connection)
            due = ledger.due(connection, now)
            self._assess(connection, {**dict.fromkeys(due, ()), **touched}, now)
        return more or len(due) == ledger.BATCH

    def call_people(self) -> None:
        """Makes the calls that are due, and stops those that somebody has answered."""
        now = self._clock()
        with self._store.read() as connection:
            if not calls.is_due(connection, now):
                return
        with self._store.write() as connection:
            made = calls.make(connection, self._ladder, now)
            deliveries.write(connection, [row for row, _ in made], self._recipients, now)
        for row, level in made:
            if level > BED:
                about(log, row).warning("alert #%d: nobody has answered; level %d is called", row, level)

    def watch_devices(self) -> None:
        """Raises and ends technical alerts, and gives the engine's own sign of life."""
        now = self._clock()
        with self._store.read() as connection:
            shown = technical_alerts.shown(connection)
            known = {key: fault for key, (_, fault) in shown.items()}
            found = self._wanted(connection, known, now) | self._unheard_of(connection, known, now)
        found = self._own_clock(known, now) | found
        changes = {
            key: found.get(key)
            for key in known.keys() | found.keys()
            if key not in known or key not in found or known[key].told != found[key].told
        }
        if not changes and time.monotonic() < self._next_beat_s:
            return
        with self._store.write() as connection:
            beat(connection, "engine", now, working=True)
            self._next_beat_s = time.monotonic() + BEAT_S
            rows = {key: row for key, (row, _) in shown.items()}
            new = technical_alerts.write(connection, rows, changes, now)
        for row, fault in new.items():
            about(log, row).warning("technical alert #%d: %s", row, fault.reason)

    def _wanted(self, connection: Connection, known: Mapping[Key, Fault], now: float) -> dict[Key, Fault]:
        """What should be wrong now. A deaf hub judges no device."""
        since = technical_alerts.listening_since(connection, now, DEAF_GRACE_S)
        if since is not None:
            found = wanted(technical_alerts.devices(connection), known, since, now, self._limits)
            heard_at = technical_alerts.canary_heard_at(connection)
            chain = chain_fault(
                heard_at, max(since, self._started_at), now, self._limits, known.get((Place(), CHAIN))
            )
            return found if chain is None else {**found, (Place(), CHAIN): chain}
        deaf = {HERE: cause("deaf", now)} if now >= self._started_at + DEAF_GRACE_S else {}
        heard_only = {
            key: fault
            for key, fault in known.items()
            if key[1] not in reach.KINDS and fault.code != "clock_hub"
        }
        return heard_only | deaf

    def _own_clock(self, known: Mapping[Key, Fault], now: float) -> dict[Key, Fault]:
        """Whether the hub's clock is not synchronised."""
        self._unsynced_since = None if self._synced() else self._unsynced_since or now
        key = Place(), CLOCK
        fault = hub_clock_fault(self._unsynced_since, now, self._limits, known.get(key))
        return {} if fault is None else {key: fault}

    def _unheard_of(self, connection: Connection, known: Mapping[Key, Fault], now: float) -> dict[Key, Fault]:
        """Where nobody would learn of an alert: wards without a board, nobody outside in reach."""
        wards = boards.wards(connection, now - self._limits.stale_s)
        found = reach.unwatched(
            wards,
            boards.signs(connection),
            known,
            boards.serving_since(connection, self._started_at, now),
            now,
            self._delivery,
        )
        outside = reach.unreached(
            self._recipients,
            deliveries.reaches(connection),
            wards,
            deliveries.called_wards(connection),
            max(boards.heard_of(connection, "push"), self._started_at),
            now,
            self._delivery,
        )
        return found if outside is None else {**found, (Place(), OUTSIDE): outside}

    def _assess(self, connection: Connection, heard_of: Mapping[int, Collection[str]], now: float) -> None:
        known = beds.load(connection, heard_of, now, self._timers)
        results = {
            device_id: assess(bed.episodes, bed.shown, now, self._timers) for device_id, bed in known.items()
        }
        new = ledger.write(connection, results, known, now)
        for row in new[:NAMED]:
            about(log, row).info("distress alert #%d raised", row)
        if len(new) > NAMED:
            log.info("%d more distress alerts raised, up to #%d", len(new) - NAMED, max(new))


def run(settings: Settings, store: Store, stop: Stop, clock: Callable[[], float]) -> None:
    """The alert engine process."""
    Engine(
        store,
        settings.timers,
        settings.faults,
        settings.ladder,
        clock,
        delivery=settings.delivery,
        recipients=settings.recipients,
        synced=clock_synced,
    ).run(stop)
