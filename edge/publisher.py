"""The thread that sends: connects, publishes, takes receipts, and connects again, for as long as it runs.

Nothing here blocks the audio path: live messages go into a short queue, durable ones come from the
outbox.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Protocol

from edge.config import Broker
from edge.connection import Connection
from edge.delivery import Delivery
from edge.errors import BedsideError, StorageError
from edge.messages import Command, Dropped, Emotion, Health, Receipt, Stamp, State, to_json
from edge.renewal import Renewal
from edge.storage import Storage
from edge.story import Story
from edge.topics import Address

log = logging.getLogger(__name__)

_GOODBYE_S = 0.5
_STOP_S = 1.5
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 1.0, 30.0
_LIVE_QUEUE = 100
_ANSWER_EVERY_S = 1.0  # looking up what is gone costs; receipts with gaps come many a second
_SAME_ANSWER_S = 10.0  # receipts that cross an answer still ask
_LAMENT_EVERY_S = 60.0
HEALTH_EVERY_S = 15.0


class Device(Protocol):
    """What the publisher asks about the device it speaks for."""

    def state(self, status: str, reason: str) -> State:
        """The state message."""
        ...

    def change(self) -> str | None:
        """Why the state must be told anew; None where nothing has changed since the call before."""
        ...

    def health(self) -> Health:
        """The health message."""
        ...

    def stamp(self) -> Stamp:
        """Now, for a message of the publisher's own."""
        ...


