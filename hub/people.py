"""People with an account, and invitations to one, in the database; each change with its audit entry."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, update

from hub import audit
from hub.account_tables import InvitationRow, PersonRow, SessionRow, TabletRow
from hub.accounts import ADMIN, INVITATION_S, AccountError, Session, code_key, login_name, new_code
from hub.tablets import is_reserved

COMMAND_LINE = "command line"


def listed(connection: Connection) -> list[dict[str, Any]]:
    """Everybody with an account, by name."""
    open_ones = select(func.count()).where(SessionRow.person_id == PersonRow.id).scalar_subquery()
    columns = (PersonRow.id, PersonRow.name, PersonRow.role, PersonRow.wards, PersonRow.disabled_at)
    query = select(*columns, PersonRow.pin.is_not(None).label("pin"), open_ones.label("sessions"))
    rows = connection.execute(query.order_by(PersonRow.login)).all()
    return [
        {
            "id": row.id,
            "name": row.name,
            "role": row.role,
            "wards": json.loads(row.wards),
            "disabled": row.disabled_at is not None,
            "pin": row.pin,
            "sessions": row.sessions,
        }
        for row in rows
    ]


def find(connection: Connection, name: str) -> int | None:
    """The number of the person with this name, however it is spelled; None where nobody has an account."""
    return connection.scalar(select(PersonRow.id).where(PersonRow.login == login_name(name)))


def is_admin(connection: Connection, person: int) -> bool:
    """Whether somebody is an admin and may log in."""
    where = (PersonRow.id == person, PersonRow.role == ADMIN, PersonRow.disabled_at.is_(None))
    return connection.scalar(select(PersonRow.id).where(*where)) is not None


def is_empty(connection: Connection) -> bool:
    """Whether nobody has an account yet."""
    return connection.scalar(select(PersonRow.id).limit(1)) is None


def invite(
    connection: Connection, name: str, role: str, wards: Sequence[str], by: Session | None, now: float
) -> str:
    """A code with which somebody new becomes a person with this role and these wards. Raises AccountError.

    `by` is None at the command line.
    """
    if is_reserved(name):
        raise AccountError("reserved_name")
    spelled = unicodedata.normalize("NFC", " ".join(name.split()))
    if find(connection, name) is not None:
        raise AccountError("has_account", name=spelled)
    wards = sorted(set(wards))
    audit.write(connection, now, *_who(by), "invite", f"person {spelled}", role=role, wards=wards)
    return _new_code(connection, spelled, role, wards, now)


def new_password(connection: Connection, person: int, by: Session | None, now: float) -> tuple[str, str]:
    """A code with which somebody sets a new password, and nothing else; and the name. Raises AccountError.

    `by` is None at the command line.
    """
    row = _person(connection, person)
    if row.disabled_at is not None:
        raise AccountError("disabled", name=row.name)
    audit.write(connection, now, *_who(by), "new code", f"person {row.name}")
    return _new_code(connection, row.name, row.role, json.loads(row.wards), now), row.name


def _new_code(connection: Connection, name: str, role: str, wards: Sequence[str], now: float) -> str:
    """A code that serves once, within 72 hours; earlier ones for the name are void."""
    code = new_code()
    connection.execute(delete(InvitationRow).where(InvitationRow.login == login_name(name)))
    connection.execute(delete(InvitationRow).where(InvitationRow.end_at <= now))
    values = {"key": code_key(code), "name": name, "login": login_name(name), "role": role}
    values |= {"wards": json.dumps(wards)}
    connection.execute(insert(InvitationRow).values(**values, end_at=now + INVITATION_S))
    return code


def _who(by: Session | None) -> tuple[str, str]:
    return (COMMAND_LINE, ADMIN) if by is None else (by.name, by.role)


def invited(connection: Connection, code: str, now: float) -> str:
    """The name a code was made for. Raises AccountError where it is wrong, used or too old."""
    return str(_invitation(connection, code, now).name)


def join(connection: Connection, code: str, password: str, now: float) -> int:
    """Uses up a code: the person, new or not, has this hashed password from now on. Raises AccountError.

    Role and wards are the invitation's only for somebody new: whoever is a person already may have been given
    others since the code was made.
    """
    row = _invitation(connection, code, now)
    connection.execute(delete(InvitationRow).where(InvitationRow.key == row.key))
    number = find(connection, row.login)
    if number is None:
        values = {"name": row.name, "login": row.login, "role": row.role, "wards": row.wards}
        new = insert(PersonRow).values(**values, password=password, made_at=now).returning(PersonRow.id)
        number = connection.execute(new).scalar_one()
    else:
        secrets = {"password": password, "pin": None}  # a code may have come into other hands
        connection.execute(update(PersonRow).where(PersonRow.id == number).values(secrets))
        _end_sessions(connection, number)
    person = _person(connection, number)
    if person.disabled_at is not None:
        raise AccountError("code")
    audit.write(connection, now, person.name, person.role, "join", f"person {person.name}")
    return number


def _invitation(connection: Connection, code: str, now: float) -> Any:
    where = (InvitationRow.key == code_key(code), InvitationRow.end_at > now)
    columns = (InvitationRow.key, InvitationRow.name, InvitationRow.login, InvitationRow.role)
    row = connection.execute(select(*columns, InvitationRow.wards).where(*where)).one_or_none()
    if row is None:
        raise AccountError("code")
    return row


def disable(connection: Connection, person: int, by: Session, now: float) -> None:
    """Ends every session of somebody and lets them in no more. Raises AccountError."""
    row = _person(connection, person)
    if row.disabled_at is not None:
        raise AccountError("disabled", name=row.name)
    _keep_an_admin(connection, row)
    connection.execute(update(PersonRow).where(PersonRow.id == person).values(disabled_at=now))
    _end_sessions(connection, person)
    connection.execute(delete(InvitationRow).where(InvitationRow.login == row.login))
    audit.write(connection, now, by.name, by.role, "disable", f"person {row.name}")


def enable(connection: Connection, person: int, by: Session, now: float) -> None:
    """Lets somebody in again. Raises AccountError."""
    row = _person(connection, person)
    if row.disabled_at is None:
        raise AccountError("not_disabled", name=row.name)
    connection.execute(update(PersonRow).where(PersonRow.id == person).values(disabled_at=None))
    audit.write(connection, now, by.name, by.role, "enable", f"person {row.name}")


def change(
    connection: Connection, person: int, role: str, wards: Sequence[str], by: Session, now: float
) -> None:
    """Gives somebody another role and other wards, at once. Raises AccountError."""
    row = _person(connection, person)
    if role != ADMIN:
        _keep_an_admin(connection, row)
    values = {"role": role, "wards": json.dumps(sorted(set(wards)))}
    connection.execute(update(PersonRow).where(PersonRow.id == person).values(values))
    before = {"role": row.role, "wards": json.loads(row.wards)}
    details = {"role": role, "wards": sorted(set(wards)), "before": before}
    audit.write(connection, now, by.name, by.role, "change", f"person {row.name}", **details)


def log_out(connection: Connection, person: int, by: Session, now: float) -> None:
    """Ends every session of somebody, who can log in again. Raises AccountError."""
    row = _person(connection, person)
    _end_sessions(connection, person)
    audit.write(connection, now, by.name, by.role, "end sessions", f"person {row.name}")


def set_password(connection: Connection, own: Session, hashed: str, now: float) -> None:
    """A person's own new password, hashed; every session ends."""
    connection.execute(update(PersonRow).where(PersonRow.id == own.person_id).values(password=hashed))
    _end_sessions(connection, own.person_id)
    audit.write(connection, now, own.name, own.role, "change password", f"person {own.name}")


