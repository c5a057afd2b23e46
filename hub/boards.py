"""Boards in the database: which pages show which wards, with sound or without, and what they have shown."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, delete, func, insert, select, update

from hub.accounts import may_see
from hub.delivery import BOARD, PENDING, SEEN
from hub.delivery_tables import BoardRow, DeliveryRow
from hub.freshness import is_fresh
from hub.reach import FRESH_S, Sign
from hub.store import portions
from hub.tables import CANARY, AlertRow, Device, Process

FORGET_S = 86400.0
"""A page not heard for so long is gone; a browser that is opened again has a new number."""
WEB = "web"


@dataclass(frozen=True, slots=True)
class Report:
    """A page's last words; times as in hub.reach.Sign."""

    name: str
    wards: tuple[str, ...]
    heard_at: float
    shown_at: float | None
    sounded_at: float | None


def save(connection: Connection, reports: Mapping[str, Report], now: float) -> None:
    """Writes what boards have said of themselves, by their numbers."""
    known = set(connection.scalars(select(BoardRow.id).where(BoardRow.id.in_(reports))))
    table: Any = BoardRow.__table__
    for number, report in reports.items():
        values = {
            "name": report.name,
            "wards": json.dumps(report.wards),
            "heard_at": report.heard_at,
            # What it said before its web process was started again stays true.
            **({} if report.shown_at is None else {"shown_at": report.shown_at}),
            **({} if report.sounded_at is None else {"sounded_at": report.sounded_at}),
        }
        if number in known:
            connection.execute(update(table).where(table.c.id == number).values(values))
        else:
            connection.execute(insert(table).values(id=number, **values))
    connection.execute(delete(table).where(table.c.heard_at < now - FORGET_S))


def confirm(
    connection: Connection, shown: Mapping[int, int], wards: tuple[str, ...], board: str, now: float
) -> None:
    """A board shows these alerts, each as called at that level; only the first to say so counts.

    No revision: it changes nothing on any board.
    """
    mine: list[Any] = []
    for ids in portions(shown):
        some = AlertRow.id.in_(ids)
        rows = connection.execute(select(AlertRow.id, AlertRow.ward, AlertRow.shown_at).where(some))
        mine += [row for row in rows if may_see(wards, row.ward)]
    alerts: Any = AlertRow.__table__
    first = [{"alert": row.id} for row in mine if row.shown_at is None]
    if first:
        statement = update(alerts).where(alerts.c.id == bindparam("alert")).values(shown_at=now)
        connection.execute(statement, first)
    if mine:
        told: Any = DeliveryRow.__table__
        waiting = (
            told.c.alert_id == bindparam("alert"),
            told.c.channel == BOARD,
            told.c.state == PENDING,
            told.c.level <= bindparam("called"),
        )
        seen = update(told).where(*waiting).values(state=SEEN, done_at=now, seen_by=board)
        connection.execute(seen, [{"alert": row.id, "called": shown[row.id]} for row in mine])


def signs(connection: Connection) -> list[Sign]:
    """Every board's last words."""
    columns = (BoardRow.wards, BoardRow.shown_at, BoardRow.sounded_at)
    return [Sign(tuple(json.loads(row[0])), *row[1:]) for row in connection.execute(select(*columns))]


def wards(connection: Connection, heard_after: float) -> dict[str, float]:
    """The wards with a bed that can raise an alert, and since when they have had one.

    That is a device heard after that time which has not said goodbye.
    """
    here = (Device.ward != CANARY, Device.heard_at >= heard_after, Device.status != "offline")
    query = select(Device.ward, func.min(Device.status_at)).where(*here).group_by(Device.ward)
    return {row[0]: row[1] for row in connection.execute(query)}


def serving_since(connection: Connection, started_at: float, now: float) -> float:
    """Since when there has been a page to look at; where none answers now, not before `started_at`."""
    row = connection.execute(select(Process.at, Process.since).where(Process.name == WEB)).one_or_none()
    if row is None:
        return started_at
    return float(row.since) if is_fresh(row.at, now, FRESH_S) else max(float(row.since), started_at)


def heard_of(connection: Connection, process: str) -> float:
    """A process's last sign of life, 0 where there has never been one."""
    return connection.scalar(select(Process.at).where(Process.name == process)) or 0.0


def counts(connection: Connection, now: float) -> tuple[int, int]:
    """How many boards are seen now, and how many can sound."""
    found = signs(connection)
    seen = sum(is_fresh(sign.shown_at, now, FRESH_S) for sign in found)
    return seen, sum(is_fresh(sign.sounded_at, now, FRESH_S) for sign in found)
