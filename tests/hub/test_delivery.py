"""Who outside is told of what and when: laws over a recipient that fails, hangs and answers as it likes."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.delivery import CALL, OVER, PUSH, Delivery, Item, Plan, Recipient, next_attempt, plan
from hub.escalation import BED, LEAD, LEVELS, WARD

L = Delivery()
T0 = 1_700_000_000.0


def item(number: int, alert: int = 1, *, due: float | None = T0, **more: object) -> Item:
    return replace(Item(number, alert, CALL, T0 + number, due, told=False, quiet=False), **more)  # type: ignore[arg-type]


def test_who_hears_of_what() -> None:
    lead = Recipient(PUSH, "lead", (), LEAD)
    own = Recipient(PUSH, "ward a", ("a",), BED, technical=False)
    assert lead.hears("a", LEAD, technical=True)
    assert not lead.hears("a", WARD, technical=False)
    assert own.hears("a", BED, technical=False)
    assert not own.hears("b", LEAD, technical=False)
    assert not own.hears("a", LEAD, technical=True)
    assert own.hears("", BED, technical=False), "what concerns the hub concerns every ward"
    assert LEVELS[LEAD] == "lead"


def test_a_newer_call_takes_the_place_of_one_that_waits() -> None:
    found = plan([item(1), item(2)], T0 + 10)
    assert found == Plan(cancelled=(1,), settled=(1,), send=(2,))


def test_nobody_is_told_of_what_is_over_and_who_has_heard_is_told_that_it_is() -> None:
    waiting = item(1, quiet=True)
    assert plan([waiting], T0 + 10) == Plan(cancelled=(1,), settled=(1,))
    heard = item(1, due=None, told=True, quiet=True)
    assert plan([heard], T0 + 10) == Plan(settled=(1,), over=(1,))
    assert plan([heard], T0 + 10, follow_up=False) == Plan(settled=(1,))
    in_doubt = item(1, told=True, quiet=True, message="m")
    assert plan([in_doubt], T0 + 10) == Plan(cancelled=(1,), settled=(1,), over=(1,))


def test_what_was_sent_together_is_sent_together_again() -> None:
    first = [item(number, number, message="m") for number in (1, 2)]
    assert plan([*first, item(3, 3)], T0 + 10) == Plan(send=(1, 2), message="m")
    calls_first = [item(1, 1, kind=OVER, told=True), item(2, 2)]
    assert plan(calls_first, T0 + 10).send == (2,)


def test_half_a_ward_is_one_message() -> None:
    found = plan([item(number, number) for number in range(1, 81)], T0 + 100)
    assert found.send == tuple(range(1, 51))


def test_the_pauses_double_up_to_a_minute_and_end() -> None:
    pauses = []
    now, attempts = T0, 0
    while True:
        attempts += 1
        at = next_attempt(T0, attempts, now, L)
        if at is None:
            break
        pauses.append(at - now)
        now = at
    assert pauses[:6] == [5, 10, 20, 40, 60, 60]
    assert now <= T0 + L.give_up_s < now + 60
    assert next_attempt(T0, 1, T0, L, wait_s=30) == T0 + 30
    assert next_attempt(T0, 1, T0, L, wait_s=4000) == T0 + 60, "an hour's silence is no answer to a call"


@dataclass
class World:
    """A recipient and its items as hub.deliveries keeps them, in memory."""

    now: float = T0
    items: dict[int, Item] = field(default_factory=dict)
    attempts: dict[int, int] = field(default_factory=dict)
    quiet: set[int] = field(default_factory=set)
    number: int = 0
    messages: int = 0
    heard: dict[int, list[str]] = field(default_factory=lambda: defaultdict(list))
    keys: dict[str, set[int]] = field(default_factory=dict)

    def call(self, alert: int) -> None:
        self.quiet.discard(alert)
        self._add(alert, CALL, told=False)

    def _add(self, alert: int, kind: str, *, told: bool) -> None:
        self.number += 1
        new = Item(self.number, alert, kind, self.now, self.now, told=told, quiet=False)
        self.items[self.number] = new

    def turn(self, answer: str) -> None:
        """One turn of the process that sends: `answer` is what the recipient does with a message."""
        known = [replace(one, quiet=one.alert_id in self.quiet) for one in self.items.values()]
        found = plan(known, self.now)
        assert set(found.cancelled) <= set(found.settled)
        assert not set(found.send) & set(found.settled)
        for number in found.settled:
            del self.items[number]
        for number in found.told:
            self.items[number] = replace(self.items[number], told=True)
        for alert in found.over:
            self._add(alert, OVER, told=True)
        if not found.send:
            return
        sent = [self.items[number] for number in found.send]
        self.check(sent)
        key = found.message or f"m{self.number}-{len(self.keys)}"
        self.keys.setdefault(key, set()).update(found.send)
        assert self.keys[key] >= set(found.send), "a key never gets new items"
        arrives, known_to_us = {"yes": (True, True), "no": (False, True), "doubt": (True, False)}[answer]
        for one in sent:
            if arrives:
                self.heard[one.alert_id].append(one.kind)
            delivered = arrives and known_to_us
            tries = self.attempts[one.id] = self.attempts.get(one.id, 0) + 1
            if delivered and one.kind == OVER:
                del self.items[one.id]
                continue
            due = None if delivered else next_attempt(one.made_at, tries, self.now, L)
            told = True if arrives else one.told
            self.items[one.id] = replace(one, due_at=due, told=told, message=key)
            if due is None and one.kind == OVER:
                del self.items[one.id]

    def check(self, sent: list[Item]) -> None:
        assert len({one.alert_id for one in sent}) == len(sent), "each alert once in a message"
        assert len({one.kind for one in sent}) == 1
        for one in sent:
            if one.kind == CALL:
                assert one.alert_id not in self.quiet, "nobody is called to what is over"
            else:
                assert one.told


STEPS = st.lists(
    st.tuples(
        st.sampled_from(("call", "quiet", "turn")), st.integers(1, 3), st.sampled_from(("yes", "no", "doubt"))
    ),
    max_size=40,
)


@given(STEPS)
def test_in_the_end_everybody_knows_what_is_going_on(steps: list[tuple[str, int, str]]) -> None:
    """However calls, ends and failures come: what goes on is heard as a call, what is over as that."""
    world = World()
    called: set[int] = set()
    for what, alert, answer in steps:
        world.now += 7.0
        if what == "call":
            world.call(alert)
            called.add(alert)
        elif what == "quiet":
            world.quiet.add(alert)
        else:
            world.turn(answer)
    for alert in called - world.quiet:
        world.call(alert)  # the ladder repeats its call until somebody answers
    for _ in range(20):
        world.now += 61.0
        world.turn("yes")
    for alert in called:
        heard = world.heard[alert]
        if alert not in world.quiet:
            assert heard[-1] == CALL
        elif heard:
            assert heard[-1] == OVER
    assert [one for one in world.items.values() if one.due_at is not None] == []


@given(st.floats(0, 2000), st.integers(1, 40), st.floats(0, 1e6))
def test_an_attempt_is_always_ahead_and_never_after_the_end(late: float, attempts: int, wait: float) -> None:
    at = next_attempt(T0, attempts, T0 + late, L, wait)
    if at is None:
        assert late + L.longest_retry_s > L.give_up_s
    else:
        assert T0 + late + L.retry_s <= at <= T0 + L.give_up_s


@pytest.mark.parametrize("kind", [CALL, OVER])
def test_nothing_is_sent_before_it_is_due(kind: str) -> None:
    early = item(1, due=T0 + 5, kind=kind, told=kind == OVER)
    assert plan([early], T0 + 4.9) == Plan()
    assert plan([early], T0 + 5).send == (1,)
