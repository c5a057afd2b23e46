"""Samples and feature frames to the overlapping windows the model takes, streaming and for recordings."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edge.features import FloatArray, FrontEnd, MfccStream, Samples
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
            frames = self._recent
            missing = self.window.frames - frames.shape[0]
            if missing:
                frames = np.concatenate((frames, np.tile(silence_frame(self.front_end), (missing, 1))))
            windows.append(self._window(max(0, self._count - self.window.frames), frames))
        self.reset()
        return windows

    def _window(self, first_frame: int, frames: FloatArray) -> FrameWindow:
        last_frame = min(first_frame + self.window.frames, self._count) - 1
        hop = self.front_end.hop_length
        return FrameWindow(first_frame * hop, last_frame * hop + self.front_end.frame_length, frames)


class SampleWindows:
    """Windows of features from samples that arrive in chunks of any size."""

    def __init__(self, window: Window, front_end: FrontEnd) -> None:
        self._features = MfccStream(front_end)
        self._windows = WindowStream(window, front_end)
        self.frames = 0
        """Feature frames computed so far; a reset does not change it."""

    def reset(self) -> None:
        """Forget everything heard so far."""
        self._features.reset()
        self._windows.reset()

    def feed(self, samples: Samples) -> list[FrameWindow]:
        """The windows these samples, shape (n,), complete, oldest first."""
        frames = self._features.feed(samples)
        self.frames += frames.shape[0]
        return self._windows.feed(frames)

    def flush(self) -> list[FrameWindow]:
        """End the stream: what the last samples still give."""
        frames = self._features.flush()
        self.frames += frames.shape[0]
        return [*self._windows.feed(frames), *self._windows.flush()]


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


def silence_frame(front_end: FrontEnd) -> FloatArray:
    """The frame the front end makes of digital silence, shape (coefficients,)."""
    frame = np.zeros(front_end.coefficients, np.float32)
    frame[0] = np.log(np.float32(front_end.log_floor))
    return frame
