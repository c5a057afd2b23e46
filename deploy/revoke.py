"""`bedside-deploy revoke`: shut out a box that was lost or stolen, and see to it that the broker does.

mosquitto 2.0 reads the list of revoked certificates anew on SIGHUP, but a connection that stands, stands on:
only a restart cuts it. bedside-broker-reload.path restarts it when the list changes, and this command waits
until it has.
"""

from __future__ import annotations

import argparse
import contextlib
import threading
import uuid
from typing import Any, Self

import paho.mqtt.client as mqtt

from deploy import broker_list
from deploy.provision import add_authority
from edge.credentials import borrow
from edge.errors import BedsideError, ConfigError, UnavailableError
from hub.broker import new_client
from hub.cli import UNITS
from hub.config import Settings, load
from hub.device_certificates import DeviceCertificates

CUT_OFF_S = 60.0
_CONNECT_S = 10.0


def arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's own."""
    add_authority(parser)
    parser.add_argument("device", metavar="WARD/DEVICE", help="whose certificates, all of them, are revoked")
    broker_list.arguments(parser)


def run(options: argparse.Namespace) -> int:
    """Revoke, give the broker the list, wait until it has cut all connections; the exit status."""
    borrow(UNITS)
    settings = load(options.config)
    if options.device.count("/") != 1:
        raise ConfigError(f"the device is {options.device!r}; write WARD/DEVICE, such as 3b/bed-12")
    name = f"{settings.site}/{options.device}"
    certificates = DeviceCertificates(options.authority)
    with Witness(settings) as witness:
        with certificates.exclusive():
            certificates.revoke(name)
        print(f"{name} is revoked")
        told = broker_list.give(options.authority, options.broker)
        if not options.broker.is_dir():
            raise UnavailableError(told)
        print(told)
        witness.await_restart(CUT_OFF_S)
    print(f"the broker has been restarted: {name} is cut off and let in no more")
    return 0


class Witness:
    """A connection of our own to the broker, which ends when the broker is restarted. A context manager."""

    def __init__(self, settings: Settings) -> None:
        self._broker, self._site = settings.broker, settings.site
        self._there, self._gone = threading.Event(), threading.Event()
        self._client: mqtt.Client | None = None

    def __enter__(self) -> Self:
        """Connects if it can: who was stolen must be shut out also where the broker is down."""
        with contextlib.suppress(BedsideError, OSError, ValueError):
            client = new_client(self._broker, f"bedside-hub-{self._site}-revoke-{uuid.uuid4().hex[:8]}")
            client.on_connect = self._connected
            client.on_disconnect = self._disconnected
            client.reconnect_delay_set(1, 2)
            # It may be starting anew this moment, as after every change of its list: not tried once alone.
            client.connect_async(self._broker.host, self._broker.port)
            client.loop_start()
            self._client = client
            self._there.wait(_CONNECT_S)
        return self

    def __exit__(self, *_: object) -> None:
        """Disconnects."""
        if self._client is not None:
            self._client.disconnect()
            self._client.loop_stop()

    def await_restart(self, seconds: float) -> None:
        """Until the broker has been restarted and is back. Raises UnavailableError."""
        where = f"{self._broker.host}:{self._broker.port}"
        if self._client is None or not (self._there.is_set() or self._gone.is_set()):
            raise UnavailableError(
                f"the broker {where} could not be reached, so nobody knows whether it has the list;"
                " systemctl restart mosquitto"
            )
        if not self._gone.wait(seconds):
            raise UnavailableError(
                f"the broker {where} was not restarted within {seconds:g} s, and whoever was revoked may"
                " still be connected; systemctl restart mosquitto, and enable bedside-broker-reload.path"
            )
        if not self._there.wait(seconds):
            raise UnavailableError(
                f"the broker {where} has not come back within {seconds:g} s; journalctl -u mosquitto says why"
            )

    def _connected(self, _client: mqtt.Client, _data: Any, _flags: Any, code: Any, _properties: Any) -> None:
        if not code.is_failure:
            self._there.set()

    def _disconnected(self, *_: object) -> None:
        self._there.clear()
        self._gone.set()
