from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from edge.adaptation import BedStatistics
from edge.learnt import Learnt
from edge.manifest import Adaptation

POLICY = Adaptation((-2.0, 1.0, 0.0), (1.5, 2.0, 0.5), doubt=10.0, memory=7200, range=3.5, outlier=4.0)
MEAN, DEVIATION = np.array(POLICY.mean), np.array(POLICY.deviation)
WINDOWS = arrays(np.float32, (20, 3), elements=st.floats(-40, 40, width=32))


def speech(windows, shift=0.0, scale=1.0, seed=0):
    """Windows of a bed that shifts the speech of training and stretches it."""
    noise = np.random.default_rng(seed).standard_normal((windows, 150, 3))
    # Within `range` of its level, as speech is: what lies below is no speech.
    noise[..., 0] = np.clip(noise[..., 0], -1, 1)
    return ((noise * scale + np.asarray(shift)) * DEVIATION + MEAN).astype(np.float32)


def heard(windows, policy=POLICY):
    bed = BedStatistics(policy)
    for window in windows:
        bed.hear(window)
    return bed


@given(WINDOWS)
def test_nothing_heard_nothing_changed(window):
    assert np.allclose(heard([]).apply(window), window, atol=1e-4)


def test_minutes_of_speech_undo_what_the_bed_does():
    bed = heard(speech(600, shift=(2.0, -1.0, 0.5), scale=1.7))
    here = bed.apply(speech(50, shift=(2.0, -1.0, 0.5), scale=1.7, seed=1)).reshape(-1, 3)
    there = speech(50, seed=1).reshape(-1, 3)
    assert (here.mean(axis=0) - there.mean(axis=0)) / DEVIATION == pytest.approx([0, 0, 0], abs=0.5)
    assert here.std(axis=0)[1:] / DEVIATION[1:] == pytest.approx([1, 1], abs=0.1)


@pytest.mark.parametrize("windows", [0, 5, 600])
def test_the_statistics_of_training_always_weigh_something(windows):
    here = speech(windows, shift=(2.0, -1.0, 0.5), scale=0.4)
    free, held = heard(here), heard(here, replace(POLICY, most=0.5))
    assert free.learnt == held.learnt, "what is learnt is the same"
    share = windows / (windows + POLICY.doubt)
    kept = min(1, 0.5 / share) if share else 1
    mean, deviation = held.believed
    assert mean == pytest.approx(MEAN + kept * (free.mean - MEAN))
    assert deviation**2 == pytest.approx(DEVIATION**2 + kept * (free.deviation**2 - DEVIATION**2))
    if windows == 600:
        assert np.abs(mean - (MEAN + free.mean) / 2).max() < 0.05, "half and half"
        assert (deviation > 0.65 * DEVIATION).all(), "rest alone does not become the measure of all feelings"


def test_what_is_far_below_the_level_is_no_speech():
    windows = speech(40)
    paused = np.concatenate((windows, np.full((40, 100, 3), -36, np.float32)), axis=1)
    assert np.abs(heard(paused).mean - heard(windows).mean).max() < 0.2


@given(WINDOWS, st.integers(0, 50))
def test_one_window_moves_the_mean_by_a_bounded_share(window, before):
    bed = heard(speech(before))
    mean, deviation = bed.mean.copy(), bed.deviation
    bed.hear(window)
    most = POLICY.outlier * deviation / (POLICY.doubt + before + 1)
    assert (np.abs(bed.mean - mean) <= most + 1e-9).all()


@given(st.lists(WINDOWS, max_size=20))
def test_whatever_is_heard_the_figures_stay_figures(windows):
    bed = heard(windows)
    ratio = bed.deviation / DEVIATION
    assert (ratio >= 0.25).all()
    assert (ratio <= 4.0).all()
    for window in windows:
        assert np.isfinite(bed.apply(window)).all()


def test_a_loud_hour_does_not_outweigh_a_day():
    short = Adaptation(POLICY.mean, POLICY.deviation, 10.0, 72, POLICY.range, POLICY.outlier)
    bed = heard(speech(500), short)
    before = bed.mean.copy()
    for window in speech(36, shift=(3.0, 0, 0)):  # half as long as the memory
        bed.hear(window)
    assert 0 < (bed.mean - before)[0] < 0.45 * 3 * DEVIATION[0]


def test_windows_given_are_left_alone():
    window = speech(1)[0]
    kept = window.copy()
    bed = heard([window])
    assert bed.apply(window).dtype == np.float32
    assert (window == kept).all()


@given(st.lists(WINDOWS, min_size=1, max_size=8), st.integers(0, 7))
def test_another_can_go_on_with_what_was_heard(windows, at):
    first, again = heard(windows[:at]), heard([])
    again.resume(first.learnt)
    for window in windows[at:]:
        first.hear(window)
        again.hear(window)
    assert again.mean == pytest.approx(first.mean, abs=0.1)
    assert again.windows == first.windows


def test_forgotten_it_is_as_new():
    bed = heard(speech(30, shift=2.0))
    bed.reset()
    assert bed.learnt == heard([]).learnt == Learnt(POLICY.mean, POLICY.deviation, 0)


def test_figures_of_another_model_are_refused():
    with pytest.raises(ValueError, match="4 and 3 values are not 3"):
        heard([]).resume(Learnt((0.0,) * 4, (1.0,) * 3, 5))
