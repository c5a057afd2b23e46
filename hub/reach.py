"""Whether anybody sees and hears the boards, and whether anybody outside can be reached: technical alarms.

Pure: no I/O, the clock is a parameter; times are seconds since 1970 in UTC by the hub's clock.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from hub.delivery import Delivery, Recipient
from hub.escalation import LEAD
from hub.faults import BOARD, OUTSIDE, SOUND, Fault, Key, Place, cause
from hub.freshness import is_fresh

KINDS = frozenset({BOARD, SOUND, OUTSIDE})
FRESH_S = 40.0
"""A board tells of itself every 15 s (static/presence.js): this long after its last word it is gone."""
STOPPED_S = 60.0
"""The process that sends has given no sign of life for so long: nobody outside hears of anything."""


@dataclass(frozen=True, slots=True)
class Sign:
    """A board's last word; `wards` are those it shows, empty for all.

    `shown_at` and `sounded_at` are when it last said that it is in front and live, and that its sound is on;
    None where it never has.
    """

    wards: tuple[str, ...]
    shown_at: float | None
    sounded_at: float | None


@dataclass(frozen=True, slots=True)
class Reach:
    """How it went with one recipient lately; `failing_since` None where the last attempt reached them."""

    failing_since: float | None
    error: str


def unwatched(
    wards: Mapping[str, float],
    signs: Collection[Sign],
    known: Mapping[Key, Fault],
    serving_since: float,
    now: float,
    limits: Delivery,
) -> dict[Key, Fault]:
    """Wards whose boards nobody sees, or none of whose boards can sound.

    `wards` are those with beds, and since when they have had one; `serving_since`: since when there has been
    a page to look at. No board is missing for longer than both, but what was `known` to be missing stays so
    until a board comes.
    """
    found: dict[Key, Fault] = {}
    for ward, since in wards.items():
        mine = [sign for sign in signs if not sign.wards or ward in sign.wards]
        shown_at = _latest((sign.shown_at for sign in mine), max(since, serving_since))
        sounded_at = _latest((sign.sounded_at for sign in mine), max(since, serving_since))
        seen = any(is_fresh(sign.shown_at, now, FRESH_S) for sign in mine)
        heard = any(is_fresh(sign.sounded_at, now, FRESH_S) for sign in mine)
        place = Place(ward=ward)
        if not seen and ((place, BOARD) in known or now >= shown_at + limits.missing_s):
            found[place, BOARD] = cause("unwatched", shown_at, ward=ward)
        elif seen and not heard and ((place, SOUND) in known or now >= sounded_at + limits.silent_s):
            found[place, SOUND] = cause("soundless", sounded_at, ward=ward)
    return found


def unreached(
    recipients: Collection[Recipient],
    reaches: Mapping[tuple[str, str], Reach],
    wards: Collection[str],
    calling: Collection[str],
    sending_at: float,
    now: float,
    limits: Delivery,
) -> Fault | None:
    """Whether calls to whoever leads a ward reach nobody outside; None where they do, or none need to.

    `reaches` by channel and name; `wards` are those with beds, `calling` those of alerts that such a call has
    been made for;
    `sending_at` is the last sign of life of the process that sends, or since when one could be expected.
    """
    if any(not any(one.hears(ward, LEAD, technical=False) for one in recipients) for ward in calling):
        return cause("outside_nobody", now)
    if not recipients:
        return None
    if not is_fresh(sending_at, now, STOPPED_S):
        return cause("outside_stopped", sending_at)
    # Those of nobody's ward too: who is to hear of them may be hidden by whoever hears of one ward only.
    for ward in sorted({"", *wards, *calling, *(ward for one in recipients for ward in one.wards)}):
        called = [one for one in recipients if one.hears(ward, LEAD, technical=False)]
        failing = [reaches.get((one.channel, one.name), Reach(None, "")) for one in called]
        since = [one.failing_since for one in failing if one.failing_since is not None]
        if called and len(since) == len(called) and now >= max(since) + limits.unreached_s:
            names = ", ".join(sorted(one.name for one in called))
            return cause("outside_failing", max(since), names=names, error=failing[0].error)
    return None


def _latest(times: Iterable[float | None], since: float) -> float:
    return max([since, *(time for time in times if time is not None)])