class Publisher:
    """Keeps a connection to the broker, from `start` to `stop`."""

    def __init__(
        self,
        broker: Broker,
        address: Address,
        outbox: Storage,
        device: Device,
        on_command: Callable[[Command], str | None] = lambda _: None,
        renewal: Renewal | None = None,
    ) -> None:
        """`on_command` returns why the state must be told anew, or None.

        `renewal` says which certificate to show; a newer one is shown at once, on a connection of its own.
        `on_command` is called in this thread, like every method of `device`.
        """
        self._broker, self._address, self._outbox, self._device = broker, address, outbox, device
        self._on_command = on_command
        self._renewal = renewal
        self._next_health_s = 0.0
        self._live: deque[Emotion | Health] = deque(maxlen=_LIVE_QUEUE)
        self._dropped: deque[Dropped] = deque(maxlen=_LIVE_QUEUE)
        self._answered: tuple[object, float] = (None, 0.0)
        self._next_answer_s = 0.0
        self._change: str | None = None
        self._story = Story()
        self._delivery: Delivery | None = None
        self._moves = 0
        self._next_lament_s = 0.0
        self._goodbye: str | None = "stopped"
        self._turned_s = time.monotonic()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="publisher", daemon=True)
        self._granted = False  # on this connection
        self.connected = False
        """Whether the broker has accepted us."""
        self.problem: str | None = None
        """Why it has not, once it has been tried; or what it does not let us do."""

    def start(self) -> None:
        """Begin to connect, in the background."""
        self._thread.start()

    def idle_s(self, now_s: float) -> float | None:
        """For how long the thread has been busy with one thing, by time.monotonic; None once it has ended."""
        return now_s - self._turned_s if self._thread.is_alive() else None

    def stop(self, reason: str | None) -> None:
        """Say goodbye if connected and end the thread; takes a second and a half at most.

        Without a reason no goodbye: the device goes on under another publisher at once.
        """
        self._goodbye = reason
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(_STOP_S)

    def live(self, message: Emotion) -> None:
        """Send what is worth nothing later; dropped while there is no connection."""
        if self.connected:
            self._live.append(message)

    def announce(self, reason: str) -> None:
        """Publish the device's state again, because it has changed."""
        self._change = reason

    def _run(self) -> None:
        pause = _FIRST_PAUSE_S
        while not self._stopping.is_set():
            self._turned_s = time.monotonic()
            try:
                self._connect_and_serve()
            except BedsideError as error:
                self._tell(str(error))
            except Exception:
                # This thread must outlive whatever a network can think of.
                log.exception("the publisher failed and starts again")
            if self._granted:
                pause = _FIRST_PAUSE_S
            self.connected, self._delivery = False, None
            self._live.clear()
            # Jitter: a ward's devices must not all come back in the same instant.
            self._stopping.wait(pause * random.uniform(0.5, 1.0))
            pause = min(2 * pause, _LONGEST_PAUSE_S)

    def _connect_and_serve(self) -> None:
        broker = self._broker if self._renewal is None else self._renewal.broker()
        will = to_json(self._device.state("offline", "connection lost"))
        connection = Connection(broker, self._address, self._on_receipt, self._obey, will)
        self._granted = False
        try:
            connection.open(self._stopping.is_set)
            self._change = self._change or "connected"
            self.connected = True
            while not self._stopping.is_set():
                self._turned_s = time.monotonic()
                self._send(connection)
                connection.loop()
                self._judge(connection)
                if self._renewal is not None and self._renewal.is_newer:
                    log.info("connecting anew, to show the broker the renewed certificate")
                    return
            self._send(connection)
            self._say_goodbye(connection)
        finally:
            connection.close()

    def _judge(self, connection: Connection) -> None:
        """A broker that accepts us but lets us write nothing is no broker to us."""
        if connection.denied is not None:
            self._tell(connection.denied)
        elif connection.granted and not self._granted:
            self._granted, self.problem = True, None
            log.info("connected to the broker %s:%d", self._broker.host, self._broker.effective_port)

    def _tell(self, problem: str) -> None:
        if problem != self.problem:  # once, however often it is tried
            log.warning("%s; messages are kept, and it is tried again", problem)
        self.problem = problem

    def _say_goodbye(self, connection: Connection) -> None:
        if self._goodbye is None:
            return
        state = to_json(self._device.state("offline", self._goodbye))
        message = connection.publish("state", state, qos=1, retain=True)
        connection.wait(message, _GOODBYE_S)
        if not message.is_published():
            # It may still wait here behind others without acknowledgement. One that needs none goes at once,
            # and the broker takes it before the DISCONNECT.
            connection.publish("state", state, qos=0, retain=True)

    def _send(self, connection: Connection) -> None:
        change = self._device.change()
        reason, self._change = self._change or change, None
        if reason is not None:
            connection.publish("state", to_json(self._device.state("online", reason)), qos=1, retain=True)
        if not self._granted and connection.denied is None:
            return  # the rest when the broker has taken the state: one that refuses it hangs up on us
        if time.monotonic() >= self._next_health_s:
            self._next_health_s = time.monotonic() + HEALTH_EVERY_S
            self._live.append(self._device.health())
        while self._live:
            message = self._live.popleft()
            connection.publish(message.kind, to_json(message), qos=0)
        while self._dropped:
            connection.publish("dropped", to_json(self._dropped.popleft()), qos=1)
        try:
            self._send_durable(connection)
        except StorageError as error:
            self._lament(error)

    def _send_durable(self, connection: Connection) -> None:
        if self._delivery is None or self._moves != self._outbox.moves:
            self._moves = self._outbox.moves
            self._delivery = Delivery(self._outbox, time.monotonic())
        for entry in self._delivery.due(time.monotonic()):
            connection.publish(entry.kind, entry.body, qos=1)
            self._story.sent(entry)

    def _on_receipt(self, receipt: Receipt) -> None:
        try:
            self._outbox.receive(receipt)
            self._story.received(receipt, self._device.stamp())
            self._answer(receipt)
            if self._delivery is not None:
                self._delivery.on_receipt(receipt, time.monotonic())
        except StorageError as error:
            self._lament(error)

    def _lament(self, error: StorageError) -> None:
        """Not even memory holds messages; no reason to leave the broker, who still hears the rest."""
        self._delivery = None  # it may have taken for sent what was not
        if time.monotonic() >= self._next_lament_s:
            self._next_lament_s = time.monotonic() + _LAMENT_EVERY_S
            log.error("%s; it is tried again", error)

    def _obey(self, command: Command) -> None:
        reason = self._on_command(command)
        if reason is not None:
            self.announce(reason)

    def _answer(self, receipt: Receipt) -> None:
        """Say which of the messages asked for are gone, so that the hub asks no more."""
        now = time.monotonic()
        if not receipt.gaps or now < self._next_answer_s:
            return
        self._next_answer_s = now + _ANSWER_EVERY_S
        ranges = self._outbox.gone(receipt)
        answer, at = self._answered
        if not ranges or (answer == (receipt.boot_id, ranges) and now < at + _SAME_ANSWER_S):
            return
        self._answered = (receipt.boot_id, ranges), now
        self._dropped.append(Dropped(boot_id=receipt.boot_id, ranges=ranges, stamp=self._device.stamp()))
