"""When distress has lasted for an episode: enough windows agree, or what they say adds up to enough."""

from __future__ import annotations

import math
from collections import deque
from typing import Protocol

from edge.manifest import EpisodePolicy

_CERTAIN = 1e-4
"""No score is nearer to 0 or 1 than this: the log-odds of those have no end."""
_ROUNDING = 1e-6  # of a sum of floats


class Evidence(Protocol):
    """What speaks for distress just now."""

    def hear(self, score: float | None, start_s: float) -> float | None:
        """When the distress began, if it is enough for an episode with this window, else None.

        `score` is the window's, None where nobody speaks, and `start_s` its start.
        """


def evidence_of(policy: EpisodePolicy) -> Evidence:
    """Nothing heard yet, to be weighed as this policy says."""
    return _Agreeing(policy, policy.among) if policy.among is not None else _Sum(policy)


class _Agreeing:
    """`count` of the last `among` windows are at `onset`."""

    def __init__(self, policy: EpisodePolicy, among: int) -> None:
        self._policy = policy
        self._starts: deque[float | None] = deque(maxlen=among)  # of those at the onset
        self._since_s: float | None = None

    def hear(self, score: float | None, start_s: float) -> float | None:
        at_onset = score is not None and score >= self._policy.onset
        self._starts.append(start_s if at_onset else None)
        starts = [one for one in self._starts if one is not None]
        if len(starts) < self._policy.count:
            self._since_s = None
        elif self._since_s is None:
            self._since_s = starts[0]
        return self._since_s


class _Sum:
    """What windows weigh adds up to `count`; it is never below 0 (Page, 1954, Biometrika 41).

    A window weighs as much as the log-odds of its score lie above those of `onset`, in units of
    `saturation`, but at most 1 for or against. Silence weighs 1 against.
    """

    def __init__(self, policy: EpisodePolicy) -> None:
        self._policy = policy
        self._sum = 0.0
        self._since_s = 0.0  # start of the window with which it last rose from 0

    def hear(self, score: float | None, start_s: float) -> float | None:
        weight = -1.0
        if score is not None:
            odds = _log_odds(score) - _log_odds(self._policy.onset)
            weight = min(1.0, max(-1.0, odds / self._policy.saturation))
        if self._sum == 0:
            self._since_s = start_s
        self._sum = max(0.0, self._sum + weight)
        return self._since_s if self._sum >= self._policy.count - _ROUNDING else None


def _log_odds(score: float) -> float:
    held = min(1 - _CERTAIN, max(_CERTAIN, score))
    return math.log(held / (1 - held))
