"""The audit log: who did what, in a chain of hashes in which no earlier entry can be changed unseen.

Each entry holds the hash of the one before and its own, SHA-256 over a canonical form of all of it. That
finds one entry edited, removed, inserted or moved, also where somebody has dropped the triggers that forbid
it. What no chain can find by itself is its own end: cut off, or written anew from some entry on. For that
the newest hash, the head, must be kept elsewhere.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, insert, select

from edge.errors import TamperedError
from hub.tables import AuditRow

UNPROVEN = "unproven"
"""The role of a person who was named and not asked for a password."""


@dataclass(frozen=True, slots=True)
class Actor:
    """Who does something, as it is written down; `tablet` is the name of the one it was done on, if any."""

    name: str
    role: str = UNPROVEN
    tablet: str | None = None


START = "0" * 64
_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry; `number` counts from 1 without gaps, `details` is JSON, hashes are in hexadecimal."""

    number: int
    at: float
    person: str
    role: str
    action: str
    object: str
    details: str
    previous: str
    hash: str


@dataclass(frozen=True, slots=True)
class Summary:
    """What an unbroken log holds: how many entries, the hash of the newest."""

    entries: int
    head: str


_COLUMNS: tuple[Any, ...] = tuple(getattr(AuditRow, name) for name in Entry.__slots__)


def write(
    connection: Connection, now: float, person: str, role: str, action: str, about: str, /, **details: Any
) -> None:
    """Adds an entry in the caller's transaction, which holds the writers' lock and so is alone.

    A detail that is None is left out.
    """
    details = {name: value for name, value in details.items() if value is not None}
    query = select(AuditRow.number, AuditRow.hash).order_by(AuditRow.number.desc()).limit(1)
    number, previous = connection.execute(query).one_or_none() or (0, START)
    values = {
        "number": number + 1,
        "at": now,
        "person": person,
        "role": role,
        "action": action,
        "object": about,
        "details": json.dumps(details, sort_keys=True, separators=(",", ":")),
        "previous": previous,
    }
    connection.execute(insert(AuditRow).values(**values, hash=digest(*values.values())))


def digest(*values: Any) -> str:
    """SHA-256 of an entry's fields but the last, as a JSON list in ASCII, numbers in their shortest form."""
    canonical = json.dumps(values, separators=(",", ":"), default=repr)
    return hashlib.sha256(canonical.encode()).hexdigest()


def verify(entries: Iterable[Entry], remembered: str | None = None) -> Summary:
    """The log's summary. Raises TamperedError, which names the first entry that is not as written.

    `remembered` is a head from an earlier time; it must be the hash of one of the entries.
    """
    number, head, found = 0, START, remembered is None
    for entry in entries:
        if entry.number != number + 1:
            raise TamperedError(_gap(number, entry.number))
        number += 1
        if entry.previous != head:
            raise TamperedError(
                f"entry {number} of the audit log does not follow from the one before it: "
                f"one was inserted or moved, or entry {number - 1} was written anew"
            )
        values = [getattr(entry, name) for name in Entry.__slots__]
        if digest(*values[:-1]) != entry.hash:
            raise TamperedError(f"entry {number} of the audit log is not what was written: it was edited")
        head = entry.hash
        found = found or head == remembered
    if not found:
        raise TamperedError(
            f"the remembered head is not among the {number} entries of the audit log: "
            "its end was cut off, or it was written anew"
        )
    return Summary(number, head)


def _gap(before: int, found: Any) -> str:
    if found == before + 2:
        return f"entry {before + 1} of the audit log is missing"
    return f"the audit log goes from entry {before} to entry {found}: what was between is missing"


def entries(connection: Connection) -> Iterable[Entry]:
    """Every entry, oldest first, some at a time."""
    query = select(*_COLUMNS).order_by(AuditRow.number).limit(_AT_ONCE)
    rows = connection.execute(query).all()
    while rows:
        yield from (Entry(*row) for row in rows)
        rows = connection.execute(query.where(AuditRow.number > rows[-1].number)).all()


def latest(connection: Connection, count: int) -> list[Entry]:
    """The newest entries, oldest of them first."""
    rows = connection.execute(select(*_COLUMNS).order_by(AuditRow.number.desc()).limit(count)).all()
    return [Entry(*row) for row in reversed(rows)]


def line(entry: Entry) -> str:
    """An entry in one line of plain text, whatever characters people have typed."""
    at = datetime.fromtimestamp(entry.at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    text = f"{entry.number}  {at}  {entry.person} ({entry.role})  {entry.action}  {entry.object}"
    text += f"  {entry.details}" if entry.details != "{}" else ""
    return "".join(one if one.isprintable() else ascii(one)[1:-1] for one in text)
