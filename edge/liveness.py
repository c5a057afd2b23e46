"""How a sound source is doing."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Condition:
    """A source's state and what has happened to it since the daemon's start.

    `state` is one of edge.messages.MICROPHONE_STATES, `reason` says in words why; the rest is what
    edge.messages.Health publishes.
    """

    state: str
    reason: str
    overruns: int = 0
    stalls: int = 0
    silences: int = 0
    reopened: int = 0
    lag_s: float = 0.0
    drift_ppm: float | None = None
