"""What the hub remembers, moved back with its clock, or it would seem to be still to come.

Deadlines would wait out the whole step, what is long over would seem to go on, and new distress would be
taken for what somebody has closed already. Actions and the audit log stay as they were written.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, case, or_, select, update

from hub.delivery_tables import BoardRow, DeliveryRow, RecipientRow
from hub.store import counter, next_revision
from hub.tables import ALIVE, AlertRow, Device, EpisodeRow, MuteRow, Process, Record

_TOLD: tuple[tuple[Any, tuple[str, ...]], ...] = (
    (
        Device,
        (
            "status_at",
            "microphone_at",
            "heard_at",
            "emotion_at",
            "clock_off_at",
            "storage_refused_at",
            "muted_until",
        ),
    ),
    (MuteRow, ("start_at", "end_at")),
    (BoardRow, ("heard_at", "shown_at", "sounded_at")),
    (Process, ("at", "since")),
    (RecipientRow, ("tried_at", "reached_at", "failing_since")),
)
"""Times that are moved where they are still to come, one by one."""
_OF_ALERTS = (
    "opened_at",
    "raised_at",
    "high_at",
    "ended_at",
    "accepted_at",
    "shown_at",
    "paused_until",
    "closed_at",
)


def move(connection: Connection, seconds: float, now: float) -> None:
    """After the clock was set back to `now` by so many seconds: nobody waits the longer for it.

    Everything that has a deadline is looked at anew at once.
    """
    revision = {"revision": next_revision(connection)}
    lately = or_(
        ALIVE, *(column > now for column in (AlertRow.raised_at, AlertRow.ended_at, AlertRow.closed_at))
    )
    # What belongs together is moved together, so that whoever waits has waited as long as before.
    theirs = EpisodeRow.alert_id.in_(select(AlertRow.id).where(lately))
    heard = or_(EpisodeRow.last_at > now, EpisodeRow.received_at > now, theirs)
    unread = (Record.received_at > now) & (Record.id > counter(connection, "cursor"))
    together: tuple[tuple[Any, tuple[str, ...], Any, dict[str, int]], ...] = (
        (EpisodeRow, ("onset_at", "last_at", "received_at"), heard, {}),
        (AlertRow, _OF_ALERTS, lately, revision),
        (Record, ("at", "received_at"), unread, {}),
        (DeliveryRow, ("made_at", "due_at"), DeliveryRow.open.is_(True), {}),
    )
    for table, names, where, values in together:
        moved = {name: getattr(table, name) - seconds for name in names}
        connection.execute(update(table).where(where).values(moved | values))
    for table, names in _TOLD:
        to_come = or_(*(getattr(table, name) > now for name in names))
        moved = {name: _back(getattr(table, name), seconds, now) for name in names}
        values = revision if table is Device else {}
        connection.execute(update(table).where(to_come).values(moved | values))
    connection.execute(update(AlertRow).where(AlertRow.call_at.is_not(None)).values(call_at=now))
    connection.execute(update(Device).where(Device.due_at.is_not(None)).values(due_at=now))


def _back(column: Any, seconds: float, now: float) -> Any:
    return case((column > now, column - seconds), else_=column)
