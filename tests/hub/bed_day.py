"""A simulated day of one bed, through the real ingest and the real alert engine, for tests and pictures."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from engine_parts import Loose
from simulate import Device, hex_id

from edge.messages import Message, Summary, to_json
from edge.utc import utc_text
from hub import board, mutes, patients
from hub.alerts import Timers
from hub.arrivals import Accepted, Arrival, check
from hub.audit import Actor
from hub.delivery import Delivery
from hub.engine import Engine
from hub.escalation import Ladder
from hub.faults import Limits
from hub.intake import save
from hub.store import Store, beat, begin_work
from hub.tables import CANARY

HOUR = 3600.0
NIGHT = {"neutral": 6, "calm": 3, "sad": 2}
MORNING = {"neutral": 8, "calm": 4, "happy": 3, "surprised": 1}
VISIT = {"happy": 14, "neutral": 10, "surprised": 3, "calm": 6}
UNEASY = {"sad": 8, "fearful": 4, "neutral": 5, "angry": 1}
DISTRESS = {"fearful": 22, "sad": 6, "angry": 3}


@dataclass
class Day:
    """Writes a day that ends at `end`; times in hours since its beginning."""

    store: Store
    end: float
    device: Device = field(default_factory=lambda: Device(Loose(), "bed-05", "Bed 5", "3b"))  # type: ignore[arg-type]
    chance: random.Random = field(default_factory=lambda: random.Random(5))
    now: float = 0.0
    microphone: str | None = None  # None while nothing is heard of the device

    def __post_init__(self) -> None:
        self.start = self.end - 24 * HOUR
        self.at(0)
        with self.store.write() as connection:
            begin_work(connection, "ingest", self.now)
        self.told_at = self.now
        watched = Delivery(missing_s=86400)  # as if somebody had the board open all day
        self.engine = Engine(
            self.store, Timers(), Limits(), Ladder(unseen_s=3600), lambda: self.now, delivery=watched
        )

    def at(self, hours: float) -> float:
        self.now = self.start + hours * HOUR
        return self.now

    def _signs(self) -> None:
        """What the hub and the device say of themselves every half minute, up to now."""
        moments = [self.told_at + 30.0 * n for n in range(1, int((self.now - self.told_at) // 30) + 1)]
        self.told_at += 30.0 * len(moments)
        with self.store.write() as connection:
            for name in ("ingest", CANARY):
                beat(connection, name, self.now, working=True)
            if self.microphone is not None:
                state = replace(self.device.state_message(), microphone=self.microphone)
                heard = [check(self._arrival(state, moment, moment)) for moment in moments]
                save(connection, [one for one in heard if isinstance(one, Accepted)])

    def put(self, *messages: tuple[Message, float], at: float | None = None) -> None:
        """Messages with the times they were made at; they arrive at once, or at `at`."""
        self._signs()
        heard = [check(self._arrival(message, made, at or made)) for message, made in messages]
        with self.store.write() as connection:
            save(connection, [one for one in heard if isinstance(one, Accepted)])
        assert all(isinstance(one, Accepted) for one in heard), heard

    def _arrival(self, message: Any, made: float, at: float) -> Arrival:
        mono = int((made - self.start + 100) * 1000)
        stamp = replace(message.stamp, time=utc_text(made), mono_ms=mono)
        sent = replace(message, stamp=stamp)
        return Arrival(self.device.address.topic(message.kind), to_json(sent), retained=False, at=at)

    def state(self, hours: float, reason: str = "started", **changes: Any) -> None:
        message = replace(self.device.state_message(), reason=reason, **changes)
        self.put((message, self.at(hours)))
        self.microphone = None if message.status == "offline" else message.microphone
        self.look()

    def minutes(
        self,
        hours: float,
        until: float,
        speech: float,
        emotions: dict[str, int],
        distress: float,
        told: float | None = None,
    ) -> None:
        """Each minute's summary; `speech` is the share of minutes in which somebody speaks."""
        first = self.start + hours * HOUR
        arrived = None if told is None else self.start + told * HOUR
        messages = list(self._minutes(first, self.start + until * HOUR, speech, emotions, distress))
        self.now = arrived or self.start + until * HOUR
        self.put(*messages, at=arrived)

    def _minutes(
        self, first: float, end: float, speech: float, emotions: dict[str, int], distress: float
    ) -> Iterator[tuple[Message, float]]:
        for number in range(1, int((end - first) / 60) + 1):
            swing = 0.5 + 0.5 * math.sin(number / 9)
            speaks = self.chance.random() < speech * (0.3 + swing)
            seen = {name: self.chance.randint(0, 2 * many) for name, many in emotions.items()}
            seen = {name: many for name, many in seen.items() if many and speaks}
            mean = min(0.95, max(0.0, self.chance.gauss(distress, 0.05)))
            summary = self.device.sent[self.device.summary(send=False)]
            assert isinstance(summary, Summary)
            yield (
                replace(
                    summary,
                    speech_s=min(55.0, 1.1 * sum(seen.values())),
                    emotions=seen,
                    distress_mean=round(mean if seen else 0.0, 3),
                    distress_peak=round(min(1.0, mean * self.chance.uniform(1.2, 2.0)) if seen else 0.0, 3),
                    f0_median_hz=round(self.chance.gauss(195, 15), 1) if seen else None,
                    pause_ratio=0.21 if seen else None,
                ),
                first + 60.0 * number,
            )

    def episode(self, hours: float, seconds: float, *, told: float | None = None, **more: Any) -> None:
        """From its onset to its end; reported as it goes, or all at once at `told`."""
        name, onset = hex_id(), self.start + hours * HOUR
        for after, phase in ((min(6.0, seconds / 3), "onset"), (seconds / 2, "update"), (seconds, "end")):
            number = self.device.episode(name, phase, after, send=False, **more)
            self.now = onset + after if told is None else self.start + told * HOUR
            self.put((self.device.sent[number], onset + after), at=self.now)
            self.look()

    def look(self) -> None:
        self._signs()
        self.engine.follow_episodes()
        self.engine.call_people()
        self.engine.watch_devices()

    def newest(self) -> int:
        with self.store.read() as connection:
            rows = board.snapshot(connection)["alerts"]
        return max(int(row["id"]) for row in rows if row["kind"] == "distress")

    def answer(self, hours: float, person: str, outcome: str | None = None) -> None:
        self.at(hours)
        self.look()
        with self.store.write() as connection:
            if outcome is None:
                board.accept(connection, self.newest(), Actor(person, "nurse"), self.now)
            else:
                board.close(connection, self.newest(), Actor(person, "nurse"), outcome, self.now)
        self.look()

    def pause(self, hours: float, person: str) -> None:
        self.at(hours)
        with self.store.write() as connection:
            mutes.pause(connection, self.newest(), Actor(person, "nurse"), self.now)

    def mute(self, hours: float, person: str, minutes: int, reason: str) -> None:
        self.at(hours)
        with self.store.write() as connection:
            mutes.mute(connection, 1, Actor(person, "nurse"), minutes, reason, self.now)

    def patient(self, hours: float, person: str) -> None:
        """One is entered, put right, and goes."""
        who = Actor(person, "nurse")
        with self.store.write() as connection:
            for minute, name in enumerate(("M. X.", "Maria X.")):
                patients.put(connection, 1, name, who, self.at(hours + minute / 60))
            patients.clear(connection, 1, who, self.at(hours + 0.05))


