"""Who is called when: by hand, then the laws for any mutes and answers."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.fields import FieldError, decode
from hub.escalation import BED, BUDDY, LEAD, QUIET, WARD, Call, Ladder, Silence, Standing, call

L = Ladder()
T0 = 1_700_000_000.0
WAITING = Standing(T0)


def at(seconds: float, standing: Standing = WAITING) -> Call:
    return call(standing, T0 + seconds, L)


@pytest.mark.parametrize(
    ("seconds", "level", "calls", "due"),
    [
        (0, BED, 1, 60),
        (59.9, BED, 1, 60),
        (60, BUDDY, 2, 120),
        (120, WARD, 3, 300),
        (300, LEAD, 4, 420),
        (420, LEAD, 5, 540),
        (86_400, LEAD, 4 + 717, 86_460),
    ],
)
def test_nobody_answers(seconds: float, level: int, calls: int, due: float) -> None:
    assert at(seconds) == Call(level, calls, T0 + due)


def test_accepted_is_quiet_and_after_five_minutes_without_outcome_all_begins_anew() -> None:
    accepted = replace(WAITING, accepted_at=T0 + 70)
    assert at(70, accepted) == Call(QUIET, 0, T0 + 370)
    assert at(369.9, accepted).level == QUIET
    assert at(370, accepted) == Call(BED, 1, T0 + 430)
    assert at(670, accepted) == Call(LEAD, 4, T0 + 790)


def test_muted_nobody_is_called_and_the_time_does_not_count() -> None:
    muted = replace(WAITING, silences=(Silence(T0 + 30, T0 + 930),))
    assert at(20, muted) == Call(BED, 1, T0 + 960)
    assert at(30, muted) == Call(QUIET, 1, T0 + 930)
    assert at(930, muted) == Call(BED, 1, T0 + 960)
    assert at(960, muted).level == BUDDY


def test_what_is_over_or_came_too_late_calls_nobody() -> None:
    assert at(1000, replace(WAITING, is_over=True)) == Call(QUIET, 0, None)
    assert at(1000, replace(WAITING, missed=True)) == Call(QUIET, 0, None)


def test_rungs_out_of_order_are_refused() -> None:
    with pytest.raises(FieldError, match="each must be at least the one before"):
        decode(Ladder, {"buddy_s": 200.0})


SECONDS = st.floats(0, 5000)


@st.composite
def standings(draw: st.DrawFn) -> Standing:
    """An open alert with any answers and any mutes, overlapping, empty and backwards ones too."""
    silences = draw(st.lists(st.tuples(SECONDS, SECONDS), max_size=5))
    accepted = draw(st.none() | SECONDS)
    shown = draw(st.none() | SECONDS)
    return Standing(
        T0,
        needs_board=draw(st.booleans()),
        shown_at=None if shown is None else T0 + shown,
        accepted_at=None if accepted is None else T0 + accepted,
        silences=tuple(Silence(T0 + start, T0 + end) for start, end in silences),
    )


@given(standings(), SECONDS)
def test_an_open_alert_always_has_a_deadline_ahead(standing: Standing, seconds: float) -> None:
    due_at = at(seconds, standing).due_at
    assert due_at is not None
    assert due_at > T0 + seconds - 1e-3


@given(standings(), SECONDS)
def test_nobody_waits_longer_than_the_ladder_and_its_mutes(standing: Standing, seconds: float) -> None:
    silent = sum(max(0.0, one.end - one.start) for one in standing.silences)
    start = standing.raised_at if standing.accepted_at is None else standing.accepted_at + L.attend_s
    awake = T0 + seconds - start - silent
    found = at(seconds, standing)
    if awake >= L.lead_s and found.level != QUIET:
        assert found.level == LEAD
    if found.level == QUIET:
        muted = any(one.start <= T0 + seconds < one.end for one in standing.silences)
        assert muted or (standing.accepted_at is not None and awake < 0)


@given(standings(), SECONDS, SECONDS)
def test_nothing_happens_before_it_is_due_and_something_when_it_is(
    standing: Standing, seconds: float, more: float
) -> None:
    now = at(seconds, standing)
    assert now.due_at is not None
    due_s = now.due_at - T0
    later = at(seconds + more, standing)
    if seconds + more < due_s - 1e-3:
        began = [one.start - T0 for one in standing.silences if one.end > one.start]
        if not any(seconds < start <= seconds + more for start in began):
            assert (later.level, later.calls) == (now.level, now.calls)
    then = at(due_s + 1e-3, standing)
    if not any(one.start <= T0 + seconds < one.end for one in standing.silences):  # which may only end
        assert (then.level, then.calls) != (now.level, now.calls)


@given(standings(), st.lists(SECONDS, max_size=8), SECONDS)
def test_a_hub_that_was_dead_goes_on_where_it_would_have_been(
    standing: Standing, looks: list[float], end: float
) -> None:
    """The result depends on the time alone, not on whether anybody looked before; calls never count down."""
    counts = [at(seconds, standing).calls for seconds in sorted([*looks, end])]
    if standing.accepted_at is None:
        assert counts == sorted(counts)


@given(standings(), SECONDS)
def test_a_board_that_shows_it_later_changes_nothing_before(standing: Standing, seconds: float) -> None:
    """Who was called is known at the time, whenever a board then comes; and it takes no call back."""
    if standing.shown_at is not None and T0 + seconds < standing.shown_at:
        found, unknown = at(seconds, standing), at(seconds, replace(standing, shown_at=None))
        assert (found.level, found.calls) == (unknown.level, unknown.calls)


@pytest.mark.parametrize(
    ("shown_s", "levels"),
    [
        (None, [BED, LEAD, LEAD, LEAD]),
        (20.0, [BED, LEAD, LEAD, LEAD]),
        (19.9, [BED, BED, BUDDY, WARD]),
        (0.0, [BED, BED, BUDDY, WARD]),
    ],
)
def test_what_no_board_shows_in_time_waits_for_no_rung(shown_s: float | None, levels: list[int]) -> None:
    shown_at = None if shown_s is None else T0 + shown_s
    unseen = Standing(T0, needs_board=True, shown_at=shown_at)
    assert [at(seconds, unseen).level for seconds in (19.9, 20, 60, 120)] == levels
    assert [at(seconds, replace(unseen, needs_board=False)).level for seconds in (19.9, 20, 60, 120)] == [
        BED, BED, BUDDY, WARD,
    ]  # fmt: skip


def test_what_no_board_shows_is_called_again_and_again_too() -> None:
    unseen = Standing(T0, needs_board=True)
    assert [at(seconds, unseen).calls for seconds in (20, 139, 140, 260)] == [4, 4, 5, 6]
