"""The pure alert engine: examples by hand, then its laws for any messages in any order."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from hub.alerts import (
    ENDED,
    HIGH,
    MEDIUM,
    PRESENT,
    Assessment,
    Distress,
    Episode,
    Shown,
    Timers,
    assess,
    root,
)

T = Timers()
T0 = 1_700_000_000.0


def view(name: str, onset: float, last: float, *, ended: bool = False, lag: float = 0.1) -> Episode:
    """An episode as one message told it, in seconds after T0."""
    return Episode(
        id=name,
        onset_at=T0 + onset,
        last_at=T0 + last,
        seq=int(last * 10) + 1,
        ended=ended,
        emotion="fearful",
        distress=0.8,
        peak=0.8,
        level_db=-20.0,
        reason="frightened",
        received_at=T0 + last + lag,
        lag_s=lag,
    )


def at(now: float, *episodes: Episode, shown: tuple[Shown, ...] = ()) -> Assessment:
    return assess(episodes, shown, T0 + now, T)


def only(result: Assessment) -> Distress:
    assert len(result.alerts) == 1
    return result.alerts[0]


def test_an_episode_is_pending_for_the_condition_delay_and_then_an_alert() -> None:
    onset = view("a", 0, 1)
    early = at(4.9, onset)
    assert early.alerts == ()
    assert early.due_at == T0 + 5
    alert = only(at(5, onset))
    assert (alert.condition, alert.priority, alert.missed) == (PRESENT, MEDIUM, False)


def test_a_shorter_episode_is_none() -> None:
    assert at(60, view("a", 0, 4.9, ended=True)).alerts == ()


def test_an_alert_once_shown_stays_however_short_its_episode_proves() -> None:
    alert = only(at(60, view("a", 0, 3, ended=True), shown=(Shown(1, "a"),)))
    assert alert.row == 1
    assert alert.condition == ENDED


def test_the_end_leaves_the_alert_and_ends_the_condition_after_the_hold_off() -> None:
    over = view("a", 0, 10, ended=True)
    assert only(at(29.9, over)).condition == PRESENT
    result = at(30, over)
    assert only(result).condition == ENDED
    assert only(result).ended_at == T0 + 10
    assert result.due_at is None


def test_repeats_within_two_minutes_are_one_alert_and_later_ones_another() -> None:
    first, again = view("a", 0, 10, ended=True), view("b", 130, 140, ended=True)
    assert only(at(200, first, again)).episodes == ("a", "b")
    assert len(at(200, first, view("b", 130.1, 140, ended=True)).alerts) == 2


def test_a_minute_without_a_break_is_high_at_its_own_moment() -> None:
    onset = view("a", 0, 1)
    before = at(59.9, onset)
    assert only(before).priority == MEDIUM
    assert before.due_at == T0 + 60
    assert only(at(60, onset)).priority == HIGH


def test_three_in_ten_minutes_are_high_also_when_the_first_two_are_closed() -> None:
    three = [view(name, onset, onset + 8, ended=True) for name, onset in (("a", 0), ("b", 200), ("c", 400))]
    shown = (Shown(1, "a", T0 + 20, T0 + 30), Shown(2, "b", T0 + 220, T0 + 230))
    assert [alert.priority for alert in at(410, *three, shown=shown).alerts] == [MEDIUM, MEDIUM, HIGH]
    apart = [view(name, onset, onset + 8, ended=True) for name, onset in (("a", 0), ("b", 300), ("c", 600))]
    assert {alert.priority for alert in at(700, *apart).alerts} == {MEDIUM}


def test_what_happens_after_the_closing_is_a_new_alert_even_at_once() -> None:
    shown = (Shown(1, "a", T0 + 12, T0 + 15),)
    result = at(40, view("a", 0, 10, ended=True), view("b", 20, 30), shown=shown)
    assert [alert.row for alert in result.alerts] == [1, None]


def test_what_arrives_after_the_closing_never_hides_in_the_closed_alert() -> None:
    shown = (Shown(1, "a", T0 + 12, T0 + 15),)
    late = view("b", 2, 9, ended=True, lag=600)
    result = at(620, view("a", 0, 10, ended=True), late, shown=shown)
    assert {(alert.row, alert.missed) for alert in result.alerts} == {(1, False), (None, True)}


def test_what_goes_on_a_minute_after_its_alert_was_closed_is_an_alert_again() -> None:
    shown = (Shown(1, "a", T0 + 20, T0 + 30),)
    before = at(89.9, view("a", 0, 80), shown=shown)
    assert [alert.row for alert in before.alerts] == [1]
    assert before.due_at == T0 + 90
    result = at(90, view("a", 0, 80), shown=shown)
    assert [(alert.row, alert.episodes) for alert in result.alerts] == [(1, ("a",)), (None, ("a+1",))]
    again = result.alerts[1]
    assert (again.opened_at, again.condition, again.priority) == (T0 + 30, PRESENT, HIGH)


def test_what_nobody_reported_after_the_closing_does_not_come_back() -> None:
    shown = (Shown(1, "a", T0 + 20, T0 + 30),)
    assert [alert.row for alert in at(100, view("a", 0, 29), shown=shown).alerts] == [1]
    ended = view("a", 0, 60, ended=True)
    assert [alert.row for alert in at(100, ended, shown=shown).alerts] == [1]


def test_it_comes_back_after_each_closing_and_only_once() -> None:
    episode = view("a", 0, 300)
    first, second = Shown(1, "a", T0 + 20, T0 + 30), Shown(2, "a+1", T0 + 95)
    assert [alert.row for alert in at(301, episode, shown=(first, second)).alerts] == [1, 2]
    closed = replace(second, closed_at=T0 + 100)
    result = at(301, episode, shown=(first, closed))
    assert [(alert.row, alert.anchor) for alert in result.alerts] == [(1, "a"), (2, "a+1"), (None, "a+2")]
    assert root("a+2") == "a"


def test_a_stretch_once_shown_stays_when_its_end_proves_to_have_been_sooner() -> None:
    shown = (Shown(1, "a", T0 + 20, T0 + 30), Shown(2, "a+1"))
    sooner = at(200, view("a", 0, 40, ended=True), shown=shown)
    assert [(alert.row, alert.condition) for alert in sooner.alerts] == [(1, ENDED), (2, ENDED)]


def test_older_than_five_minutes_is_missed_but_not_while_it_still_goes_on() -> None:
    assert only(at(400, view("a", 0, 10, ended=True, lag=301))).missed
    assert not only(at(400, view("a", 0, 10, ended=True, lag=300))).missed
    old, fresh = view("a", 0, 10, lag=390), view("a", 0, 399, lag=0.2)
    assert not only(at(400, old.join(fresh))).missed


def test_an_episode_nobody_reports_any_more_ends_by_itself() -> None:
    lost = view("a", 0, 10)
    assert only(at(10 + T.episode_silence_s - 1, lost)).condition == PRESENT
    over = only(at(10 + T.episode_silence_s + T.end_holdoff_s, lost))
    assert over.condition == ENDED


def test_alerts_that_flow_together_keep_the_one_nobody_answered() -> None:
    a, b, c = view("a", 0, 10, ended=True), view("b", 110, 200, ended=True), view("c", 300, 310, ended=True)
    shown = (Shown(1, "a", accepted_at=T0 + 20), Shown(2, "c"))
    assert [alert.row for alert in at(400, a, c, shown=shown).alerts] == [1, 2]
    alert = only(at(400, a, b, c, shown=shown))
    assert (alert.row, alert.absorbed) == (2, (1,))


# Laws


@st.composite
def deliveries(draw: st.DrawFn) -> list[Episode]:
    """The messages of up to six episodes, each of at least the condition delay, in order of making."""
    messages: list[Episode] = []
    clock = 0.0
    seq = 0
    for number in range(draw(st.integers(1, 6))):
        clock += draw(st.sampled_from([1.0, 30.0, 119.0, 120.0, 121.0, 400.0]))
        onset = clock
        parts = draw(st.integers(1, 4))
        for part in range(parts):
            clock += draw(st.sampled_from([5.0, 20.0, 61.0]))
            seq += 1
            ended = part == parts - 1 and draw(st.booleans())
            lag = draw(st.sampled_from([0.1, 100.0, 299.0, 301.0, 5000.0]))
            message = view(f"e{number}", onset, clock, ended=ended, lag=lag)
            messages.append(replace(message, seq=seq))
    return messages


def joined(messages: list[Episode]) -> dict[str, Episode]:
    known: dict[str, Episode] = {}
    for message in messages:
        known[message.id] = known[message.id].join(message) if message.id in known else message
    return known


def content(alert: Distress) -> tuple[object, ...]:
    """An alert without the row it happens to stand in."""
    return (
        *(getattr(alert, name) for name in alert.__slots__ if name not in ("row", "absorbed", "settled")),
    )


@settings(deadline=None)
@given(deliveries(), st.data(), st.floats(0, 3000))
def test_any_order_and_any_repeats_give_the_same_alerts(
    messages: list[Episode], data: st.DataObject, later: float
) -> None:
    again = data.draw(st.lists(st.sampled_from(messages), max_size=10))
    shuffled = data.draw(st.permutations([*messages, *again]))
    now = T0 + later
    expected = assess(joined(messages).values(), (), now, T)
    assert assess(joined(shuffled).values(), (), now, T) == expected


class Hub:
    """The engine's process without a database: rows are kept as engine.py keeps them."""

    def __init__(self) -> None:
        self.known: dict[str, Episode] = {}
        self.rows: dict[int, Shown] = {}
        self.merged: dict[int, int] = {}
        self.last: tuple[Distress, ...] = ()

    def look(self, now: float) -> None:
        self.last = assess(self.known.values(), tuple(self.rows.values()), now, T).alerts
        for alert in self.last:
            row = alert.row
            if row is None:
                row = len(self.rows) + len(self.merged) + 1
                self.rows[row] = Shown(row, alert.anchor)
            for absorbed in alert.absorbed:
                del self.rows[absorbed]
                self.merged[absorbed] = row

    def take(self, message: Episode) -> None:
        known = self.known.get(message.id)
        self.known[message.id] = message if known is None else known.join(message)


