"""The alert engine's half of the database: episodes and alerts in and out of hub.alerts' values."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

from sqlalchemy import Connection, bindparam, func, insert, select, update

from edge import messages
from edge.fields import decode
from hub import beds, states
from hub.alerts import ENDED, HIGH, Assessment, Distress, Episode, root
from hub.store import Pair, beat, count, counter, next_revision, write_changes
from hub.tables import CANARY, AlertRow, Device, EpisodeRow, Record

BATCH = 500  # records in one transaction: other writers wait as long as that takes
_MATTERS_TO_CALLS = frozenset({"condition", "missed", "merged_into"})  # of what the engine writes

_ALERT_FIELDS = tuple(
    one.name for one in fields(Distress) if one.name not in ("row", "absorbed", "settled", "episodes")
)


def has_news(connection: Connection) -> bool:
    """Whether records wait that the engine has not taken in."""
    newest = connection.scalar(select(func.max(Record.id))) or 0
    return newest > counter(connection, "cursor")


def take_in(connection: Connection) -> tuple[dict[int, set[str]], bool]:
    """Joins the next records into their episodes; those touched, by device, and whether more wait."""
    cursor = counter(connection, "cursor")
    rows = connection.execute(
        select(Record.id, Record.device_id, Record.kind, Record.at, Record.received_at, Record.body)
        .where(Record.id > cursor)
        .order_by(Record.id)
        .limit(BATCH)
    ).all()
    touched: dict[int, set[str]] = {}
    told: dict[Pair, Episode] = {}
    canary = connection.scalar(select(Device.id).where(Device.ward == CANARY))
    for row in rows:
        if row.device_id == canary:
            beat(connection, CANARY, row.received_at, working=True)
        elif row.kind == messages.Episode.kind:
            episode = _episode(row.body, row.at, row.received_at)
            key = row.device_id, episode.id
            told[key] = told[key].join(episode) if key in told else episode
            touched.setdefault(row.device_id, set()).add(episode.id)
    _join(connection, told)
    if rows:
        count(connection, "cursor", rows[-1].id - cursor)
    return touched, len(rows) == BATCH


def _episode(body: str, made_at: float, received_at: float) -> Episode:
    message = decode(messages.Episode, json.loads(body))  # may be longer than on the wire (arrivals.text)
    return Episode(
        id=message.episode,
        onset_at=made_at - message.duration_s,
        last_at=made_at,
        seq=message.seq,
        ended=message.phase == "end",
        emotion=message.emotion,
        distress=message.distress,
        peak=max(message.peak, message.distress),
        level_db=message.level_db,
        reason=message.reason,
        received_at=received_at,
        lag_s=received_at - made_at,
    )


def _join(connection: Connection, told: Mapping[Pair, Episode]) -> None:
    """Joins what was told of episodes to what is known of them."""
    known = beds.episodes(connection, told)
    new = [{"device_id": key[0], **_values(episode)} for key, episode in told.items() if key not in known]
    if new:
        connection.execute(insert(EpisodeRow), new)
    _write_episodes(connection, {key: _values(before.join(told[key])) for key, before in known.items()})


def _values(episode: Episode) -> dict[str, Any]:
    return {name: getattr(episode, name) for name in beds.EPISODE_FIELDS}


def _write_episodes(connection: Connection, changes: Mapping[Pair, Mapping[str, Any]]) -> None:
    """Writes the same columns of many episodes."""
    if not changes:
        return
    table: Any = EpisodeRow.__table__
    where = (table.c.device_id == bindparam("of_device"), table.c.id == bindparam("of_episode"))
    rows = [
        {"of_device": device_id, "of_episode": name} | dict(values)
        for (device_id, name), values in changes.items()
    ]
    names: dict[str, Any] = {name: bindparam(name) for name in next(iter(changes.values()))}
    connection.execute(update(table).where(*where).values(names), rows)


def write(
    connection: Connection, results: Mapping[int, Assessment], known: Mapping[int, beds.Bed], now: float
) -> list[int]:
    """Makes the alerts of beds those of their assessments, by device; returns the rows that are new.

    The number of statements hardly grows with the number of beds.
    """
    alerts = [(device_id, alert) for device_id, result in results.items() for alert in result.alerts]
    wanted: dict[int, dict[str, Any]] = {}
    for _, alert in alerts:
        if alert.row is not None:
            wanted[alert.row] = _columns(alert)
        wanted |= {row: {"merged_into": alert.row} for row in alert.absorbed}
        wanted |= {row: {"condition": ENDED} for row in alert.settled}  # the other tells how it goes on
    rewrite(connection, wanted, now)
    new = _insert(connection, [(one, alert) for one, alert in alerts if alert.row is None], now)
    belongs = {
        (device_id, root(name)): {"alert_id": new.get((device_id, alert.anchor), alert.row)}
        for device_id, alert in alerts
        for name in alert.episodes
    }
    _write_episodes(
        connection,
        {key: row for key, row in belongs.items() if known[key[0]].alert_of[key[1]] != row["alert_id"]},
    )
    write_changes(connection, Device, {one: {"due_at": result.due_at} for one, result in results.items()})
    return sorted(new.values())


def _columns(alert: Distress) -> dict[str, Any]:
    values = {name: getattr(alert, name) for name in _ALERT_FIELDS}
    return values | {"episodes": len(alert.episodes)}


def _insert(connection: Connection, alerts: Sequence[tuple[int, Distress]], now: float) -> dict[Pair, int]:
    """New alerts of these devices; their rows by device and anchor."""
    if not alerts:
        return {}
    places = select(Device.id, Device.ward, Device.bed).where(Device.id.in_({one for one, _ in alerts}))
    at = {row.id: (row.ward, row.bed) for row in connection.execute(places)}
    moved = states.moved(connection, {one for one, alert in alerts if alert.missed})  # it may have been there
    rest = {"kind": "distress", "raised_at": now, "call_at": now, "revision": next_revision(connection)}
    rows = [
        {
            **_columns(alert),
            **rest,
            "ward": at[device_id][0],
            "bed": states.bed_at(moved.get(device_id, ()), alert.opened_at) or at[device_id][1],
            "device_id": device_id,
            "anchor": alert.anchor,
            "high_at": now if alert.priority == HIGH else None,
        }
        for device_id, alert in alerts
    ]
    added = insert(AlertRow).returning(AlertRow.device_id, AlertRow.anchor, AlertRow.id)
    return {(row.device_id, row.anchor): row.id for row in connection.execute(added, rows)}


def rewrite(connection: Connection, wanted: Mapping[int, Mapping[str, Any]], now: float) -> None:
    """Writes of alerts, by row, only what differs, so that the board is told only of changes."""
    changes: dict[int, dict[str, Any]] = {}
    for row in connection.execute(select(AlertRow).where(AlertRow.id.in_(wanted))) if wanted else ():
        before = row._mapping  # noqa: SLF001  (its public name)
        changed = {name: value for name, value in wanted[row.id].items() if before[name] != value}
        if changed:
            changes[row.id] = changed | ({"high_at": now} if changed.get("priority") == HIGH else {})
        if changed.keys() & _MATTERS_TO_CALLS:
            changes[row.id]["call_at"] = row.raised_at
    if not changes:
        return
    revision = next_revision(connection)
    write_changes(
        connection, AlertRow, {row: {**values, "revision": revision} for row, values in changes.items()}
    )


def due(connection: Connection, now: float) -> list[int]:
    """Devices whose alerts the passing of time may have changed, at most `BATCH`, the longest due first."""
    query = select(Device.id).where(Device.due_at <= now).order_by(Device.due_at).limit(BATCH)
    return list(connection.scalars(query))
