"""From simulated bed-days to what counts on a ward: distress found, false alerts a bed-day, delay."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import stats

from edge.episodes import EpisodeDetector
from edge.features import FloatArray
from edge.manifest import Distress, EpisodePolicy
from edge.pipeline import Judgement, WindowResult
from train.ward import BedDay, Told

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
    """One policy: what it finds, by kind of distress, and how often it is wrong, by period.

    `delays_s` are from the beginning of each episode found to the onset that tells of it.
    """

    policy: EpisodePolicy
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


@dataclass(frozen=True, slots=True)
class Lived:
    """A bed-day as the episode detector gets it. `peaks`, shape (stretches,), are the loudest scores."""

    windows: Sequence[Sequence[WindowResult]]
    stretches: Sequence[Told]
    peaks: FloatArray


def lived(day: BedDay, labels: Sequence[str]) -> Lived:
    """The windows of each stretch: those that end in it."""
    spoken = ~np.isnan(day.distress)
    every = []
    for i in range(day.end_s.size):
        judgement = None
        if spoken[i]:
            row = day.probabilities[i]
            shares = {label: float(value) for label, value in zip(labels, row, strict=True)}
            judgement = Judgement(labels[int(row.argmax())], shares, float(day.distress[i]))
        times = float(day.start_s[i]), float(day.end_s[i])
        every.append(WindowResult(*times, bool(spoken[i]), 0.0, float(day.level_db[i]), judgement))
    starts = [stretch.start_s for stretch in day.stretches]
    cut = [*np.searchsorted(day.end_s, starts), day.end_s.size]
    scores = np.nan_to_num(day.distress)
    return Lived(
        [every[first:after] for first, after in itertools.pairwise(cut)],
        day.stretches,
        np.array([scores[first:after].max(initial=0) for first, after in itertools.pairwise(cut)]),
    )


def policy_at(onset: float, policy: EpisodePolicy) -> EpisodePolicy:
    """The policy with another threshold."""
    return replace(policy, onset=onset, offset=round(max(onset - BELOW, 0.01), 4))


def point(day: Lived, distress: Distress, policy: EpisodePolicy) -> Point:
    """What the device's episode detector makes of this bed-day with this policy.

    Stretches in which no single window reaches the onset are passed over: no mean of them could,
    but for what the stretch before leaves in it, which is distress that has ended.
    """
    found: dict[str, list[bool]] = {}
    false: dict[str, list[float]] = {}
    delays: list[float] = []
    names = (f"{number:016x}" for number in itertools.count())
    detector = EpisodeDetector(policy, distress, lambda: next(names))
    for windows, stretch, peak in zip(day.windows, day.stretches, day.peaks, strict=True):
        events = (
            [event for window in windows for event in detector.update(window)] if peak >= policy.onset else []
        )
        onsets = [event.at_s for event in events if event.phase == "onset"]
        if not stretch.episodes:
            counted = false.setdefault(stretch.period, [0.0, 0.0])
            counted[0] += len(onsets)
            counted[1] += (stretch.end_s - stretch.start_s) / _DAY_S
        for episode in stretch.episodes:
            told = [at for at in onsets if episode.start_s < at <= episode.end_s + GRACE_S]
            found.setdefault(episode.kind, []).append(bool(told))
            delays += [told[0] - episode.start_s] if told else []
    return Point(
        policy=policy,
        found={kind: Share(sum(hits), len(hits)) for kind, hits in sorted(found.items())},
        false={period: Rate(int(events), time) for period, (events, time) in false.items()},
        delays_s=tuple(round(delay, 2) for delay in delays),
    )


def together(points: Sequence[Point]) -> Point:
    """One point of several beds', with the policy of the first."""
    kinds = sorted({kind for one in points for kind in one.found})
    periods = list(dict.fromkeys(period for one in points for period in one.false))
    shares = {kind: [one.found[kind] for one in points if kind in one.found] for kind in kinds}
    rates = {period: [one.false[period] for one in points if period in one.false] for period in periods}
    return Point(
        policy=points[0].policy,
        found={
            kind: Share(sum(s.found for s in some), sum(s.of for s in some)) for kind, some in shares.items()
        },
        false={
            name: Rate(sum(r.events for r in some), sum(r.days for r in some)) for name, some in rates.items()
        },
        delays_s=tuple(delay for one in points for delay in one.delays_s),
    )


def operating_point(points: Sequence[Point], most_a_day: float, slowest_s: float) -> Point:
    """What finds most with at most so many false alerts a bed-day, half of it so soon.

    Where nothing is within both, the point with fewest false alerts.
    """
    allowed = [
        one for one in points if one.false_alerts.a_day <= most_a_day and one.median_delay_s <= slowest_s
    ]
    if not allowed:
        return min(points, key=lambda one: (one.false_alerts.a_day, -one.sensitivity.value))
    return max(allowed, key=lambda one: (one.sensitivity.value, one.policy.onset))
