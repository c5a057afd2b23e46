"""Calls to alerts in the database: whom hub.escalation says must hear of each by now."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, or_, select, update

from hub.alerts import ENDED, TECHNICAL
from hub.escalation import Call, Ladder, Silence, Standing, call
from hub.store import next_revision
from hub.tables import AlertRow, MuteRow

_COLUMNS: tuple[Any, ...] = (
    AlertRow.id,
    AlertRow.device_id,
    AlertRow.kind,
    AlertRow.priority,
    AlertRow.condition,
    AlertRow.missed,
    AlertRow.raised_at,
    AlertRow.accepted_at,
    AlertRow.closed_at,
    AlertRow.merged_into,
    AlertRow.level,
    AlertRow.calls,
    AlertRow.call_at,
)


def is_due(connection: Connection, now: float) -> bool:
    """Whether an alert's next call has come, or somebody has answered one."""
    return connection.scalar(select(AlertRow.id).where(AlertRow.call_at <= now).limit(1)) is not None


def make(connection: Connection, ladder: Ladder, now: float) -> list[tuple[int, int]]:
    """Makes all calls that are due; alert and level of each that is new."""
    made = []
    for row in connection.execute(select(*_COLUMNS).where(AlertRow.call_at <= now)).all():
        found = call(_standing(connection, row), now, ladder)
        values: dict[str, Any] = {"call_at": found.due_at}
        if (found.level, found.calls) != (row.level, row.calls):
            values |= {"level": found.level, "calls": found.calls, "revision": next_revision(connection)}
            if _is_new(found, row):
                made.append((row.id, found.level))
        connection.execute(update(AlertRow).where(AlertRow.id == row.id).values(values))
    return made


def look_again(connection: Connection, now: float, *where: Any) -> None:
    """Have the engine look at these alerts at once: somebody has done something about them."""
    connection.execute(update(AlertRow).where(*where).values(call_at=now))


def _is_new(found: Call, row: Any) -> bool:
    return found.level > 0 and (found.calls > row.calls or found.level > row.level)


def _standing(connection: Connection, row: Any) -> Standing:
    # Whoever accepts a technical alarm has called the technician, which may take days.
    settled = row.priority == TECHNICAL and (row.condition == ENDED or row.accepted_at is not None)
    return Standing(
        raised_at=row.raised_at,
        accepted_at=row.accepted_at,
        is_over=settled or row.closed_at is not None or row.merged_into is not None,
        missed=row.missed,
        silences=_silences(connection, row) if row.kind == "distress" else (),
    )


def _silences(connection: Connection, row: Any) -> tuple[Silence, ...]:
    rows = connection.execute(
        select(MuteRow.start_at, MuteRow.end_at).where(
            MuteRow.device_id == row.device_id,
            or_(MuteRow.end_at > row.raised_at, MuteRow.end_at > (row.accepted_at or row.raised_at)),
        )
    )
    return tuple(Silence(*silence) for silence in rows)
