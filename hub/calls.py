"""Calls to alerts in the database: whom hub.escalation says must hear of each by now."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, func, select, update

from hub import reach
from hub.alerts import ENDED, TECHNICAL
from hub.escalation import Call, Ladder, Silence, Standing, call
from hub.faults import CHAIN, HUB
from hub.store import next_revision, write_changes
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
    AlertRow.shown_at,
)
_NEED_BOARD = frozenset({"distress", HUB, CHAIN, *reach.KINDS})
"""What must reach somebody soon. A device's own troubles need not, least of all those of many at once."""


def is_due(connection: Connection, now: float) -> bool:
    """Whether an alert's next call has come, or somebody has answered one."""
    return connection.scalar(select(AlertRow.id).where(AlertRow.call_at <= now).limit(1)) is not None


def make(connection: Connection, ladder: Ladder, now: float) -> list[tuple[int, int]]:
    """Makes all calls that are due; alert and level of each that is new.

    The number of statements does not grow with the number of alerts.
    """
    silences = _silences(connection, now)
    changes: dict[int, dict[str, Any]] = {}
    told, made = [], []
    due = connection.execute(select(*_COLUMNS).where(AlertRow.call_at <= now)).all()
    for row in sorted(due, key=lambda one: one.id):  # SQLite would read all alerts for the sake of the order
        found = call(_standing(row, silences.get(row.id, ())), now, ladder)
        changes[row.id] = {"call_at": found.due_at}
        if (found.level, found.calls) != (row.level, row.calls):
            changes[row.id] |= {"level": found.level, "calls": found.calls}
            told.append(row.id)
            if _is_new(found, row):
                made.append((row.id, found.level))
    if told:
        revision = next_revision(connection)
        for row_id in told:
            changes[row_id]["revision"] = revision
    write_changes(connection, AlertRow, changes)
    return made


def look_again(connection: Connection, now: float, *where: Any) -> None:
    """Have the engine look at these alerts at once: somebody has done something about them."""
    connection.execute(update(AlertRow).where(*where).values(call_at=now))


def _is_new(found: Call, row: Any) -> bool:
    return found.level > 0 and (found.calls > row.calls or found.level > row.level)


def _standing(row: Any, silences: Sequence[Silence]) -> Standing:
    # Whoever accepts a technical alarm has called the technician, which may take days.
    settled = row.priority == TECHNICAL and (row.condition == ENDED or row.accepted_at is not None)
    return Standing(
        raised_at=row.raised_at,
        accepted_at=row.accepted_at,
        is_over=settled or row.closed_at is not None or row.merged_into is not None,
        missed=row.missed,
        silences=tuple(silences),
        needs_board=row.kind in _NEED_BOARD,
        shown_at=row.shown_at,
    )


def _silences(connection: Connection, now: float) -> dict[int, list[Silence]]:
    """The mutes that count for each alert of distress whose call is due, by the alert."""
    began = func.coalesce(AlertRow.accepted_at, AlertRow.raised_at)
    query = (
        select(AlertRow.id, MuteRow.start_at, MuteRow.end_at)
        .join(MuteRow, MuteRow.device_id == AlertRow.device_id)
        .where(AlertRow.call_at <= now, AlertRow.kind == "distress", MuteRow.end_at > began)
    )
    found: dict[int, list[Silence]] = {}
    for alert_id, start, end in connection.execute(query):
        found.setdefault(alert_id, []).append(Silence(start, end))
    return found