def live_through(store: Store, end: float) -> Day:
    """A day with a visit, a bad night, a microphone that came loose and half an hour without network."""
    day = Day(store, end)
    day.state(0)
    day.minutes(0, 3.5, 0.35, MORNING, 0.08)
    day.mute(3.5, "Amara Diallo", 60, "visitors")
    day.minutes(3.5, 5.0, 0.9, VISIT, 0.05)
    day.patient(4.9, "Amara Diallo")
    day.state(5.0, "muted: washing", microphone="muted")
    day.state(5.6, "listening again")
    day.minutes(5.6, 9.0, 0.3, MORNING, 0.1)
    day.state(9.0, "microphone unplugged", microphone="lost")
    day.look()
    day.state(9.9, "microphone is back")
    day.minutes(9.9, 13.0, 0.15, NIGHT, 0.12)
    day.minutes(13.0, 13.3, 0.6, UNEASY, 0.35)
    day.episode(13.3, 15, emotion="sad", distress=0.58)
    day.answer(13.32, "Ben Ortiz")
    day.minutes(13.3, 13.6, 0.6, UNEASY, 0.3)
    day.answer(13.6, "Ben Ortiz", "other need")
    day.minutes(13.6, 14.25, 0.6, UNEASY, 0.3)
    day.episode(14.25, 95, distress=0.93)
    day.pause(14.28, "Ben Ortiz")
    day.answer(14.29, "Ben Ortiz")
    day.minutes(14.25, 14.5, 0.9, DISTRESS, 0.6)
    day.answer(14.5, "Ben Ortiz", "distress")
    day.minutes(14.5, 17.0, 0.08, NIGHT, 0.1)
    day.state(17.0, "power lost or network down", status="offline")
    day.look()
    day.state(18.0, "network is back")
    day.minutes(17.0, 18.0, 0.3, UNEASY, 0.3, told=18.01)
    day.episode(17.4, 40, told=18.02, emotion="fearful", distress=0.78)
    day.minutes(18.0, 23.25, 0.1, NIGHT, 0.09)
    day.episode(23.25, 4, emotion="surprised", distress=0.42)
    day.minutes(23.25, 23.95, 0.4, MORNING, 0.1)
    day.put(*((message, day.at(23.995)) for message in last_words(day.device)))
    return day


def last_words(device: Device) -> list[Message]:
    """The last heartbeat, with all a device may tell, and the last voice."""
    sent: list[Message] = []
    keep = device.send
    device.send = lambda message, **_: sent.append(message)  # type: ignore[method-assign]
    device.health()
    device.emotion("calm", 0.06)
    device.send = keep  # type: ignore[method-assign]
    more = {"disk_free_mb": 21_460.0, "certificate_days": 311.0, "temperature_c": 52.5}
    return [replace(sent[0], **more), sent[1]]  # type: ignore[type-var]
