"""The connection to the broker: reconnects for ever, and says in one sentence when it is down."""

from __future__ import annotations

import logging
import socket
import ssl
import threading
from collections.abc import Callable
from typing import Any, Protocol

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from edge.errors import ConfigError
from edge.messages import VERSION
from edge.topics import hub_topic
from hub.config import Broker, Settings

log = logging.getLogger(__name__)

KEEPALIVE_S = 10
SESSION_S = 300
"""So long the broker keeps what devices say while we are away, such as for a restart."""
RETRY_S = (1, 30)
_OUR_KINDS = ("receipt", "command")


class Receiver(Protocol):
    """Takes a message in the broker's thread; `durable` where it must not be dropped."""

    def __call__(self, topic: str, payload: bytes, *, retained: bool, durable: bool) -> None: ...  # noqa: D102


class Connection:
    """Subscribed to every device of the site whenever `connected` is true."""

    def __init__(
        self, settings: Settings, *, on_message: Receiver, birth: Callable[[], bytes], will: bytes
    ) -> None:
        self._broker = settings.broker
        self._filter = f"ser/v{VERSION}/{settings.site}/+/+/+"
        self._state_topic = hub_topic(settings.site)
        self._on_message = on_message
        self._birth = birth
        self._told: str | None = None
        self._thread: threading.Thread | None = None
        self.connected = False
        client = new_client(self._broker, f"bedside-hub-{settings.site}")
        client.reconnect_delay_set(*RETRY_S)
        client.will_set(self._state_topic, will, qos=1, retain=True)
        client.on_connect = self._connected
        client.on_connect_fail = self._failed
        client.on_disconnect = self._disconnected
        client.on_subscribe = self._subscribed
        client.on_message = self._message
        self._client = client

    def start(self) -> None:
        """Connects in a thread of its own and keeps trying."""
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.ReceiveMaximum = 65535
        properties.SessionExpiryInterval = SESSION_S
        where = self._broker.host, self._broker.port
        self._client.connect_async(*where, KEEPALIVE_S, clean_start=False, properties=properties)
        self._client.loop_start()

    def stop(self, goodbye: bytes) -> None:
        """Says goodbye, where somebody listens, and ends the thread."""
        if self.connected:
            self._client.publish(self._state_topic, goodbye, qos=1, retain=True).wait_for_publish(0.5)
        self._client.disconnect()
        self._client.loop_stop()

    @property
    def trouble(self) -> str | None:
        """Why it is not connected, as far as known."""
        return None if self.connected or self._told is None else f"the broker {self._told}"

    @property
    def has_ended(self) -> bool:
        """Whether the thread that receives has died: nothing would be heard any more, and nobody told."""
        return self._thread is not None and not self._thread.is_alive()

    def publish(self, topic: str, payload: bytes) -> None:
        """Sends once, if connected: whoever misses it asks again by resending."""
        if self.connected:
            self._client.publish(topic, payload, qos=1)

    def _connected(
        self, client: mqtt.Client, _data: Any, _flags: Any, code: ReasonCode, _properties: Any
    ) -> None:
        self._thread = threading.current_thread()
        if code.is_failure:
            self._tell(f"refuses us: {code}; check broker.username, its password file and the certificates")
            return
        options = SubscribeOptions(qos=1, noLocal=True)
        client.subscribe(self._filter, options=options)

    def _subscribed(
        self, client: mqtt.Client, _data: Any, _mid: int, codes: list[ReasonCode], _properties: Any
    ) -> None:
        if any(code.is_failure for code in codes):
            self._tell(f"refuses the subscription to {self._filter}: {codes[0]}; check its access list")
            return
        self.connected = True
        self._told = None
        log.info("listening to %s on the broker %s:%d", self._filter, self._broker.host, self._broker.port)
        client.publish(self._state_topic, self._birth(), qos=1, retain=True)

    def _failed(self, _client: mqtt.Client, _data: Any) -> None:
        hint = "check that it runs and that broker.host and broker.port are right"
        if self._broker.tls is not None:
            hint += ", and that broker.tls.ca signed the certificate it shows for that host"
        self._tell(f"cannot be reached; {hint}")

    def _disconnected(
        self, _client: mqtt.Client, _data: Any, _flags: Any, code: ReasonCode, _properties: Any
    ) -> None:
        if self.connected:
            self.connected = False
            if code.is_failure:
                self._tell(f"is gone ({code})")

    def _tell(self, what: str) -> None:
        if what != self._told:
            self._told = what
            address = f"{self._broker.host}:{self._broker.port}"
            log.warning("the broker %s %s; trying again until it answers", address, what)

    def _message(self, _client: mqtt.Client, _data: Any, message: mqtt.MQTTMessage) -> None:
        try:
            topic = message.topic
        except UnicodeDecodeError:
            topic = repr(message)
        if topic.endswith(_OUR_KINDS):
            return
        self._on_message(topic, bytes(message.payload), retained=message.retain, durable=message.qos > 0)


def new_client(broker: Broker, client_id: str) -> mqtt.Client:
    """A client of that name with the credentials of the broker's settings. Raises ConfigError."""
    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=client_id, protocol=mqtt.MQTTv5)
    if broker.username is not None:
        client.username_pw_set(broker.username, broker.password())
    _use_tls(client, broker)
    return client


def _use_tls(client: mqtt.Client, broker: Broker) -> None:
    if broker.tls is None:
        return
    try:
        context = ssl.create_default_context(cafile=broker.tls.ca)
        if broker.tls.certificate is not None:
            context.load_cert_chain(broker.tls.certificate, broker.tls.key)
    except OSError as error:  # ssl.SSLError is one
        raise ConfigError(f"broker.tls cannot be used: {error.strerror or error}; check its files") from error
    client.tls_set_context(context)


def port_is_free(host: str, port: int) -> bool:
    """Whether a server could listen there now."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True
