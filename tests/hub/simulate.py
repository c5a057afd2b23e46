"""Bedside devices that speak the real wire, for the tests and the pictures in hub/README.md."""

from __future__ import annotations

import threading
import time
import uuid
from typing import Any, Self

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from edge.messages import (
    Address,
    Emotion,
    Episode,
    Health,
    Message,
    Receipt,
    Stamp,
    State,
    Summary,
    from_json,
    to_json,
    utc_text,
)


def hex_id() -> str:
    return uuid.uuid4().hex


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


class Device:
    """One boot of a bedside device: makes messages, numbers the durable ones, resends on request."""

    def __init__(self, line: Line, name: str, bed: str, ward: str = "3b") -> None:
        self.line = line
        self.address = Address(line.site, ward, name)
        self.bed = bed
        self.boot_id = hex_id()
        self.started = time.monotonic()
        self.seq = 0
        self.sent: dict[int, Message] = {}

    def stamp(self, ago: float = 0.0) -> Stamp:
        mono = max(0, int((time.monotonic() - self.started - ago) * 1000))
        return Stamp(boot_id=self.boot_id, time=utc_text(time.time() - ago), mono_ms=mono, clock_synced=True)

    def send(self, message: Message, *, retain: bool = False) -> None:
        qos = 0 if message.kind in ("emotion", "health") else 1
        self.line.send(self.address.topic(message.kind), to_json(message), qos, retain=retain)

    def state(self, status: str = "online", reason: str = "started", microphone: str = "healthy") -> None:
        message = State(
            status=status,
            reason=reason,
            bed=self.bed,
            microphone=microphone,
            model="simulated 1",
            software="0.1.0",
            stamp=self.stamp(),
        )
        self.send(message, retain=True)

    def emotion(self, name: str, distress: float, ago: float = 0.0) -> None:
        self.send(
            Emotion(
                emotion=name,
                probabilities={name: 1.0},
                distress=distress,
                speech=0.8,
                level_db=-30.0,
                window_s=3.0,
                stamp=self.stamp(ago),
            )
        )

    def health(self, microphone: str = "healthy") -> None:
        self.send(
            Health(
                microphone=microphone,
                uptime_s=60.0,
                frames=6000,
                inferences=60,
                overruns=0,
                clipped=0,
                outbox=0,
                cpu_percent=3.0,
                rss_mb=45.0,
                stamp=self.stamp(),
            )
        )

    def _durable(self, message: Message, *, send: bool) -> int:
        self.sent[self.seq] = message
        if send:
            self.send(message)
        return self.seq

    def episode(
        self,
        episode: str,
        phase: str,
        duration: float,
        *,
        emotion: str = "fearful",
        distress: float = 0.8,
        reason: str = "frightened, loud",
        ago: float = 0.0,
        send: bool = True,
    ) -> int:
        self.seq += 1
        message = Episode(
            id=hex_id(),
            seq=self.seq,
            episode=episode,
            phase=phase,
            emotion=emotion,
            distress=distress,
            peak=distress,
            duration_s=duration,
            level_db=-22.0,
            reason=reason,
            stamp=self.stamp(ago),
        )
        return self._durable(message, send=send)

    def summary(self, *, send: bool = True) -> int:
        self.seq += 1
        message = Summary(
            id=hex_id(),
            seq=self.seq,
            seconds=60.0,
            speech_s=12.0,
            emotions={"neutral": 12},
            distress_mean=0.1,
            distress_peak=0.2,
            level_mean_db=-40.0,
            level_peak_db=-30.0,
            stamp=self.stamp(),
        )
        return self._durable(message, send=send)

    def resend(self) -> None:
        """Sends again whatever no receipt has confirmed, as the daemon's outbox does."""
        for number in sorted(set(self.sent) - self.line.confirmed(self)):
            self.send(self.sent[number])
