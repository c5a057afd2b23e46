"""The windows of a stream with its steady noise reduced, for those windows somebody asks for."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from edge.features import FloatArray, FrontEnd, MfccStream
from edge.manifest import Window
from edge.noise_reduction import HOP, NoiseReducer
from edge.windows import FrameWindow, filled_up

_BLOCK = 16000  # samples: noise is reduced a second at a time, which costs less than chunk by chunk


class CleanWindows:
    """Follows the noise through all of a stream; features are made only of the windows asked for.

    Gives the same for every size of chunk, and what `MfccStream` and `WindowStream` would make of the
    whole stream with its noise reduced.
    """

    def __init__(self, window: Window, front_end: FrontEnd) -> None:
        self._window, self._front_end = window, front_end
        self._features = MfccStream(front_end)
        self._reducer = NoiseReducer()
        self.reset()

    def reset(self) -> None:
        """Forget everything heard so far."""
        self._reducer.reset()
        self._waiting = np.zeros(0, np.int16)
        self._clean = np.zeros(0, np.float32)
        self._first = 0  # position of the first clean sample kept
        self._received = 0

    def feed(self, samples: npt.NDArray[np.int16]) -> None:
        """Take the next samples, shape (n,)."""
        self._received += samples.size
        self._waiting = np.concatenate((self._waiting, samples))
        if self._waiting.size >= _BLOCK:
            self._reduce()

    def flush(self) -> None:
        """The stream has ended: what has been heard can all be asked for."""
        self._reduce()
        self._clean = np.concatenate((self._clean, self._reducer.flush()))

    def covers(self, end: int) -> bool:
        """Whether windows that end here can be asked for; they can two hops after it."""
        return self._received >= end + 2 * HOP

    def frames(self, window: FrameWindow) -> FloatArray:
        """The window's features with the noise reduced, shape (window frames, coefficients)."""
        self._reduce()
        hop = self._front_end.hop_length
        # A frame more before it: the first sample's pre-emphasis needs the one before.
        start = max(0, window.start - hop)
        length = (self._window.frames - 1) * hop + self._front_end.frame_length
        stretch = self._clean[start - self._first : window.start + length - self._first]
        frames = np.concatenate((self._features.feed(stretch), self._features.flush()))
        frames = frames[(window.start - start) // hop :][: self._window.frames]
        return filled_up(frames, self._window.frames, self._front_end)

    def forget(self, before: int) -> None:
        """Drop samples before this position; no window that starts there will be asked for."""
        keep = max(self._first, min(before - self._front_end.hop_length, self._first + self._clean.size))
        self._clean = self._clean[keep - self._first :].copy()
        self._first = keep

    def _reduce(self) -> None:
        self._clean = np.concatenate((self._clean, self._reducer.feed(self._waiting)))
        self._waiting = self._waiting[:0]
