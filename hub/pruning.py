"""Removes what grows with every minute and is too old; a little at a time, so that no writer waits long.

Records make nearly all of a database: a bed's minutes are half a million rows a year. Episodes, alerts, what
people did and the audit log stay.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, delete, func, select

from hub.delivery_tables import DeliveryRow
from hub.store import counter
from hub.tables import Record

PORTION = 500
DAY_S = 86400.0


def prune(connection: Connection, now: float, days: float) -> bool:
    """Removes at most `PORTION` records and as many deliveries older than that; whether more may be left."""
    before = now - DAY_S * days
    # The newest stays: SQLite would give its number again, and the engine has passed that.
    newest = select(func.max(Record.id)).scalar_subquery()
    taken_in = (Record.id <= counter(connection, "cursor"), Record.id < newest)
    records = _remove(connection, Record, Record.received_at, before, *taken_in)
    return (
        _remove(connection, DeliveryRow, DeliveryRow.made_at, before, DeliveryRow.open.is_(False)) or records
    )


def _remove(connection: Connection, table: Any, at: Any, before: float, *where: Any) -> bool:
    """The oldest rows have the smallest numbers, so none but these are read."""
    oldest = connection.execute(select(table.id, at).order_by(table.id).limit(PORTION)).all()
    old = [row[0] for row in oldest if row[1] < before]
    if not old:
        return False
    return connection.execute(delete(table).where(table.id.in_(old), *where)).rowcount == PORTION
