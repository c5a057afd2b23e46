"""One connection to the broker, from CONNECT to its end: MQTT 5, TLS where configured."""

from __future__ import annotations

import contextlib
import logging
import math
import os
import socket
import ssl
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from edge import tls
from edge.config import Broker
from edge.errors import MessageError, UnavailableError
from edge.messages import Command, HubState, Receipt, from_json
from edge.topics import Address, hub_topic

log = logging.getLogger(__name__)

_TIMEOUT_S = 5.0
_POLL_S = 0.1
_FAREWELL_S = 0.7


class Connection:
    """A client used once: a new connection never repeats by itself what an old one had left over."""

    def __init__(
        self,
        broker: Broker,
        address: Address,
        on_receipt: Callable[[Receipt], None] = lambda _: None,
        on_command: Callable[[Command], None] = lambda _: None,
        will: bytes | None = None,
        on_hub: Callable[[HubState], None] = lambda _: None,
        name: str = "ser",
    ) -> None:
        """`will` is the state the broker publishes for us if we vanish; `on_hub` hears what `ask_hub` asks.

        A second connection with the same `name` for the same device pushes the first one out.
        """
        self._broker, self._topic = broker, address.topic
        self._on_receipt, self._on_command, self._on_hub = on_receipt, on_command, on_hub
        self._hub_topic = hub_topic(address.site)
        self._refusal: str | None = None
        self._end: str | None = None
        self._socket: Any = None
        self.denied: str | None = None
        """What the broker does not let us do on this connection, once it has said so."""
        self.granted = False
        """Whether it has acknowledged something we wrote."""
        self._asked: set[int] = set()  # what it has to acknowledge
        self._answered: set[int] = set()  # subscriptions
        self._accepted = False
        self._client = mqtt.Client(
            CallbackAPIVersion.VERSION2,
            client_id=f"{name}-{address.site}-{address.ward}-{address.device}",
            protocol=mqtt.MQTTv5,
        )
        self._client.connect_timeout = _TIMEOUT_S
        self._client.on_connect = self._on_connect
        self._client.on_message = self._on_message
        self._client.on_disconnect = self._on_disconnect
        self._client.on_publish = self._on_publish
        self._client.on_subscribe = self._on_subscribe
        self._client.on_socket_open = self._on_socket_open
        if will is not None:
            self._client.will_set(self._topic("state"), will, qos=1, retain=True)

    def open(self, stopped: Callable[[], bool] = lambda: False) -> None:
        """Connect, be accepted, and subscribe to receipts and commands. Raises UnavailableError."""
        broker = self._broker
        self._authenticate()
        # paho waits so long before it asks whether the broker is there, and as long for the answer.
        ask_s = math.ceil(broker.keepalive_s / 2)
        try:
            self._client.connect(broker.host, broker.effective_port, ask_s, clean_start=True)
        except (OSError, ValueError) as error:
            raise UnavailableError(_explain(error, broker)) from error
        until = time.monotonic() + _TIMEOUT_S
        while not self._accepted:
            self.loop()
            if stopped() or time.monotonic() > until:
                raise UnavailableError(f"the broker {_name(broker)} does not answer")
        self._client.subscribe([(self._topic("receipt"), 1), (self._topic("command"), 1)])

    def ask_hub(self) -> float:
        """Ask for the hub's retained state; the seconds until the broker has answered.

        The state itself follows, where there is one, and is told to `on_hub`. Raises UnavailableError.
        """
        start = time.monotonic()
        _, asked = self._client.subscribe(self._hub_topic, 1)
        while asked not in self._answered:
            self.loop()
            if time.monotonic() - start > _TIMEOUT_S:
                raise UnavailableError(f"the broker {_name(self._broker)} does not answer")
        return time.monotonic() - start

    @property
    def tls_version(self) -> str | None:
        """Such as `TLSv1.3`; None without TLS."""
        return self._socket.version() if isinstance(self._socket, ssl.SSLSocket) else None

    def loop(self) -> None:
        """Move data both ways, waiting a tenth of a second at most. Raises UnavailableError at the end."""
        result = self._client.loop(_POLL_S)
        if self._refusal is not None:
            raise UnavailableError(self._refusal)
        if result != mqtt.MQTT_ERR_SUCCESS or self._end is not None:
            raise UnavailableError(self._why_ended(mqtt.error_string(result)))

    def publish(self, kind: str, body: bytes, *, qos: int, retain: bool = False) -> mqtt.MQTTMessageInfo:
        """Hand a message on one of the device's own topics to the network."""
        message = self._client.publish(self._topic(kind), body, qos=qos, retain=retain)
        if qos:
            self._asked.add(message.mid)
        return message

    def wait(self, message: mqtt.MQTTMessageInfo, seconds: float) -> None:
        """Until the broker has acknowledged the message, but no longer than this."""
        until = time.monotonic() + seconds
        while not message.is_published() and time.monotonic() < until:
            self.loop()

    def close(self) -> None:
        """Say DISCONNECT where that still works, let it arrive, and close; 0.7 s at most."""
        sock = self._client.socket()
        line = None
        if sock is not None:
            with contextlib.suppress(OSError):
                # Of our own: paho closes its socket the moment it has written DISCONNECT.
                line = socket.socket(fileno=os.dup(sock.fileno()))
        self._client.disconnect()
        if line is not None:
            with line, contextlib.suppress(OSError):
                self._part(line)
            sock = self._client.socket()
            if sock is not None:
                sock.close()
        # Client and callbacks hold each other: without this the client's own pair of sockets would stay
        # open until the garbage collector comes by, one pair for every attempt.
        client = self._client
        client.on_connect = client.on_message = client.on_disconnect = None
        client.on_publish = client.on_subscribe = client.on_socket_open = None

    def _part(self, line: socket.socket) -> None:
        """Send what is left, and read until the broker closes too.

        A socket closed too early answers the broker's next acknowledgement with a reset. The broker then
        ends the connection before it reads our DISCONNECT, and publishes the will as if we had vanished.
        """
        until = time.monotonic() + _FAREWELL_S
        while self._client.want_write() and time.monotonic() < until:
            if self._client.loop_write() != mqtt.MQTT_ERR_SUCCESS:
                return
            time.sleep(0.01)
        line.shutdown(socket.SHUT_WR)
        while (left := until - time.monotonic()) > 0:
            line.settimeout(left)
            if not line.recv(4096):
                return

    def _authenticate(self) -> None:
        broker = self._broker
        if broker.username:
            self._client.username_pw_set(broker.username, _password(broker.password_file))
        if broker.ca_file:
            self._client.tls_set_context(tls.context(broker))

    def _why_ended(self, result: str) -> str:
        if self.denied is not None:  # mosquitto 2.0 ends the connection after it
            return self.denied
        name, words = _name(self._broker), (self._end or result).rstrip(".").lower()
        if self._broker.ca_file and (not self._accepted or getattr(self._socket, "failure", None)):
            refused = tls.why_refused(getattr(self._socket, "failure", None), self._broker, name)
            if refused is not None:
                return refused
        if not self._accepted:
            return (
                f"the broker {name} ends the connection before it accepts us: {words};"
                " check [broker] port, ca_file and cert_file"
            )
        return f"the connection to the broker {name} is lost: {words}"

    def _deny(self, what: str, reason: Any) -> None:
        self.denied = (
            f"the broker {_name(self._broker)} does not let us {what}: {str(reason).lower()};"
            " check its access list, and that user or certificate name this device"
        )

    def _on_socket_open(self, _client: Any, _data: Any, sock: Any) -> None:
        self._socket = sock

    def _on_disconnect(self, _client: Any, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        self._end = str(reason)

    def _on_publish(self, _client: Any, _data: Any, mid: int, reason: Any, _properties: Any) -> None:
        if mid not in self._asked:
            return
        self._asked.discard(mid)
        if reason.is_failure:
            self._deny(f"write {self._topic('+')}", reason)
        else:
            self.granted = True

    def _on_subscribe(self, _client: Any, _data: Any, mid: int, reasons: Any, _properties: Any) -> None:
        self._answered.add(mid)
        for reason in reasons:
            if reason.is_failure:
                self._deny(f"read {self._topic('receipt')} and {self._topic('command')}", reason)

    def _on_connect(self, _client: Any, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        if reason.is_failure:
            self._refusal = (
                f"the broker {_name(self._broker)} refuses us: {str(reason).lower()};"
                " check [broker] username, password_file and certificates"
            )
        else:
            self._accepted = True

    def _on_message(self, _client: Any, _data: Any, message: mqtt.MQTTMessage) -> None:
        body = bytes(message.payload)
        try:
            if message.topic == self._topic("command"):
                self._on_command(from_json(Command, body))
            elif message.topic == self._hub_topic:
                self._on_hub(from_json(HubState, body))
            else:
                self._on_receipt(from_json(Receipt, body))
        except MessageError as error:
            log.warning("what the hub sent is not understood: %s", error)


def _name(broker: Broker) -> str:
    return f"{broker.host}:{broker.effective_port}"


def _password(file: str) -> str | None:
    if not file:
        return None
    try:
        lines = Path(file).read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise UnavailableError(
            f"broker.password_file {file} cannot be read: {error.strerror};"
            " the daemon's user must be able to read it"
        ) from error
    except UnicodeDecodeError as error:
        raise UnavailableError(
            f"broker.password_file {file} is no text; its first line is the password"
        ) from error
    return lines[0] if lines else ""


def _explain(error: Exception, broker: Broker) -> str:
    """One sentence on why there is no connection."""
    if isinstance(error, ssl.SSLError):
        return tls.why_no_handshake(error, broker, _name(broker))
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    if isinstance(error, socket.gaierror):
        return (
            f"the name of the broker {_name(broker)} is not found: {reason.lower()};"
            " check broker.host and this box's name server"
        )
    return (
        f"the broker {_name(broker)} cannot be reached: {reason}; see whether it runs and the network is up"
    )
