"""Whether a sign of life still counts. Pure; times are seconds since 1970 in UTC by the hub's clock."""

from __future__ import annotations

AHEAD_S = 5.0
"""So much later than it is read a sign may have been given: one process is quicker than another."""


def is_fresh(at: float | None, now: float, within_s: float) -> bool:
    """Whether what was told at `at` is not older than that.

    What seems to come from the future is not: the clock was set back since, and whoever told it may be dead.
    """
    return at is not None and -AHEAD_S <= now - at < within_s
