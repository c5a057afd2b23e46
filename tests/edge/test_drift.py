import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.clipping import Clipping
from edge.drift import Drift

FULL = np.full(800, 32767, np.int16)
QUIET = np.full(800, 100, np.int16)


def estimate(true_ppm, seconds, late_s=lambda number: 0.0, hole_at=None):
    drift, frames, rate = Drift(16000), 0, 16000 * (1 + true_ppm / 1e6)
    for number in range(int(seconds * 5)):
        spoken_s = 100.0 + number * 0.2
        frames = int((spoken_s - 100.0) * rate) - (8000 if hole_at and number > hole_at else 0)
        drift.feed(spoken_s + late_s(number), frames)
    return drift.ppm


def test_needs_more_than_a_minute():
    assert estimate(0, 60) is None
    assert estimate(0, 82) == pytest.approx(0, abs=1)


@given(
    ppm=st.floats(-90_000, 90_000),
    seed=st.integers(0, 99),
    hole=st.none() | st.integers(100, 900),
)
def test_late_chunks_and_one_hole_do_not_move_it(ppm, seed, hole):
    random = np.random.default_rng(seed)
    late = random.exponential(0.02, 1000)  # on top of PortAudio's buffer, one chunk in a hundred 90 ms late
    found = estimate(ppm, 200, lambda number: late[number], hole)
    # The faster it runs away, the fewer chunks of ten seconds can be the least late.
    assert found == pytest.approx(ppm, abs=150 + 0.02 * abs(ppm))


def test_follows_ten_minutes_at_most():
    drift = Drift(16000)
    for number in range(5 * 1500):
        seconds = number * 0.2
        frames = seconds * 16000 + max(0.0, seconds - 700) * 16000 * 0.02
        drift.feed(seconds, int(frames))
    assert drift.ppm == pytest.approx(20_000, abs=100)


def test_clipping_is_what_lasts():
    clipping = Clipping()
    for _ in range(20):  # a second of screaming
        clipping.feed(FULL)
    assert not clipping.is_on
    for number in range(200):
        clipping.feed(FULL if number % 3 == 0 else QUIET)
    assert clipping.is_on
    for _ in range(600):
        clipping.feed(QUIET)
    assert not clipping.is_on


def test_a_click_and_nothing_are_no_clipping():
    clipping = Clipping()
    click = QUIET.copy()
    click[:2] = -32768
    for _ in range(1000):
        clipping.feed(click)
        clipping.feed(click[:0])
    assert not clipping.is_on
