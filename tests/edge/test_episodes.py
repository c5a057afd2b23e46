import dataclasses
import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.episodes import UPDATE_EVERY_S, EpisodeDetector, describe
from edge.manifest import Distress, EpisodePolicy
from edge.pipeline import Judgement, WindowResult

POLICY = EpisodePolicy(smoothing=0, onset=0.6, offset=0.4, count=2, among=3, hold_off_s=4)


def detector_of(policy=POLICY):
    numbers = itertools.count(1)
    distress = Distress(weights={"fearful": 1.0, "sad": 0.5}, policy=policy, chosen_for="tests")
    return EpisodeDetector(policy, distress, lambda: f"{next(numbers):032x}")


def window(at, distress, level=-20.0):
    judgement = None
    if distress is not None:
        judgement = Judgement("fearful", {"calm": 1 - distress, "fearful": distress, "sad": 0.0}, distress)
    return WindowResult(at, at + 3.0, distress is not None, 0.5, level, judgement)


def play(scores, policy=POLICY):
    detector = detector_of(policy)
    events = [event for at, score in enumerate(scores) for event in detector.update(window(at, score))]
    return detector, events


def test_an_episode_is_named_after_a_cause_whatever_is_likelier():
    for causes, name in ((("fearful", "sad"), "sad"), ((), "distressed")):
        distress = Distress(policy=POLICY, chosen_for="tests", temperature=1.0, causes=causes)
        detector = EpisodeDetector(POLICY, distress, lambda: "0" * 32)
        judgement = Judgement("happy", {"happy": 0.6, "fearful": 0.1, "sad": 0.3}, 0.9)
        windows = [WindowResult(at, at + 3.0, True, 0.5, -20.0, judgement) for at in (0.0, 1.0)]
        (onset,) = [event for one in windows for event in detector.update(one)]
        assert (onset.emotion, onset.reason) == (name, f"{name} and loud for 4 s")


def phases(events):
    return [event.phase for event in events]


def test_one_high_window_is_no_episode():
    assert play([0.1, 0.9, 0.1, 0.1, 0.9, 0.1])[1] == []


def test_count_among_begins_one():
    _, events = play([0.1, 0.9, 0.1, 0.9])
    assert phases(events) == ["onset"]
    (onset,) = events
    assert onset.emotion == "fearful"
    assert onset.duration_s == pytest.approx(5)  # from the start of the first distressed window
    assert onset.reason == "fearful and loud for 5 s"


def test_between_the_thresholds_it_goes_on():
    _, events = play([0.9, 0.9] + [0.5] * 30)
    assert "end" not in phases(events)


def test_below_it_ends_after_the_hold_off():
    _, events = play([0.9, 0.9, 0.1, 0.1, 0.1, 0.1, 0.1])
    assert phases(events) == ["onset", "end"]
    assert events[1].duration_s == pytest.approx(4)
    assert events[1].at_s == pytest.approx(8)


def test_silence_counts_toward_the_hold_off():
    _, events = play([0.9, 0.9] + [None] * 6)
    assert phases(events) == ["onset", "end"]


def test_a_pause_shorter_than_the_hold_off_is_part_of_it():
    _, events = play([0.9, 0.9, None, None, None, 0.9, 0.9])
    assert phases(events) == ["onset", "update"]


def test_windows_of_one_episode_do_not_begin_the_next():
    _, events = play([0.9, 0.9, None, None, None, None, 0.9, None, 0.9])
    assert phases(events) == ["onset", "end", "onset"]
    assert events[0].episode == events[1].episode != events[2].episode


def test_updates_come_every_five_seconds():
    _, events = play([0.9] * 22)
    times = [event.at_s for event in events]
    assert phases(events) == ["onset"] + ["update"] * 4
    assert [b - a for a, b in itertools.pairwise(times)] == [UPDATE_EVERY_S] * 4


def test_smoothing_delays():
    slow = EpisodePolicy(smoothing=0.8, onset=0.6, offset=0.4, count=2, among=3, hold_off_s=4)
    assert len(play([0.1] * 3 + [0.9] * 3)[1]) > len(play([0.1] * 3 + [0.9] * 3, slow)[1])


