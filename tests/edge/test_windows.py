import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.features import mfcc
from edge.manifest import Window
from edge.windows import WindowStream, recording_windows, silence_frame

WINDOWS = [
    Window(frames=50, hop_frames=25),
    Window(frames=50, hop_frames=20),
    Window(frames=20, hop_frames=30),
]


def frames_of(count):
    return np.arange(count * 13, dtype=np.float32).reshape(count, 13)


def starts(windows):
    return [int(window[0, 0]) // 13 for window in windows]


@pytest.mark.parametrize(
    ("count", "expected"),
    [(0, []), (50, [0]), (51, [0, 1]), (75, [0, 25]), (80, [0, 25, 30]), (100, [0, 25, 50])],
)
def test_where_windows_start(front_end, count, expected):
    windows = recording_windows(frames_of(count), WINDOWS[0], front_end)
    assert windows.shape == (len(expected), 50, 13)
    assert starts(windows) == expected


def test_short_recordings_are_filled_up_with_silence(front_end):
    (window,) = recording_windows(frames_of(30), WINDOWS[0], front_end)
    assert np.array_equal(window[:30], frames_of(30))
    assert (window[30:] == silence_frame(front_end)).all()


def test_the_frame_of_silence_is_what_the_front_end_makes_of_it(front_end):
    frames = mfcc(np.zeros(4000, np.int16), front_end)
    assert np.allclose(frames, silence_frame(front_end), atol=1e-3)


@given(
    st.integers(0, 260), st.lists(st.integers(0, 260), max_size=8), st.sampled_from(WINDOWS), st.booleans()
)
def test_streaming_gives_the_windows_of_the_recording(front_end, count, cuts, window, once_more):
    stream = WindowStream(window, front_end)
    frames = frames_of(count)
    for _ in range(1 + once_more):
        edges = [0, *sorted(min(cut, count) for cut in cuts), count]
        found = [one for a, b in itertools.pairwise(edges) for one in stream.feed(frames[a:b])]
        found += stream.flush()
        expected = recording_windows(frames, window, front_end)
        assert len(found) == len(expected)
        assert all(np.array_equal(one.frames, other) for one, other in zip(found, expected, strict=True))
        for one in found:
            first = int(one.frames[0, 0]) // 13
            last = min(first + window.frames, count) - 1
            assert (one.start, one.end) == (first * 320, last * 320 + 512)
