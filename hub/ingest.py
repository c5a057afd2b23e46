"""Ingest: from the broker through a bounded queue into the database, then a receipt to the device.

A receipt leaves only after the commit that holds its messages. Durable messages wait at most
`DURABLE_WAIT_S` for company in a commit, live ones `LIVE_WAIT_S`.
"""

from __future__ import annotations

import logging
import queue
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from sqlalchemy.exc import StatementError

from edge.clock import clock_synced
from edge.errors import StorageError
from edge.messages import HubState, Receipt, to_json
from edge.topics import Address
from edge.utc import utc_text
from hub import __version__, time_lines
from hub.arrivals import Accepted, Arrival, Rejected, check, printable
from hub.broker import Connection
from hub.config import Settings
from hub.intake import save, set_aside
from hub.pruning import prune
from hub.service import Pulse, Stop
from hub.store import Store, UnfitError, beat, begin_work, count, put

log = logging.getLogger(__name__)

DURABLE_WAIT_S = 0.02
LIVE_WAIT_S = 0.25
BATCH = 250  # in one transaction: the engine takes its turn between two
QUEUE = 20_000
BEAT_S = 2.0
PRUNE_S = 60.0
JUMP_S = 1.0  # a time server corrects less by slowing or hastening the clock
# What one message can bring about; a database in trouble is none of these and is waited for.
_UNFIT = (
    UnfitError, StatementError, ValueError, TypeError, LookupError, ArithmeticError, AttributeError,
)  # fmt: skip


