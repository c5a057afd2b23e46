"""Who keeps a hub busy while it is killed: fifty devices, a nurse who answers, a tablet that watches."""

from __future__ import annotations

import json
import random
import threading
import time
from collections import Counter, defaultdict
from typing import Any

import httpx
import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from edge.clock import new_id
from edge.messages import Receipt, from_json, to_json
from edge.topics import Address
from hub.simulated_device import SimulatedDevice

_RESEND_S, _HEALTH_S = 3.0, 5.0
_ONSET_S = 0.5  # so long each episode has lasted when it is told of
_APART_S = 3.0  # between a bed's episodes, so that each is an alert of its own
IGNORED = 5  # each fifth alert nobody answers: it must climb the ladder


class Bed:
    """A simulated device with its own connection, outbox and witness of all it ever sent."""

    def __init__(self, number: int, site: str, port: int, dice: random.Random, every_s: float) -> None:
        self._dice, self._every_s = dice, every_s
        self.device = SimulatedDevice(
            Address(site, "ward-1", f"bed-{number}"), f"Bed {number}", self._publish
        )
        self.witness: list[int] = []
        self.episodes: list[str] = []
        self.busy = False
        self._lock = threading.RLock()
        self._sent_at: dict[int, float] = {}
        self._next = time.monotonic() + dice.uniform(0.2, every_s / 2)
        self._health_at = self._resend_at = time.monotonic() + dice.uniform(0.5, 3.0)
        self._onset = 0.0
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, f"{site}-{number}", protocol=mqtt.MQTTv5)
        will = self.device.state_message("offline", "connection lost")
        self._client.will_set(self.device.address.topic("state"), to_json(will), qos=1, retain=True)
        self._client.reconnect_delay_set(1, 2)
        self._client.on_connect = self._connected
        self._client.on_message = self._receipt
        self._client.connect_async("127.0.0.1", port, keepalive=15)
        self._client.loop_start()

    def step(self, now: float, *, may_begin: bool) -> None:
        """What a device does now; `may_begin`: also a new episode."""
        with self._lock:
            if now >= self._health_at:
                self._health_at = now + _HEALTH_S
                self.device.health(outbox=len(self.device.sent))
            if now >= self._resend_at:
                self._resend_at = now + 1.0
                self._resend(now)
            if now >= self._next and (may_begin or self.busy):
                self._go_on(now)

    def waiting(self) -> int:
        """Messages without a receipt."""
        with self._lock:
            return len(self.device.sent)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def _go_on(self, now: float) -> None:
        if not self.busy:
            self.busy, self._onset = True, now
            self.episodes.append(new_id())
            self._tell("onset", _ONSET_S)
            self._next = now + self._dice.uniform(0.3, 3.0)
        elif self._dice.random() < 0.4:
            self._tell("update", _ONSET_S + now - self._onset)
            self._next = now + self._dice.uniform(0.3, 3.0)
        else:
            self._tell("end", _ONSET_S + now - self._onset)
            self._record(self.device.summary())
            self.busy = False
            self._next = now + _APART_S + self._dice.expovariate(1 / self._every_s)

    def _tell(self, phase: str, duration: float) -> None:
        self._record(self.device.episode(self.episodes[-1], phase, duration))

    def _record(self, number: int) -> None:
        self.witness.append(number)
        self._sent_at[number] = time.monotonic()

    def _resend(self, now: float) -> None:
        for number, message in list(self.device.sent.items()):
            if now - self._sent_at[number] > _RESEND_S and self._client.is_connected():
                self._sent_at[number] = now
                self.device.send(message)

    def _publish(self, topic: str, payload: bytes, qos: int = 1, *, retain: bool = False) -> None:
        if self._client.is_connected():  # the device's outbox keeps it, not the client
            self._client.publish(topic, payload, qos, retain=retain)

    def _connected(self, client: mqtt.Client, *_: Any) -> None:
        client.subscribe(self.device.address.topic("receipt"), qos=1)
        with self._lock:
            self.device.state()

    def _receipt(self, _client: Any, _data: Any, message: mqtt.MQTTMessage) -> None:
        receipt = from_json(Receipt, message.payload)
        with self._lock:
            self.device.confirm(receipt)


