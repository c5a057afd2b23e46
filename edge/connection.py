"""One connection to the broker, from CONNECT to its end: MQTT 5, TLS where configured."""

from __future__ import annotations

import logging
import ssl
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from edge.config import Broker
from edge.errors import MessageError, UnavailableError
from edge.messages import Address, Command, Receipt, from_json

log = logging.getLogger(__name__)

_TIMEOUT_S = 5.0
_POLL_S = 0.1


class Connection:
    """A client used once: a new connection never repeats by itself what an old one had left over."""

    def __init__(
        self,
        broker: Broker,
        address: Address,
        on_receipt: Callable[[Receipt], None] = lambda _: None,
        on_command: Callable[[Command], None] = lambda _: None,
        will: bytes | None = None,
        name: str = "ser",
    ) -> None:
        """`will` is the state the broker publishes for us if we vanish.

        A second connection with the same `name` for the same device pushes the first one out.
        """
        self._broker, self._topic = broker, address.topic
        self._on_receipt, self._on_command = on_receipt, on_command
        self._refusal: str | None = None
        self._accepted = False
        self._client = mqtt.Client(
            CallbackAPIVersion.VERSION2,
            client_id=f"{name}-{address.site}-{address.ward}-{address.device}",
            protocol=mqtt.MQTTv5,
        )
        self._client.connect_timeout = _TIMEOUT_S
        self._client.on_connect = self._on_connect
        self._client.on_message = self._on_message
        if will is not None:
            self._client.will_set(self._topic("state"), will, qos=1, retain=True)

    def open(self, stopped: Callable[[], bool] = lambda: False) -> None:
        """Connect, be accepted, and subscribe to receipts and commands. Raises UnavailableError."""
        broker = self._broker
        try:
            self._authenticate()
            self._client.connect(broker.host, broker.effective_port, broker.keepalive_s, clean_start=True)
        except (OSError, ValueError) as error:
            raise UnavailableError(_explain(error, broker)) from error
        until = time.monotonic() + _TIMEOUT_S
        while not self._accepted:
            self.loop()
            if stopped() or time.monotonic() > until:
                raise UnavailableError(f"the broker {_name(broker)} does not answer")
        self._client.subscribe([(self._topic("receipt"), 1), (self._topic("command"), 1)])

    def loop(self) -> None:
        """Move data both ways, waiting a tenth of a second at most. Raises UnavailableError at the end."""
        result = self._client.loop(_POLL_S)
        if self._refusal is not None:
            raise UnavailableError(self._refusal)
        if result != mqtt.MQTT_ERR_SUCCESS:
            words = mqtt.error_string(result).rstrip(".").lower()
            raise UnavailableError(f"the connection to the broker {_name(self._broker)} is lost: {words}")

    def publish(self, kind: str, body: bytes, *, qos: int, retain: bool = False) -> mqtt.MQTTMessageInfo:
        """Hand a message on one of the device's own topics to the network."""
        return self._client.publish(self._topic(kind), body, qos=qos, retain=retain)

    def wait(self, message: mqtt.MQTTMessageInfo, seconds: float) -> None:
        """Until the broker has acknowledged the message, but no longer than this."""
        until = time.monotonic() + seconds
        while not message.is_published() and time.monotonic() < until:
            self.loop()

    def close(self) -> None:
        """Say DISCONNECT where that still works, and close the socket."""
        self._client.disconnect()
        socket = self._client.socket()
        if socket is not None:
            socket.close()
        # Client and callbacks hold each other: without this the client's own pair of sockets would stay
        # open until the garbage collector comes by, one pair for every attempt.
        self._client.on_connect = self._client.on_message = None

    def _authenticate(self) -> None:
        broker = self._broker
        if broker.username:
            password = None
            if broker.password_file:
                lines = Path(broker.password_file).read_text(encoding="utf-8").splitlines()
                password = lines[0] if lines else ""
            self._client.username_pw_set(broker.username, password)
        if broker.ca_file:
            self._client.tls_set(
                ca_certs=broker.ca_file,
                certfile=broker.cert_file or None,
                keyfile=broker.key_file or None,
            )

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
            else:
                self._on_receipt(from_json(Receipt, body))
        except MessageError as error:
            log.warning("what the hub sent is not understood: %s", error)


def _name(broker: Broker) -> str:
    return f"{broker.host}:{broker.effective_port}"


def _explain(error: Exception, broker: Broker) -> str:
    """One sentence on why there is no connection."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the certificate of the broker {_name(broker)} is not trusted: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return f"no TLS with the broker {_name(broker)}: {error.reason or error}"
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return f"the broker {_name(broker)} cannot be reached: {reason}"
