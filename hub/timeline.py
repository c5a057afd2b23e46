"""A bed's hours in slices of time: what was heard, and when nothing was. Pure, the clock is a parameter.

Times are seconds since 1970 in UTC by the hub's clock. What was not heard is never shown as calm: a stretch
counts as heard only where a minute's summary covers it and the microphone was not known to be off.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from hub.states import ONLINE, SILENT, Change

SLICES_S = (60.0, 300.0, 900.0, 3600.0)
"""How long a slice may be."""

MOST_SLICES = 120
PENDING_S = 150.0
"""The last minute has no summary yet, and the one before may be on its way."""

_JOIN_S = 90.0  # less than two minutes: a summary is of a minute and may be of less
_HEARING = ("healthy", "file", "unknown")
_MICROPHONES = ("muted", "lost", "silent", "stalled")
_OPENING = "recovering"  # between lost and healthy, again and again where the plug is loose
NO_REPORT, UNKNOWN, NOT_HEARD, ELSEWHERE = "no report", "unknown", "not heard", "elsewhere"
"""Why nothing is known: the device was there and no summary came; the hub did not know the device yet; the
device itself was silent; it stood at another bed."""


@dataclass(frozen=True, slots=True)
class Minute:
    """A summary message's figures; it covers the `seconds` before `at`. `lag_s`: how late it came."""

    at: float
    lag_s: float
    seconds: float
    speech_s: float
    emotions: dict[str, int]
    distress_mean: float
    distress_peak: float
    level_db: float
    pitch_hz: float | None = None
    pauses: float | None = None


@dataclass(frozen=True, slots=True)
class Stretch:
    """A stretch of time in which nothing was heard, and why: a microphone's or link's state, or as above."""

    start: float
    end: float
    why: str = ""

    def holds(self, at: float) -> bool:
        """Whether the moment lies in it."""
        return self.start <= at < self.end


@dataclass(slots=True)
class Slice:
    """What a stretch of time sounded like; emotions as counts of windows, levels and pitch as the voice's."""

    at: float
    heard_s: float = 0.0
    speech_s: float = 0.0
    emotions: dict[str, int] = field(default_factory=dict)
    distress: float | None = None
    """Mean over the windows in which somebody spoke; None where nobody did."""
    peak: float | None = None
    level_db: float | None = None
    """Mean of the minutes in which somebody spoke."""
    pitch_hz: float | None = None
    pauses: float | None = None


def minute(at: float, received_at: float, body: str) -> Minute:
    """A summary as the hub keeps it; it was checked when it came."""
    said = json.loads(body)
    return Minute(
        at=at,
        lag_s=received_at - at,
        seconds=said["seconds"],
        speech_s=said["speech_s"],
        emotions=said["emotions"],
        distress_mean=said["distress_mean"],
        distress_peak=said["distress_peak"],
        level_db=said["level_mean_db"],
        pitch_hz=said.get("f0_median_hz"),
        pauses=said.get("pause_ratio"),
    )


def slice_length(start: float, end: float) -> float:
    """The shortest slice of which there are not too many, in seconds."""
    fitting = [one for one in SLICES_S if end - start <= one * MOST_SLICES]
    return fitting[0] if fitting else SLICES_S[-1]


