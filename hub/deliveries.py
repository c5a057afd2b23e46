"""Deliveries in the database: written with their calls, claimed to be sent, and what became of them.

A message is claimed in a transaction of its own before it is sent, under a key that stays with it. What was
claimed and has no result, because the process died, is sent again under the same key: by the next process at
once, by one that still lives after LEASE_S.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, delete, func, insert, select, update

from hub import board
from hub.alerts import TECHNICAL
from hub.delivery import (
    BOARD,
    CALL,
    CANCELLED,
    DELIVERED,
    FAILED,
    OVER,
    PENDING,
    Delivery,
    Item,
    Plan,
    Recipient,
    next_attempt,
    plan,
)
from hub.delivery_tables import DeliveryRow, RecipientRow
from hub.escalation import LEAD, QUIET
from hub.outbound import About, Message, Outcome
from hub.reach import Reach
from hub.store import count, next_revision, portions
from hub.tables import AlertRow

LEASE_S = 25.0  # longer than an attempt may take (hub.push)
_ITEM: tuple[Any, ...] = (
    DeliveryRow.id,
    DeliveryRow.alert_id,
    DeliveryRow.kind,
    DeliveryRow.made_at,
    DeliveryRow.due_at,
    DeliveryRow.told,
    (AlertRow.level == QUIET).label("quiet"),
    DeliveryRow.message,
)

_ABOUT: tuple[Any, ...] = tuple(
    getattr(AlertRow, name)
    for name in (
        "id", "ward", "bed", "kind", "priority", "condition", "level",
        "opened_at", "accepted_at", "closed_at", "merged_into",
    )
)  # fmt: skip


def write(
    connection: Connection, called: Collection[int], recipients: Sequence[Recipient], now: float
) -> None:
    """The deliveries of the calls just made to these alerts, within the transaction of the calls."""
    columns = (AlertRow.id, AlertRow.ward, AlertRow.priority, AlertRow.level, AlertRow.calls)
    rows = []
    for row in _of(connection, select(*columns), AlertRow.id, called):
        new = {"alert_id": row.id, "call": row.calls, "level": row.level, "kind": CALL, "made_at": now}
        if row.calls <= LEAD:  # later ones change nothing that a board shows
            rows.append(_row(new, BOARD, row.ward, None))
        rows += [
            _row(new, one.channel, one.name, now)
            for one in recipients
            if one.hears(row.ward, row.level, technical=row.priority == TECHNICAL)
        ]
    if rows:
        connection.execute(insert(DeliveryRow), rows)


def _row(values: dict[str, Any], channel: str, recipient: str, due_at: float | None) -> dict[str, Any]:
    rest = {"state": PENDING, "open": due_at is not None, "told": False, "attempts": 0, "error": ""}
    return values | rest | {"channel": channel, "recipient": recipient, "due_at": due_at}


def _of(connection: Connection, query: Any, column: Any, values: Collection[int]) -> Iterable[Any]:
    """The rows whose column has one of these values, in as many queries as that takes."""
    for some in portions(values):
        yield from connection.execute(query.where(column.in_(some)))


def has_work(connection: Connection, recipient: Recipient, now: float) -> bool:
    """Whether `claim` would do anything."""
    return plan(_items(connection, recipient), now, follow_up=recipient.follow_up) != Plan()


def claim(connection: Connection, recipient: Recipient, now: float) -> Message | None:
    """Takes the next message for a recipient, to be sent now and by nobody else; None where there is none."""
    found = plan(_items(connection, recipient), now, follow_up=recipient.follow_up)
    cancelled = {"state": CANCELLED, "done_at": now, "due_at": None}
    _update(connection, found.cancelled, cancelled)
    _update(connection, found.settled, {"open": False})
    _update(connection, found.told, {"told": True})
    if found.over:
        _write_over(connection, recipient, found.over, now)
    if not found.send:
        return None
    message = _message(connection, found)
    claimed = {"told": True, "due_at": now + LEASE_S, "message": message.key}
    _update(connection, found.send, claimed | {"attempts": DeliveryRow.attempts + 1})
    return message


def _items(connection: Connection, recipient: Recipient) -> list[Item]:
    mine = (
        DeliveryRow.open.is_(True),
        DeliveryRow.recipient == recipient.name,
        DeliveryRow.channel == recipient.channel,
    )
    query = select(*_ITEM).join(AlertRow, AlertRow.id == DeliveryRow.alert_id).where(*mine)
    return [Item(*row) for row in connection.execute(query)]


def _update(connection: Connection, ids: Collection[int], values: dict[str, Any]) -> None:
    for some in portions(ids):
        connection.execute(update(DeliveryRow).where(DeliveryRow.id.in_(some)).values(values))


def _write_over(connection: Connection, recipient: Recipient, alerts: Collection[int], now: float) -> None:
    rows = [
        _row(
            {"alert_id": row.id, "call": row.calls, "level": QUIET, "kind": OVER, "made_at": now},
            recipient.channel,
            recipient.name,
            now,
        )
        | {"told": True}
        for row in _of(connection, select(AlertRow.id, AlertRow.calls), AlertRow.id, alerts)
    ]
    connection.execute(insert(DeliveryRow), rows)


def _message(connection: Connection, found: Plan) -> Message:
    query = (
        select(DeliveryRow.id.label("delivery"), DeliveryRow.kind.label("what"), DeliveryRow.told)
        .add_columns(DeliveryRow.call, DeliveryRow.level.label("called"), *_ABOUT)
        .join(AlertRow, AlertRow.id == DeliveryRow.alert_id)
        .where(DeliveryRow.id.in_(found.send))
        .order_by(DeliveryRow.id)
    )
    rows = connection.execute(query).all()
    return Message(
        key=found.message or uuid.uuid4().hex,
        kind=rows[0].what,
        alerts=tuple(_about(row) for row in rows),
        news=tuple(row.delivery for row in rows if not row.told),
    )


def _about(row: Any) -> About:
    state = board.state_of(row)
    return About(
        delivery=row.delivery,
        alert=row.id,
        ward=row.ward,
        bed=row.bed,
        kind=row.kind,
        priority=row.priority,
        opened_at=row.opened_at,
        level=row.called,
        call=row.call,
        state="muted" if row.what == OVER and state == "waiting" else state,
    )


def settle(
    connection: Connection,
    recipient: Recipient,
    message: Message,
    outcome: Outcome,
    now: float,
    limits: Delivery,
) -> None:
    """What became of a message. Boards are told where it is news to them."""
    ids = [about.delivery for about in message.alerts]
    query = select(DeliveryRow.id, DeliveryRow.made_at, DeliveryRow.attempts, DeliveryRow.error)
    rows = list(_of(connection, query, DeliveryRow.id, ids))
    if not outcome.error:
        # Also one that was cancelled while it was on its way has arrived.
        done = {"state": DELIVERED, "due_at": None, "done_at": now, "error": ""}
        _update(connection, ids, done)
        _update(connection, ids if message.kind == OVER else (), {"open": False})
        count(connection, "pushes_delivered")
        _tell(connection, message)
    else:
        _fail(connection, rows, message, outcome, now, limits)
        if any(row.error == "" for row in rows):
            _tell(connection, message)
    remember(connection, recipient, outcome, now)


def _fail(
    connection: Connection,
    rows: Sequence[Any],
    message: Message,
    outcome: Outcome,
    now: float,
    limits: Delivery,
) -> None:
    if not outcome.in_doubt:
        _update(connection, message.news, {"told": False})
    _update(connection, [row.id for row in rows], {"error": outcome.error})
    again = {row.id: next_attempt(row.made_at, row.attempts, now, limits, outcome.wait_s) for row in rows}
    pending = DeliveryRow.state == PENDING  # what was cancelled meanwhile stays so
    table: Any = DeliveryRow.__table__
    values = [{"of_row": one, "at": at} for one, at in again.items() if at is not None]
    if values:
        later = update(table).where(table.c.id == bindparam("of_row"), pending).values(due_at=bindparam("at"))
        connection.execute(later, values)
    given_up = [one for one, at in again.items() if at is None]
    if given_up:
        failed = {"state": FAILED, "due_at": None, "done_at": now}
        connection.execute(update(table).where(table.c.id.in_(given_up), pending).values(failed))
        _update(connection, given_up if message.kind == OVER else (), {"open": False})
        count(connection, "pushes_failed")
    count(connection, "push_failures")


def _tell(connection: Connection, message: Message) -> None:
    """What the boards say of these alerts has changed."""
    if message.kind == CALL:
        ids = [about.alert for about in message.alerts]
        changed = update(AlertRow).where(AlertRow.id.in_(ids))
        connection.execute(changed.values(revision=next_revision(connection)))


def remember(connection: Connection, recipient: Recipient, outcome: Outcome, now: float) -> None:
    """How an attempt went, a test too: after one that arrived nobody is told any more that none does."""
    mine = (RecipientRow.channel == recipient.channel, RecipientRow.name == recipient.name)
    row = connection.execute(select(RecipientRow.failing_since).where(*mine)).one_or_none()
    values: dict[str, Any] = {"tried_at": now, "error": outcome.error}
    if outcome.error:
        values["failing_since"] = now if row is None or row.failing_since is None else row.failing_since
    else:
        values |= {"failing_since": None, "reached_at": now}
    if row is None:
        named = {"channel": recipient.channel, "name": recipient.name}
        connection.execute(insert(RecipientRow).values({**named, **values}))
    else:
        connection.execute(update(RecipientRow).where(*mine).values(values))


def begin(connection: Connection, recipients: Collection[Recipient], now: float) -> None:
    """What a process that sends does first: takes up at once what one before it left under way.

    Cancels what is for somebody who is no longer in the configuration.
    """
    known = {(one.channel, one.name) for one in recipients}
    still = select(DeliveryRow.id, DeliveryRow.channel, DeliveryRow.recipient, DeliveryRow.due_at)
    rows = connection.execute(still.where(DeliveryRow.open.is_(True))).all()
    gone = [row for row in rows if (row.channel, row.recipient) not in known]
    words = "no longer in the configuration"
    cancelled = {"state": CANCELLED, "done_at": now, "due_at": None, "error": words}
    _update(connection, [row.id for row in gone if row.due_at is not None], cancelled)
    _update(connection, [row.id for row in gone], {"open": False})
    left = [row.id for row in rows if row not in gone and row.due_at is not None and row.due_at > now]
    _update(connection, left, {"due_at": now})
    for row in connection.execute(select(RecipientRow.channel, RecipientRow.name)).all():
        if tuple(row) not in known:
            mine = (RecipientRow.channel == row.channel, RecipientRow.name == row.name)
            connection.execute(delete(RecipientRow).where(*mine))


def reaches(connection: Connection) -> dict[tuple[str, str], Reach]:
    """How it went with each recipient lately."""
    columns = (RecipientRow.channel, RecipientRow.name, RecipientRow.failing_since, RecipientRow.error)
    return {(row[0], row[1]): Reach(*row[2:]) for row in connection.execute(select(*columns))}


def called_wards(connection: Connection) -> set[str]:
    """The wards of distress to which whoever leads has been called, and nobody has answered."""
    waiting = (board.is_open(), AlertRow.level >= LEAD, AlertRow.priority != TECHNICAL)
    return set(connection.scalars(select(AlertRow.ward).where(*waiting).distinct()))


def waiting(connection: Connection) -> tuple[int, float | None]:
    """How many deliveries outside are still to be made, and when the oldest of them was asked for."""
    still = (DeliveryRow.open.is_(True), DeliveryRow.state == PENDING)
    row = connection.execute(select(func.count(), func.min(DeliveryRow.made_at)).where(*still)).one()
    return row[0], row[1]