class Beds(threading.Thread):
    """Fifty of them, stepped by one thread."""

    def __init__(self, count: int, site: str, port: int, dice: random.Random, every_s: float) -> None:
        """`every_s`: from one episode of a bed to its next, on average."""
        super().__init__(name="beds", daemon=True)
        self.all = [
            Bed(number, site, port, random.Random(dice.random()), every_s) for number in range(1, count + 1)
        ]
        self.may_begin = True
        self._stopping = threading.Event()

    def run(self) -> None:
        while not self._stopping.wait(0.05):
            for bed in self.all:
                bed.step(time.monotonic(), may_begin=self.may_begin)

    def unsettled(self) -> int:
        """Messages without a receipt and episodes that still go on."""
        return sum(bed.busy + bed.waiting() for bed in self.all)

    def close(self) -> None:
        self._stopping.set()
        self.join()
        for bed in self.all:
            bed.close()


class Nurse(threading.Thread):
    """Accepts what waits and closes what is over, whatever the web process is going through."""

    def __init__(self, url: str) -> None:
        super().__init__(name="nurse", daemon=True)
        self._url = url
        self._stopping = threading.Event()
        self.answered: Counter[tuple[int, str]] = Counter()
        """How often the hub said that this action on this alert was done."""
        self.unsure: set[tuple[int, str]] = set()
        """Asked for, and the hub died before it answered."""

    def run(self) -> None:
        with httpx.Client(base_url=self._url, headers={"X-Requested-With": "bedside"}, timeout=10) as client:
            while not self._stopping.wait(0.3):
                try:
                    self._round(client)
                except (httpx.HTTPError, ValueError):
                    continue

    def close(self) -> None:
        self._stopping.set()
        self.join()

    def _round(self, client: httpx.Client) -> None:
        for alert in client.get("/api/board").json()["alerts"]:
            number = alert["id"]
            if alert["kind"] != "distress" or number % IGNORED == 0:
                continue
            if alert["state"] == "waiting":
                self._act(client, number, "accept", {"person": "Amara Diallo"})
            elif alert["state"] == "accepted" and alert["condition"] == "ended":
                self._act(client, number, "close", {"person": "Amara Diallo", "outcome": "distress"})

    def _act(self, client: httpx.Client, number: int, verb: str, body: dict[str, str]) -> None:
        try:
            status = client.post(f"/api/alerts/{number}/{verb}", json=body).status_code
        except httpx.HTTPError:
            self.unsure.add((number, verb))
            raise
        if status == 200:
            self.answered[number, verb] += 1


class Tablet(threading.Thread):
    """A browser's half of the event stream: comes back with the last id it saw, keeps what it is told."""

    def __init__(self, url: str) -> None:
        super().__init__(name="tablet", daemon=True)
        self._url = url
        self._stopping = threading.Event()
        self._last = ""
        self.alerts: dict[int, dict[str, Any]] = {}
        self.comebacks = -1

    def run(self) -> None:
        while not self._stopping.wait(0.2):
            headers = {"Last-Event-ID": self._last} if self._last else {}
            try:
                with httpx.stream("GET", f"{self._url}/api/stream", headers=headers, timeout=15) as answer:
                    self.comebacks += 1
                    self._read(answer)
            except httpx.HTTPError:
                continue

    def close(self) -> None:
        self._stopping.set()

    def _read(self, answer: httpx.Response) -> None:
        event: defaultdict[str, str] = defaultdict(str)
        for line in answer.iter_lines():
            if self._stopping.is_set():
                return
            name, _, value = line.partition(": ")
            if line:
                event[name] = value
                continue
            if event["event"] == "board":
                data = json.loads(event["data"])
                if data["full"]:
                    self.alerts.clear()
                self.alerts.update({alert["id"]: alert for alert in data["alerts"]})
                self._last = event["id"]
            event.clear()
