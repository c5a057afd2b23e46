"""`bedside-hub simulate`: many devices that speak the real wire to a hub, to try it or to measure it.

A device's will needs a connection of its own, so each has one; one thread serves all of them through one
selector, and paho-mqtt does the protocol. Its alerts are real ones on the board: not for a ward in use.
"""

from __future__ import annotations

import logging
import random
import resource
import selectors
import time
from collections import defaultdict
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import MQTTErrorCode

from edge.clock import new_id
from edge.errors import MessageError, UnavailableError
from edge.messages import Receipt, from_json, to_json
from edge.topics import Address
from hub.board_listener import BoardListener
from hub.broker import new_client
from hub.config import Settings
from hub.service import Stop
from hub.simulated_device import SimulatedDevice
from hub.simulation import BEDS_OF_A_WARD, RESEND_S, Plan, Report, Task, Timetable

log = logging.getLogger(__name__)

KEEPALIVE_S = 30
LAST_RECEIPTS_S = 20.0
_CONNECT_S = 60.0
_SWEEP_S = 1.0
_ONSET_S = 6.0  # a real device tells of distress only once it has lasted; so it is an alert at once


class Line:
    """One device and its connection."""

    def __init__(self, settings: Settings, number: int) -> None:
        ward = f"sim-{number // BEDS_OF_A_WARD + 1}"
        address = Address(settings.site, ward, f"sim-{number + 1}")
        self.device = SimulatedDevice(address, f"Sim {number + 1}", self._publish)
        self.episode = ""
        self.ready = self.died = False
        self.receipts: list[tuple[Receipt, float]] = []
        self.client = client = new_client(settings.broker, f"simulated-{settings.site}-{number + 1}")
        will = self.device.state_message("offline", "connection lost")
        client.will_set(address.topic("state"), to_json(will), qos=1, retain=True)
        client.on_connect = self._connected
        client.on_subscribe = self._subscribed
        client.on_message = self._received

    def connect(self, settings: Settings) -> None:
        """Raises UnavailableError where the broker cannot be had."""
        where = settings.broker.host, settings.broker.port
        try:
            self.client.connect(*where, keepalive=KEEPALIVE_S)
        except (OSError, ValueError) as error:
            raise UnavailableError(f"the broker {where[0]}:{where[1]} cannot be reached: {error}") from error

    def serve(self, *, readable: bool) -> bool:
        """Reads and writes what there is; False once the connection is gone."""
        code = self.client.loop_read(100) if readable else self.client.loop_misc()
        while code == MQTTErrorCode.MQTT_ERR_SUCCESS and self.client.want_write():
            code = self.client.loop_write()
        return code == MQTTErrorCode.MQTT_ERR_SUCCESS

    def _publish(self, topic: str, payload: bytes, qos: int = 1, *, retain: bool = False) -> None:
        self.client.publish(topic, payload, qos, retain=retain)

    def _connected(self, client: mqtt.Client, _data: Any, _flags: Any, code: Any, _properties: Any) -> None:
        if not code.is_failure:
            client.subscribe(self.device.address.topic("receipt"), qos=1)

    def _subscribed(self, *_: Any) -> None:
        self.ready = True

    def _received(self, _client: mqtt.Client, _data: Any, message: mqtt.MQTTMessage) -> None:
        try:
            self.receipts.append((from_json(Receipt, bytes(message.payload)), time.time()))
        except MessageError as error:
            log.warning("a receipt for %s is no good: %s", self.device.bed, error)


