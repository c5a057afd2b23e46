"""Wards' shared tablets in the database: their logins, whom they know, and who has just given a PIN there."""

from __future__ import annotations

import json
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, update

from hub import audit
from hub.account_tables import PersonRow, SessionRow, TabletRow
from hub.accounts import TABLET, AccountError, Session, is_tablet_over, key, login_name, may_see

ON_DUTY_S = 12 * 3600.0
"""Whoever was seen within so long is offered first."""

UNIDENTIFIED = "Tablet {name}, not identified"
"""Who accepted an alert where nobody gave a PIN; the page says it in its own language."""


@dataclass(frozen=True, slots=True)
class Known:
    """A person a tablet may act for. `pin` is hashed."""

    id: int
    name: str
    role: str
    pin: str


def is_reserved(name: str) -> bool:
    """Whether a person of this name would be taken for a tablet."""
    start, end = (login_name(part) for part in UNIDENTIFIED.split("{name}"))
    return login_name(name).startswith(f"{start} ") and login_name(name).endswith(end)


def enrol(connection: Connection, name: str, ward: str, by: Session, now: float) -> str:
    """A tablet's login, bound to its ward; returns what goes into the cookie. Raises AccountError."""
    taken = select(TabletRow.id).where(TabletRow.name == name)
    if connection.scalar(taken) is not None:
        raise AccountError("tablet_name", name=name)
    cookie = secrets.token_urlsafe(32)
    values = {"key": key(cookie), "name": name, "ward": ward, "made_by": by.name, "made_at": now}
    connection.execute(insert(TabletRow).values(**values, seen_at=now))
    audit.write(connection, now, by.name, by.role, "enrol", f"tablet {name}", ward=ward)
    return cookie


def listed(connection: Connection, wards: Collection[str]) -> list[dict[str, Any]]:
    """The tablets of these wards, or of all where there is none, by ward and name."""
    columns = (TabletRow.id, TabletRow.name, TabletRow.ward, TabletRow.made_by, TabletRow.made_at)
    query = select(*columns, TabletRow.seen_at).order_by(TabletRow.ward, TabletRow.name)
    rows = [dict(row._mapping) for row in connection.execute(query)]  # noqa: SLF001  (its public name)
    return [row for row in rows if may_see(wards, row["ward"])]


def ward_of(connection: Connection, tablet: int) -> str | None:
    """The ward of a tablet; None where there is none."""
    return connection.scalar(select(TabletRow.ward).where(TabletRow.id == tablet))


def revoke(connection: Connection, tablet: int, by: Session, now: float) -> None:
    """A tablet's login ends at once. Raises AccountError."""
    gone = delete(TabletRow).where(TabletRow.id == tablet).returning(TabletRow.name, TabletRow.ward)
    row = connection.execute(gone).one_or_none()
    if row is None:
        raise AccountError("no_tablet")
    audit.write(connection, now, by.name, by.role, "revoke", f"tablet {row.name}", ward=row.ward)


def find(connection: Connection, tablet_key: str, now: float) -> tuple[Session, float] | None:
    """The tablet of that key, as a session of nobody, and when it was last used; None where it has ended."""
    row = connection.execute(select(TabletRow).where(TabletRow.key == tablet_key)).one_or_none()
    if row is None or is_tablet_over(row.made_at, row.seen_at, now):
        return None
    return Session(tablet_key, 0, row.name, TABLET, (row.ward,), tablet=row.id), row.seen_at


def touch(connection: Connection, tablet: int, now: float) -> None:
    """Notes that a tablet is in use."""
    connection.execute(update(TabletRow).where(TabletRow.id == tablet).values(seen_at=now))


def people_of(connection: Connection, ward: str, now: float) -> list[dict[str, Any]]:
    """Whom a ward's tablet offers: who has a PIN and sees the ward, those seen lately first, then by name."""
    seen = select(func.max(SessionRow.seen_at)).where(SessionRow.person_id == PersonRow.id).scalar_subquery()
    columns = (PersonRow.id, PersonRow.name, PersonRow.wards, PersonRow.pin_used_at, seen.label("seen_at"))
    where = (PersonRow.pin.is_not(None), PersonRow.disabled_at.is_(None))
    rows = connection.execute(select(*columns).where(*where).order_by(PersonRow.login)).all()
    found = [
        {
            "id": row.id,
            "name": row.name,
            "on_duty": now - max(row.pin_used_at or 0.0, row.seen_at or 0.0) < ON_DUTY_S,
        }
        for row in rows
        if may_see(json.loads(row.wards), ward)
    ]
    return sorted(found, key=lambda one: not one["on_duty"])


def known(connection: Connection, person: int, ward: str) -> Known | None:
    """A person who may act on a ward's tablet; None where there is none of that number."""
    columns = (PersonRow.id, PersonRow.name, PersonRow.role, PersonRow.wards, PersonRow.pin)
    where = (PersonRow.id == person, PersonRow.disabled_at.is_(None), PersonRow.pin.is_not(None))
    row = connection.execute(select(*columns).where(*where)).one_or_none()
    if row is None or not may_see(json.loads(row.wards), ward):
        return None
    return Known(row.id, row.name, row.role, row.pin)


def trust(connection: Connection, tablet: int, person: int, now: float, until: float) -> None:
    """This person has given the PIN and needs none again until then, unless another one comes."""
    values = {"person_id": person, "person_until": until, "seen_at": now}
    connection.execute(update(TabletRow).where(TabletRow.id == tablet).values(values))
    connection.execute(update(PersonRow).where(PersonRow.id == person).values(pin_used_at=now))


def trusted(connection: Connection, tablet: int, now: float, longest: float) -> tuple[int, float] | None:
    """Who needs no PIN at this moment, and until when."""
    columns = (TabletRow.person_id, TabletRow.person_until)
    row = connection.execute(select(*columns).where(TabletRow.id == tablet)).one_or_none()
    if row is None or row.person_id is None or not now < row.person_until <= now + longest:
        return None  # a clock that was set back must not make it longer
    return row.person_id, row.person_until


def forget(connection: Connection, tablet: int) -> None:
    """The next action needs a PIN again."""
    values = {"person_id": None, "person_until": None}
    connection.execute(update(TabletRow).where(TabletRow.id == tablet).values(values))