def slices(minutes: Iterable[Minute], start: float, end: float, length: float) -> list[Slice]:
    """The time in slices that begin at whole multiples of their length, the first with or before `start`."""
    first = int(start // length)
    count = max(1, int(-(-end // length)) - first)
    members: list[list[Minute]] = [[] for _ in range(count)]
    for one in minutes:
        index = int((one.at - one.seconds / 2) // length) - first
        if 0 <= index < count:
            members[index].append(one)
    return [_slice((first + index) * length, own) for index, own in enumerate(members)]


def _slice(at: float, minutes: Sequence[Minute]) -> Slice:
    emotions: dict[str, int] = {}
    for one in minutes:
        for name, windows in one.emotions.items():
            emotions[name] = emotions.get(name, 0) + windows
    spoken = [(one, sum(one.emotions.values())) for one in minutes if one.emotions]
    return Slice(
        at=at,
        heard_s=round(sum(one.seconds for one in minutes), 1),
        speech_s=round(sum(one.speech_s for one in minutes), 1),
        emotions=emotions,
        distress=_mean([(one.distress_mean, windows) for one, windows in spoken]),
        peak=max((one.distress_peak for one, _ in spoken), default=None),
        level_db=_mean([(one.level_db, windows) for one, windows in spoken], 1),
        pitch_hz=_mean([(one.pitch_hz, windows) for one, windows in spoken], 0),
        pauses=_mean([(one.pauses, windows) for one, windows in spoken], 2),
    )


def _mean(weighted: Iterable[tuple[float | None, int]], digits: int = 3) -> float | None:
    known = [(value, weight) for value, weight in weighted if value is not None and weight > 0]
    total = sum(weight for _, weight in known)
    return round(sum(value * weight for value, weight in known) / total, digits) if total else None


def unheard(
    minutes: Sequence[Minute], changes: Sequence[Change], bed: str, start: float, end: float, now: float
) -> list[Stretch]:
    """When nothing was heard at the bed within [start, end), and why.

    `minutes` are the bed's. `changes` are the device's in force (hub.states.in_force), beginning with the
    last one before `start`; the last goes on.
    """
    end = min(end, now)
    covered = _joined([Stretch(one.at - one.seconds, one.at) for one in minutes], _JOIN_S)
    found: list[Stretch] = []
    for span in _spans(changes, bed, start, end):
        if span.why == ONLINE:
            until = span.end if span.end < now else max(span.start, now - PENDING_S)
            holes = _without(replace(span, end=until, why=NO_REPORT), covered)
            found += [hole for hole in holes if hole.end - hole.start >= _JOIN_S]
        elif span.why in (*_MICROPHONES, ELSEWHERE):
            found.append(span)  # a summary may reach a little over the moment at which it was muted
        else:
            found += [hole for hole in _without(span, covered) if hole.end - hole.start >= 1.0]
    return _merged(found)


def elsewhere(changes: Sequence[Change], bed: str, start: float, end: float) -> list[Stretch]:
    """When the device stood at another bed; `changes` as for `unheard`."""
    return [span for span in _spans(changes, bed, start, end) if span.why == ELSEWHERE]


def _spans(changes: Sequence[Change], bed: str, start: float, end: float) -> list[Stretch]:
    """What was known of the device at the bed, in stretches that fill [start, end)."""
    edges = [*(change.at for change in changes), end]
    spans = [Stretch(start, min(end, edges[0]), UNKNOWN)]
    for change, until in zip(changes, edges[1:], strict=True):
        spans.append(Stretch(max(start, change.at), min(end, until), _why(change, bed)))
    return [span for span in spans if span.end > span.start]


def _why(change: Change, bed: str) -> str:
    if not change.stood_at(bed):
        return ELSEWHERE
    if change.link != ONLINE:
        return NOT_HEARD if change.link == SILENT else change.link
    if change.microphone == _OPENING:
        return "lost"
    return ONLINE if change.microphone in _HEARING else change.microphone


def late(minutes: Iterable[Minute], late_s: float) -> list[Stretch]:
    """What was heard while nobody could be told, and came later."""
    return _joined([Stretch(one.at - one.seconds, one.at) for one in minutes if one.lag_s > late_s], _JOIN_S)


def _joined(stretches: Iterable[Stretch], tolerance: float) -> list[Stretch]:
    joined: list[Stretch] = []
    for one in sorted(stretches, key=lambda stretch: stretch.start):
        if joined and one.start <= joined[-1].end + tolerance:
            joined[-1] = replace(joined[-1], end=max(joined[-1].end, one.end))
        else:
            joined.append(one)
    return joined


def _without(span: Stretch, covered: Sequence[Stretch]) -> list[Stretch]:
    """What of the span no covered stretch reaches."""
    holes = [span]
    for one in covered:
        if one.end <= span.start or one.start >= span.end:
            continue
        last = holes.pop()
        if one.start > last.start:
            holes.append(replace(last, end=one.start))
        holes.append(replace(last, start=max(last.start, one.end)))
    return [hole for hole in holes if hole.end > hole.start]


def _merged(stretches: Sequence[Stretch]) -> list[Stretch]:
    """Neighbours of one cause as one, so that a loose plug is not a thousand stretches."""
    merged: list[Stretch] = []
    for one in sorted(stretches, key=lambda stretch: stretch.start):
        last = merged[-1] if merged else None
        if last is not None and last.why == one.why and one.start - last.end <= PENDING_S:
            merged[-1] = replace(last, end=max(last.end, one.end))
        else:
            merged.append(one)
    return merged
