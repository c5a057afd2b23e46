import itertools
import logging

import pytest

from edge.liveness import PAUSES_S, SILENT_PAUSES_S, Limits, Liveness, Reading

WELL = Reading(frames=800, age_s=0.05)


def look(liveness, now, reading, **options):
    return liveness.look(now, reading, **options)[0]


def state(liveness, now, reading):
    return look(liveness, now, reading).state


@pytest.fixture
def open_microphone():
    liveness = Liveness(0.0)
    liveness.opened(0.0, "mic")
    return liveness


def test_from_the_start_to_healthy():
    liveness = Liveness(0.0)
    assert state(liveness, 0.0, Reading()) == "recovering"
    assert liveness.may_open(0.0)
    liveness.opened(0.1, "mic")
    assert not liveness.may_open(0.1)
    assert state(liveness, 0.2, Reading()) == "recovering"
    condition, notes = liveness.look(0.3, WELL)
    assert (condition.state, condition.reason) == ("healthy", "listening to mic")
    assert [note.words for note in notes] == ["listening to mic"]
    assert liveness.look(0.4, WELL)[1] == []


def test_a_start_that_hangs_is_lost_not_recovering_for_ever():
    liveness = Liveness(0.0)
    condition = look(liveness, 4.5, Reading(stuck_s=4.5))
    assert condition.state == "lost"
    assert condition.stuck_s == 4.5
    assert "does not answer" in condition.reason


def test_a_stream_that_stops_is_stalled_and_counted_once(open_microphone):
    state(open_microphone, 0.1, WELL)
    assert not open_microphone.must_close(2.9, Reading(800, 2.8), is_active=True)
    assert state(open_microphone, 3.1, Reading(800, 3.0)) == "stalled"
    assert open_microphone.must_close(3.1, Reading(800, 3.0), is_active=True)
    open_microphone.closed(3.1)
    assert state(open_microphone, 3.2, Reading()) == "stalled"
    open_microphone.opened(3.3, "mic")
    condition, notes = open_microphone.look(3.4, WELL)
    assert (condition.state, condition.stalls, condition.reopened) == ("healthy", 1, 1)
    assert [note.words for note in notes] == ["mic delivers again"]


def test_a_driver_that_says_it_died_is_believed_at_once(open_microphone):
    state(open_microphone, 20.0, WELL)
    assert open_microphone.must_close(20.1, WELL, is_active=False)
    open_microphone.closed(20.1)
    assert state(open_microphone, 20.1, Reading()) == "stalled"


def test_what_opens_and_stays_mute_is_stalled_until_something_comes(open_microphone):
    now, states = 0.0, set()
    for _ in range(5):
        while not open_microphone.must_close(now, Reading(), is_active=True):
            now += 0.5
            states.add(state(open_microphone, now, Reading()))
        open_microphone.closed(now)
        states.add(state(open_microphone, now, Reading()))
        assert open_microphone.may_open(now)
        open_microphone.opened(now, "mic")
    assert states == {"recovering", "stalled"}
    assert look(open_microphone, now, Reading()).state == "stalled"  # no "recovering" in between
    assert look(open_microphone, now, Reading()).stalls == 1
    assert now > sum(PAUSES_S[:4])
    assert state(open_microphone, now, WELL) == "healthy"


def test_pauses_grow_to_thirty_seconds_and_start_anew_after_ten_good_ones():
    liveness, now, pauses = Liveness(0.0), 0.0, []
    for _ in range(7):
        liveness.failed(now, "there is no microphone")
        tried = now
        while not liveness.may_open(now):
            now += 0.25
        pauses.append(now - tried)
    assert pauses == [1, 2, 5, 10, 30, 30, 30]
    liveness.opened(now, "mic")
    state(liveness, now + 9.0, WELL)
    assert not liveness.must_close(now + 12.1, Reading(800, 3.1), is_active=True)  # it flaps: no hurry
    state(liveness, now + 13.0, WELL)
    assert liveness.must_close(now + 16.1, Reading(800, 3.1), is_active=True)


def test_another_sound_card_is_a_reason_to_try_at_once():
    liveness = Liveness(0.0)
    for _ in range(6):
        liveness.failed(0.0, "there is no microphone")
    assert not liveness.may_open(10.0)
    liveness.hurry(10.0)
    assert liveness.may_open(10.0)


def test_lost_says_why_and_is_noted_once():
    liveness, notes = Liveness(0.0), []
    for now in range(20):
        liveness.failed(float(now), "there is no microphone; plug one in")
        condition, new = liveness.look(now + 0.5, Reading())
        assert (condition.state, condition.reason) == ("lost", "there is no microphone; plug one in")
        notes += new
    assert len(notes) == 1
    assert notes[0].level == logging.WARNING
    liveness.opened(20.0, "mic")
    assert state(liveness, 20.1, Reading()) == "recovering"


