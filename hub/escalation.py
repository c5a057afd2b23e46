"""Who must hear of an alert by now: a ladder of calls that ends only at a person, never by itself.

Pure: no I/O, the clock is a parameter; times are seconds since 1970 in UTC by the hub's clock. What is due
is computed from when the alert was raised and what people did, so that a hub that was dead for a while goes
on exactly where it would have been.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from edge.fields import checked

QUIET, BED, BUDDY, WARD, LEAD = range(5)
"""Nobody is called; the board; the neighbours; the whole ward; who leads it, and whoever is outside."""
LEVELS = ("quiet", "bed", "buddy", "ward", "lead")


@dataclass(frozen=True, slots=True)
class Ladder:
    """After how many seconds without an answer who is called; the defaults are the product's."""

    buddy_s: float = checked(minimum=5, maximum=3600, default=60.0)
    ward_s: float = checked(minimum=5, maximum=3600, default=120.0)
    lead_s: float = checked(minimum=5, maximum=3600, default=300.0)
    repeat_s: float = checked(minimum=30, maximum=3600, default=120.0)
    attend_s: float = checked(minimum=30, maximum=3600, default=300.0)
    unseen_s: float = checked(minimum=5, maximum=3600, default=20.0)
    """What no board has shown for so long needs no neighbours who look at one: all are called at once."""

    def __post_init__(self) -> None:
        """Raises ValueError where a later call would come before an earlier one."""
        if not self.buddy_s <= self.ward_s <= self.lead_s:
            raise ValueError(
                f"buddy_s, ward_s and lead_s are {self.buddy_s:g}, {self.ward_s:g} and {self.lead_s:g};"
                " each must be at least the one before"
            )


@dataclass(frozen=True, slots=True)
class Silence:
    """A stretch of time in which a bed's alerts do not sound and nobody is called: [start, end)."""

    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Standing:
    """What matters of an alert for who must hear of it.

    `silences` are the bed's mutes, past and present, each up to its lifting or expiry. `is_over`: closed by a
    person, resolved or merged; `missed`: it came too late to be acted on, and is only to be reviewed.
    `shown_at` is when a board first showed it, which counts where it `needs_board`.
    """

    raised_at: float
    accepted_at: float | None = None
    is_over: bool = False
    missed: bool = False
    silences: tuple[Silence, ...] = ()
    needs_board: bool = False
    shown_at: float | None = None


@dataclass(frozen=True, slots=True)
class Call:
    """Who is called now; `calls` counts up with each call, `due_at` is when the next one comes."""

    level: int
    calls: int
    due_at: float | None


def call(standing: Standing, now: float, ladder: Ladder) -> Call:
    """Who must have heard of the alert by `now`.

    Not accepted: the board at once, then each rung of the ladder, and the last one again and again. Accepted:
    nobody, but once `attend_s` have passed without an outcome the ladder begins anew. What no board has shown
    within `unseen_s` does not wait for any rung. Muted time does not count, and nobody is called in it.
    """
    if standing.is_over or standing.missed:
        return Call(QUIET, 0, None)
    silences = _joined(standing.silences)
    ladder = _shortened(ladder) if _unseen(standing, silences, ladder) else ladder
    accepted = standing.accepted_at is not None
    start = standing.raised_at if standing.accepted_at is None else standing.accepted_at
    waited = _awake(silences, start, now)
    calls, level, next_s = _rung(waited - (ladder.attend_s if accepted else 0.0), ladder)
    muted = next((silence for silence in silences if silence.start <= now < silence.end), None)
    if muted is not None:
        return Call(QUIET, calls, muted.end)
    return Call(level, calls, _when(silences, start, next_s + (ladder.attend_s if accepted else 0.0)))


def _unseen(standing: Standing, silences: Sequence[Silence], ladder: Ladder) -> bool:
    """Whether no board showed it in time, or none has yet. A board that comes later takes no call back."""
    if not standing.needs_board or standing.accepted_at is not None:
        return False
    if standing.shown_at is None:
        return True
    return _awake(silences, standing.raised_at, standing.shown_at) >= ladder.unseen_s


def _shortened(ladder: Ladder) -> Ladder:
    """Every rung at once, as soon as it is known that no board shows the alert."""
    rungs = {name: min(getattr(ladder, name), ladder.unseen_s) for name in ("buddy_s", "ward_s", "lead_s")}
    return replace(ladder, **rungs)


def _rung(waited: float, ladder: Ladder) -> tuple[int, int, float]:
    """How many calls have come after so many seconds, the level reached, and when the next call comes."""
    rungs = ((0.0, BED), (ladder.buddy_s, BUDDY), (ladder.ward_s, WARD), (ladder.lead_s, LEAD))
    passed = [level for after, level in rungs if waited >= after]
    if len(passed) < len(rungs):
        return len(passed), passed[-1] if passed else QUIET, rungs[len(passed)][0]
    again = int((waited - ladder.lead_s) // ladder.repeat_s)
    return len(rungs) + again, LEAD, ladder.lead_s + (again + 1) * ladder.repeat_s


def _joined(silences: Iterable[Silence]) -> tuple[Silence, ...]:
    """The same time, in stretches that neither overlap nor touch, in order."""
    joined: list[Silence] = []
    for silence in sorted(silences, key=lambda one: one.start):
        if silence.end <= silence.start:
            continue
        if joined and silence.start <= joined[-1].end:
            joined[-1] = Silence(joined[-1].start, max(joined[-1].end, silence.end))
        else:
            joined.append(silence)
    return tuple(joined)


def _awake(silences: Sequence[Silence], start: float, end: float) -> float:
    """How many seconds of [start, end) lie in no silence."""
    silent = sum(max(0.0, min(end, one.end) - max(start, one.start)) for one in silences)
    return max(0.0, end - start) - silent


def _when(silences: Sequence[Silence], start: float, waited: float) -> float:
    """The moment by which `waited` seconds since `start` have passed outside the silences."""
    moment = start
    for silence in silences:
        if silence.end <= moment:
            continue
        if moment + waited < silence.start:
            break
        waited -= max(0.0, silence.start - moment)
        moment = max(moment, silence.end)
    return moment + waited
