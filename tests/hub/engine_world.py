"""A small ward for the engine's state machine: what is true there, beside what the hub has been told."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from engine_parts import Clock, Loose, put, restamped
from postgres import Cluster
from simulate import Device, hex_id
from sqlalchemy import URL, select

from edge.messages import Message, to_json
from hub.alerts import Timers
from hub.arrivals import Arrival
from hub.delivery import Delivery
from hub.engine import Engine
from hub.escalation import Ladder
from hub.faults import Limits
from hub.store import Store
from hub.tables import CANARY, AlertRow, EpisodeRow

RUNGS = (
    (0.0, 1),
    (60.0, 2),
    (120.0, 3),
    (300.0, 4),
)  # the design's: seconds without an answer, who is called
REPEAT_S, ATTEND_S, LATE_S = 120.0, 300.0, 300.0
ON_A_BOARD = ("distress", "hub", "chain", "board", "sound", "outside")
UNSEEN_S = 20.0  # what no board has shown for so long is called by everybody


@dataclass(eq=False)
class Made:
    """A message somewhere between its device and the hub; `arrived_at` each time it came through."""

    device: Device
    message: Message
    made_at: float
    episode: str | None = None
    arrived_at: list[float] = field(default_factory=list)

    def arrival(self, at: float) -> Arrival:
        topic = self.device.address.topic(self.message.kind)
        return Arrival(topic, to_json(self.message), retained=False, at=at)


class Bedside:
    """A device that may talk, fall silent and start anew; `heard_at` is when the hub last heard it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.microphone = "healthy"
        self.heard_at = 0.0
        self.mutes: list[tuple[float, float]] = []
        self.start()

    def start(self) -> None:
        """A new boot; what it was in the middle of is never told to its end."""
        self.device = Device(Loose(), self.name, self.name)  # type: ignore[arg-type]
        self.episode: tuple[str, float] | None = None

    def say(self, phase: str, clock: Clock, lasted: float) -> Made:
        """The next message of its episode, which began `lasted` seconds ago at its onset."""
        if phase == "onset" or self.episode is None:
            self.episode = hex_id(), clock.now - lasted
        name, onset_at = self.episode
        if phase == "end":
            self.episode = None
        self.device.episode(name, phase, clock.now - onset_at, send=False)
        message = restamped(self.device.sent[self.device.seq], clock.now)
        return Made(self.device, message, clock.now, name)

    def state(self, clock: Clock, status: str) -> Made:
        message = self.device.state_message(status, "test", self.microphone)
        return Made(self.device, restamped(message, clock.now), clock.now)

    def muted(self, now: float) -> bool:
        return any(start <= now < end for start, end in self.mutes)


def canary(clock: Clock) -> Made:
    bird = Bedside(CANARY)
    bird.device = Device(Loose(), CANARY, "none", ward=CANARY)  # type: ignore[arg-type]
    return bird.say("end", clock, 0.0)


class SqliteHome:
    """Makes databases as files in memory, each from one that has the schema already."""

    def __init__(self) -> None:
        memory = Path("/dev/shm")  # noqa: S108
        self._folder = Path(tempfile.mkdtemp(prefix="bedside-", dir=memory if memory.is_dir() else None))
        self._count = 0
        self._empty = self._folder / "empty.sqlite3"
        Store(self._empty).close()

    def new(self) -> tuple[Store, Path]:
        return self._open(self._empty)

    def copy(self, _store: Store, place: Path) -> tuple[Store, Path]:
        return self._open(place)

    def _open(self, source: Path) -> tuple[Store, Path]:
        self._count += 1
        path = self._folder / f"{self._count}.sqlite3"
        with sqlite3.connect(source) as old, sqlite3.connect(path) as new:
            old.backup(new)
        old.close()
        new.close()
        return Store(path), path

    def drop(self, store: Store, place: Path) -> None:
        store.close()
        for path in self._folder.glob(f"{place.name}*"):
            path.unlink()

    def remove(self) -> None:
        shutil.rmtree(self._folder)


class PostgresHome:
    """The same in a cluster."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._empty = cluster.create()
        Store(self._empty).close()

    def new(self) -> tuple[Store, URL]:
        return self._open(self._empty)

    def copy(self, store: Store, place: URL) -> tuple[Store, URL]:
        store.close()  # a database that somebody uses cannot be copied; the pool opens it again
        return self._open(place)

    def _open(self, source: URL) -> tuple[Store, URL]:
        url = self._cluster.create("TEMPLATE", str(source.database))
        return Store(url), url

    def drop(self, store: Store, place: URL) -> None:
        store.close()
        self._cluster.drop(place)

    def remove(self) -> None:
        self._cluster.drop(self._empty)


def new_engine(store: Store, clock: Clock) -> Engine:
    nobody_is_missed = Delivery(missing_s=86400.0)  # that no board is seen is no part of this world
    return Engine(store, Timers(), Limits(), Ladder(), clock, delivery=nobody_is_missed)


def look(engine: Engine) -> None:
    """What the engine's process does each tick."""
    engine.follow_episodes()
    engine.watch_devices()
    engine.call_people()


