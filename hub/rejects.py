"""Messages that broke the wire contract, by device and reason, their bytes safe to show.

Whoever can reach the broker writes what stands here. So it leaves as plain characters only: what is not
printable, or changes the direction of what stands around it, is told by its code.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from sqlalchemy import Connection, func, select

from hub.intake import KEPT_REJECTS
from hub.tables import Reject

DAY_S = 86400.0
SAMPLES = 20
"""The newest messages of a group that are shown."""

_DEVICE = re.compile(r"ser/v\d+/[^/]*/([^/]*)/([^/]*)/([^/]*)")


@dataclass(frozen=True, slots=True)
class Message:
    """One message as it may be shown: its payload as text, or where that is none, in hexadecimal."""

    at: float
    topic: str
    reason: str
    size: int
    text: str | None
    hex: str | None


@dataclass(slots=True)
class Group:
    """Messages of one device that broke the contract in the same way; the newest of them."""

    device: str
    kind: str
    reason: str
    count: int = 0
    first_at: float = 0.0
    last_at: float = 0.0
    messages: list[Message] = field(default_factory=list)


def message(received_at: float, topic: str, reason: str, payload: bytes) -> Message:
    """A row of the table, made safe."""
    text = _as_text(payload)
    in_hex = payload.hex(" ") if text is None else None
    return Message(received_at, visible(topic), visible(reason), len(payload), text, in_hex)


def _as_text(payload: bytes) -> str | None:
    try:
        text = payload.decode()
    except UnicodeDecodeError:
        return None
    shown = visible(text)
    return shown if len(shown) <= 2 * len(text) + 16 else None


def visible(text: str) -> str:
    """The text with all that cannot be seen told by its code."""
    return "".join(one if one.isprintable() else ascii(one)[1:-1] for one in text)


def groups(messages: Iterable[Message]) -> list[Group]:
    """Newest first; `messages` too. Numbers in a reason tell no two reasons apart."""
    found: dict[tuple[str, str, str], Group] = {}
    for one in messages:
        place = _DEVICE.fullmatch(one.topic)
        device, kind = (f"{place[1]}/{place[2]}", place[3]) if place else (one.topic, "")
        key = device, kind, re.sub(r"\d+", "0", one.reason)
        group = found.setdefault(key, Group(device, kind, one.reason, last_at=one.at))
        group.count += 1
        group.first_at = one.at
        if len(group.messages) < SAMPLES:
            group.messages.append(one)
    return list(found.values())


def kept(connection: Connection) -> list[Message]:
    """All that are kept, newest first."""
    columns = (Reject.received_at, Reject.topic, Reject.reason, Reject.payload)
    query = select(*columns).order_by(Reject.id.desc()).limit(KEPT_REJECTS)
    return [message(*row) for row in connection.execute(query)]


def lately(connection: Connection, now: float) -> int:
    """How many of those kept came within a day."""
    query = select(func.count()).select_from(Reject).where(Reject.received_at > now - DAY_S)
    return connection.execute(query).scalar_one()
