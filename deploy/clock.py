"""A box without a clock chip starts with the last time it knew; newer certificates would not hold yet."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime

log = logging.getLogger(__name__)


def _set(seconds: float) -> None:
    time.clock_settime(time.CLOCK_REALTIME, seconds)


def catch_up(
    begin_s: float, now: Callable[[], float] = time.time, set_clock: Callable[[float], None] = _set
) -> None:
    """Set a clock that is behind `begin_s`, in seconds since 1970, to it: it is at least that late.

    The kernel goes on saying that the clock is not synchronised, until a time server has answered. A clock
    that cannot be set is only logged.
    """
    now_s = now()
    if now_s >= begin_s:
        return
    was, is_now = (datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds") for at in (now_s, begin_s))
    try:
        set_clock(begin_s)
    except OSError as error:
        log.error("the clock says %s and cannot be set to %s: %s", was, is_now, error.strerror)  # noqa: TRY400
        return
    log.warning(
        "the clock said %s, before this bed's certificates were made: %s until a time server answers",
        was,
        is_now,
    )
