"""Feature frames to the overlapping windows the model takes, streaming and for whole recordings."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edge.features import FloatArray, FrontEnd
from edge.manifest import Window


@dataclass(frozen=True, slots=True)
class FrameWindow:
    """One input of the model: `frames`, shape (window frames, coefficients), and where they lie.

    `start` and `end` are sample positions in the stream; frames of silence that fill up a recording
    shorter than a window lie beyond `end`.
    """

    start: int
    end: int
    frames: FloatArray


class WindowStream:
    """Windows from frames that arrive in chunks of any size, a window every `hop_frames` frames."""

    def __init__(self, window: Window, front_end: FrontEnd) -> None:
        self.window = window
        self.front_end = front_end
        self.reset()

    def reset(self) -> None:
        """Forget every frame seen so far."""
        self._recent = np.zeros((0, self.front_end.coefficients), np.float32)
        self._count = 0  # frames seen
        self._next = 0  # the frame the next window starts at
        self._covered = 0  # frames up to here are in a window already

    def feed(self, frames: FloatArray) -> list[FrameWindow]:
        """The windows that `frames`, shape (n, coefficients), complete, oldest first."""
        recent = np.concatenate((self._recent, frames))
        self._count += frames.shape[0]
        first = self._count - recent.shape[0]
        length, windows = self.window.frames, []
        while self._next + length <= self._count:
            at = self._next - first
            windows.append(self._window(self._next, recent[at : at + length].copy()))
            self._covered = self._next + length
            self._next += self.window.hop_frames
        self._recent = recent[-length:].copy()
        return windows

    def flush(self) -> list[FrameWindow]:
        """End the stream: one window of the last frames if some are in none yet, else nothing."""
        windows = []
        if self._covered < self._count:
            frames = filled_up(self._recent, self.window.frames, self.front_end)
            windows.append(self._window(max(0, self._count - self.window.frames), frames))
        self.reset()
        return windows

    def _window(self, first_frame: int, frames: FloatArray) -> FrameWindow:
        last_frame = min(first_frame + self.window.frames, self._count) - 1
        hop = self.front_end.hop_length
        return FrameWindow(first_frame * hop, last_frame * hop + self.front_end.frame_length, frames)


def recording_windows(frames: FloatArray, window: Window, front_end: FrontEnd) -> FloatArray:
    """The windows of a finished recording, shape (k, window frames, coefficients).

    `frames`, shape (n, coefficients), are all its frames as `edge.features.mfcc` gives them. Windows
    start at frame 0, hop, 2 hop ... while a whole one fits; frames that remain get one more window
    that ends at the last frame. A recording shorter than a window is filled up with frames of
    silence; no frames at all give no windows. The daemon makes exactly these of a file it plays.
    """
    stream = WindowStream(window, front_end)
    windows = [*stream.feed(frames), *stream.flush()]
    if not windows:
        return np.zeros((0, window.frames, front_end.coefficients), np.float32)
    return np.stack([one.frames for one in windows])


def filled_up(frames: FloatArray, length: int, front_end: FrontEnd) -> FloatArray:
    """`frames`, shape (n, coefficients), and silence after them, shape (length, coefficients)."""
    missing = length - frames.shape[0]
    return np.concatenate((frames, np.tile(silence_frame(front_end), (missing, 1)))) if missing else frames


def silence_frame(front_end: FrontEnd) -> FloatArray:
    """The frame the front end makes of digital silence, shape (coefficients,)."""
    frame = np.zeros(front_end.coefficients, np.float32)
    frame[0] = np.log(np.float32(front_end.log_floor))
    return frame