WEIGHING = EpisodePolicy(smoothing=0, onset=0.5, offset=0.3, count=3, hold_off_s=4, saturation=2)
SURE = 1 / (1 + math.exp(-2))  # its log-odds are 2 above those of 0.5


@pytest.mark.parametrize(
    ("scores", "onset_s"),
    [
        ([0.1, SURE, SURE, SURE], 6),
        ([0.1, 1, 1, 1], 6),  # none weighs more than 1
        ([1 / (1 + math.exp(-1))] * 6, 8),  # half
        ([SURE, SURE, 0.5, SURE], 6),  # neither for nor against
        ([SURE, SURE, 0, SURE, SURE], 7),
        ([SURE, SURE, None, SURE, SURE], 7),
        ([SURE, None, SURE, None] * 5, None),
        ([0] * 9 + [SURE, SURE, SURE], 14),  # calm before is not held against it
    ],
)
def test_without_among_windows_weigh_what_they_say(scores, onset_s):
    _, events = play(scores, WEIGHING)
    assert [event.at_s for event in events] == ([] if onset_s is None else [onset_s])


def test_distress_that_adds_up_began_when_the_sum_rose_from_nothing():
    (onset,) = play([SURE, 0.1, 0.1, SURE, 0.5, SURE, SURE], WEIGHING)[1]
    assert (onset.at_s, onset.duration_s) == (9, 6)


def test_what_one_episode_added_up_does_not_begin_the_next():
    _, events = play([1.0] * 6 + [None] * 4 + [SURE] * 4, WEIGHING)
    assert [(event.phase, event.at_s) for event in events if event.phase != "update"] == [
        ("onset", 5),
        ("end", 12),
        ("onset", 15),
    ]


def test_a_long_silence_forgets_the_score():
    policy = EpisodePolicy(smoothing=0.9, onset=0.6, offset=0.4, count=2, among=3, hold_off_s=4)
    detector, _ = play([0.1] * 10 + [None] * 10, policy)
    assert detector.score == 0
    detector.update(window(20, 0.9))
    assert detector.score == pytest.approx(0.9)


def test_finish_ends_what_is_open():
    detector, _ = play([0.9, 0.9])
    (end,) = detector.finish("listening stopped")
    assert end.phase == "end"
    assert end.reason == "listening stopped while fearful and loud for 4 s"
    assert detector.finish("again") == []


def test_a_calm_window_within_an_episode_is_not_its_cause():
    policy = EpisodePolicy(smoothing=0.5, onset=1, offset=0.5, count=1, among=1, hold_off_s=1)
    detector, _ = play([1.0, 0.0], policy)
    assert [event.emotion for event in detector.finish("stopped")] == ["fearful"]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("fearful", -20.0, 9.4), "fearful and loud for 9 s"),
        (("sad", -50.0, 30.0), "sad and quiet for 30 s"),
        (("angry", -35.0, 119.0), "angry for 119 s"),
        (("disgust", -35.0, 600.0), "disgusted for 10 min"),
    ],
)
def test_reasons_a_nurse_can_read(arguments, expected):
    assert describe(*arguments) == expected


def test_no_onset_before_the_minimum_duration():
    long = dataclasses.replace(POLICY, min_duration_s=8)
    (onset,) = play([0.9] * 6, long)[1]
    assert onset.duration_s == pytest.approx(8)
    assert play([0.9] * 5, long)[1] == []
    assert play([0.9, 0.9, 0.1, 0.1] * 5, dataclasses.replace(long, hold_off_s=1))[1] == []


@pytest.mark.parametrize(("seconds", "again"), [(0, False), (3, True), (2, False)])
def test_what_comes_back_soon_says_again(seconds, again):
    policy = dataclasses.replace(POLICY, repeat_s=seconds)
    # The first ends with the window until 8 s; the second starts at 10 s.
    _, events = play([0.9, 0.9, None, None, None, None, None, None, None, None, 0.9, 0.9], policy)
    assert phases(events) == ["onset", "end", "onset"]
    assert events[0].reason == "fearful and loud for 4 s"
    assert events[2].reason == f"fearful{' again' if again else ''} and loud for 4 s"
    assert events[2].episode != events[0].episode


