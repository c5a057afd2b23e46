import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.clean_windows import CleanWindows
from edge.features import MfccStream, mfcc
from edge.manifest import Window
from edge.noise_reduction import reduce_noise
from edge.sound_files import to_int16
from edge.windows import WindowStream, recording_windows

WINDOW = Window(frames=50, hop_frames=25)


@pytest.fixture(scope="module")
def sound(voice):
    hiss = np.random.default_rng(0).normal(size=16000 * 5).astype(np.float32) * 0.02
    return to_int16(voice(5) + hiss)


def windows_of(sound, front_end):
    stream, features = WindowStream(WINDOW, front_end), MfccStream(front_end)
    windows = stream.feed(features.feed(sound))
    return [*windows, *stream.feed(features.flush()), *stream.flush()]


@given(st.lists(st.integers(0, 80000), max_size=8), st.integers(200, 80000), st.booleans())
def test_windows_of_the_whole_stream_with_its_noise_reduced(sound, front_end, cuts, length, forget):
    sound = sound[:length]
    expected = recording_windows(mfcc(reduce_noise(sound), front_end), WINDOW, front_end)
    clean = CleanWindows(WINDOW, front_end)
    waiting, found = windows_of(sound, front_end), []
    for a, b in itertools.pairwise([0, *sorted(min(cut, length) for cut in cuts), length]):
        clean.feed(sound[a:b])
        while waiting and clean.covers(waiting[0].end):
            if forget:
                clean.forget(waiting[0].start)
            found.append(clean.frames(waiting.pop(0)))
    clean.flush()
    found += [clean.frames(window) for window in waiting]
    assert len(found) == len(expected)
    assert all(np.allclose(one, other, atol=2e-3) for one, other in zip(found, expected, strict=True))


def test_memory_is_bounded(sound, front_end):
    clean = CleanWindows(WINDOW, front_end)
    for at in range(20):
        clean.feed(sound)
        clean.forget(at * sound.size)
    held = sum(array.nbytes for array in vars(clean).values() if isinstance(array, np.ndarray))
    assert held < 2 * 4 * 2 * sound.size


def test_after_a_reset_nothing_is_left(sound, front_end):
    clean = CleanWindows(WINDOW, front_end)
    clean.feed(sound[::-1].copy())
    clean.reset()
    clean.feed(sound[:32000])
    clean.flush()
    (first, *_) = windows_of(sound[:32000], front_end)
    expected = recording_windows(mfcc(reduce_noise(sound[:32000]), front_end), WINDOW, front_end)
    assert np.allclose(clean.frames(first), expected[0], atol=2e-3)
