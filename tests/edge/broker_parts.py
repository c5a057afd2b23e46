"""A real mosquitto of our own, and the hub as a device sees it."""

import contextlib
import getpass
import json
import shutil
import socket
import subprocess
import threading
import time

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from ports import free_port
from waiting import until

from edge.messages import HubState, Receipt, to_json
from edge.topics import Address, hub_topic
from edge.utc import utc_text

ADDRESS = Address("demo", "ward-1", "bed-1")


class Broker:
    """A mosquitto of our own that can be stopped and started."""

    def __init__(self, folder, extra=""):
        self.port = free_port()
        self._conf = folder / f"mosquitto-{self.port}.conf"
        anonymous = "" if "allow_anonymous" in extra else "allow_anonymous true\n"
        # Started by root it would become a user who may not read the test's folder.
        lines = f"user {getpass.getuser()}\nlistener {self.port} 127.0.0.1\n{anonymous}{extra}"
        self._conf.write_text(lines, encoding="utf-8")
        self._process = None

    def start(self):
        program = shutil.which("mosquitto") or "/usr/sbin/mosquitto"
        self._process = subprocess.Popen(
            [program, "-c", str(self._conf)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        until(self._answers)

    def _answers(self):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 0.2):
            return True
        return False

    @property
    def pid(self):
        return self._process.pid

    def stop(self):
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


class Hub:
    """The hub as a device sees it: collects messages and, if told to, sends receipts."""

    def __init__(self, port, *, answers=True, tls=None):
        """`tls`: authority, certificate and key, as files."""
        self.messages = []
        self.answers = answers
        self._held = {}
        self._lock = threading.Lock()
        self._ready = threading.Event()
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, "hub", protocol=mqtt.MQTTv5)
        self._client.on_connect = lambda client, *_: client.subscribe("ser/v1/#", qos=1)
        self._client.on_subscribe = lambda *_: self._ready.set()
        self._client.on_message = self._take
        self._client.reconnect_delay_set(1, 1)
        if tls is not None:
            self._client.tls_set(*tls)
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        assert self._ready.wait(5)

    def _take(self, _client, _data, message):
        kind = message.topic.rsplit("/", 1)[1]
        if kind == "receipt":
            return
        plain = json.loads(message.payload) if message.payload else {}
        with self._lock:
            self.messages.append((kind, plain, message.retain))
        if "seq" in plain and self.answers:
            self.answer(plain["stamp"]["boot_id"], plain["seq"])

    def answer(self, boot_id, seq):
        held = self._held.setdefault(boot_id, set())
        held.add(seq)
        missing = [number for number in range(1, max(held)) if number not in held]
        gaps = []
        for number in missing:
            if gaps and gaps[-1][1] == number - 1:
                gaps[-1][1] = number
            else:
                gaps.append([number, number])
        receipt = Receipt(boot_id=boot_id, upto_seq=max(held), gaps=tuple(map(tuple, gaps[:12])))
        self._client.publish(ADDRESS.topic("receipt"), to_json(receipt), qos=1)

    def publish(self, topic, payload, *, retain=False):
        self._client.publish(topic, payload, qos=1, retain=retain).wait_for_publish(5)

    def tell_state(self, status="online"):
        """The hub's own state, kept by the broker."""
        state = HubState(status=status, time=utc_text(time.time()), software="1.0.0")
        self.publish(hub_topic(ADDRESS.site), to_json(state), retain=True)

    def of(self, kind):
        with self._lock:
            return [plain for one, plain, _ in self.messages if one == kind]

    def durable(self):
        with self._lock:
            return {(p["stamp"]["boot_id"], p["seq"]): p for _, p, _ in self.messages if "seq" in p}

    def close(self):
        self._client.disconnect()
        self._client.loop_stop()