def test_only_zeros_for_ten_seconds(open_microphone):
    assert state(open_microphone, 9.9, Reading(800, 0.05, zeros_s=9.9)) == "healthy"
    condition = look(open_microphone, 10.1, Reading(800, 0.05, zeros_s=10.1))
    assert (condition.state, condition.silences) == ("silent", 1)
    assert condition.reason == "mic delivers only zeros: dead, or muted at its own switch"
    assert state(open_microphone, 10.2, Reading(800, 0.05, zeros_s=0.0)) == "healthy"


def test_silence_is_opened_again_ever_less_often_and_says_nothing_meanwhile(open_microphone):
    silent = Reading(800, 0.05, zeros_s=20.0)
    now, closed_s, notes = 20.0, [20.0], []
    while now < 20.0 + 4 * 3600:
        now += 1.0
        condition, new = open_microphone.look(now, silent)
        notes += new
        assert condition.state == "silent"
        if open_microphone.must_close(now, silent, is_active=True):
            closed_s.append(now)
            open_microphone.closed(now)
            assert state(open_microphone, now, Reading(zeros_s=20.0)) == "silent"
            assert open_microphone.may_open(now)
            open_microphone.opened(now, "mic")
            assert state(open_microphone, now, Reading(zeros_s=20.0)) == "silent"
    gaps = [later - earlier for earlier, later in itertools.pairwise(closed_s)]
    assert gaps[:5] == pytest.approx(SILENT_PAUSES_S, abs=2.0)
    assert set(gaps[5:]) == {600.0}
    assert condition.silences == 1
    assert len(notes) == 1


def test_a_box_that_is_too_slow_is_stalled_though_the_microphone_is_well(open_microphone):
    state(open_microphone, 20.0, WELL)
    slow = Reading(800, 0.05, lag_s=4.2)
    condition = look(open_microphone, 20.1, slow)
    assert (condition.state, condition.lag_s, condition.stalls) == ("stalled", 4.2, 1)
    assert condition.reason.startswith("this box is too slow")
    assert not open_microphone.must_close(20.1, slow, is_active=True)
    assert state(open_microphone, 20.2, Reading(800, 0.05, lag_s=1.5)) == "stalled"
    assert state(open_microphone, 20.3, Reading(800, 0.05, lag_s=0.5)) == "healthy"


def test_losses_are_noted_at_the_first_and_every_hundred(open_microphone):
    notes = []
    for lost in [0, 1, 2, 3, 50, 100, 101, 150, 200, 201, 450]:
        notes += open_microphone.look(1.0, Reading(800, 0.05, lost=lost))[1]
    assert [note.words.split()[0] for note in notes if "lost" in note.words] == ["1", "101", "201", "450"]


def test_drift_is_noted_once_a_spell_and_counted(open_microphone):
    notes = []
    for ppm in [None, 200, 9_000, 11_000, 9_000, 11_000, 7_000, None, -12_000, -20_000]:
        condition, new = open_microphone.look(1.0, Reading(800, 0.05, drift_ppm=ppm))
        notes += [note.words for note in new if "rate" in note.words]
    assert [words.split()[2] for words in notes] == ["+1.1", "-1.2"]
    assert (condition.drifts, condition.drift_ppm) == (2, -20_000)
    assert condition.reason == "listening to mic, but its clock is off"


def test_clipping_is_noted_once_a_spell(open_microphone):
    notes = []
    for clipping in [False, True, True, False, True]:
        condition, new = open_microphone.look(1.0, Reading(800, 0.05, clipping=clipping))
        notes += [note for note in new if "clipped" in note.words]
    assert len(notes) == 2
    assert condition.state == "healthy"
    assert "too loud" in condition.reason


def test_muted_hides_everything_and_ends_the_spell(open_microphone):
    open_microphone.failed(1.0, "gone")
    state(open_microphone, 1.0, Reading())
    condition = look(open_microphone, 1.1, Reading(), muted=True)
    assert (condition.state, condition.stalls) == ("muted", 0)
    open_microphone.muted(1.1)
    assert open_microphone.may_open(1.1)
    assert state(open_microphone, 1.2, Reading()) == "recovering"
    open_microphone.opened(1.3, "mic")
    assert look(open_microphone, 1.4, WELL).reopened == 0


def test_limits_can_be_shorter():
    liveness = Liveness(0.0, Limits(stall_s=0.5, silent_s=1.0))
    liveness.opened(0.0, "mic")
    assert state(liveness, 1.0, Reading(800, 0.6)) == "stalled"
    assert state(liveness, 1.0, Reading(800, 0.1, zeros_s=1.0)) == "silent"
