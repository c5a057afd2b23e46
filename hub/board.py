"""What the board shows and what people do there: the web process's half of the database."""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any

from sqlalchemy import Connection, Select, insert, or_, select, true, update

from hub import audit, patients
from hub.accounts import NOTHING
from hub.alerts import ENDED, TECHNICAL
from hub.audit import Actor
from hub.called import with_calls
from hub.escalation import QUIET
from hub.refusals import RefusalError
from hub.store import next_revision, revision
from hub.tables import ALIVE, CANARY, ActionRow, AlertRow, Device, Process
from hub.tablets import is_reserved

RECENT = 20
ALERT_COLUMNS: tuple[Any, ...] = (
    AlertRow.id,
    AlertRow.device_id,
    AlertRow.ward,
    AlertRow.bed,
    AlertRow.kind,
    AlertRow.priority,
    AlertRow.condition,
    AlertRow.missed,
    AlertRow.opened_at,
    AlertRow.ended_at,
    AlertRow.episodes,
    AlertRow.emotion,
    AlertRow.peak,
    AlertRow.level_db,
    AlertRow.reason,
    AlertRow.fault,
    AlertRow.fault_values,
    AlertRow.merged_into,
    AlertRow.accepted_by,
    AlertRow.accepted_at,
    AlertRow.closed_by,
    AlertRow.closed_at,
    AlertRow.outcome,
    AlertRow.level,
    AlertRow.calls,
    AlertRow.paused_until,
    AlertRow.paused_by,
)
_BED: tuple[Any, ...] = (
    Device.id,
    Device.ward,
    Device.name,
    Device.bed,
    Device.status,
    Device.status_at,
    Device.heard_at,
    Device.microphone,
    Device.emotion,
    Device.emotion_at,
    Device.distress,
    Device.level_db,
    Device.outbox,
    Device.muted_until,
    Device.muted_by,
    Device.muted_reason,
)


class ActionError(RefusalError):
    """An action that does not fit the alert any more."""


def snapshot(connection: Connection, wards: Collection[str] = (), names: str = NOTHING) -> dict[str, Any]:
    """The whole board, or these wards': every bed, every open alert, the latest that are over.

    `names` is what is shown of patients' names: one of hub.accounts.SHOWN.
    """
    beds, shown = _in(wards)
    open_ones = select(*ALERT_COLUMNS).where(is_open(), shown)
    over = select(*ALERT_COLUMNS).where(~is_open(), AlertRow.merged_into.is_(None), shown)
    over = over.order_by(AlertRow.revision.desc()).limit(RECENT)
    return {
        "full": True,
        "revision": revision(connection),
        "beds": _beds(connection, select(*_BED).where(beds), names),
        "alerts": _alerts(connection, open_ones) + _alerts(connection, over),
    }


def changes(
    connection: Connection, after: int, wards: Collection[str] = (), names: str = NOTHING
) -> dict[str, Any]:
    """The beds and alerts that have changed since revision `after`, in their present state."""
    beds, shown = _in(wards)
    return {
        "full": False,
        "revision": revision(connection),
        "beds": _beds(connection, select(*_BED).where(Device.revision > after, beds), names),
        "alerts": _alerts(connection, select(*ALERT_COLUMNS).where(AlertRow.revision > after, shown)),
    }


def wards(connection: Connection) -> list[str]:
    """The wards that have devices."""
    query = select(Device.ward).where(Device.ward != CANARY).distinct().order_by(Device.ward)
    return list(connection.scalars(query))


def ward_of_alert(connection: Connection, alert_id: int) -> str | None:
    """The ward of an alert, empty for the hub's own; None where there is no such alert."""
    return connection.scalar(select(AlertRow.ward).where(AlertRow.id == alert_id))


def name_of_bed(connection: Connection, device_id: int) -> tuple[str, str]:
    """Ward and name of a bed's device, which must be there."""
    row = connection.execute(select(Device.ward, Device.name).where(Device.id == device_id)).one()
    return row.ward, row.name


def ward_of_bed(connection: Connection, device_id: int) -> str | None:
    """The ward a bed's device is in; None where there is no such bed."""
    return connection.scalar(select(Device.ward).where(Device.id == device_id))


def signs_of_life(connection: Connection) -> dict[str, tuple[float, bool]]:
    """When each process last gave a sign of life, and whether it could do its work."""
    processes = select(Process.name, Process.at, Process.working).where(Process.name != CANARY)
    rows = connection.execute(processes)
    return {row.name: (row.at, row.working) for row in rows}