class Simulation:
    """Connects every device, follows the timetable, and counts.

    `login`: the name and password with which the board is watched, where the hub has accounts.
    """

    def __init__(
        self,
        settings: Settings,
        plan: Plan,
        login: tuple[str, str] | None = None,
        chance: random.Random | None = None,
    ) -> None:
        self._settings, self._plan = settings, plan
        self._chance = chance or random.Random()
        self._selector = selectors.DefaultSelector()
        self._lines: list[Line] = []
        self._board = BoardListener(settings.web, login)
        self._must_see = login is not None
        self._published: dict[tuple[int, int], float] = {}
        self._unseen: defaultdict[str, list[float]] = defaultdict(list)
        self._onsets: dict[str, float] = {}
        self._report = Report(plan.beds)
        self._sweep_at = 0.0

    def run(self, stop: Stop) -> Report:
        """Raises UnavailableError where the broker is not to be had, or with a login the board."""
        _allow_files(4 * self._plan.beds + 100)
        try:
            self._connect(stop)
            self._settle(stop)
            began = time.monotonic()
            timetable = Timetable(self._plan, self._chance)
            while (now := time.monotonic() - began) < self._plan.seconds and not stop.is_set():
                for task in timetable.due(now):
                    self._do(task)
                self._serve(min(0.05, timetable.wait_s(time.monotonic() - began)))
            self._report.seconds = time.monotonic() - began
            self._finish(stop)
        finally:
            self._board.stop()
            for line in self._lines:
                line.client.disconnect()
            self._selector.close()
        return self._report

    def _connect(self, stop: Stop) -> None:
        for number in range(self._plan.beds):
            line = Line(self._settings, number)
            line.connect(self._settings)
            self._lines.append(line)
            self._selector.register(line.client.socket(), selectors.EVENT_READ, line)  # type: ignore[arg-type]
            self._serve(0)
        until = time.monotonic() + _CONNECT_S
        while not all(line.ready for line in self._lines) and not stop.is_set():
            self._serve(0.05)
            if time.monotonic() > until or self._report.disconnected:
                raise UnavailableError(
                    "the broker does not take every device; simulate against a broker without an access list"
                )
        for line in self._lines:
            line.device.state()
            self._serve(0)

    def _settle(self, stop: Stop) -> None:
        """What is measured begins once every device is known: the first birth of each costs more."""
        self._board.start()
        if self._must_see and self._board.trouble is not None:
            raise UnavailableError(f"the board cannot be watched: {self._board.trouble}")
        until = time.monotonic() + _CONNECT_S
        wanted = {line.device.bed for line in self._lines}
        while not stop.is_set() and self._board.trouble is None and not wanted <= self._board.beds():
            self._serve(0.1)
            if time.monotonic() > until:
                raise UnavailableError("not every bed is on the board; see whether the hub's ingest runs")
        self._board.take_heard()

    def _do(self, task: Task) -> None:
        line = self._lines[task.device]
        device, now = line.device, time.time()
        self._report.sent += task.kind != "resend"
        match task.kind:
            case "health":
                device.health(outbox=len(device.sent))
                self._unseen[device.bed].append(now)
                return
            case "resend":
                self._resend(task.device, device, now)
                return
            case "summary":
                number = device.summary()
                self._unseen[device.bed].append(now)
            case phase:
                if phase == "onset":
                    line.episode = new_id()
                    self._onsets.setdefault(device.bed, now)
                number = device.episode(line.episode, phase, _ONSET_S + task.at - task.onset)
        self._published[task.device, number] = now
        self._report.durable += 1

    def _resend(self, number: int, device: SimulatedDevice, now: float) -> None:
        for seq, message in device.sent.items():
            if now - self._published[number, seq] > RESEND_S:
                device.send(message)
                self._report.resent += 1

    def _serve(self, seconds: float) -> None:
        for key, _ in self._selector.select(seconds):
            self._serve_line(key.data, readable=True)
        now = time.monotonic()
        if now >= self._sweep_at:
            self._sweep_at = now + _SWEEP_S
            for line in self._lines:
                self._serve_line(line, readable=False)
            self._look_at_board()

    def _serve_line(self, line: Line, *, readable: bool) -> None:
        if line.died:
            return
        before = line.client.socket()
        if not line.serve(readable=readable):
            line.died = True
            self._report.disconnected += 1
            if before is not None:
                self._selector.unregister(before)
            log.warning("%s has lost its connection", line.device.bed)
        if line.receipts:
            self._take_receipts(line)

    def _take_receipts(self, line: Line) -> None:
        number = int(line.device.address.device.removeprefix("sim-")) - 1
        for receipt, at in line.receipts:
            for seq in line.device.confirm(receipt):
                self._report.receipted += 1
                self._report.to_receipt.append(at - self._published.pop((number, seq)))
        line.receipts.clear()

    def _look_at_board(self) -> None:
        """A bed's row says when the hub last heard it: what was sent before is on the board with it."""
        for bed, heard_at, seen_at in self._board.take_heard():
            sent = self._unseen.get(bed, [])
            self._report.to_board += [seen_at - at for at in sent if at <= heard_at]
            self._unseen[bed] = [at for at in sent if at > heard_at]

    def _finish(self, stop: Stop) -> None:
        until = time.monotonic() + LAST_RECEIPTS_S
        while time.monotonic() < until and not stop.is_set() and self._is_waiting():
            self._serve(0.05)
        self._look_at_board()
        report = self._report
        report.lost = len(self._published)
        report.board_trouble = self._board.trouble
        seen = self._board.alerts()
        report.alerts = len(self._onsets)
        report.to_alert = [seen[bed] - at for bed, at in self._onsets.items() if bed in seen]
        for line in self._lines:
            if not line.died:
                line.device.state("offline", "the simulation is over")

    def _is_waiting(self) -> bool:
        return bool(self._published) or (
            self._board.trouble is None and len(self._board.alerts()) < len(self._onsets)
        )


def _allow_files(wanted: int) -> None:
    """A socket and paho's own pair for each device."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < wanted:
        if hard != resource.RLIM_INFINITY and hard < wanted:
            raise UnavailableError(
                f"{wanted} open files are needed and {hard} allowed; simulate fewer beds or raise ulimit -n"
            )
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def run(settings: Settings, plan: Plan, stop: Stop, login: tuple[str, str] | None = None) -> int:
    """Prints the report; 0 where nothing was lost, else 69."""
    report = Simulation(settings, plan, login).run(stop)
    print(*report.lines(), sep="\n")
    return UnavailableError.exit_status if report.lost else 0
