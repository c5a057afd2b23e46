"""Bedside devices that speak the real wire, for the tests and the pictures in hub/README.md."""

from __future__ import annotations

import threading
import time
from typing import Any, Self

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from edge.clock import new_id as hex_id
from edge.messages import Receipt, from_json
from edge.topics import Address
from hub.simulated_device import SimulatedDevice

__all__ = ["Device", "Line", "hex_id"]


class Line:
    """One connection to the broker that any number of devices share; keeps the hub's receipts."""

    def __init__(self, port: int, site: str) -> None:
        self.site = site
        self.receipts: list[tuple[str, Receipt]] = []
        self.changed = threading.Condition()
        self._ready = threading.Event()
        self.client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
        self.client.max_inflight_messages_set(1000)
        self.client.on_connect = lambda client, *_: client.subscribe(f"ser/v1/{site}/+/+/receipt", qos=1)
        self.client.on_subscribe = lambda *_: self._ready.set()
        self.client.on_message = self._receipt
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()
        assert self._ready.wait(10), "the broker does not answer"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.client.disconnect()
        self.client.loop_stop()

    def _receipt(self, _client: Any, _data: Any, message: mqtt.MQTTMessage) -> None:
        with self.changed:
            self.receipts.append((message.topic.split("/")[4], from_json(Receipt, message.payload)))
            self.changed.notify_all()

    def send(self, topic: str, payload: bytes, qos: int = 1, *, retain: bool = False) -> None:
        self.client.publish(topic, payload, qos=qos, retain=retain)

    def confirmed(self, device: Device) -> set[int]:
        """The numbers of this boot that some receipt has confirmed."""
        held: set[int] = set()
        with self.changed:
            for name, receipt in self.receipts:
                if name == device.address.device and receipt.boot_id == device.boot_id:
                    gaps = {n for first, last in receipt.gaps for n in range(first, last + 1)}
                    held |= set(range(1, receipt.upto_seq + 1)) - gaps
        return held

    def wait_for(self, device: Device, numbers: set[int], seconds: float = 10) -> None:
        """Waits until all the numbers are confirmed."""
        deadline = time.monotonic() + seconds
        while not numbers <= self.confirmed(device):
            left = deadline - time.monotonic()
            assert left > 0, f"no receipt for {sorted(numbers - self.confirmed(device))[:10]}"
            with self.changed:
                self.changed.wait(min(left, 0.2))


class Device(SimulatedDevice):
    """A simulated device on a shared line, which keeps the receipts; forgets nothing."""

    def __init__(self, line: Line, name: str, bed: str, ward: str = "3b") -> None:
        super().__init__(Address(line.site, ward, name), bed, line.send)
        self.line = line

    def resend(self) -> None:
        """Sends again whatever no receipt has confirmed, as the daemon's outbox does."""
        for number in sorted(set(self.sent) - self.line.confirmed(self)):
            self.send(self.sent[number])
