"""A bed's day, simulated: who speaks, coughs and watches television when, and known episodes of distress.

A plan says which recording begins when and from where; train/ward_sound.py makes sound of it. How often
things happen here is an assumption, made before any model was run on it, not a measurement on a ward.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from edge.errors import CorpusError
from train.sounds import Sound

Rng = np.random.Generator


@dataclass(frozen=True, slots=True)
class Period:
    """A part of the day. Levels are against ordinary speech at 1 m, in dB.

    `talk` is the share of the time in which a conversation goes on; `television`, that in which it is on;
    `hourly`, how often disturbances of each kind come.
    """

    name: str
    hours: float
    talk: float
    television: float
    snr_db: tuple[float, float]
    hourly: Mapping[str, float]
    quiet: bool = False


PERIODS = (
    Period(
        "night",
        hours=8,
        talk=0.02,
        television=0,
        snr_db=(20, 35),
        hourly={
            "snore": 60,
            "cough": 6,
            "noise of the mouth": 6,
            "door, steps, water": 4,
            "alarm or outside": 1,
        },
        quiet=True,
    ),
    Period(
        "care",
        hours=10,
        talk=0.15,
        television=0,
        snr_db=(10, 20),
        hourly={
            "cough": 10,
            "noise of the mouth": 10,
            "laughter": 1,
            "door, steps, water": 30,
            "alarm or outside": 6,
        },
    ),
    Period(
        "visit",
        hours=3,
        talk=0.6,
        television=0,
        snr_db=(5, 15),
        hourly={
            "cough": 10,
            "noise of the mouth": 10,
            "laughter": 12,
            "door, steps, water": 20,
            "alarm or outside": 4,
        },
    ),
    Period(
        "television",
        hours=3,
        talk=0.03,
        television=0.9,
        snr_db=(10, 20),
        hourly={
            "cough": 10,
            "noise of the mouth": 10,
            "laughter": 3,
            "door, steps, water": 15,
            "alarm or outside": 4,
        },
    ),
)
DAY_H = sum(period.hours for period in PERIODS)

BURST_S = (20.0, 120.0)  # a conversation, and a programme between two pauses
TURN_GAP_S = (0.1, 1.5)
FIT_S = (10.0, 25.0)  # a coughing fit: one in ten coughs begins one
FIT_SHARE = 0.1
EPISODE_S = (10.0, 25.0)
EPISODE_GAP_S = (0.1, 0.8)
BEFORE_S, AFTER_S = (40.0, 80.0), 40.0  # ordinary sound around an episode
_LIVELY = 0.15  # the share of turns in conversations that are happy or surprised


@dataclass(frozen=True, slots=True)
class Placed:
    """A recording that begins `start_s` after the stretch does, from a place of train.rooms."""

    start_s: float
    sound: Sound
    place: str


@dataclass(frozen=True, slots=True)
class Episode:
    """Known distress; seconds since the stretch began."""

    start_s: float
    end_s: float
    kind: str


@dataclass(frozen=True, slots=True)
class Stretch:
    """A time in which one period's things happen. `snr_db` as in Period; `background` None: noise is made."""

    period: str
    seconds: float
    background: Sound | None
    snr_db: float
    placed: tuple[Placed, ...]
    episodes: tuple[Episode, ...] = ()


