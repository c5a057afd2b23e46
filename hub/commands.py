"""Commands to devices: each one's key out of the hub's, signing, asking, waiting for the answer."""

from __future__ import annotations

import hashlib
import hmac
import queue
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self

import paho.mqtt.client as mqtt
from sqlalchemy import select

from edge.commands import REFUSED, read_key, sign
from edge.errors import ConfigError, MessageError, UnavailableError
from edge.fields import checked
from edge.messages import ACTIONS, Command, State, from_json, to_json
from edge.topics import Address
from hub.broker import new_client
from hub.config import Settings
from hub.store import Store
from hub.tables import Boot, Device

ANSWER_S = 10.0
_CONNECT_S = 5.0
_VALID_S = 60.0


@dataclass(frozen=True, slots=True)
class Wish:
    """What a person asks of a device."""

    action: str = checked(choices=ACTIONS)
    minutes: int = checked(minimum=0, maximum=1440, default=0)
    """To stay muted; 0: until told otherwise."""
    reason: str = checked(minimum=1, maximum=80, default="asked by the hub")
    certificate: str | None = None
    """To be shown the broker from now on, DER in base64; with `renew`."""
    certificate_ends: str | None = None
    """When it ends, as the device will tell it."""


def master_key(settings: Settings) -> bytes:
    """The hub's key, of which every device's is made: its file's first line. Raises ConfigError."""
    file = settings.commands.master_key_file
    remedy = "`openssl rand -hex 32` makes one; keep it from other users' eyes"
    if file is None:
        raise ConfigError(f"commands.master_key_file is not configured; {remedy}")
    return read_key("commands.master_key_file", file, remedy)


def device_key(master: bytes, address: Address) -> str:
    """The device's key: HMAC-SHA256 (RFC 2104) of SITE/WARD/DEVICE under the hub's, in hexadecimal.

    A device's card gives away no other device's key, and the hub need not store any.
    """
    name = address.name
    return hmac.new(master, name.encode(), hashlib.sha256).hexdigest()


def origin_of(store: Store, address: Address, boot_id: str) -> float | None:
    """The hub's time at millisecond 0 of that start of the device, None where the hub knows it not yet."""
    query = (
        select(Boot.origin)
        .join(Device, Device.id == Boot.device_id)
        .where(Device.ward == address.ward, Device.name == address.device, Boot.boot_id == boot_id)
    )
    with store.read() as connection:
        return connection.scalar(query)


class DeviceLine:
    """A connection of its own to one device: its states in, commands out. A context manager."""

    def __init__(self, settings: Settings, address: Address) -> None:
        self._broker, self._address = settings.broker, address
        self._states: queue.SimpleQueue[State] = queue.SimpleQueue()
        self._refusal: str | None = None
        client = new_client(self._broker, f"bedside-hub-{settings.site}-command-{uuid.uuid4().hex[:8]}")
        client.on_connect = self._connected
        client.on_message = self._message
        self._client = client

    def __enter__(self) -> Self:
        """Connects in the background. Raises UnavailableError where nobody is there."""
        try:
            self._client.connect(self._broker.host, self._broker.port)
        except OSError as error:
            raise UnavailableError(
                f"the broker {self._broker.host}:{self._broker.port} cannot be reached: {error};"
                " check that it runs and that broker.host and broker.port are right"
            ) from error
        self._client.loop_start()
        return self

    def __exit__(self, *_: object) -> None:
        """Disconnects."""
        self._client.disconnect()
        self._client.loop_stop()

    def state(self, seconds: float) -> State | None:
        """The next state the device tells, at first the one it told last; None where there is none in time.

        Raises UnavailableError where the broker refuses us.
        """
        try:
            return self._states.get(timeout=seconds)
        except queue.Empty:
            if self._refusal is not None:
                raise UnavailableError(self._refusal) from None
            return None

    def send(self, command: Command) -> None:
        """Once, never retained: a command is for now."""
        self._client.publish(self._address.topic(Command.kind), to_json(command), qos=1)

    def _connected(self, client: mqtt.Client, _data: Any, _flags: Any, code: Any, _properties: Any) -> None:
        if code.is_failure:
            self._refusal = (
                f"the broker {self._broker.host}:{self._broker.port} refuses us: {code};"
                " check broker.username, its password file and the certificates"
            )
            return
        client.subscribe(self._address.topic(State.kind), qos=1)

    def _message(self, _client: mqtt.Client, _data: Any, message: mqtt.MQTTMessage) -> None:
        try:
            self._states.put(from_json(State, bytes(message.payload)))
        except MessageError:
            return  # whatever it is, it is no answer; ingest counts it


def ask(settings: Settings, store: Store, address: Address, wish: Wish, now: Callable[[], float]) -> str:
    """Have the device do it, and return in words how it is afterwards. `now`: the hub's clock, in seconds.

    Raises ConfigError for a missing key, UnavailableError where broker or device do not answer.
    """
    key = device_key(master_key(settings), address).encode()
    name = f"{address.ward}/{address.device}"
    with DeviceLine(settings, address) as line:
        before = line.state(_CONNECT_S)
        if before is None:
            raise UnavailableError(
                f"the broker knows no device {name} of site {address.site}; check ward and device"
            )
        if before.status != "online":
            raise UnavailableError(f"{name} is offline ({before.reason}); it cannot be asked anything")
        boot_id = before.stamp.boot_id
        origin = origin_of(store, address, boot_id)
        if origin is None:
            raise UnavailableError(f"the hub has not heard {name} since its start; check that ingest runs")
        command = Command(
            id=uuid.uuid4().hex,
            boot_id=boot_id,
            expires_ms=int((now() - origin + _VALID_S) * 1000),
            action=wish.action,
            minutes=wish.minutes,
            reason=wish.reason,
            certificate=wish.certificate,
        )
        line.send(sign(key, address.topic(Command.kind), command))
        after = _answer(line, before, wish, now)
    if after is None:
        raise UnavailableError(
            f"{name} has not done it within {ANSWER_S:g} s; its journal says why: a wrong or missing"
            " [commands] key_file, most likely"
        )
    return f"{name} ({after.bed}): microphone {after.microphone}; {after.reason}"


def _answer(line: DeviceLine, before: State, wish: Wish, now: Callable[[], float]) -> State | None:
    """The state that shows that the wish has been obeyed."""
    until = now() + ANSWER_S
    while (left := until - now()) > 0:
        state = line.state(left)
        if state is None:
            return None
        if wish.action == "renew" and state.stamp != before.stamp and state.reason.startswith(REFUSED):
            raise UnavailableError(f"the device does not take it: {state.reason.removeprefix(REFUSED)}")
        is_muted = state.microphone == "muted"
        by_switch = is_muted and "switch" in state.reason  # which no command undoes
        renewed = state.status == "online" and state.certificate_ends == wish.certificate_ends
        obeyed = {"mute": is_muted, "unmute": not is_muted or by_switch, "renew": renewed}
        if state.stamp != before.stamp and obeyed.get(wish.action, True):
            return state
    return None
