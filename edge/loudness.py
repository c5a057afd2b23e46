"""How loud sound is, in numbers and as a bar. Pure."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge.speech_gate import LOWEST_DB, SAMPLE_RATE
from edge.terminal import Style

BAR_LOWEST_DB = -80.0  # the left end; the right one is full scale
_FULL_SCALE = 32768.0
_HOLD_S = 1.5
_FALL_DB_S = 20.0
_RECENT_S = 0.3


@dataclass(frozen=True, slots=True)
class Loudness:
    """Root mean square and highest sample, dBFS: 0 is a full-scale square wave; LOWEST_DB is silence."""

    rms_db: float = LOWEST_DB
    peak_db: float = LOWEST_DB
    clipped_share: float = 0.0
    """The share of samples at full scale."""
    is_zero: bool = True
    """Whether there is no sample but zeros: the microphone is dead or muted."""


def loudness(samples: npt.NDArray[np.int16]) -> Loudness:
    """Of int16 samples, shape (n,)."""
    if samples.size == 0 or not samples.any():
        return Loudness()
    values = samples / _FULL_SCALE
    limits = np.iinfo(np.int16)
    return Loudness(
        rms_db=_decibels(float(np.sqrt(np.mean(np.square(values))))),
        peak_db=_decibels(float(np.abs(values).max())),
        clipped_share=float(np.mean((samples == limits.max) | (samples == limits.min))),
        is_zero=False,
    )


class Meter:
    """The level of the last 0.3 s, and a peak that is held for 1.5 s and then falls by 20 dB a second."""

    def __init__(self) -> None:
        self._recent: deque[npt.NDArray[np.int16]] = deque()
        self._size = 0
        self._held_db, self._since_peak_s = LOWEST_DB, 0.0

    def feed(self, samples: npt.NDArray[np.int16]) -> Loudness:
        """Take the next samples of a 16 kHz stream, shape (n,); the level now."""
        seconds = samples.size / SAMPLE_RATE
        self._since_peak_s += seconds
        if self._since_peak_s > _HOLD_S:
            self._held_db = max(LOWEST_DB, self._held_db - _FALL_DB_S * seconds)
        peak_db = loudness(samples).peak_db
        if peak_db >= self._held_db:
            self._held_db, self._since_peak_s = peak_db, 0.0
        self._recent.append(samples)
        self._size += samples.size
        while self._size - self._recent[0].size >= _RECENT_S * SAMPLE_RATE:
            self._size -= self._recent.popleft().size
        now = loudness(np.concatenate(self._recent))
        return Loudness(now.rms_db, self._held_db, now.clipped_share, now.is_zero)


def bar(level: Loudness, width: int, style: Style) -> str:
    """A bar of so many columns from -80 to 0 dBFS, with a mark at the peak."""
    full, rest, mark = ("█", "·", "│") if style.is_utf8 else ("#", ".", "|")
    filled, peak = _columns(level.rms_db, width), _columns(level.peak_db, width)
    shown = [full] * filled + [rest] * (width - filled)
    if peak > filled:
        shown[peak - 1] = mark
    return "".join(shown)


def share_bar(share: float, width: int, style: Style) -> str:
    """A bar of so many columns from 0 to 1."""
    full, rest = ("█", "·") if style.is_utf8 else ("#", ".")
    filled = round(max(0.0, min(1.0, share)) * width)
    return full * filled + rest * (width - filled)


def _columns(level_db: float, width: int) -> int:
    return round(max(0.0, min(1.0, 1 - level_db / BAR_LOWEST_DB)) * width)


def _decibels(amplitude: float) -> float:
    return max(LOWEST_DB, float(20 * np.log10(max(amplitude, 1e-9))))
