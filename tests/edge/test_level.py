import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.features import mfcc
from edge.level import LevelNormaliser, level_of

DB = np.log(10) / 10  # one decibel as a logarithm of energy


def spoken(level, coefficients=13):
    frames = np.zeros((50, coefficients), np.float32)
    frames[:, 0] = level
    return frames


def test_a_gain_is_a_constant_in_one_place(voice, front_end):
    sound = voice(2)
    loud, quiet = mfcc(sound, front_end), mfcc(sound * np.float32(0.1), front_end)
    assert level_of(loud) - level_of(quiet) == pytest.approx(20 * DB, abs=0.01)
    voiced = loud[:, 0] > loud[:, 0].max() - 5
    assert np.abs((loud - quiet)[voiced, 1:]).max() < 0.05


def test_silence_hardly_counts():
    frames = spoken(2.0)
    frames[25:, 0] = -36
    assert level_of(frames) == pytest.approx(2.0 - np.log(2), abs=1e-3)


@pytest.mark.parametrize("gain_db", [-30, 0, 20])
def test_minutes_of_speech_undo_a_gain(gain_db):
    normaliser = LevelNormaliser(1.0)
    for _ in range(1200):
        normaliser.hear(spoken(1.0 + gain_db * DB))
    assert level_of(normaliser.apply(spoken(1.0 + gain_db * DB))) == pytest.approx(
        1.0, abs=0.05 * abs(gain_db) * DB + 1e-6
    )


def test_a_first_scream_stays_one():
    normaliser = LevelNormaliser(0.0)
    for _ in range(3):
        normaliser.hear(spoken(30 * DB))
    assert abs(normaliser.shift) < 3 * DB


def test_a_scream_stays_one_after_hours_of_talk():
    normaliser = LevelNormaliser(0.0)
    for _ in range(5000):
        normaliser.hear(spoken(-10 * DB))
    before = normaliser.shift
    for _ in range(30):
        normaliser.hear(spoken(20 * DB))
    assert before - normaliser.shift < 2 * DB


def test_another_can_go_on_with_what_was_heard():
    old, new = LevelNormaliser(0.0), LevelNormaliser(1.0)
    for _ in range(600):
        old.hear(spoken(-10 * DB))
    new.resume(old.learnt)
    assert new.shift == pytest.approx(old.shift * (1 + 10 * DB) / (10 * DB))


def test_frames_given_are_left_alone():
    frames = spoken(5.0)
    normaliser = LevelNormaliser(0.0)
    normaliser.hear(frames)
    moved = normaliser.apply(frames)
    assert (frames[:, 0] == 5.0).all()
    assert (moved[:, 1:] == frames[:, 1:]).all()
    assert moved.dtype == frames.dtype


@given(st.lists(st.floats(-40, 40), max_size=50), st.floats(-20, 20))
def test_the_shift_is_bounded(levels, target):
    normaliser = LevelNormaliser(target)
    assert normaliser.shift == 0
    for level in levels:
        normaliser.hear(spoken(level))
        assert abs(normaliser.shift) <= 40 * DB + 1e-9
