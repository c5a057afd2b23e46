import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.voice import Manner, Voice, manner, syllables, voice_of

FRAMES = 150  # 3 s


def said(count, *, every=10, length=6, first=5):
    """Levels and activity of `count` syllables, `every` frames apart."""
    levels = np.full(FRAMES, -70.0)
    for at in range(first, first + count * every, every):
        levels[at : at + length] = -30 + 6 * np.hanning(length)
    return levels, levels > -60


@pytest.mark.parametrize("count", [1, 4, 7, 14])
def test_syllables_are_counted(count):
    levels, active = said(count)
    assert syllables(levels, active) == count
    assert syllables(levels, np.zeros(FRAMES, bool)) == 0, "without a voice there is no syllable"


def test_a_ripple_is_no_syllable():
    levels = np.full(FRAMES, -30.0) + np.where(np.arange(FRAMES) % 10 < 5, 0.7, -0.7)
    assert syllables(levels, np.ones(FRAMES, bool)) == 0


def test_pauses_and_pitch():
    active = np.zeros(FRAMES, bool)
    active[[*range(10, 40), *range(50, 70), *range(90, 120)]] = True
    pitch = np.where(np.arange(FRAMES) % 2, 200.0, 0.0).astype(np.float32)
    voice = voice_of(np.full(FRAMES, -30.0), active, pitch)
    assert voice.span_s == pytest.approx(110 * 0.02)
    assert voice.pause_s == pytest.approx(20 * 0.02), "0.2 s belong to articulation, 0.4 s are a pause"
    assert voice.pitch_hz == (200.0,) * 40


def test_a_single_frame():
    active = np.zeros(5, bool)
    active[2] = True
    voice = voice_of(np.full(5, -30.0), active, np.zeros(5, np.float32))
    assert (voice.span_s, voice.pause_s, voice.pitch_hz) == (pytest.approx(0.02), 0, ())


def test_manner():
    voices = [Voice(tuple(map(float, range(100, 201))), 8, 2.5, 0.5), Voice((), 2, 1.0, 0.5)]
    assert manner(voices) == Manner(150.0, 110.0, 190.0, 4.0, 0.286)


def test_too_little_says_nothing():
    assert manner([]) == Manner()
    assert manner([Voice((100.0,) * 9, 1, 0.9, 0.0)]) == Manner()


@given(
    st.lists(
        st.tuples(st.floats(-120, 0), st.booleans(), st.sampled_from([0.0, 60.0, 440.0, 1000.0])),
        min_size=1,
        max_size=FRAMES,
    )
)
def test_figures_stay_in_their_bounds(frames):
    levels, active, pitch = (np.array(column) for column in zip(*frames, strict=True))
    if not active.any():
        return
    voice = voice_of(levels, active, pitch.astype(np.float32))
    assert 0 <= voice.pause_s < voice.span_s <= len(frames) * 0.02 + 1e-9
    assert 0 <= voice.syllables <= len(frames) / 2
    assert len(voice.pitch_hz) <= active.sum()
    one = manner([voice] * 20)
    assert one.pause_ratio is None or 0 <= one.pause_ratio < 1
    assert one.speech_rate is None or 0 <= one.speech_rate <= 50
    if one.f0_median_hz is not None:
        assert 60 <= one.f0_low_hz <= one.f0_median_hz <= one.f0_high_hz <= 1000
