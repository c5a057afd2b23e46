"""What reached the hub from the broker, checked: messages that keep the contract, and the others.

Pure: no I/O. What becomes of them in the database is hub.intake's.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from edge.errors import MessageError
from edge.fields import encode
from edge.messages import MESSAGES, Dropped, Emotion, Episode, Health, State, Summary, from_json
from edge.topics import Address, parse_topic

DeviceMessage = State | Emotion | Episode | Summary | Health | Dropped
FROM_DEVICES = ("state", "emotion", "episode", "summary", "health", "dropped")
_LONGEST_S = 30 * 86400.0
_MOST_GONE = 10_000_000  # numbers that one message may give up: a device makes as many in years


@dataclass(frozen=True, slots=True)
class Arrival:
    """Bytes from the broker; `at` is the hub's clock, `retained` an old state the broker had kept."""

    topic: str
    payload: bytes
    retained: bool
    at: float


@dataclass(frozen=True, slots=True)
class Accepted:
    """A message that keeps the contract."""

    address: Address
    message: DeviceMessage
    retained: bool
    at: float


@dataclass(frozen=True, slots=True)
class Rejected:
    """A message that breaks it, and how."""

    arrival: Arrival
    reason: str


def check(arrival: Arrival) -> Accepted | Rejected:
    """The arrival as a message, or the reason why it is none."""
    try:
        address, kind = parse_topic(arrival.topic)
        if kind not in FROM_DEVICES:
            return Rejected(arrival, f"a device sends no {kind} messages")
        message: DeviceMessage = from_json(MESSAGES[kind], arrival.payload)
        _storable(message, arrival.payload)
    except (MessageError, UnicodeError) as error:
        return Rejected(arrival, printable(str(error)))
    return Accepted(address, message, arrival.retained, arrival.at)


def _storable(message: DeviceMessage, payload: bytes) -> None:
    """Refuses what the schema lets through and the hub cannot use: NUL in a text, what lasts for months."""
    may_hold_nul = b"u0000" in payload or b"\0" in payload  # its escape, or a wider encoding than UTF-8
    if may_hold_nul and "\\u0000" in text(message):
        raise MessageError("a text holds the character NUL")
    if isinstance(message, Episode) and message.duration_s > _LONGEST_S:
        raise MessageError(f"duration_s is {message.duration_s:g}; an episode lasts at most {_LONGEST_S:g} s")
    if isinstance(message, Dropped) and any(len(r) != 2 or r[0] > r[1] for r in message.ranges):
        raise MessageError("ranges holds one that ends before it begins")
    if isinstance(message, Dropped) and sum(r[1] - r[0] + 1 for r in message.ranges) > _MOST_GONE:
        raise MessageError(f"ranges gives up more than {_MOST_GONE} messages; no device has that many")


def text(message: DeviceMessage) -> str:
    """JSON of a message; may exceed the wire's 1 KiB, because 1 is written 1.0 here. Raises UnicodeError."""
    text = json.dumps(encode(message), separators=(",", ":"), ensure_ascii=False)
    text.encode()
    return text


def printable(text: str) -> str:
    """As much of a text of unknown origin as any database takes."""
    return text[:300].encode(errors="backslashreplace").decode().replace("\0", "\\x00")