class Day:
    """Draws stretches from sounds of people the model has not heard."""

    def __init__(self, sounds: Sequence[Sound], seconds_of: Mapping[Sound, float], rng: Rng) -> None:
        """`seconds_of` is each recording's length. Raises CorpusError where a part is missing."""
        self._rng, self._seconds = rng, seconds_of
        self._by: dict[tuple[str, str], list[Sound]] = {}
        for sound in sounds:
            kind = sound.kind if sound.role in {"distress", "disturbance", "background"} else ""
            self._by.setdefault((sound.role, kind), []).append(sound)
        speech = self._by.get(("speech", ""), [])
        self._speakers: dict[str, list[Sound]] = {}
        for sound in speech:
            self._speakers.setdefault(sound.speaker, []).append(sound)
        if not self._speakers or not self.kinds:
            raise CorpusError("the ward needs speech and distress of people; see train/ward.toml")

    @property
    def kinds(self) -> list[str]:
        """The kinds of distress there are recordings of."""
        return sorted(kind for role, kind in self._by if role == "distress")

    def ordinary(self, period: Period, seconds: float) -> Stretch:
        """A stretch without distress."""
        placed = [*self._talk(period, seconds), *self._television(period, seconds)]
        for kind, hourly in period.hourly.items():
            placed += self._disturb(kind, self._rng.poisson(hourly * seconds / 3600), seconds)
        placed.sort(key=lambda one: one.start_s)
        background, snr_db = self._background(period), float(self._rng.uniform(*period.snr_db))
        return Stretch(period.name, seconds, background, snr_db, tuple(placed))

    def with_distress(self, kind: str) -> Stretch:
        """A stretch of a random period, weighted by its hours, with one episode of this kind."""
        shares = np.array([period.hours for period in PERIODS]) / DAY_H
        period = PERIODS[int(self._rng.choice(len(PERIODS), p=shares))]
        before = float(self._rng.uniform(*BEFORE_S))
        length = float(self._rng.uniform(*EPISODE_S))
        recordings = self._by["distress", kind]
        speaker = recordings[int(self._rng.integers(len(recordings)))].owner
        own = [one for one in recordings if one.owner == speaker]
        cries = self._row(own, "patient", before, before + length, EPISODE_GAP_S)
        end = max(one.start_s + self._seconds[one.sound] for one in cries)
        base = self.ordinary(period, end + AFTER_S)
        quiet = [one for one in base.placed if not before - 2 <= one.start_s < end]  # nobody talks over it
        placed = tuple(sorted([*quiet, *cries], key=lambda one: one.start_s))
        episode = Episode(before, end, kind)
        return Stretch(base.period, base.seconds, base.background, base.snr_db, placed, (episode,))

    def _of(self, role: str) -> list[Sound]:
        return [sound for (its, _), group in sorted(self._by.items()) if its == role for sound in group]

    def _background(self, period: Period) -> Sound | None:
        if not self._of("background"):
            return None
        quiet = self._by.get(("background", "quiet"), [])
        loud = [sound for sound in self._of("background") if sound.kind != "quiet"]
        return self._pick((quiet or loud) if period.quiet else (loud or quiet))

    def _pick(self, some: Sequence[Sound]) -> Sound:
        return some[int(self._rng.integers(len(some)))]

    def _bursts(self, share: float, seconds: float) -> list[tuple[float, float]]:
        """Times that make up about this share of the stretch; starts and ends in seconds."""
        length = float(np.mean(BURST_S))
        bursts = []
        for _ in range(self._rng.poisson(share * seconds / length)):
            start = float(self._rng.uniform(0, seconds))
            bursts.append((start, min(start + float(self._rng.uniform(*BURST_S)), seconds)))
        return bursts

    def _talk(self, period: Period, seconds: float) -> list[Placed]:
        placed: list[Placed] = []
        names = sorted(self._speakers)
        for start, end in self._bursts(period.talk, seconds):
            pair = [names[int(self._rng.integers(len(names)))] for _ in range(2)]
            places = ("patient", "visitor" if period.name == "visit" else "carer")
            at, turn = start, 0
            while at < end:
                said = self._said(self._speakers[pair[turn % 2]])
                placed.append(Placed(at, said, places[turn % 2]))
                at += self._seconds[said] + float(self._rng.uniform(*TURN_GAP_S))
                turn += 1
        return placed

    def _said(self, recordings: Sequence[Sound]) -> Sound:
        lively = [one for one in recordings if not one.ordinary]
        calm = [one for one in recordings if one.ordinary]
        return self._pick(lively if lively and (not calm or self._rng.random() < _LIVELY) else calm)

    def _television(self, period: Period, seconds: float) -> list[Placed]:
        everybody = self._by["speech", ""]
        placed: list[Placed] = []
        for start, end in self._bursts(period.television, seconds):
            placed += self._row(everybody, "television", start, end, TURN_GAP_S)
        return placed

    def _row(
        self, some: Sequence[Sound], place: str, start: float, end: float, gap_s: tuple[float, float]
    ) -> list[Placed]:
        """Recordings one after the other from `start` until the last one passes `end`."""
        placed, at = [], start
        while at < end:
            sound = self._pick(some)
            placed.append(Placed(at, sound, place))
            at += self._seconds[sound] + float(self._rng.uniform(*gap_s))
        return placed

    def _disturb(self, kind: str, times: int, seconds: float) -> list[Placed]:
        some = self._by.get(("disturbance", kind), [])
        if not some:
            return []
        place = "room" if kind in {"door, steps, water", "alarm or outside"} else "patient"
        placed: list[Placed] = []
        for start in self._rng.uniform(0, seconds, times):
            fit = kind == "cough" and self._rng.random() < FIT_SHARE
            end = float(start) + (float(self._rng.uniform(*FIT_S)) if fit else 0.001)
            one = self._pick(some)
            own = [other for other in some if other.owner == one.owner]
            placed += self._row(own, place, float(start), min(end, seconds), EPISODE_GAP_S)
        return placed
