"""Who has been called to an alert, as the board tells it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Connection, or_, select

from hub.delivery import BOARD, CALL, FAILED, PENDING
from hub.delivery_tables import DeliveryRow
from hub.escalation import BED, LEVELS, QUIET
from hub.store import portions
from hub.tables import AlertRow


def with_calls(connection: Connection, alerts: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The alerts, each with `called` and `outside`.

    `called`: each level above the bed's own board that was called since the alert was raised, or accepted
    last, and when. `outside`: what became of the latest call to each recipient, and when: pending, delivered,
    failed (and perhaps tried again). Both are empty where nobody is called now.
    """
    found = [dict(alert) | {"called": [], "outside": []} for alert in alerts]
    waiting = {alert["id"]: alert for alert in found if alert["level"] > QUIET}
    climbed = [alert["id"] for alert in waiting.values() if alert["level"] > BED]
    for ids in portions(climbed):
        for row in connection.execute(_query(DeliveryRow.alert_id.in_(ids))):
            _add(waiting[row.alert_id], row)
    if len(climbed) < len(waiting):
        # Of alerts that only the bed's own board was called to, few hubs tell anybody outside.
        for row in connection.execute(_query(DeliveryRow.open.is_(True), AlertRow.level == BED)):
            if row.alert_id in waiting:
                _add(waiting[row.alert_id], row)
    return found


def _query(*which: Any) -> Any:
    return (
        select(
            DeliveryRow.alert_id,
            DeliveryRow.channel,
            DeliveryRow.recipient,
            DeliveryRow.level,
            DeliveryRow.state,
            DeliveryRow.made_at,
            DeliveryRow.done_at,
            DeliveryRow.error,
        )
        .join(AlertRow, AlertRow.id == DeliveryRow.alert_id)
        .where(
            *which,
            DeliveryRow.kind == CALL,
            or_(DeliveryRow.channel != BOARD, DeliveryRow.level > BED),
            or_(AlertRow.accepted_at.is_(None), DeliveryRow.made_at > AlertRow.accepted_at),
        )
        .order_by(DeliveryRow.made_at, DeliveryRow.id)
    )


def _add(alert: dict[str, Any], row: Any) -> None:
    if row.channel == BOARD:
        level = LEVELS[row.level]
        if level not in [one["level"] for one in alert["called"]]:
            alert["called"].append({"level": level, "at": row.made_at})
        return
    state = FAILED if row.state == PENDING and row.error else row.state
    one = {"channel": row.channel, "name": row.recipient, "state": state, "at": row.done_at or row.made_at}
    known = (row.channel, row.recipient)
    alert["outside"] = [other for other in alert["outside"] if (other["channel"], other["name"]) != known]
    alert["outside"].append(one)
