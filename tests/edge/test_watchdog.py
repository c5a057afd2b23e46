import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.messages import MICROPHONE_STATES
from edge.watchdog import FRAMES_S, INFERENCES_S, PUBLISHER_S, STUCK_S, Progress, Watchdog

NOT_DELIVERING = ("stalled", "lost", "recovering", "muted")


def progress(frames=0, inferences=0, state="healthy", **values):
    return Progress(frames, inferences, state, **values)


def test_work_that_goes_on():
    watchdog = Watchdog(0.0)
    for second in range(0, 600, 5):
        assert watchdog.problem(second, progress(50 * second, second // 10)) is None


def test_frames_that_stop():
    watchdog = Watchdog(0.0)
    assert watchdog.problem(5.0, progress(250, 1)) is None
    assert watchdog.problem(5.0 + FRAMES_S, progress(250, 2)) is None
    problem = watchdog.problem(5.1 + FRAMES_S, progress(250, 3))
    assert problem == "no sound has been worked on for 10 s"
    assert watchdog.problem(5.2 + FRAMES_S, progress(251, 3)) is None


def test_inferences_that_stop():
    watchdog = Watchdog(0.0)
    problems = [watchdog.problem(second, progress(second, 1)) for second in range(1, 40)]
    assert problems[: int(INFERENCES_S)] == [None] * int(INFERENCES_S)
    assert problems[-1] == "the model has judged nothing for 38 s"


@pytest.mark.parametrize("state", NOT_DELIVERING)
def test_a_source_that_says_it_delivers_nothing_is_no_reason(state):
    watchdog = Watchdog(0.0)
    for second in range(0, 7200, 5):
        assert watchdog.problem(second, progress(7, 3, state)) is None
    assert watchdog.problem(7205, progress(7, 3)) is None  # and it has time to begin again
    assert watchdog.problem(7205 + FRAMES_S + 1, progress(7, 3)) is not None


def test_a_sound_system_and_a_publisher_that_hang():
    watchdog = Watchdog(0.0)
    assert watchdog.problem(1.0, progress(1, 1, "lost", stuck_s=STUCK_S)) is None
    assert "sound system" in watchdog.problem(1.0, progress(1, 1, "lost", stuck_s=STUCK_S + 1))
    assert watchdog.problem(1.0, progress(1, 1, publisher_s=PUBLISHER_S)) is None
    assert "not turned for 121 s" in watchdog.problem(1.0, progress(1, 1, publisher_s=PUBLISHER_S + 1))
    assert "has ended" in watchdog.problem(1.0, progress(1, 1, publisher_s=None))


steps = st.lists(
    st.tuples(st.floats(0.1, 20), st.integers(0, 3), st.integers(0, 2), st.sampled_from(MICROPHONE_STATES)),
    max_size=60,
)


@given(steps)
def test_never_content_with_work_that_stands_still(steps):
    """Content only while neither has stood still for too long in a source that delivers."""
    watchdog, now, frames, inferences = Watchdog(0.0), 0.0, 0, 0
    moved_s = judged_s = 0.0
    for seconds, more_frames, more_inferences, state in steps:
        now += seconds
        frames += more_frames
        inferences += more_inferences
        if more_frames or state in NOT_DELIVERING:
            moved_s = now
        if more_inferences or state in NOT_DELIVERING:
            judged_s = now
        content = watchdog.problem(now, progress(frames, inferences, state)) is None
        assert content == (now - moved_s <= FRAMES_S and now - judged_s <= INFERENCES_S)