def set_pin(connection: Connection, own: Session, hashed: str | None, now: float) -> None:
    """A person's own PIN for wards' tablets, hashed; None removes it."""
    connection.execute(update(PersonRow).where(PersonRow.id == own.person_id).values(pin=hashed))
    _end_trust(connection, own.person_id)
    action = "remove PIN" if hashed is None else "set PIN"
    audit.write(connection, now, own.name, own.role, action, f"person {own.name}")


def has_pin(connection: Connection, person: int) -> bool:
    """Whether somebody can act on wards' tablets."""
    return connection.scalar(select(PersonRow.pin).where(PersonRow.id == person)) is not None


def _end_sessions(connection: Connection, person: int) -> None:
    connection.execute(delete(SessionRow).where(SessionRow.person_id == person))
    _end_trust(connection, person)


def _end_trust(connection: Connection, person: int) -> None:
    values = {"person_id": None, "person_until": None}
    connection.execute(update(TabletRow).where(TabletRow.person_id == person).values(values))


def _person(connection: Connection, person: int) -> Any:
    columns = (PersonRow.name, PersonRow.login, PersonRow.role, PersonRow.wards, PersonRow.disabled_at)
    row = connection.execute(select(PersonRow.id, *columns).where(PersonRow.id == person)).one_or_none()
    if row is None:
        raise AccountError("no_person")
    return row


def _keep_an_admin(connection: Connection, row: Any) -> None:
    where = (PersonRow.role == ADMIN, PersonRow.disabled_at.is_(None), PersonRow.id != row.id)
    others = connection.scalar(select(func.count()).select_from(PersonRow).where(*where))
    if row.role == ADMIN and not others:
        raise AccountError("only_admin", name=row.name)
