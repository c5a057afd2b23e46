"""The process that tells people outside of calls.

Each recipient has a task of its own: one that hangs holds up nobody, least of all the alert engine.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
import uuid
from collections.abc import Callable
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

    async def run(self, stop: Stop) -> None:
        """Until asked to stop; an attempt under way is broken off, and made again after the next start."""
        with self._store.write() as connection:
            begin_work(connection, NAME, self._clock())
            deliveries.begin(connection, [one.recipient for one in self._channels], self._clock())
        tasks = [asyncio.create_task(self._serve(place)) for place in self._turned_at]
        tasks.append(asyncio.create_task(self._beat(), name="sign of life"))
        while not await asyncio.to_thread(stop.wait, 0.2):
            for task in tasks:
                if task.done():
                    task.result()  # a defect: end, so that the supervisor starts us again
            self._tell()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _tell(self) -> None:
        turned_at = min(self._turned_at.values(), default=time.monotonic())
        if time.monotonic() < turned_at + STUCK_S:
            self._pulse.beat(f"people outside to tell of calls: {len(self._channels)}")
        else:
            self._pulse.falter("an attempt to tell somebody outside does not end")

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

    async def _beat(self) -> None:
        while True:
            with contextlib.suppress(StorageError):  # said by the others
                await asyncio.to_thread(self._live)
            await asyncio.sleep(BEAT_S)

    def _live(self) -> None:
        with self._store.write() as connection:
            beat(connection, NAME, self._clock(), working=True)

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


def run(settings: Settings, store: Store, stop: Stop, clock: Callable[[], float]) -> None:
    """The process. Without anybody to tell it only gives its sign of life."""
    if not settings.recipients:
        log.warning("nobody outside is configured: calls stay on the board; see [[push]] in hub/README.md")
    asyncio.run(Sender(settings, store, clock).run(stop))


def test(settings: Settings, store: Store, clock: Callable[[], float]) -> int:
    """`bedside-hub push-test`: a test message to each, and what came back; the exit status."""
    if not settings.recipients:
        raise ConfigError("nobody outside is configured; add a [[push]] to the TOML file, see hub/README.md")

    async def send(channel: Channel) -> Outcome:
        async with channel:
            return await channel.send(Message(uuid.uuid4().hex, TEST))

    async def send_all(found: list[Channel]) -> list[Outcome]:
        return await asyncio.gather(*map(send, found))

    found = channels(settings, clock)
    failed = 0
    for channel, outcome in zip(found, asyncio.run(send_all(found)), strict=True):
        with store.write() as connection:
            deliveries.remember(connection, channel.recipient, outcome, clock())
        failed += outcome.error != ""
        print(f"{channel.recipient.channel} {channel.recipient.name}: {outcome.error or 'delivered'}")
    return UnavailableError.exit_status if failed else 0
