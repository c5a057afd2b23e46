"""Logins in the database: sessions, kept as hashes of their cookies, and wrong passwords, counted."""

from __future__ import annotations

import json
import secrets
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from hub import audit
from hub.account_tables import FailureRow, PersonRow, SessionRow
from hub.accounts import (
    ABSOLUTE_S,
    FORGET_S,
    IDLE_S,
    AccountError,
    Session,
    counted,
    is_over,
    key,
    locked_until,
    login_name,
)

KEPT = 20  # sessions of a person that are over
TOUCH_S = 60.0  # how exactly it is known when a session was last used


class LockedError(AccountError):
    """Too many wrong passwords or PINs; `wait_s` is how long no other is tried."""

    def __init__(self, wait_s: float, *, pin: bool = False) -> None:
        self.wait_s = wait_s
        minutes = max(1, round(wait_s / 60))
        if pin:
            super().__init__("pin_locked", retry_s=wait_s, minutes=minutes)
        else:
            super().__init__("locked", retry_s=wait_s, minutes=minutes)


def attempt(connection: Connection, keys: tuple[str, str], now: float, *, pin: bool = False) -> None:
    """Counts a failure before the secret is tried, so that many at once count too. Raises LockedError.

    `keys` are whose secret it is and where it is tried, from `password_keys` or `pin_keys`.
    """
    connection.execute(delete(FailureRow).where(FailureRow.last_at <= now - FORGET_S))
    rows = connection.execute(
        select(FailureRow.key, FailureRow.failures, FailureRow.last_at).where(FailureRow.key.in_(keys))
    )
    # A clock that was set back must lock nobody out.
    known = {row.key: (counted(row.failures, row.last_at, now), min(row.last_at, now)) for row in rows}
    until = max((locked_until(*known[one]) for one in keys if one in known), default=now)
    if until > now:
        raise LockedError(until - now, pin=pin)
    for one in keys:
        values = {"failures": known.get(one, (0, now))[0] + 1, "last_at": now}
        if one in known:
            connection.execute(update(FailureRow).where(FailureRow.key == one).values(values))
        else:
            connection.execute(insert(FailureRow).values(key=one, **values))


def succeed(connection: Connection, keys: tuple[str, str]) -> None:
    """Forgets the failures with a secret, also those of the place that were with this secret."""
    account, place = keys
    own = connection.scalar(select(FailureRow.failures).where(FailureRow.key == account)) or 0
    connection.execute(delete(FailureRow).where(FailureRow.key == account))
    less = update(FailureRow).where(FailureRow.key == place).values(failures=FailureRow.failures - own)
    connection.execute(less)
    connection.execute(delete(FailureRow).where(FailureRow.key == place, FailureRow.failures <= 0))


def password_keys(name: str, address: str) -> tuple[str, str]:
    """Under which wrong passwords are counted; a name may be a mistyped password, so only hashes are kept."""
    return key(f"account {login_name(name)}"), key(f"address {address}")


def pin_keys(person: int, tablet: int) -> tuple[str, str]:
    """Under which wrong PINs are counted: apart from passwords, or a tablet could lock somebody's login."""
    return key(f"pin {person}"), key(f"tablet {tablet}")


def password(connection: Connection, name: str) -> tuple[int, str, str, str | None] | None:
    """Person, name, role and hashed password; the password is None for whoever is disabled."""
    columns = (PersonRow.id, PersonRow.name, PersonRow.role, PersonRow.password, PersonRow.disabled_at)
    row = connection.execute(select(*columns).where(PersonRow.login == login_name(name))).one_or_none()
    if row is None:
        return None
    return row.id, row.name, row.role, row.password if row.disabled_at is None else None


def begin(connection: Connection, person: int, hashed: str | None, before: str | None, now: float) -> str:
    """A new session in place of the one before, if any; returns what goes into the cookie.

    `hashed` is the password that was tried; where it has changed since, or the person is disabled,
    AccountError is raised.
    """
    still = (PersonRow.id == person, PersonRow.password == hashed, PersonRow.disabled_at.is_(None))
    row = connection.execute(select(PersonRow.name, PersonRow.role).where(*still)).one_or_none()
    if row is None:
        raise AccountError("account_changed")
    # What is over may be so by a clock that is wrong; as few of each person are kept as do no harm.
    mine = SessionRow.person_id == person
    over = (SessionRow.seen_at <= now - IDLE_S) | (SessionRow.made_at <= now - ABSOLUTE_S)
    newest = (
        select(SessionRow.key).where(mine, over).order_by(SessionRow.seen_at.desc()).limit(KEPT).subquery()
    )
    connection.execute(delete(SessionRow).where(mine, over, SessionRow.key.not_in(select(newest.c.key))))
    if before is not None:
        connection.execute(delete(SessionRow).where(SessionRow.key == key(before)))
    cookie = secrets.token_urlsafe(32)
    values = {"key": key(cookie), "person_id": person, "made_at": now, "seen_at": now}
    connection.execute(insert(SessionRow).values(values))
    audit.write(connection, now, row.name, row.role, "login", f"person {row.name}")
    return cookie


def find(connection: Connection, session_key: str, now: float) -> tuple[Session, float] | None:
    """Whose session it is, and when it was last used; None where it has ended."""
    columns: tuple[Any, ...] = (SessionRow.person_id, PersonRow.name, PersonRow.role, PersonRow.wards)
    query = select(*columns, SessionRow.made_at, SessionRow.seen_at).join(
        PersonRow, PersonRow.id == SessionRow.person_id
    )
    where = (SessionRow.key == session_key, PersonRow.disabled_at.is_(None))
    row = connection.execute(query.where(*where)).one_or_none()
    if row is None or is_over(row.made_at, row.seen_at, now):
        return None
    wards = tuple(json.loads(row.wards))
    return Session(session_key, row.person_id, row.name, row.role, wards), row.seen_at


def touch(connection: Connection, session_key: str, now: float) -> None:
    """Notes that a session is in use."""
    connection.execute(update(SessionRow).where(SessionRow.key == session_key).values(seen_at=now))


def end(connection: Connection, session: Session, now: float, *, everywhere: bool = False) -> None:
    """Ends a session, or all of its person's."""
    mine = SessionRow.person_id == session.person_id
    connection.execute(delete(SessionRow).where(mine if everywhere else SessionRow.key == session.key))
    action = "logout everywhere" if everywhere else "logout"
    audit.write(connection, now, session.name, session.role, action, f"person {session.name}")
