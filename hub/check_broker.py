"""What `bedside-hub check` looks at: the broker, whom it lets do what, and everybody's certificates."""

from __future__ import annotations

import dataclasses
import secrets
import socket
import ssl
import threading
import time
from typing import Any

import paho.mqtt.client as mqtt

from edge.certificates import days_left, parse
from edge.errors import BedsideError, ConfigError, UnavailableError
from edge.findings import Finding, note, red, well
from edge.messages import VERSION
from hub.broker import new_client
from hub.config import Broker, Settings, Tls

LEAST_DAYS = 14
_ANSWER_S = 5.0
_HANDSHAKE_S = 3.0
_DAY_S = 86400.0
_RENEW = "renew it (bedside-hub authority), put it in place and restart"


def broker(settings: Settings) -> list[Finding]:
    """A connection beside ingest's, and whether it may subscribe to what devices say."""
    where = f"{settings.broker.host}:{settings.broker.port}"
    told: list[str] = []
    done = threading.Event()

    def connected(client: mqtt.Client, _data: Any, _flags: Any, code: Any, _properties: Any) -> None:
        if code.is_failure:
            told.append(f"refuses us: {code}; check broker.username, its password file and the certificates")
            done.set()
        else:
            client.subscribe(f"ser/v{VERSION}/{settings.site}/+/+/+", qos=1)

    def subscribed(_client: Any, _data: Any, _mid: int, codes: list[Any], _properties: Any) -> None:
        if codes[0].is_failure:
            told.append(f"lets us hear no device: {codes[0]}; check its access list")
        done.set()

    try:
        client = new_client(settings.broker, f"bedside-hub-{settings.site}-check")
        client.on_connect, client.on_subscribe = connected, subscribed
        client.connect(settings.broker.host, settings.broker.port)
    except BedsideError as error:
        return [red("broker", error, "")]
    except (OSError, ValueError) as error:
        remedy = "see whether it runs and broker.host and broker.port are right"
        return [red("broker", UnavailableError(f"{where} cannot be reached: {error}"), remedy)]
    client.loop_start()
    answered = done.wait(_ANSWER_S)
    client.disconnect()
    client.loop_stop()
    if told or not answered:
        words = told[0] if told else f"has not answered for {_ANSWER_S:g} s; see whether it is overloaded"
        return [red("broker", UnavailableError(f"{where} {words}"), "")]
    line = "without TLS" if settings.broker.tls is None else "TLS"
    found = [well("broker", f"{where}, {line}, lets us hear the devices of {settings.site}")]
    if settings.broker.plain_text:
        words = "broker.plain_text: whoever is on the network may read, drop and invent messages"
        remedy = "give broker.tls, unless the network itself is encrypted and nobody else is on it"
        found.append(note("broker", words, remedy=remedy))
    return found


def access_list(settings: Settings) -> list[Finding]:
    """Whether the broker keeps out who has no certificate or password, and lets nobody write anything."""
    name = "access list"
    guarded = settings.broker.tls is not None
    try:
        anonymous = _Visitor(_without_credentials(settings.broker), "stranger").gets_in()
        writes = _Visitor(settings.broker, f"bedside-hub-{settings.site}-writer").may_write_anything()
    except (BedsideError, OSError, ValueError):
        return [note(name, "not known without the broker")]
    found = []
    for is_open, words in (
        (anonymous, "the broker lets in anybody, without certificate or password"),
        (writes, "the broker lets us write any topic, so it has no access list"),
    ):
        if is_open and guarded:
            remedy = "see require_certificate, allow_anonymous and acl_file: bedside-hub broker-config"
            found.append(red(name, UnavailableError(words), remedy))
        elif is_open:
            found.append(note(name, f"{words}: right for a demo only"))
    return found or [well(name, "keeps strangers out and each to their own topics")]


class _Visitor:
    """A connection that looks what it is allowed; says nothing anybody listens to."""

    def __init__(self, broker: Broker, name: str) -> None:
        """Raises ConfigError."""
        self._broker = broker
        self._answer: bool | None = None
        self._done = threading.Event()
        self._client = new_client(broker, f"{name}-{secrets.token_hex(4)}")
        self._client.on_disconnect = lambda *_: self._end(answer=False)

    def gets_in(self) -> bool:
        """Whether the broker takes us at all."""
        self._client.on_connect = lambda _c, _d, _f, code, _p: self._end(answer=not code.is_failure)
        return self._visit()

    def may_write_anything(self) -> bool:
        """Whether it takes a message on a topic that is nobody's; an access list hangs up or says no."""

        def connected(client: mqtt.Client, _data: Any, _flags: Any, code: Any, _properties: Any) -> None:
            if code.is_failure:
                self._end(answer=False)
            else:
                client.publish(f"bedside-check/{secrets.token_hex(8)}", b"", qos=1)

        def published(_client: Any, _data: Any, _mid: int, code: Any, _properties: Any) -> None:
            self._end(answer=not code.is_failure)

        self._client.on_connect, self._client.on_publish = connected, published
        return self._visit()

    def _visit(self) -> bool:
        try:
            self._client.connect(self._broker.host, self._broker.port)
        except ssl.SSLError:
            return False
        self._client.loop_start()
        self._done.wait(_ANSWER_S)
        self._client.disconnect()
        self._client.loop_stop()
        return self._answer or False

    def _end(self, *, answer: bool) -> None:
        if self._answer is None:
            self._answer = answer
        self._done.set()


def _without_credentials(broker: Broker) -> Broker:
    tls = None if broker.tls is None else Tls(broker.tls.ca)
    return dataclasses.replace(broker, username=None, password_file=None, tls=tls)


def certificates(settings: Settings) -> list[Finding]:
    """How long ours, the authority's and the broker's hold."""
    tls = settings.broker.tls
    if tls is None:
        remedy = "for a ward use bedside-hub authority and bedside-hub broker-config"
        return [note("certificates", "none: the line to the broker is not encrypted", remedy=remedy)]
    found, words = [], []
    for whose, file in (("authority", tls.ca), ("own", tls.certificate)):
        if file is None:
            continue
        try:
            days = days_left(file)
        except ConfigError as error:
            found.append(red("certificates", error, "put the right file in place"))
            continue
        words.append(f"{whose} {days:.0f}")
        found += _judge(f"{whose}, {file},", days)
    presented = _presented(settings.broker)
    words.append("broker " + ("not known" if presented is None else f"{presented:.0f}"))
    found += [] if presented is None else _judge("the broker's", presented)
    return found or [well("certificates", f"days left: {', '.join(words)}")]


def _judge(whose: str, days: float) -> list[Finding]:
    if days >= LEAST_DAYS:
        return []
    return [red("certificates", UnavailableError(f"{whose} has {days:.0f} days left"), _RENEW)]


def _presented(broker: Broker) -> float | None:
    """How many days the broker's certificate holds, also one that cannot be trusted; None without one."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False  # only its dates are read, and nothing is sent
    context.verify_mode = ssl.CERT_NONE
    try:
        with (
            socket.create_connection((broker.host, broker.port), _HANDSHAKE_S) as line,
            context.wrap_socket(line, server_hostname=broker.host) as secured,
        ):
            return (parse(secured.getpeercert(binary_form=True) or b"").end_s - time.time()) / _DAY_S
    except (OSError, ValueError):
        return None