def test_after_a_break_nothing_is_a_repeat():
    detector, _ = play([0.9, 0.9], dataclasses.replace(POLICY, repeat_s=100))
    detector.finish("muted")
    events = [event for at in (2, 3) for event in detector.update(window(at, 0.9))]
    assert [event.reason for event in events] == ["fearful and loud for 4 s"]


POLICIES = st.builds(
    lambda smoothing, limits, counts, hold, shortest, repeat, weighs: EpisodePolicy(
        min_duration_s=shortest,
        repeat_s=repeat,
        smoothing=smoothing,
        onset=max(limits),
        offset=min(limits),
        count=min(counts),
        among=None if weighs else max(counts),
        saturation=weighs or 1.0,
        hold_off_s=hold,
    ),
    st.floats(0, 0.95),
    st.tuples(st.floats(0.05, 1), st.floats(0.05, 1)),
    st.tuples(st.integers(1, 6), st.integers(1, 6)),
    st.floats(1, 20),
    st.floats(0, 15),
    st.floats(0, 40),
    st.none() | st.floats(0.1, 10),
)
SCORES = st.lists(st.none() | st.floats(0, 1), max_size=80)


@given(SCORES, POLICIES)
def test_every_episode_begins_goes_on_and_ends(scores, policy):
    detector, events = play(scores, policy)
    events = events + detector.finish("stopped")
    current = None
    for event in events:
        if event.phase == "onset":
            assert current is None
            assert event.peak >= policy.onset - 1e-9
            assert event.duration_s >= policy.min_duration_s - 0.01
            current = event
        else:
            assert current is not None
            assert event.episode == current.episode
            assert event.at_s >= current.at_s
            assert event.peak >= current.peak
        assert 0 <= event.distress <= 1 + 1e-9
        assert event.duration_s >= 0
        assert event.emotion == "fearful" or event.peak == 0
        assert 1 <= len(event.reason) <= 120
        if event.phase == "end":
            current = None
    assert current is None
    assert len({event.episode for event in events if event.phase == "onset"}) == phases(events).count("onset")


@given(SCORES, POLICIES)
def test_ends_after_silence_and_never_begins_in_it(scores, policy):
    detector, _ = play(scores, policy)
    at = len(scores)
    events = [event for n in range(30) for event in detector.update(window(at + n, None))]
    assert not detector.is_open
    assert set(phases(events)) <= {"update", "end"}


@given(st.lists(st.floats(0, 0.59), max_size=60))
def test_calm_never_alarms(scores):
    assert play(scores)[1] == []


@given(SCORES, POLICIES)
def test_every_onset_has_enough_windows_above_it(scores, policy):
    detector = detector_of(policy)
    above = []
    for at, score in enumerate(scores):
        was_open = detector.is_open
        events = detector.update(window(at, score))
        above.append(score is not None and detector.score >= policy.onset)
        if "onset" in phases(events):
            assert not was_open
            assert above[-1]
            assert sum(above[-(policy.among or len(above)) :]) >= policy.count


@given(SCORES, POLICIES)
def test_an_end_comes_once_the_hold_off_is_over_and_not_before(scores, policy):
    detector = detector_of(policy)
    active = 0.0
    for at, score in enumerate(scores):
        (event,) = detector.update(window(at, score)) or (None,)
        quiet = score is None or detector.score < policy.offset
        if not quiet:
            active = at + 3.0
        if event is not None and event.phase == "end":
            assert quiet
            assert at + 3.0 - active >= policy.hold_off_s
        elif detector.is_open:
            assert at + 3.0 - active < policy.hold_off_s or event is not None


@given(st.floats(0, 0.59), st.integers(1, 80), POLICIES)
def test_constant_low_distress_gives_nothing(score, length, policy):
    assert play([min(score, policy.onset * 0.99)] * length, policy)[1] == []


@given(SCORES, POLICIES, st.floats(0, 1e5).map(float.__round__))
def test_when_the_stream_began_makes_no_difference(scores, policy, start):
    def told(first):
        detector = detector_of(policy)
        return [
            (event.phase, event.reason, event.duration_s, event.at_s - first)
            for at, score in enumerate(scores)
            for event in detector.update(window(first + at, score))
        ]

    assert told(0) == told(start)
