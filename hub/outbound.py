"""What is said to people outside: where and since when, never who or how they feel. Pure.

The words go over networks and through companies that have no business with a ward's patients, so they hold
bed, ward, priority, kind and time, and a link to the board, which asks for a login.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from hub.delivery import CALL, OVER
from hub.escalation import LEVELS

VERSION = 1
TEST = "test"
KINDS = {
    "distress": "distress",
    "link": "device not heard",
    "microphone": "microphone",
    "clock": "device's clock",
    "disk": "device's disk",
    "certificate": "device's certificate",
    "model": "device's model",
    "hub": "the hub hears no device",
    "chain": "alerts may not come through",
    "board": "nobody sees the board",
    "sound": "no board can sound",
    "outside": "nobody outside can be reached",
}
_SHOWN = 5  # in the text; the rest are counted


@dataclass(frozen=True, slots=True)
class About:
    """What a message says of an alert; `delivery` is its row in the database."""

    delivery: int
    alert: int
    ward: str
    bed: str
    kind: str
    priority: str
    opened_at: float
    level: int
    call: int
    state: str
    """waiting, accepted, closed, resolved, merged; muted where it waits and its bed is muted."""


@dataclass(frozen=True, slots=True)
class Message:
    """What is sent to a recipient at once; `kind` is call, over or test.

    Sent again it has the same `key`. `news` are the deliveries of alerts that the recipient cannot have heard
    of before this attempt.
    """

    key: str
    kind: str
    alerts: tuple[About, ...] = ()
    news: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of an attempt; `error` is one sentence, empty where the recipient has it.

    `in_doubt`: it failed, and the recipient may have it all the same. `wait_s`: how long the recipient asks
    to be left alone. `note`: it arrived, and this is wrong all the same.
    """

    error: str = ""
    note: str = ""
    in_doubt: bool = False
    wait_s: float = 0.0


def body(message: Message, site: str, board: str | None) -> bytes:
    """The JSON of a message, the same for each attempt as long as its alerts are."""
    about = {
        "version": VERSION,
        "type": message.kind,
        "site": site,
        "text": text(message, site),
        "alerts": [
            {
                "id": one.alert,
                "ward": one.ward,
                "bed": one.bed,
                "kind": one.kind,
                "priority": one.priority,
                "since": datetime.fromtimestamp(one.opened_at, UTC).isoformat(timespec="seconds"),
                "level": LEVELS[one.level],
                "call": one.call,
                "state": one.state,
            }
            for one in message.alerts
        ],
    }
    return json.dumps(about | ({} if board is None else {"board": board}), ensure_ascii=False).encode()


def title(message: Message) -> str:
    """A headline in ASCII, which names no bed."""
    if message.kind == TEST:
        return "Test from the bedside hub"
    if message.kind == OVER:
        return "Over" if len(message.alerts) == 1 else f"{len(message.alerts)} alerts over"
    if len(message.alerts) > 1:
        return f"{len(message.alerts)} alerts nobody has accepted"
    return {"high": "Distress, high", "medium": "Distress"}.get(message.alerts[0].priority, "Technical alarm")


def text(message: Message, site: str) -> str:
    """A few lines for a person, in the hub's time."""
    if message.kind == TEST:
        return f"A test from the bedside hub {site}: calls would reach you here. Nothing needs to be done."
    lines = [_line(one, message.kind) for one in message.alerts[:_SHOWN]]
    more = len(message.alerts) - _SHOWN
    return "\n".join([*lines, *([f"and {more} more"] if more > 0 else [])])


def _line(one: About, kind: str) -> str:
    place = one.bed if one.ward in ("", one.bed) else f"{one.bed} (ward {one.ward})"
    if kind == CALL:
        words = KINDS.get(one.kind, one.kind) + (", high" if one.priority == "high" else "")
        return f"{place}: {words}, since {_clock(one.opened_at)}. Nobody has accepted it."
    return f"{place}: {one.state}, nothing needs to be done any more."


def urgency(messages: Sequence[About]) -> int:
    """From 5, the highest, as ntfy counts: high distress, distress, anything technical."""
    ranks = {"high": 5, "medium": 5}
    return max((ranks.get(one.priority, 4) for one in messages), default=3)


def _clock(at: float) -> str:
    return datetime.fromtimestamp(at).astimezone().strftime("%H:%M")
