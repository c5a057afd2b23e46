"""From simulated bed-days to what counts on a ward: distress found, false alerts a bed-day, delay."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import stats

from edge.episodes import EpisodeDetector
from edge.manifest import Distress, EpisodePolicy
from edge.pipeline import Judgement, WindowResult
from train.ward import BedDay

GRACE_S = 4.0
"""An onset so soon after an episode's end still tells of it: the last window ends later."""
BELOW = 0.15
"""The offset lies so far below the onset, as in silero-vad."""
_DAY_S, _CONFIDENCE = 86400.0, 0.95


@dataclass(frozen=True, slots=True)
class Share:
    """How many of how many, with Wilson's 95 % interval."""

    found: int
    of: int

    @property
    def value(self) -> float:
        """The share; NaN of nothing."""
        return self.found / self.of if self.of else float("nan")

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson (1927)."""
        if not self.of:
            return 0.0, 1.0
        low, high = stats.binomtest(self.found, self.of).proportion_ci(_CONFIDENCE, "wilson")
        return float(low), float(high)


@dataclass(frozen=True, slots=True)
class Rate:
    """Events in a time, with the exact 95 % interval of a Poisson rate."""

    events: int
    days: float

    @property
    def a_day(self) -> float:
        """Events a bed-day; NaN in no time."""
        return self.events / self.days if self.days else float("nan")

    @property
    def interval(self) -> tuple[float, float]:
        """Garwood (1936), events a bed-day."""
        if not self.days:
            return 0.0, float("inf")
        tail = (1 - _CONFIDENCE) / 2
        low = stats.chi2.ppf(tail, 2 * self.events) / 2 if self.events else 0.0
        return float(low) / self.days, float(stats.chi2.ppf(1 - tail, 2 * self.events + 2)) / 2 / self.days


@dataclass(frozen=True, slots=True)
class Point:
    """One onset threshold: what it finds, by kind of distress, and how often it is wrong, by period.

    `delays_s` are from the beginning of each episode found to the onset that tells of it.
    """

    onset: float
    found: Mapping[str, Share]
    false: Mapping[str, Rate]
    delays_s: tuple[float, ...]

    @property
    def sensitivity(self) -> Share:
        """Of all kinds together; each has as many episodes."""
        return Share(
            sum(one.found for one in self.found.values()), sum(one.of for one in self.found.values())
        )

    @property
    def false_alerts(self) -> Rate:
        """Of all periods together, which are there in the proportions of a day."""
        rates = self.false.values()
        return Rate(sum(one.events for one in rates), sum(one.days for one in rates))

    @property
    def median_delay_s(self) -> float:
        """NaN where nothing was found."""
        return float(np.median(self.delays_s)) if self.delays_s else float("nan")


def policy_at(onset: float, policy: EpisodePolicy) -> EpisodePolicy:
    """The policy with another threshold."""
    return replace(policy, onset=onset, offset=round(max(onset - BELOW, 0.01), 4))


def point(days: Sequence[BedDay], labels: Sequence[str], distress: Distress, onset: float) -> Point:
    """What the device's episode detector makes of these bed-days with this threshold."""
    changed = replace(distress, policy=policy_at(onset, distress.policy))
    found: dict[str, list[bool]] = {}
    false: dict[str, list[float]] = {}
    delays: list[float] = []
    for day in days:
        onsets = np.array(list(_onsets(day, labels, changed)))
        for stretch in day.stretches:
            inside = onsets[(onsets >= stretch.start_s) & (onsets < stretch.end_s)]
            if not stretch.episodes:
                counted = false.setdefault(stretch.period, [0.0, 0.0])
                counted[0] += inside.size
                counted[1] += (stretch.end_s - stretch.start_s) / _DAY_S
            for episode in stretch.episodes:
                told = inside[(inside > episode.start_s) & (inside <= episode.end_s + GRACE_S)]
                found.setdefault(episode.kind, []).append(told.size > 0)
                delays += [float(told[0]) - episode.start_s] if told.size else []
    return Point(
        onset=onset,
        found={kind: Share(sum(hits), len(hits)) for kind, hits in sorted(found.items())},
        false={period: Rate(int(events), time) for period, (events, time) in false.items()},
        delays_s=tuple(round(delay, 2) for delay in delays),
    )


def _onsets(day: BedDay, labels: Sequence[str], distress: Distress) -> Iterator[float]:
    names = (f"{number:016x}" for number in itertools.count())
    detector = EpisodeDetector(distress.policy, distress, lambda: next(names))
    for result in _windows(day, labels):
        for event in detector.update(result):
            if event.phase == "onset":
                yield event.at_s


def _windows(day: BedDay, labels: Sequence[str]) -> Iterator[WindowResult]:
    spoken = ~np.isnan(day.distress)
    for i in range(day.end_s.size):
        judgement = None
        if spoken[i]:
            row = day.probabilities[i]
            shares = {label: float(value) for label, value in zip(labels, row, strict=True)}
            judgement = Judgement(labels[int(row.argmax())], shares, float(day.distress[i]))
        yield WindowResult(
            float(day.start_s[i]),
            float(day.end_s[i]),
            bool(spoken[i]),
            0.0,
            float(day.level_db[i]),
            judgement,
        )


def curve(
    days: Sequence[BedDay], labels: Sequence[str], distress: Distress, onsets: Sequence[float]
) -> list[Point]:
    """A point a threshold, in their order."""
    return [point(days, labels, distress, onset) for onset in onsets]


def operating_point(points: Sequence[Point], most_a_day: float) -> Point:
    """The point that finds most with at most so many false alerts a bed-day, else the one with fewest."""
    allowed = [one for one in points if one.false_alerts.a_day <= most_a_day]
    if not allowed:
        return min(points, key=lambda one: (one.false_alerts.a_day, -one.sensitivity.value))
    return max(allowed, key=lambda one: (one.sensitivity.value, one.onset))
