"""Technical alerts in the database: what is known of every device's health, and what is wrong already."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from sqlalchemy import Connection, insert, select

from hub.alerts import ENDED, PRESENT, TECHNICAL
from hub.faults import DeviceHealth, Fault, Key, Place
from hub.freshness import is_fresh
from hub.ledger import rewrite
from hub.store import next_revision
from hub.tables import ALIVE, CANARY, AlertRow, Device, Process

_DEVICE_COLUMNS: tuple[Any, ...] = tuple(
    Device.status_reason if field.name == "reason" else getattr(Device, field.name)
    for field in fields(DeviceHealth)
)


def devices(connection: Connection) -> dict[int, DeviceHealth]:
    """What is known of every device's own health."""
    rows = connection.execute(select(Device.id, *_DEVICE_COLUMNS).where(Device.ward != CANARY))
    return {row[0]: DeviceHealth(*row[1:]) for row in rows}


def listening_since(connection: Connection, now: float, grace_s: float) -> float | None:
    """Since when ingest has been able to hear devices; None where it cannot, or gives no sign of life."""
    row = connection.execute(
        select(Process.at, Process.working, Process.since).where(Process.name == "ingest")
    ).one_or_none()
    if row is None or not row.working or not is_fresh(row.at, now, grace_s):
        return None
    return float(row.since)


def canary_heard_at(connection: Connection) -> float | None:
    """When the last canary came through, None where none ever has."""
    return connection.scalar(select(Process.at).where(Process.name == CANARY))


def shown(connection: Connection) -> dict[Key, tuple[int, Fault]]:
    """The technical alerts whose condition goes on, with their rows, by place and kind."""
    columns = (AlertRow.kind, AlertRow.opened_at, AlertRow.reason, AlertRow.fault, AlertRow.fault_values)
    rows = connection.execute(
        select(AlertRow.device_id, AlertRow.ward, AlertRow.id, *columns).where(
            ALIVE, AlertRow.priority == TECHNICAL, AlertRow.condition == PRESENT
        )
    )
    return {
        (_place(row.device_id, row.ward), row.kind): (row.id, Fault(*row[3:7], json.loads(row.fault_values)))
        for row in rows
    }


def _place(device_id: int | None, ward: str) -> Place:
    return Place(ward=ward) if device_id is None else Place(device_id)


def write(
    connection: Connection, rows: Mapping[Key, int], changes: Mapping[Key, Fault | None], now: float
) -> dict[int, Fault]:
    """Opens, rewords and, where there is no fault any more, ends technical alerts; those that are new.

    `rows` are those that are shown already. The number of statements does not grow with that of changes.
    """
    ended = {"condition": ENDED, "ended_at": now}
    known = {rows[key]: fault for key, fault in changes.items() if key in rows}
    rewrite(connection, {row: ended if fault is None else _told(fault) for row, fault in known.items()}, now)
    new = {key: fault for key, fault in changes.items() if key not in rows and fault is not None}
    if not new:
        return {}
    beds = _beds(connection, {place.device_id for place, _ in new})
    values = {"raised_at": now, "call_at": now, "revision": next_revision(connection)}
    added = insert(AlertRow).returning(AlertRow.id, AlertRow.device_id, AlertRow.ward, AlertRow.kind)
    found = connection.execute(added, [_row(key[0], fault, beds) | values for key, fault in new.items()])
    return {row.id: new[_place(row.device_id, row.ward), row.kind] for row in found}


def _beds(connection: Connection, device_ids: set[int | None]) -> dict[int, tuple[str, str]]:
    """Ward and bed of each device."""
    query = select(Device.id, Device.ward, Device.bed).where(Device.id.in_(device_ids - {None}))
    return {row.id: (row.ward, row.bed) for row in connection.execute(query)}


def _row(place: Place, fault: Fault, beds: Mapping[int, tuple[str, str]]) -> dict[str, Any]:
    ward, bed = place.ward, place.ward or "Hub"
    if place.device_id is not None:
        ward, bed = beds[place.device_id]
    return {
        "device_id": place.device_id,
        "ward": ward,
        "bed": bed,
        "kind": fault.kind,
        "anchor": "",
        "priority": TECHNICAL,
        "condition": PRESENT,
        "missed": False,
        "opened_at": fault.since,
        "episodes": 0,
        "emotion": "",
        "peak": 0.0,
        **_told(fault),
    }


def _told(fault: Fault) -> dict[str, str]:
    """What an alert says of its cause."""
    values = json.dumps(dict(fault.values), sort_keys=True)
    return {"reason": fault.reason, "fault": fault.code, "fault_values": values}
