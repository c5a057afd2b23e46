import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from edge.clock import Clock
from edge.messages import Summary, from_json, to_json
from edge.pipeline import Judgement, WindowResult
from edge.summary import MinuteSummary
from edge.voice import Voice


def window(end_s, emotion=None, distress=0.0, level=-40.0, voice=None):
    judgement = Judgement(emotion, {emotion: 1.0}, distress) if emotion else None
    share = 0.5 if emotion else 0.0
    return WindowResult(end_s - 3, end_s, emotion is not None, share, level, judgement, voice)


def test_a_minute():
    summary = MinuteSummary(1.0)
    results = [window(3.01 + n, "sad" if n % 2 else None, 0.4, -40.0 + n % 2 * 20) for n in range(57)]
    assert all(summary.add(result) is None for result in results)
    minute = summary.add(window(60.01))
    assert minute is not None
    assert minute.seconds == 57
    assert minute.emotions == {"sad": 28}
    assert minute.speech_s == 14
    assert (minute.distress_mean, minute.distress_peak) == (0.4, 0.4)
    assert minute.level_peak_db == -20
    assert minute.level_mean_db == pytest.approx(-23, abs=0.2)


def test_nothing_is_nothing():
    assert MinuteSummary(1.0).finish() is None


def test_how_somebody_spoke():
    summary = MinuteSummary(1.0)
    summary.add(window(3.0))
    summary.add(window(4.0, "sad", voice=Voice((200.0,) * 30, 8, 2.5, 0.5)))
    summary.add(window(5.0, "sad", voice=Voice((300.0,) * 10, 4, 2.0, 0.0)))
    minute = summary.finish()
    assert (minute.f0_low_hz, minute.f0_median_hz, minute.f0_high_hz) == (200, 200, 300)
    assert minute.speech_rate == 3.0
    assert minute.pause_ratio == pytest.approx(0.5 / 4.5, abs=1e-3)


def test_a_silent_minute_says_nothing_of_a_voice():
    summary = MinuteSummary(1.0)
    summary.add(window(3.0))
    minute = summary.finish()
    assert minute.f0_median_hz is minute.speech_rate is minute.pause_ratio is None


def test_after_a_hole_the_next_minute_is_a_whole_one():
    summary = MinuteSummary(1.0)
    assert summary.add(window(3.0)) is None
    assert summary.add(window(605.0)).seconds == 1
    assert summary.add(window(659.0)) is None
    assert summary.add(window(661.0)).seconds == 2


@example(values=[("sad", 0.5, -30.0, Voice((), 32, 1.0, 0.5))])  # more peaks than two frames each allow
@given(
    st.lists(
        st.tuples(
            st.none() | st.sampled_from(["sad", "calm"]),
            st.floats(0, 1),
            st.floats(-120, 3),
            st.none()
            | st.builds(
                Voice,
                st.lists(st.floats(60, 1000), max_size=150).map(tuple),
                st.integers(0, 50),  # a peak takes two frames, rising and falling
                st.floats(1, 3),
                st.floats(0, 0.9),
            ),
        ),
        min_size=1,
        max_size=200,
    )
)
def test_every_window_counts_once_and_every_minute_is_a_valid_message(values):
    summary = MinuteSummary(1.0)
    minutes = [summary.add(window(3.0 + n, *value)) for n, value in enumerate(values)]
    minutes = [minute for minute in [*minutes, summary.finish()] if minute is not None]
    assert sum(minute.seconds for minute in minutes) == len(values)
    assert sum(sum(minute.emotions.values()) for minute in minutes) == sum(v[0] is not None for v in values)
    for minute in minutes:
        message = Summary(
            id="0" * 32,
            seq=1,
            **{name: getattr(minute, name) for name in minute.__slots__},
            stamp=Clock().stamp(),
        )
        assert from_json(Summary, to_json(message)) == message
