"""Who is told of a call outside the board, what is sent when, and when to give up.

Pure: no I/O, the clock is a parameter; times are seconds since 1970 in UTC by the hub's clock. A recipient
hears of an alert at least once for each call, never of one that is over, and of its end where it may have
heard of it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from edge.fields import checked

BOARD, PUSH, MAIL = "board", "push", "mail"
CALL, OVER = "call", "over"
PENDING, DELIVERED, SEEN, FAILED, CANCELLED = "pending", "delivered", "seen", "failed", "cancelled"

TOGETHER = 50
"""So many alerts go into one message: half a ward in alarm must not ring a phone fifty times."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """How the hub watches whether it is seen and heard; the defaults are the product's."""

    missing_s: float = checked(minimum=30, maximum=86400, default=120.0)
    """No board has shown a ward with beds for so long: that is an alarm."""
    silent_s: float = checked(minimum=30, maximum=86400, default=300.0)
    """None of a ward's boards can sound for so long."""
    unreached_s: float = checked(minimum=0, maximum=3600, default=30.0)
    """Nobody outside could be reached for so long."""
    retry_s: float = checked(minimum=1, maximum=600, default=5.0)
    """After a failure the next attempt comes so much later, doubled each time,"""
    longest_retry_s: float = checked(minimum=1, maximum=3600, default=60.0)
    """up to this;"""
    give_up_s: float = checked(minimum=60, maximum=86400, default=900.0)
    """so long after the call there is none any more."""


@dataclass(frozen=True, slots=True)
class Recipient:
    """Somebody outside; `wards` empty for all, `from_level` as hub.escalation numbers them."""

    channel: str
    name: str
    wards: tuple[str, ...]
    from_level: int
    technical: bool = True
    follow_up: bool = True

    def hears(self, ward: str, level: int, *, technical: bool) -> bool:
        """Whether a call of that level goes to them; what concerns the whole hub concerns every ward."""
        here = not self.wards or ward in self.wards or ward == ""
        return here and level >= self.from_level and (self.technical or not technical)


@dataclass(frozen=True, slots=True)
class Item:
    """What one recipient is to hear, or has heard, of one alert.

    `told`: it may have heard of the alert, whatever became of this item. `quiet`: nobody is to be called to
    the alert now. `due_at`: when it is to be sent, None once it has been or was given up.
    """

    id: int
    alert_id: int
    kind: str
    made_at: float
    due_at: float | None
    told: bool
    quiet: bool
    message: str | None = None
    """The message it has already been sent in."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done about a recipient's items; `send` are those of one message, if one is due."""

    cancelled: tuple[int, ...] = ()
    """Are not sent any more."""
    settled: tuple[int, ...] = ()
    """Have been dealt with, and need not be looked at again; the cancelled are among them."""
    told: tuple[int, ...] = ()
    """Take over from older ones that the recipient may have heard of the alert."""
    over: tuple[int, ...] = ()
    """Alerts whose end the recipient is to hear of."""
    send: tuple[int, ...] = ()
    message: str | None = None
    """The message these have been in before, None for a new one."""


def plan(items: Iterable[Item], now: float, *, follow_up: bool = True) -> Plan:
    """What is to be done now about one recipient's open items."""
    by_alert: dict[int, list[Item]] = defaultdict(list)
    for item in items:
        by_alert[item.alert_id].append(item)
    cancelled: list[int] = []
    settled: list[int] = []
    told: list[int] = []
    over: list[int] = []
    left: list[Item] = []
    for alert_id, own in by_alert.items():
        own.sort(key=lambda item: item.id)  # a clock may have been set back since
        newest, older = own[-1], own[:-1]
        heard = any(item.told for item in own)
        if newest.kind == CALL and newest.quiet:
            older, gone = own, True
            if heard and follow_up:
                over.append(alert_id)
        else:
            gone = False
        settled += [item.id for item in older]
        cancelled += [item.id for item in older if item.due_at is not None]
        if gone:
            continue
        if heard and not newest.told:
            told.append(newest.id)
        if newest.due_at is not None:
            left.append(newest)
    send, message = _message(left, now)
    return Plan(tuple(cancelled), tuple(settled), tuple(told), tuple(over), send, message)


def _message(items: Sequence[Item], now: float) -> tuple[tuple[int, ...], str | None]:
    """The items of the next message: what was sent together once is sent together again."""
    due = [item for item in items if item.due_at is not None and item.due_at <= now]
    if not due:
        return (), None
    first = min(due, key=lambda item: (item.kind == OVER, item.due_at, item.id))
    if first.message is not None:
        group = [item for item in items if item.message == first.message]
    else:
        group = [item for item in due if item.message is None and item.kind == first.kind][:TOGETHER]
    return tuple(item.id for item in group), first.message


def next_attempt(
    made_at: float, attempts: int, now: float, limits: Delivery, wait_s: float = 0.0
) -> float | None:
    """When to try again after so many failed attempts, at the earliest in `wait_s`; None to give up."""
    pause = min(limits.retry_s * 2.0 ** min(attempts - 1, 16), limits.longest_retry_s)
    at = now + max(pause, min(wait_s, limits.longest_retry_s))
    return at if at <= made_at + limits.give_up_s else None
