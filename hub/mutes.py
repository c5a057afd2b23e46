"""Pauses of an alert's sound and mutes of a bed: always by a named person, never without an end."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import Connection, insert, select, update

from hub import audit, board, calls
from hub.alerts import TECHNICAL
from hub.audit import Actor
from hub.refusals import RefusalError
from hub.store import next_revision
from hub.tables import AlertRow, Device, MuteRow

PAUSE_S = 120.0
MINUTES = (15, 30, 60, 120, 240)
"""How long a bed may be muted; nobody is forgotten for longer."""

HUB = Actor("hub", "hub")
"""Who acts where nobody does."""


class MuteError(RefusalError):
    """What cannot be paused or muted."""


def pause(connection: Connection, alert_id: int, who: Actor, now: float) -> float:
    """Silence an alert on every board for two minutes; calls to people go on. Returns until when.

    Raises RefusalError where it is over or makes no sound that goes on: accepted, missed, technical.
    """
    row = board.open_alert(connection, alert_id)
    if board.state_of(row) == "accepted":
        raise MuteError("taken", name=row.accepted_by)
    if row.missed or row.priority == TECHNICAL:
        raise MuteError("silent")
    values = {"paused_until": now + PAUSE_S, "paused_by": who.name, "revision": next_revision(connection)}
    connection.execute(update(AlertRow).where(AlertRow.id == alert_id).values(values))
    place = {"ward": row.ward, "bed": row.bed, "tablet": who.tablet}
    audit.write(connection, now, who.name, who.role, "pause", f"alert {alert_id}", **place)
    return now + PAUSE_S


def mute(connection: Connection, device_id: int, who: Actor, minutes: int, reason: str, now: float) -> float:
    """Neither sound nor calls for this bed's distress, in place of a mute that is in force; until when.

    The board goes on showing it. Raises MuteError.
    """
    if minutes not in MINUTES:
        raise MuteError("mute_minutes", minutes=minutes, choices=", ".join(map(str, MINUTES)))
    _end(connection, device_id, who, now)
    until = now + 60.0 * minutes
    values = {"device_id": device_id, "start_at": now, "end_at": until, "person": who.name, "reason": reason}
    told = {"muted_until": until, "muted_by": who.name, "muted_reason": reason}
    place = _tell(connection, device_id, told, now) | {"tablet": who.tablet}
    why = {"minutes": minutes, "reason": reason}
    audit.write(connection, now, who.name, who.role, "mute", f"device {device_id}", **why, **place)
    connection.execute(insert(MuteRow).values(values))
    return until


def lift(connection: Connection, device_id: int, who: Actor, now: float) -> None:
    """End a mute before its time. Raises MuteError where there is none."""
    if not _end(connection, device_id, who, now):
        raise MuteError("not_muted")
    place = _tell(connection, device_id, dict.fromkeys(("muted_until", "muted_by", "muted_reason")), now)
    place |= {"tablet": who.tablet}
    audit.write(connection, now, who.name, who.role, "unmute", f"device {device_id}", **place)


def lift_all(connection: Connection, devices: Collection[int], now: float) -> None:
    """The hub ends the mutes of devices that go to another bed, which nobody has muted."""
    muted = select(Device.id).where(Device.id.in_(devices), Device.muted_until > now)
    for device_id in connection.scalars(muted).all():
        lift(connection, device_id, HUB, now)


def _end(connection: Connection, device_id: int, who: Actor, now: float) -> bool:
    where = (MuteRow.device_id == device_id, MuteRow.end_at > now)
    found = connection.scalars(select(MuteRow.id).where(*where)).all()
    connection.execute(update(MuteRow).where(MuteRow.id.in_(found)).values(end_at=now, lifted_by=who.name))
    return bool(found)


def _tell(
    connection: Connection, device_id: int, values: dict[str, Any], now: float
) -> dict[str, str | None]:
    """On the bed's tile, and to the engine. Returns ward and bed."""
    values = values | {"revision": next_revision(connection)}
    changed = update(Device).where(Device.id == device_id).values(values)
    found = connection.execute(changed.returning(Device.ward, Device.bed)).one_or_none()
    if found is None:
        raise MuteError("no_bed")
    calls.look_again(connection, now, AlertRow.device_id == device_id, AlertRow.call_at.is_not(None))
    return {"ward": found.ward, "bed": found.bed}
