"""The alert engine's decisions: which alerts a bed has now, and when to look again.

Pure: no I/O, the clock is a parameter. What is known of a bed is a set of episodes, each the join of
its messages, and the join gives the same result for any order and any number of repeats. Alerts are
a function of that set, of the alerts already shown and of the time; nothing else is remembered.
All times are seconds since 1970 in UTC by the hub's clock.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from edge.fields import checked

MEDIUM, HIGH, TECHNICAL = "medium", "high", "technical"
PENDING, PRESENT, ENDED = "pending", "present", "ended"
OUTCOMES = ("distress", "other need", "false alarm", "could not tell")
_STRETCH = "+"  # between an episode's name and the row of the closed alert it went on after


@dataclass(frozen=True, slots=True)
class Timers:
    """How long things take, in seconds; the defaults are the product's."""

    condition_delay_s: float = checked(minimum=0, maximum=30, default=5.0)
    end_holdoff_s: float = checked(minimum=0, maximum=300, default=20.0)
    merge_s: float = checked(minimum=0, maximum=3600, default=120.0)
    again_s: float = checked(minimum=5, maximum=3600, default=60.0)
    high_after_s: float = checked(minimum=1, maximum=3600, default=60.0)
    high_episodes: int = checked(minimum=2, maximum=100, default=3)
    high_window_s: float = checked(minimum=1, maximum=3600, default=600.0)
    episode_silence_s: float = checked(minimum=10, maximum=3600, default=120.0)
    late_s: float = checked(minimum=10, maximum=86400, default=300.0)


@dataclass(frozen=True, slots=True)
class Episode:
    """What the hub knows of one episode of distress.

    `onset_at` is the earliest onset any message told; `last_at` and all that follows come from the
    message with the highest `seq`; `lag_s` is the shortest time any message took to get here.
    """

    id: str
    onset_at: float
    last_at: float
    seq: int
    ended: bool
    emotion: str
    distress: float
    peak: float
    level_db: float
    reason: str
    received_at: float
    lag_s: float

    def join(self, other: Episode) -> Episode:
        """The two views as one; commutative, associative and idempotent."""
        newest = max(self, other, key=lambda view: (view.seq, view.reason, view.emotion, view.distress))
        return replace(
            newest,
            onset_at=min(self.onset_at, other.onset_at),
            last_at=max(self.last_at, other.last_at),
            ended=self.ended or other.ended,
            peak=max(self.peak, other.peak),
            received_at=min(self.received_at, other.received_at),
            lag_s=min(self.lag_s, other.lag_s),
        )

    def end(self, now: float, timers: Timers) -> float:
        """When it ended; `now` while it goes on. One nobody reports any more ends after a while."""
        if self.ended:
            return self.last_at
        return min(max(now, self.last_at), self.last_at + timers.episode_silence_s)

    def going_on(self, now: float, timers: Timers) -> bool:
        """Whether it has neither ended nor fallen silent."""
        return not self.ended and now < self.last_at + timers.episode_silence_s

    def length(self, now: float, timers: Timers) -> float:
        """How long it has lasted, in seconds."""
        return self.end(now, timers) - self.onset_at


@dataclass(frozen=True, slots=True)
class Shown:
    """An alert the board already shows: its row, the episode it was raised for, what people did."""

    row: int
    anchor: str
    accepted_at: float | None = None
    closed_at: float | None = None


@dataclass(frozen=True, slots=True)
class Distress:
    """One distress alert of a bed as it should be now.

    `row` is the shown alert it continues, None for a new one; `absorbed` are shown alerts that have
    turned out to be the same stretch of distress, `settled` those of them that somebody had closed already.
    """

    row: int | None
    absorbed: tuple[int, ...]
    settled: tuple[int, ...]
    episodes: tuple[str, ...]
    condition: str
    priority: str
    missed: bool
    opened_at: float
    ended_at: float | None
    emotion: str
    peak: float
    level_db: float
    reason: str

    @property
    def anchor(self) -> str:
        """The episode by which a new alert is known: the earliest."""
        return self.episodes[0]


@dataclass(frozen=True, slots=True)
class Assessment:
    """A bed's alerts now, the earliest first, and the moment they can next change by themselves."""

    alerts: tuple[Distress, ...]
    due_at: float | None


def assess(episodes: Iterable[Episode], shown: Sequence[Shown], now: float, timers: Timers) -> Assessment:
    """The distress alerts of one bed. An alert once shown stays, however short its episode proves."""
    known = list(episodes)
    while True:
        known.sort(key=lambda episode: (episode.onset_at, episode.id))
        groups = _groups(known, shown, now, timers)
        more = _continued(groups, shown, now, timers, {episode.id for episode in known})
        if not more:
            break
        known += more
    counted = [episode for group in groups for episode in group]
    alerts = tuple(_alert(group, counted, shown, now, timers) for group in groups)
    moments = [*_moments(known, timers), *_returns(groups, shown, now, timers)]
    return Assessment(alerts, min((moment for moment in moments if moment > now), default=None))


def root(episode_id: str) -> str:
    """The device's own name of an episode, out of that of any stretch of it."""
    return episode_id.partition(_STRETCH)[0]