@settings(max_examples=150, deadline=None)
@given(deliveries(), st.data())
def test_looking_in_between_changes_nothing_and_loses_nothing(
    messages: list[Episode], data: st.DataObject
) -> None:
    again = data.draw(st.lists(st.sampled_from(messages), max_size=6))
    order = data.draw(st.permutations([*messages, *again]))
    end = max(message.received_at for message in messages)
    hub = Hub()
    shown_so_far: set[int] = set()
    for message in order:
        hub.take(message)
        hub.look(data.draw(st.floats(message.last_at, end)))
        shown_so_far |= set(hub.rows)
        assert shown_so_far == set(hub.rows) | set(hub.merged)
    hub.look(end + 10)
    hub.look(end + 10)
    expected = assess(joined(messages).values(), (), end + 10, T).alerts
    assert sorted(map(content, hub.last)) == sorted(map(content, expected))
    assert {alert.row for alert in hub.last} == set(hub.rows)


@settings(max_examples=150, deadline=None)
@given(deliveries(), st.data())
def test_every_episode_stands_in_an_alert_a_person_has_seen_or_will_see(
    messages: list[Episode], data: st.DataObject
) -> None:
    """People accept and close at any time: whatever arrives after a closing is in an alert not closed."""
    hub = Hub()
    now = T0
    for message in sorted(messages, key=lambda message: message.received_at):
        now = max(now, message.received_at)
        hub.take(message)
        hub.look(now)
        for row in data.draw(st.lists(st.sampled_from(sorted(hub.rows)), max_size=2, unique=True)):
            known = hub.rows[row]
            if known.closed_at is None:
                accepted = replace(known, accepted_at=known.accepted_at or now)
                hub.rows[row] = data.draw(st.sampled_from([accepted, replace(accepted, closed_at=now)]))
    hub.look(now + 1)
    hub.look(now + 1)
    covered = {name: alert for alert in hub.last for name in alert.episodes}
    rows = {alert.row for alert in hub.last} | {row for alert in hub.last for row in alert.settled}
    assert rows == set(hub.rows)
    for episode in hub.known.values():
        row = covered[episode.id].row
        assert row is not None
        closed_at = hub.rows[row].closed_at
        assert closed_at is None or episode.received_at <= closed_at
        its_alerts = [alert for name, alert in covered.items() if root(name) == episode.id]
        still_open = any(
            hub.rows[alert.row].closed_at is None for alert in its_alerts if alert.row is not None
        )
        rows_of = [row for alert in its_alerts for row in (alert.row, *alert.settled) if row is not None]
        answers = [closing for row in rows_of if (closing := hub.rows[row].closed_at) is not None]
        # However often somebody closed it: what goes on for a minute after the last closing is open again.
        reported_on = all(episode.last_at > closing for closing in answers)
        lasted = all(episode.end(now + 1, T) >= closing + T.again_s for closing in answers)
        assert still_open or not (reported_on and lasted)


@settings(deadline=None)
@given(deliveries(), st.floats(0, 2000), st.floats(0, 2000), st.data())
def test_nothing_changes_by_itself_before_the_moment_it_is_due(
    messages: list[Episode], first: float, more: float, data: st.DataObject
) -> None:
    known = joined(messages)
    start = max(message.last_at for message in messages) + first
    closed = data.draw(st.lists(st.sampled_from(sorted(known)), max_size=3, unique=True))
    shown = tuple(
        Shown(row, name, T0, data.draw(st.floats(known[name].onset_at, start)))
        for row, name in enumerate(closed, start=1)
    )
    result = assess(known.values(), shown, start, T)
    later = start + more
    if result.due_at is None or later < result.due_at:
        assert assess(known.values(), shown, later, T).alerts == result.alerts
