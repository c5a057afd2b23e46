"""What counts as speech: voice activity and level, frame by frame, before any inference.

A frame is active when webrtcvad takes the signal above 250 Hz for a voice (mains hum and the rumble
of ventilation would pass otherwise), it is loud enough, and it stands out from the quietest tenth of
its window: voices come and go within three seconds, noise and tones do not. Active frames become
segments of speech: each lasts a little longer than its last active frame, so that weak ends of words
and short pauses belong to what is said, and bursts too short for a syllable are left out. A window is
speech when the active frames of its segments are enough of it; what only lasts longer counts as
speech that was heard, but opens no gate.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import webrtcvad

from edge.config import Gate

SAMPLE_RATE = 16000
FRAME = 320  # 20 ms, one of the three lengths webrtcvad takes
FRAME_S = FRAME / SAMPLE_RATE
LOWEST_DB = -120.0  # what digital silence is called
_CUTOFF_HZ = 250.0
_TAPS = 255
_STAND_OUT_DB = 10.0
_QUIET_SHARE = 0.1


Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Stretch:
    """What the gate says of a stretch of sound; `levels` to `speech` have a value a frame, shape (n,)."""

    is_speech: bool
    speech_share: float
    """The share of frames in segments of speech."""
    level_db: float
    """Root mean square above 250 Hz, dBFS: 0 is a full-scale square wave."""
    snr_db: float
    """How far the active frames stand above the quietest tenth; 0 where no frame is active."""
    first: int = field(compare=False)
    """The number of the first frame; frame i is samples [i * FRAME, (i + 1) * FRAME)."""
    levels: npt.NDArray[np.float64] = field(compare=False)
    active: Flags = field(compare=False)
    """Frames of segments in which a voice is heard."""
    speech: Flags = field(compare=False)
    """Frames of segments, short pauses and the hangover included."""


_NOTHING = Stretch(
    is_speech=False,
    speech_share=0.0,
    level_db=LOWEST_DB,
    snr_db=0.0,
    first=0,
    levels=np.zeros(0),
    active=np.zeros(0, bool),
    speech=np.zeros(0, bool),
)


class SpeechGate:
    """Judges stretches of a 16 kHz stream that arrives in chunks of any size."""

    def __init__(self, settings: Gate) -> None:
        self.settings = settings
        self.reset()

    def reset(self) -> None:
        """Forget everything heard so far."""
        self._vad = webrtcvad.Vad(self.settings.aggressiveness)
        self._pending = np.zeros(0, np.int16)
        self._past = np.zeros(_TAPS - 1, np.float32)
        self._first = 0  # index of the oldest frame kept
        self._voiced: deque[bool] = deque()
        self._power: deque[float] = deque()

    def feed(self, samples: npt.NDArray[np.int16]) -> None:
        """Take the next samples, shape (n,)."""
        pending = np.concatenate((self._pending, samples))
        whole = pending.size // FRAME * FRAME
        # One frame at a time: the same numbers then come out for every chunk size.
        for frame in pending[:whole].reshape(-1, FRAME):
            self._take(frame)
        self._pending = pending[whole:].copy()

    def stretch(self, start: int, end: int) -> Stretch:
        """The verdict on samples [start, end); frames that lie wholly inside are looked at."""
        first = max(0, -(-start // FRAME) - self._first)
        last = max(first, end // FRAME - self._first)
        power = np.array(self._power, np.float64)[first:last]
        if power.size == 0:
            return _NOTHING
        settings, levels = self.settings, _decibels(power)
        quietest = float(np.quantile(levels, _QUIET_SHARE))
        heard = np.array(self._voiced, bool)[first:last]
        heard &= (levels >= settings.min_level_db) & (levels >= quietest + _STAND_OUT_DB)
        speech = segments(
            heard, round(settings.min_duration_s / FRAME_S), round(settings.hangover_s / FRAME_S)
        )
        active = heard & speech
        return Stretch(
            is_speech=float(active.mean()) >= settings.min_speech,
            speech_share=round(float(speech.mean()), 4),
            level_db=round(_mean_db(power), 2),
            snr_db=round(_mean_db(power[active]) - quietest, 2) if active.any() else 0.0,
            first=self._first + first,
            levels=levels,
            active=active,
            speech=speech,
        )

    def forget(self, before: int) -> None:
        """Drop what is known of samples before this position; nobody will ask for it."""
        while self._power and (self._first + 1) * FRAME <= before:
            self._power.popleft()
            self._voiced.popleft()
            self._first += 1

    def _take(self, frame: npt.NDArray[np.int16]) -> None:
        signal = np.concatenate((self._past, frame.astype(np.float32)))
        self._past = signal[-(_TAPS - 1) :]
        clear = np.convolve(signal, _HIGH_PASS, "valid")
        as_int16 = np.clip(np.rint(clear), -32768, 32767).astype(np.int16)
        self._voiced.append(self._vad.is_speech(as_int16.tobytes(), SAMPLE_RATE))
        self._power.append(float(np.mean(np.square(clear / 32768, dtype=np.float64))))


def segments(active: Flags, shortest: int, hangover: int) -> Flags:
    """The frames that belong to segments of speech, shape (n,), from those in which a voice is heard.

    A segment goes on for `hangover` frames after its last active one; what begins again within them
    is the same segment. One with fewer than `shortest` active frames is none.
    """
    index = np.arange(active.size)
    since = index - np.maximum.accumulate(np.where(active, index, -hangover - 1))
    lasting: Flags = since <= hangover
    number = np.cumsum(np.diff(lasting, prepend=False) & lasting)  # of the segment, from 1
    enough: Flags = np.bincount(number[active], minlength=active.size + 1) >= shortest
    result: Flags = lasting & enough[number]
    return result


def _mean_db(power: npt.NDArray[np.float64]) -> float:
    return float(_decibels(power.mean(keepdims=True))[0])


def _decibels(power: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    decibels: npt.NDArray[np.float64] = 10 * np.log10(np.maximum(power, 10 ** (LOWEST_DB / 10)))
    return decibels


def _high_pass(cutoff_hz: float, taps: int) -> npt.NDArray[np.float32]:
    """A windowed-sinc high-pass filter, shape (taps,); taps must be odd."""
    n = np.arange(taps) - taps // 2
    low_pass = np.sinc(2 * cutoff_hz / SAMPLE_RATE * n) * np.hamming(taps)
    high_pass = -low_pass / low_pass.sum()
    high_pass[taps // 2] += 1
    result: npt.NDArray[np.float32] = high_pass.astype(np.float32)
    return result


_HIGH_PASS = _high_pass(_CUTOFF_HZ, _TAPS)
