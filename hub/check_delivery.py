"""What `bedside-hub check` finds about who sees the boards, and who is told outside."""

from __future__ import annotations

import time
from dataclasses import replace

from sqlalchemy import Connection

from edge.errors import UnavailableError
from edge.findings import Finding, note, red, well
from hub import boards, deliveries, reach
from hub.config import Settings
from hub.reach import FRESH_S

_SHOWN = 5  # wards; the rest are on the board


def seen(connection: Connection, settings: Settings, now: float) -> Finding:
    """Whether anybody sees the wards' boards, and whether these can sound."""
    wards = boards.wards(connection, now - settings.faults.stale_s)
    shown, sounding = boards.counts(connection, now)
    words = f"{shown} seen, {sounding} with sound"
    limits = replace(settings.delivery, missing_s=FRESH_S, silent_s=FRESH_S)
    missing = reach.unwatched(wards, boards.signs(connection), {}, 0.0, now, limits)
    if not missing:
        return well("boards", words) if wards else note("boards", f"{words}; no bed is heard")
    reasons = [fault.reason for _, fault in sorted(missing.items(), key=str)]
    return note("boards", words, *reasons[:_SHOWN], remedy="open a board in each ward and tap it once")


def outside(connection: Connection, settings: Settings) -> list[Finding]:
    """Who outside is told of calls, and whether the last attempt reached them."""
    if not settings.recipients:
        words = "nobody is told of calls outside the board: if no one looks at it, no one comes"
        return [note("outside", words, remedy="add a [[push]] to the TOML file, see hub/README.md")]
    known = deliveries.reaches(connection)
    found, reached = [], []
    for one in settings.recipients:
        how = known.get((one.channel, one.name))
        if how is not None and how.failing_since is not None:
            since = time.strftime("%Y-%m-%d %H:%M", time.localtime(how.failing_since))
            error = UnavailableError(f"{one.name} could not be reached since {since}: {how.error}")
            found.append(red("outside", error, "put that right, then run bedside-hub push-test"))
        else:
            reached.append(one.name if how is not None else f"{one.name} (never tried)")
    remedy = "bedside-hub push-test tries them" if len(known) < len(settings.recipients) else ""
    told = f"told of calls: {', '.join(reached)}"
    return found or [note("outside", told, remedy=remedy) if remedy else well("outside", told)]