def _groups(
    known: Sequence[Episode], shown: Sequence[Shown], now: float, timers: Timers
) -> list[list[Episode]]:
    """Those episodes that count, each group an alert."""
    anchors = {alert.anchor for alert in shown}
    groups: list[list[Episode]] = []
    for episode in known:
        if episode.id not in anchors and episode.length(now, timers) < timers.condition_delay_s:
            continue
        for group in reversed(groups):
            if _same_alert(group, episode, shown, now, timers):
                group.append(episode)
                break
        else:
            groups.append([episode])
    return groups


def _continued(
    groups: Sequence[Sequence[Episode]],
    shown: Sequence[Shown],
    now: float,
    timers: Timers,
    known: Collection[str],
) -> list[Episode]:
    """What goes on long after its alert was closed: the stretch since the closing, as an episode of its own.

    Only what was reported after the closing counts: a person has seen the bed meanwhile. A stretch once
    shown stays.
    """
    anchors = {alert.anchor for alert in shown}
    found = []
    for group in groups:
        closings = _closings(group, shown)
        for closed_at, row in closings:
            again_at = closed_at + timers.again_s
            for episode in group:
                stretch = f"{root(episode.id)}{_STRETCH}{row}"
                goes_on = episode.last_at > closed_at and episode.end(now, timers) >= again_at
                is_last = (closed_at, row) == closings[-1]
                if stretch not in known and ((goes_on and is_last) or stretch in anchors):
                    found.append(replace(episode, id=stretch, onset_at=closed_at, received_at=again_at))
    return found


def _returns(
    groups: Sequence[Sequence[Episode]], shown: Sequence[Shown], now: float, timers: Timers
) -> Iterator[float]:
    """When what still goes on after its alert was closed will be an alert again."""
    for group in groups:
        for closed_at, _ in _closings(group, shown)[-1:]:
            if any(episode.last_at > closed_at and episode.going_on(now, timers) for episode in group):
                yield closed_at + timers.again_s


def _same_alert(
    group: Sequence[Episode], episode: Episode, shown: Sequence[Shown], now: float, timers: Timers
) -> bool:
    """Whether the episode repeats the group. A closed alert holds only what had arrived by its closing."""
    if episode.onset_at > max(member.end(now, timers) for member in group) + timers.merge_s:
        return False
    both = [*group, episode]
    closed_at = _closed_at(both, shown)
    return closed_at is None or all(member.received_at <= closed_at for member in both)


def _closed_at(group: Sequence[Episode], shown: Sequence[Shown]) -> float | None:
    closings = _closings(group, shown)
    return closings[0][0] if closings else None


def _closings(group: Sequence[Episode], shown: Sequence[Shown]) -> list[tuple[float, int]]:
    """When each closed alert that held any of these episodes was closed, and its row; in that order."""
    return sorted(
        (alert.closed_at, alert.row)
        for alert in shown
        if alert.closed_at is not None
        and any(episode.id == alert.anchor or _went_on(episode, alert, shown) for episode in group)
    )


def _went_on(episode: Episode, closed: Shown, shown: Sequence[Shown]) -> bool:
    """Whether a stretch of the episode is shown that followed this closing."""
    stretch = f"{root(episode.id)}{_STRETCH}{closed.row}"
    before = closed.closed_at is not None and closed.closed_at > episode.onset_at
    return before and any(alert.anchor == stretch for alert in shown)


def _alert(
    group: Sequence[Episode], counted: Sequence[Episode], shown: Sequence[Shown], now: float, timers: Timers
) -> Distress:
    ids = {episode.id for episode in group}
    rows = [alert for alert in shown if alert.anchor in ids]
    # Where shown alerts flow together the least answered one stays: no answer may cover more than was seen.
    rows.sort(key=lambda alert: (alert.closed_at is not None, alert.accepted_at is not None, alert.row))
    going_on = any(episode.going_on(now, timers) for episode in group)
    ended_at = max(episode.end(now, timers) for episode in group)
    present = going_on or now < ended_at + timers.end_holdoff_s
    return Distress(
        row=rows[0].row if rows else None,
        absorbed=tuple(alert.row for alert in rows[1:] if alert.closed_at is None),
        settled=tuple(alert.row for alert in rows[1:] if alert.closed_at is not None),
        episodes=tuple(episode.id for episode in group),
        condition=PRESENT if present else ENDED,
        priority=HIGH if _is_high(group, counted, now, timers) else MEDIUM,
        missed=all(episode.lag_s > timers.late_s for episode in group),
        opened_at=group[0].onset_at,
        ended_at=None if present else ended_at,
        emotion=group[-1].emotion,
        peak=max(episode.peak for episode in group),
        level_db=group[-1].level_db,
        reason=group[-1].reason,
    )


def _is_high(group: Sequence[Episode], counted: Sequence[Episode], now: float, timers: Timers) -> bool:
    if any(episode.length(now, timers) >= timers.high_after_s for episode in group):
        return True
    for last in group:
        recent = [e for e in counted if last.onset_at - timers.high_window_s < e.onset_at <= last.onset_at]
        if len(recent) >= timers.high_episodes:
            return True
    return False


def _moments(episodes: Iterable[Episode], timers: Timers) -> list[float]:
    """When time alone changes something."""
    moments: list[float] = []
    for episode in episodes:
        if episode.ended:
            moments.append(episode.last_at + timers.end_holdoff_s)
        else:
            silent_at = episode.last_at + timers.episode_silence_s
            moments += [
                episode.onset_at + timers.condition_delay_s,
                episode.onset_at + timers.high_after_s,
                silent_at,
                silent_at + timers.end_holdoff_s,
            ]
    return moments
