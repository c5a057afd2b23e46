"""The process that tells people outside of calls.

Each recipient has a thread and an event loop of its own: one that hangs, be it in the lookup of a name, which
no deadline ends, holds up nobody, least of all the alert engine.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol, Self

from edge.errors import ConfigError, StorageError, UnavailableError
from hub import deliveries
from hub.config import Settings
from hub.delivery import Recipient
from hub.mail import Mailer
from hub.outbound import TEST, Message, Outcome
from hub.service import Pulse, Stop, about
from hub.store import Store, beat, begin_work
from hub.webhook import Webhook

log = logging.getLogger(__name__)

POLL_S = 0.5
TURN_S = 0.2
BEAT_S = 3.0
TROUBLE_S = 5.0  # after the database could not be used
STUCK_S = 60.0  # longer than any attempt, and than the database may be waited for
NAME = "push"


class Channel(Protocol):
    """A way to one recipient."""

    recipient: Recipient

    async def __aenter__(self) -> Self:
        """Opens it."""

    async def __aexit__(self, *error: object) -> None:
        """Closes it."""

    async def send(self, message: Message) -> Outcome:
        """One attempt, which ends within hub.deliveries.LEASE_S."""


def channels(settings: Settings, clock: Callable[[], float]) -> list[Channel]:
    """Everybody in the configuration. Raises ConfigError."""
    board = settings.web.url
    hooks = [Webhook(push, settings.site, board, clock) for push in settings.push]
    return [*hooks, *(Mailer(mail, settings.site, board) for mail in settings.mail)]


class Sender:
    """Sends what the database says is due."""

    def __init__(self, settings: Settings, store: Store, clock: Callable[[], float]) -> None:
        self._store, self._clock = store, clock
        self._limits = settings.delivery
        self._channels = channels(settings, clock)
        self._pulse = Pulse()
        self._turned_at = dict.fromkeys(range(len(self._channels)), time.monotonic())

    def run(self, stop: Stop) -> None:
        """Until asked to stop; an attempt under way is broken off, and made again after the next start."""
        with self._store.write() as connection:
            begin_work(connection, NAME, self._clock())
            deliveries.begin(connection, [one.recipient for one in self._channels], self._clock())
        with ThreadPoolExecutor(len(self._channels) + 1, "recipient") as threads:
            work = [threads.submit(asyncio.run, self._serve_until(stop, one)) for one in self._turned_at]
            work.append(threads.submit(self._beat, stop))
            try:
                while not stop.wait(TURN_S):
                    for one in work:
                        if one.done():
                            one.result()  # a defect: end, so that the supervisor starts us again
                    self._tell()
            finally:
                stop.set()  # after a defect the others end too

    def _tell(self) -> None:
        turned_at = min(self._turned_at.values(), default=time.monotonic())
        if time.monotonic() < turned_at + STUCK_S:
            self._pulse.beat(f"people outside to tell of calls: {len(self._channels)}")
        else:
            self._pulse.falter("an attempt to tell somebody outside does not end")

    async def _serve_until(self, stop: Stop, place: int) -> None:
        serving = asyncio.create_task(self._serve(place))
        while not stop.is_set() and not serving.done():
            await asyncio.wait([serving], timeout=TURN_S)
        serving.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await serving

    async def _serve(self, place: int) -> None:
        channel = self._channels[place]
        async with channel:
            while True:
                self._turned_at[place] = time.monotonic()
                try:
                    message = await asyncio.to_thread(self._next, channel.recipient)
                    if message is None:
                        await asyncio.sleep(POLL_S)
                        continue
                    outcome = await channel.send(message)
                    await asyncio.to_thread(self._settle, channel.recipient, message, outcome)
                except StorageError as error:
                    log.error("%s; trying again in %g s", error, TROUBLE_S)  # noqa: TRY400
                    await asyncio.sleep(TROUBLE_S)

    def _beat(self, stop: Stop) -> None:
        while True:
            with contextlib.suppress(StorageError), self._store.write() as connection:  # said by the others
                beat(connection, NAME, self._clock(), working=True)
            if stop.wait(BEAT_S):
                return

    def _next(self, recipient: Recipient) -> Message | None:
        now = self._clock()
        with self._store.read() as connection:
            if not deliveries.has_work(connection, recipient, now):
                return None
        with self._store.write() as connection:
            return deliveries.claim(connection, recipient, now)

    def _settle(self, recipient: Recipient, message: Message, outcome: Outcome) -> None:
        with self._store.write() as connection:
            deliveries.settle(connection, recipient, message, outcome, self._clock(), self._limits)
        for one in message.alerts:
            entry = about(log, one.alert)
            if outcome.error:
                entry.warning(
                    "%s was not told of #%d (%s): %s", recipient.name, one.alert, message.kind, outcome.error
                )
            else:
                entry.info("%s was told of #%d (%s)", recipient.name, one.alert, message.kind)
        if outcome.note:
            log.warning("%s was told, but %s", recipient.name, outcome.note)


def run(settings: Settings, store: Store, stop: Stop, clock: Callable[[], float]) -> None:
    """The process. Without anybody to tell it only gives its sign of life."""
    if not settings.recipients:
        log.warning("nobody outside is configured: calls stay on the board; see [[push]] in hub/README.md")
    Sender(settings, store, clock).run(stop)


def test(settings: Settings, store: Store, clock: Callable[[], float]) -> int:
    """`bedside-hub push-test`: a test message to each, and what came back; the exit status."""
    if not settings.recipients:
        raise ConfigError("nobody outside is configured; add a [[push]] to the TOML file, see hub/README.md")

    async def send(channel: Channel) -> Outcome:
        async with channel:
            return await channel.send(Message(uuid.uuid4().hex, TEST))

    found = channels(settings, clock)
    with ThreadPoolExecutor(len(found)) as threads:
        outcomes = list(threads.map(lambda channel: asyncio.run(send(channel)), found))
    failed = 0
    for channel, outcome in zip(found, outcomes, strict=True):
        with store.write() as connection:
            deliveries.remember(connection, channel.recipient, outcome, clock())
        failed += bool(outcome.error or outcome.note)
        words = outcome.error or (f"delivered, but {outcome.note}" if outcome.note else "delivered")
        print(f"{channel.recipient.channel} {channel.recipient.name}: {words}")
    return UnavailableError.exit_status if failed else 0