class Ingest:
    """The inbox between the broker's thread, which puts, and the committing loop, which takes."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        clock: Callable[[], float],
        synced: Callable[[], bool] = lambda: True,
    ) -> None:
        """`synced` tells whether the clock is synchronised."""
        self._store = store
        self._clock, self._synced = clock, synced
        self._site = settings.site
        self._days = settings.keep.days
        self._inbox: queue.Queue[Arrival] = queue.Queue(QUEUE)
        self._dropped = 0  # ever, written by the broker's thread alone
        self._counted = 0  # of these on disk, written by the committing loop alone
        self._clock_apart = clock() - time.monotonic()
        self._jumped_s = 0.0  # by how much the clock was set, which the database does not know yet
        self._closing = False
        self._was_connected = False
        self._pulse = Pulse()
        self._connection = Connection(
            settings,
            on_message=self._receive,
            birth=lambda: to_json(self._state("online")),
            will=to_json(self._state("offline")),
        )

    def run(self, stop: Stop) -> None:
        """Takes messages until asked to stop, then says goodbye to the broker."""
        self._connection.start()
        next_beat = next_prune = 0.0
        try:
            while not stop.is_set():
                batch = self._gather()
                if batch:
                    self._commit_until_done(batch, stop)
                if time.monotonic() >= next_beat or self._connection.connected != self._was_connected:
                    next_beat = time.monotonic() + BEAT_S
                    self._beat()
                if time.monotonic() >= next_prune and self._inbox.empty():
                    next_prune = time.monotonic() + (BEAT_S if self.prune() else PRUNE_S)
                self._tell()
        finally:
            self._closing = True
            self._connection.stop(to_json(self._state("offline")))

    def commit(self, batch: Sequence[Arrival]) -> list[tuple[Address, Receipt]]:
        """Writes a batch in one transaction; the receipts it returns are true from then on.

        Where a message keeps the contract and yet cannot be written, it is found by halves and set aside:
        it must not keep all others out.
        """
        checked = [check(arrival) for arrival in batch]
        try:
            return self._write(checked)
        except _UNFIT as error:
            if len(batch) > 1:
                middle = len(batch) // 2
                return self.commit(batch[:middle]) + self.commit(batch[middle:])
            return self._write([Rejected(batch[0], printable(f"cannot be written: {error}"))])

    def _write(self, checked: Sequence[Accepted | Rejected]) -> list[tuple[Address, Receipt]]:
        rejects = [item for item in checked if isinstance(item, Rejected)]
        dropped = self._dropped
        with self._store.write() as connection:
            if self._jumped_s:
                time_lines.shift(connection, self._jumped_s)
            answers = save(connection, [item for item in checked if isinstance(item, Accepted)])
            set_aside(connection, rejects)
            if dropped > self._counted:
                count(connection, "dropped", dropped - self._counted)
        self._counted, self._jumped_s = dropped, 0.0
        for item in rejects[:3]:
            log.warning("a message on %.120r is set aside: %s", item.arrival.topic, item.reason)
        if len(rejects) > 3:
            log.warning("%d more messages are set aside", len(rejects) - 3)
        return answers

    def prune(self) -> bool:
        """Removes a little of what is too old; whether more may be left.

        Nothing by a clock that is not synchronised: set years ahead it would make everything too old.
        """
        if not self._synced():
            return False
        try:
            with self._store.write() as connection:
                return prune(connection, self._clock(), self._days)
        except StorageError as error:
            log.error("%s", error)  # noqa: TRY400
            return False

    def _receive(self, topic: str, payload: bytes, *, retained: bool, durable: bool) -> None:
        """In the broker's thread. A full inbox holds back durable messages and drops live ones."""
        arrival = Arrival(topic, payload, retained, time.monotonic())
        while not self._closing:
            try:
                self._inbox.put(arrival, block=durable, timeout=0.5)
            except queue.Full:
                if not durable:
                    self._dropped += 1
                    return
            else:
                return

    def _gather(self) -> list[Arrival]:
        try:
            batch = [self._inbox.get(timeout=LIVE_WAIT_S)]
        except queue.Empty:
            return []
        started = time.monotonic()
        until = started + (DURABLE_WAIT_S if _durable(batch[0]) else LIVE_WAIT_S)
        while len(batch) < BATCH:
            try:
                batch.append(self._inbox.get(timeout=max(0.0, until - time.monotonic())))
            except queue.Empty:
                break
            if _durable(batch[-1]):
                until = min(until, time.monotonic() + DURABLE_WAIT_S)
        return self._on_the_clock(batch)

    def _on_the_clock(self, batch: Sequence[Arrival]) -> list[Arrival]:
        """What came at times of a clock that is never set, at the hub's time; notes where that was set."""
        apart = self._clock() - time.monotonic()
        jump_s = apart - self._clock_apart
        if abs(jump_s) > JUMP_S:
            log.warning(
                "the hub's clock was set %s by %.1f s", "forward" if jump_s > 0 else "back", abs(jump_s)
            )
            self._jumped_s += jump_s
        self._clock_apart = apart
        return [replace(arrival, at=arrival.at + apart) for arrival in batch]

    def _commit_until_done(self, batch: Sequence[Arrival], stop: Stop) -> None:
        """A full disk or a locked file must not lose what the broker already counts as delivered."""
        pause = 0.5
        while True:
            try:
                answers = self.commit(batch)
                break
            except StorageError as error:
                log.error("%s; trying again in %g s", error, pause)  # noqa: TRY400
                self._pulse.beat(str(error), ready=False)
                if stop.wait(pause):
                    return
                pause = min(pause * 2, 10.0)
        for address, receipt in answers:
            self._connection.publish(address.topic("receipt"), to_json(receipt))

    def _beat(self) -> None:
        connected = self._connection.connected
        try:
            with self._store.write() as connection:
                if connected and not self._was_connected:
                    begin_work(connection, "ingest", self._clock())
                else:
                    beat(connection, "ingest", self._clock(), working=connected)
                put(connection, "inbox", self._inbox.qsize())
        except StorageError as error:
            log.error("%s", error)  # noqa: TRY400
        else:
            self._was_connected = connected

    def _tell(self) -> None:
        """Ready is who has both: a database that takes what he writes, and the broker."""
        if self._connection.has_ended:
            self._pulse.falter("the broker's thread has ended")
        elif self._connection.connected and self._was_connected:
            self._pulse.beat(f"hears the devices of {self._site}; {self._inbox.qsize()} messages wait")
        else:
            self._pulse.beat(self._connection.trouble or "waits for the broker", ready=False)

    def _state(self, status: str) -> HubState:
        return HubState(status=status, time=utc_text(self._clock()), software=__version__)


def _durable(arrival: Arrival) -> bool:
    return arrival.topic.endswith(("/episode", "/summary", "/dropped"))


def run(settings: Settings, store: Store, stop: Stop, clock: Callable[[], float]) -> None:
    """The ingest process."""
    Ingest(settings, store, clock, clock_synced).run(stop)