def accept(connection: Connection, alert_id: int, who: Actor, now: float) -> None:
    """Somebody takes an alert on. Raises ActionError where it is taken or over.

    Taken over may be what was accepted and not attended, once people are called to it anew, and, by somebody
    with a name, what a tablet accepted for nobody named.
    """
    row = open_alert(connection, alert_id)
    named = row.accepted_by is None or not is_reserved(row.accepted_by)
    if state_of(row) == "accepted" and (named or is_reserved(who.name)):
        raise ActionError("taken", name=row.accepted_by)
    # Quiet at once, or until the engine looks it would wait for somebody still.
    values = {"accepted_by": who.name, "accepted_at": now, "level": QUIET}
    _act(connection, row, who, now, "accept", values, instead_of=row.accepted_by)


def close(connection: Connection, alert_id: int, who: Actor, outcome: str, now: float) -> None:
    """A named person ends an accepted alert with its outcome. Raises ActionError where that cannot be."""
    row = open_alert(connection, alert_id)
    if row.accepted_by is None:
        raise ActionError("not_accepted")
    values = {"closed_by": who.name, "closed_at": now, "outcome": outcome}
    _act(connection, row, who, now, "close", values, outcome=outcome)


def open_alert(connection: Connection, alert_id: int) -> Any:
    """The ALERT_COLUMNS of an alert that something can be done about. Raises ActionError."""
    row = connection.execute(select(*ALERT_COLUMNS).where(AlertRow.id == alert_id)).one_or_none()
    if row is None:
        raise ActionError("no_alert")
    if row.closed_by is not None:
        raise ActionError("closed", name=row.closed_by, outcome=row.outcome)
    if row.merged_into is not None:
        raise ActionError("merged")
    if state_of(row) == "resolved":
        raise ActionError("resolved")
    return row


def _act(
    connection: Connection,
    row: Any,
    who: Actor,
    now: float,
    action: str,
    values: dict[str, Any],
    **details: str | None,
) -> None:
    """Record the action, and write what it changes of the alert."""
    done = {"alert_id": row.id, "at": now, "person": who.name, "action": action}
    connection.execute(insert(ActionRow).values(**done, outcome=details.get("outcome")))
    details |= {"ward": row.ward, "bed": row.bed, "tablet": who.tablet}
    audit.write(connection, now, who.name, who.role, action, f"alert {row.id}", **details)
    values = values | {"revision": next_revision(connection), "call_at": now}
    connection.execute(update(AlertRow).where(AlertRow.id == row.id).values(values))


def _in(wards: Collection[str]) -> tuple[Any, Any]:
    """Which beds and which alerts somebody with these wards sees; the hub's own alerts are everybody's."""
    if not wards:
        return Device.ward != CANARY, true()
    return Device.ward.in_(set(wards) - {CANARY}), or_(AlertRow.ward.in_(wards), AlertRow.ward == "")


def is_open() -> Any:
    """The condition for alerts that wait for somebody: not resolved, not closed, not part of another."""
    return ALIVE & AlertRow.closed_at.is_(None)


def _beds(connection: Connection, query: Select[Any], names: str) -> list[dict[str, Any]]:
    """With `patient`, unless nothing is to be shown of the names."""
    rows = [dict(row._mapping) for row in connection.execute(query)]  # noqa: SLF001  (its public name)
    if names == NOTHING or not rows:
        return rows
    known = patients.shown(connection, [row["id"] for row in rows], names)
    return [row | {"patient": known.get(row["id"])} for row in rows]


def _alerts(connection: Connection, query: Select[Any]) -> list[dict[str, Any]]:
    return with_calls(connection, [told(row) for row in connection.execute(query)])


def told(row: Any) -> dict[str, Any]:
    """An alert of ALERT_COLUMNS as the board is sent it, with its state."""
    own: dict[str, Any] = dict(row._mapping)  # noqa: SLF001
    return own | {"state": state_of(row), "fault_values": json.loads(row.fault_values)}


def state_of(row: Any) -> str:
    """Where an alert stands, in one word: waiting, accepted, closed, resolved or merged.

    What was accepted waits again once people are called to it anew: nobody has come.
    """
    if row.merged_into is not None:
        return "merged"
    if row.closed_at is not None:
        return "closed"
    if row.priority == TECHNICAL and row.condition == ENDED:
        return "resolved"
    return "waiting" if row.accepted_at is None or row.level > QUIET else "accepted"
