"""Who lies in which bed, in the database. Names are nowhere else: not in logs, audit, metrics or on the wire.

A name belongs to a device and to the bed it stands at. It is gone once the device is at another one, so that
no move of a device, wanted or mistaken, shows a name at a bed it was not entered for.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import Connection, and_, delete, insert, select, update

from hub import audit
from hub.account_tables import PatientRow
from hub.accounts import NAME, NOTHING
from hub.audit import Actor
from hub.refusals import RefusalError
from hub.store import next_revision, portions
from hub.tables import CANARY, Device

LONGEST = 60
HERE = and_(PatientRow.device_id == Device.id, PatientRow.bed == Device.bed)
"""The condition under which a name is a bed's."""


def initials(name: str) -> str:
    """The first letter of each of at most three words."""
    return " ".join(f"{word[0].upper()}." for word in name.split()[:3])


def listed(connection: Connection, wards: Collection[str]) -> list[dict[str, Any]]:
    """Every bed of these wards, none for all, and who lies there, if that is known; by ward and bed."""
    columns = (Device.id, Device.ward, Device.bed, PatientRow.name, PatientRow.set_at, PatientRow.set_by)
    shown = Device.ward.in_(wards) if wards else Device.ward != CANARY
    query = select(*columns).outerjoin(PatientRow, HERE).where(shown, Device.ward != CANARY)
    rows = connection.execute(query.order_by(Device.ward, Device.bed, Device.id))
    return [dict(row._mapping) for row in rows]  # noqa: SLF001  (its public name)


def put(connection: Connection, device_id: int, name: str, who: Actor, now: float) -> None:
    """Enters or changes who lies at a device's bed. Raises RefusalError."""
    place = _tell(connection, device_id)
    before = connection.execute(delete(PatientRow).where(PatientRow.device_id == device_id)).rowcount
    values = {"device_id": device_id, "bed": place["bed"], "name": name, "set_by": who.name, "set_at": now}
    connection.execute(insert(PatientRow).values(values))
    action = "change patient" if before else "enter patient"
    details = place | {"tablet": who.tablet}
    audit.write(connection, now, who.name, who.role, action, f"device {device_id}", **details)


def clear(connection: Connection, device_id: int, who: Actor, now: float) -> None:
    """Nobody lies there any more. Raises RefusalError."""
    place = _tell(connection, device_id)
    if not connection.execute(delete(PatientRow).where(PatientRow.device_id == device_id)).rowcount:
        raise RefusalError("no_patient")
    details = place | {"tablet": who.tablet}
    audit.write(connection, now, who.name, who.role, "clear patient", f"device {device_id}", **details)


def forget_moved(connection: Connection, now: float) -> None:
    """Removes the names of devices that stand at another bed now."""
    query = select(PatientRow.device_id, PatientRow.bed, Device.ward).join(
        Device, Device.id == PatientRow.device_id
    )
    for row in connection.execute(query.where(PatientRow.bed != Device.bed)).all():
        connection.execute(delete(PatientRow).where(PatientRow.device_id == row.device_id))
        place = {"ward": row.ward, "bed": row.bed, "reason": "the device is at another bed"}
        audit.write(connection, now, "hub", "hub", "clear patient", f"device {row.device_id}", **place)


def shown(connection: Connection, devices: Collection[int], how: str) -> dict[int, str]:
    """What is shown of the names at these devices' beds, by device; `how` is one of hub.accounts.SHOWN."""
    if how == NOTHING:
        return {}
    query = select(PatientRow.device_id, PatientRow.name).join(Device, HERE)
    found = [
        row for some in portions(devices) for row in connection.execute(query.where(Device.id.in_(some)))
    ]
    return {row.device_id: row.name if how == NAME else initials(row.name) for row in found}


def _tell(connection: Connection, device_id: int) -> dict[str, str]:
    """To every board that may show it. Returns ward and bed."""
    values = {"revision": next_revision(connection)}
    changed = update(Device).where(Device.id == device_id, Device.ward != CANARY).values(values)
    found = connection.execute(changed.returning(Device.ward, Device.bed)).one_or_none()
    if found is None:
        raise RefusalError("no_bed")
    return {"ward": found.ward, "bed": found.bed}