def rows(store: Store) -> dict[int, dict[str, Any]]:
    """Every alert there is, by its number."""
    with store.read() as connection:
        found = connection.execute(select(AlertRow).order_by(AlertRow.id))
        return {row.id: dict(row._mapping) for row in found}


def episodes(store: Store) -> list[dict[str, Any]]:
    with store.read() as connection:
        found = connection.execute(select(EpisodeRow).order_by(EpisodeRow.id))
        return [dict(row._mapping) for row in found]


def due_call(alert: dict[str, Any], bed: Bedside | None, now: float) -> tuple[int, int]:
    """Level and number of calls as the design has it, reckoned from nothing but who did what when."""
    settled = alert["condition"] == "ended" or alert["accepted_at"] is not None
    over = alert["closed_at"] is not None or alert["merged_into"] is not None or alert["missed"]
    if over or (alert["priority"] == "technical" and settled):
        return 0, 0
    accepted_at = alert["accepted_at"]
    start = alert["raised_at"] if accepted_at is None else accepted_at
    counts = bed is not None and alert["kind"] == "distress"  # mutes are for distress only
    mutes = bed.mutes if counts and bed is not None else []

    def awake(until: float) -> float:
        return until - start - sum(max(0.0, min(end, until) - max(begun, start)) for begun, end in mutes)

    rungs = RUNGS
    if alert["kind"] in ON_A_BOARD and accepted_at is None:
        shown_at = alert["shown_at"]
        if shown_at is None or awake(shown_at) >= UNSEEN_S:
            rungs = tuple((min(after, UNSEEN_S), level) for after, level in RUNGS)
    waited = awake(now) - (0.0 if accepted_at is None else ATTEND_S)
    passed = [level for after, level in rungs if waited >= after]
    again = int((waited - rungs[-1][0]) // REPEAT_S) if len(passed) == len(rungs) else 0
    muted = counts and bed is not None and bed.muted(now)
    return (0 if muted or not passed else passed[-1]), len(passed) + again


def tell(store: Store, clock: Clock, messages: Sequence[Made]) -> None:
    """These messages arrive now, in one batch."""
    for one in messages:
        one.arrived_at.append(clock.now)
    put(store, *(one.arrival(clock.now) for one in messages))


def told_of(made: Sequence[Made]) -> dict[str, list[Made]]:
    """The episodes of which the hub has heard, and the messages of each that came through."""
    found: dict[str, list[Made]] = {}
    for one in made:
        if one.episode is not None and one.arrived_at:
            found.setdefault(one.episode, []).append(one)
    return found


def is_late(messages: Sequence[Made]) -> bool:
    """Whether each of them came more than five minutes after it was made."""
    return all(min(one.arrived_at) - one.made_at > LATE_S for one in messages)


def is_open(alert: dict[str, Any]) -> bool:
    """Whether it is on the board's list of what waits for somebody."""
    resolved = alert["priority"] == "technical" and alert["condition"] == "ended"
    return not resolved and alert["closed_at"] is None and alert["merged_into"] is None


# Who looks more often sees more changes, and sooner when one became high.
NOT_COMPARED = {"revision", "high_at"}
WHEN_RAISED = {"id", "raised_at", "call_at", "level", "calls", "shown_at"}


def shown_before(alerts: dict[int, dict[str, Any]], known: set[int]) -> list[dict[str, Any]]:
    """What has become of alerts that were known; when a technical one was found to be over is left out."""
    ended = {number for number in known if alerts[number]["priority"] == "technical"}
    return [
        without(alerts[number], NOT_COMPARED | ({"ended_at"} if number in ended else set()))
        for number in sorted(known)
    ]


def raised_since(alerts: dict[int, dict[str, Any]], known: set[int]) -> list[str]:
    """The new alerts of distress, whenever they were raised and whoever was called to them since."""
    new = [alert for number, alert in alerts.items() if number not in known and alert["kind"] == "distress"]
    return sorted(repr(without(alert, NOT_COMPARED | WHEN_RAISED)) for alert in new)


def groups(store: Store) -> list[dict[str, Any]]:
    """The alerts of distress with the episodes in each, whichever row each stands in."""
    members: dict[int, list[str]] = {}
    for row in episodes(store):
        members.setdefault(row["alert_id"], []).append(row["id"])
    left_out = NOT_COMPARED | WHEN_RAISED | {"anchor", "paused_until", "paused_by"}
    found = [
        without(alert, left_out) | {"members": members.get(number)}
        for number, alert in rows(store).items()
        if alert["kind"] == "distress" and alert["merged_into"] is None
    ]
    return sorted(found, key=lambda alert: (alert["device_id"], alert["opened_at"], str(alert["members"])))


def without(row: dict[str, Any], names: set[str]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in names}
