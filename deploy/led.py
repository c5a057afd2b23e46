"""The language of the box's light. Pure: what is known goes in, and the time; on or off comes out."""

from __future__ import annotations

from deploy.outcome import Outcome
from edge.state_file import Shown

STARTING, LISTENING, MUTED = "starting", "listening", "muted"
NO_MICROPHONE, NO_HUB, WRONG_SETTINGS, ERROR = "no microphone", "no hub", "wrong settings", "error"

START_S = 120.0
"""So long the daemon may take before its silence is an error: a slow card, a full outbox read through."""
STALE_S = 45.0
"""A state older than that is of a daemon that hangs; it writes one every few seconds."""


def _flashes(count: int) -> tuple[tuple[bool, float], ...]:
    return (*((True, 0.2), (False, 0.3)) * count, (False, 1.5))


PATTERNS: dict[str, tuple[tuple[bool, float], ...]] = {
    STARTING: ((True, 0.1), (False, 0.1)),
    LISTENING: ((True, 4.9), (False, 0.1)),
    MUTED: ((True, 0.1), (False, 4.9)),
    NO_MICROPHONE: _flashes(2),
    NO_HUB: _flashes(3),
    WRONG_SETTINGS: _flashes(4),
    ERROR: _flashes(5),
}
"""On or off, and for how many seconds, over and over."""


def judge(outcome: Outcome | None, shown: Shown | None, now_s: float, absent_s: float) -> str:
    """What the light has to tell: one of the keys of PATTERNS, what a person must do first.

    `outcome`: of taking over the settings, None before that; `shown`: what the daemon says of itself;
    `now_s`: on the clock of `shown`; `absent_s`: for how long the daemon has said nothing.
    """
    if outcome is None:
        return STARTING if absent_s < START_S else ERROR
    if outcome.mistakes or not outcome.bed:
        return WRONG_SETTINGS
    if outcome.troubles:
        return ERROR
    if shown is None or is_stale(shown, now_s):
        return STARTING if absent_s < START_S else ERROR
    state = shown.state
    if state.muted:
        return MUTED
    if state.microphone == "recovering":
        return STARTING
    if state.microphone not in {"healthy", "file"}:
        return NO_MICROPHONE
    return LISTENING if state.connected else NO_HUB


def is_stale(shown: Shown, now_s: float) -> bool:
    """Whether the daemon has not said that for too long. A time to come is of an earlier start."""
    return not 0 <= now_s - shown.monotonic_s < STALE_S


def lit(told: str, since_s: float) -> tuple[bool, float]:
    """Whether the light is on `since_s` seconds after it began to tell that, and for how much longer."""
    steps = PATTERNS[told]
    left = since_s % sum(seconds for _, seconds in steps)
    for is_on, seconds in steps:
        if left < seconds:
            return is_on, seconds - left
        left -= seconds
    return steps[0]
