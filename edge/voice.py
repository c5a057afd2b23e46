"""How somebody speaks, without what: pitch, how fast, how many pauses. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge.features import FloatArray
from edge.speech_gate import FRAME_S, Flags

PAUSE_S = 0.25
"""A shorter silence belongs to articulation: Goldman-Eisler, "Psycholinguistics" (1968)."""
DIP_DB = 2.0
"""Between two syllables the level falls by so much: de Jong and Wempe (2009)."""
_SMOOTHED = 3  # frames: 60 ms, about the window Praat takes for that method
_FEWEST_PITCHES = 10
_SHORTEST_S = 1.0
_MOST_RATE = 50.0  # a message holds no more; one more peak than that fits where frames are few


@dataclass(frozen=True, slots=True)
class Voice:
    """What was counted in one window of speech.

    `pitch_hz` holds the fundamental frequency of each frame that has one. `span_s` reaches from the
    first to the last active frame, `pause_s` is the part of it in pauses: stretches without an active
    frame of PAUSE_S or more.
    """

    pitch_hz: tuple[float, ...]
    syllables: int
    span_s: float
    pause_s: float


@dataclass(frozen=True, slots=True)
class Manner:
    """How somebody spoke over one window or many; None where too little was heard to say.

    `f0_low_hz` and `f0_high_hz` are the 10th and 90th percentiles of pitch. `speech_rate` is the
    number of syllable peaks a second of speech without its pauses (the articulation rate of de Jong
    and Wempe), `pause_ratio` the share of pauses between the first and last active frames.
    """

    f0_median_hz: float | None = None
    f0_low_hz: float | None = None
    f0_high_hz: float | None = None
    speech_rate: float | None = None
    pause_ratio: float | None = None


def voice_of(levels: npt.NDArray[np.float64], active: Flags, pitch: FloatArray) -> Voice:
    """What a window's frames hold: level in dB, whether active, pitch in Hz or 0, shape (n,) each.

    At least one frame must be active.
    """
    heard = np.flatnonzero(active)
    silences = np.diff(heard) - 1  # frames, between one active frame and the next
    pauses = silences[silences * FRAME_S >= PAUSE_S]
    return Voice(
        pitch_hz=tuple(pitch[active & (pitch > 0)].tolist()),
        syllables=syllables(levels, active & _near(pitch > 0)),
        span_s=float(heard[-1] - heard[0] + 1) * FRAME_S,
        pause_s=float(pauses.sum()) * FRAME_S,
    )


def syllables(levels: npt.NDArray[np.float64], voiced: Flags) -> int:
    """The number of syllable nuclei: peaks of the smoothed level in voiced frames, shape (n,) each.

    After de Jong and Wempe, "Praat script to detect syllable nuclei and measure speech rate
    automatically" (2009): the level must rise by DIP_DB before a peak and fall by as much after it.
    """
    power = np.pad(10 ** (levels / 10), _SMOOTHED // 2, mode="edge")
    smooth = 10 * np.log10(np.convolve(power, np.ones(_SMOOTHED) / _SMOOTHED, "valid"))
    count, is_rising = 0, False
    peak, top, lowest = 0, -np.inf, np.inf
    for at, level in enumerate(smooth.tolist()):
        if is_rising:
            if level > top:
                peak, top = at, level
            elif top - level >= DIP_DB:
                count += bool(voiced[peak])
                is_rising, lowest = False, level
        elif level < lowest:
            lowest = level
        elif level - lowest >= DIP_DB:
            is_rising, peak, top = True, at, level
    return count


def manner(voices: Sequence[Voice]) -> Manner:
    """The figures of these windows together."""
    pitches = [hertz for voice in voices for hertz in voice.pitch_hz]
    span, pause = sum(voice.span_s for voice in voices), sum(voice.pause_s for voice in voices)
    low = median = high = rate = ratio = None
    if len(pitches) >= _FEWEST_PITCHES:
        low, median, high = (round(float(hertz), 1) for hertz in np.percentile(pitches, (10, 50, 90)))
    if span - pause >= _SHORTEST_S:
        rate = min(round(sum(voice.syllables for voice in voices) / (span - pause), 2), _MOST_RATE)
        ratio = round(pause / span, 3)
    return Manner(median, low, high, rate, ratio)


def _near(flags: Flags) -> Flags:
    """Each flag and its neighbours."""
    wide: Flags = flags.copy()
    wide[1:] |= flags[:-1]
    wide[:-1] |= flags[1:]
    return wide
