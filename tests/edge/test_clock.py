import logging
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.clock import Clock
from edge.utc import utc_seconds

YEAR_S = 365.25 * 86400


class Time:
    """Two clocks, as a test wants them."""

    def __init__(self, wall=1.7e9, monotonic=1000.0):
        self.wall_s, self.monotonic_s = wall, monotonic

    def pass_(self, seconds, jump=0.0):
        self.monotonic_s += seconds
        self.wall_s += seconds + jump

    def wall(self):
        return self.wall_s

    def monotonic(self):
        return self.monotonic_s


@pytest.fixture
def hands():
    return Time()


@pytest.fixture
def clock(hands):
    return Clock(hands.wall, hands.monotonic)


@pytest.mark.parametrize(
    ("jump_s", "words"),
    [
        (2.5, "forward by 2.5 seconds"),
        (-3.0, "back by 3.0 seconds"),
        (-600, "back by 10.0 minutes"),
        (3 * 3600, "forward by 3.0 hours"),
        (9 * YEAR_S, "forward by 3287.2 days"),
        (-20 * YEAR_S, "back by 7305.0 days"),
    ],
)
def test_a_jump_is_told_once_and_moves_only_the_time_shown(hands, clock, caplog, jump_s, words):
    first = clock.stamp()
    hands.pass_(10, jump_s)
    second = clock.stamp()
    hands.pass_(10)
    third = clock.stamp()
    assert [record.message.split(";")[0] for record in caplog.records] == [f"the clock has jumped {words}"]
    assert (second.mono_ms - first.mono_ms, third.mono_ms - second.mono_ms) == (10000, 10000)
    assert utc_seconds(second.time) - utc_seconds(first.time) == pytest.approx(10 + jump_s, abs=0.002)
    assert clock.uptime_s() == 20


def test_there_and_back_again_are_two_jumps(hands, clock, caplog):
    for jump_s in (YEAR_S, -YEAR_S):
        hands.pass_(1, jump_s)
        clock.stamp()
    assert [record.levelno for record in caplog.records] == [logging.WARNING] * 2


@given(st.lists(st.tuples(st.floats(0, 1e5), st.floats(-1.9, 1.9)), max_size=30))
def test_a_clock_that_is_only_corrected_is_not_told(steps):
    hands = Time()
    clock = Clock(hands.wall, hands.monotonic)
    records = []
    handler = logging.Handler()
    handler.emit = records.append
    logging.getLogger("edge.clock").addHandler(handler)
    try:
        for seconds, jump_s in steps:
            hands.pass_(seconds, jump_s)
            clock.stamp()
    finally:
        logging.getLogger("edge.clock").removeHandler(handler)
    assert records == []


def test_a_process_held_up_between_its_clocks_sees_no_jump(hands, caplog):
    def slow_wall():
        hands.pass_(5)
        return hands.wall_s

    clock = Clock(hands.wall, hands.monotonic)
    clock._wall = slow_wall
    clock.stamp()
    clock._wall = hands.wall
    clock.stamp()
    assert caplog.records == []


def test_the_real_clocks_agree(caplog):
    clock = Clock()
    for _ in range(3):
        assert utc_seconds(clock.stamp().time) == pytest.approx(time.time(), abs=5)
    assert caplog.records == []
