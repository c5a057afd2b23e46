"""The alert engine's half of the database: episodes and alerts in and out of hub.alerts' values."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, fields
from typing import Any

from sqlalchemy import Connection, func, insert, or_, select, update

from edge import messages
from edge.messages import from_json
from hub.alerts import ENDED, PRESENT, TECHNICAL, Assessment, Distress, Episode, Shown, root
from hub.faults import DeviceHealth, Fault, Key, Place
from hub.store import beat, count, counter, next_revision
from hub.tables import CANARY, AlertRow, Device, EpisodeRow, Process, Record

BATCH = 200  # records in one transaction: other writers wait as long as that takes
_NAME = 32  # characters of an episode's own name; an anchor may name a stretch of it (hub.alerts.root)
MEMORY_S = 3600.0  # older episodes no longer count towards anything that can still change

_EPISODE_COLUMNS: tuple[Any, ...] = tuple(getattr(EpisodeRow, field.name) for field in fields(Episode))
_DEVICE_COLUMNS: tuple[Any, ...] = tuple(
    Device.status_reason if field.name == "reason" else getattr(Device, field.name)
    for field in fields(DeviceHealth)
)


def has_news(connection: Connection) -> bool:
    """Whether records wait that the engine has not taken in."""
    newest = connection.scalar(select(func.max(Record.id))) or 0
    return newest > counter(connection, "cursor")


def take_in(connection: Connection) -> tuple[set[int], bool]:
    """Joins the next records into their episodes; the devices touched, and whether more wait."""
    cursor = counter(connection, "cursor")
    rows = connection.execute(
        select(Record.id, Record.device_id, Record.kind, Record.at, Record.received_at, Record.body)
        .where(Record.id > cursor)
        .order_by(Record.id)
        .limit(BATCH)
    ).all()
    touched = set()
    canary = connection.scalar(select(Device.id).where(Device.ward == CANARY))
    for row in rows:
        if row.device_id == canary:
            beat(connection, CANARY, row.received_at, working=True)
        elif row.kind == messages.Episode.kind:
            _join(connection, row.device_id, _episode(row.body, row.at, row.received_at))
            touched.add(row.device_id)
    if rows:
        count(connection, "cursor", rows[-1].id - cursor)
    return touched, len(rows) == BATCH


def _episode(body: str, made_at: float, received_at: float) -> Episode:
    message = from_json(messages.Episode, body.encode())
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


def _join(connection: Connection, device_id: int, episode: Episode) -> None:
    row = connection.execute(
        select(*_EPISODE_COLUMNS).where(EpisodeRow.device_id == device_id, EpisodeRow.id == episode.id)
    ).one_or_none()
    if row is None:
        connection.execute(insert(EpisodeRow).values(device_id=device_id, **asdict(episode)))
        return
    connection.execute(
        update(EpisodeRow)
        .where(EpisodeRow.device_id == device_id, EpisodeRow.id == episode.id)
        .values(asdict(Episode(*row).join(episode)))
    )


def episodes(connection: Connection, device_id: int, now: float) -> list[Episode]:
    """A bed's episodes that can still change an alert."""
    open_alerts = select(AlertRow.id).where(AlertRow.device_id == device_id, _alive())
    rows = connection.execute(
        select(*_EPISODE_COLUMNS).where(
            EpisodeRow.device_id == device_id,
            or_(
                EpisodeRow.last_at >= now - MEMORY_S,
                EpisodeRow.received_at >= now - MEMORY_S,
                EpisodeRow.alert_id.in_(open_alerts),
            ),
        )
    )
    return [Episode(*row) for row in rows]


def _alive() -> Any:
    """Alerts that are open, or closed while their condition goes on."""
    return AlertRow.merged_into.is_(None) & or_(AlertRow.closed_at.is_(None), AlertRow.condition != ENDED)


def shown(connection: Connection, device_id: int, known: Iterable[Episode]) -> list[Shown]:
    """A bed's distress alerts that those episodes may belong to."""
    ids = [episode.id for episode in known]
    rows = connection.execute(
        select(AlertRow.id, AlertRow.anchor, AlertRow.accepted_at, AlertRow.closed_at).where(
            AlertRow.device_id == device_id,
            AlertRow.kind == "distress",
            AlertRow.merged_into.is_(None),
            func.substr(AlertRow.anchor, 1, _NAME).in_(ids),
        )
    )
    return [Shown(*row) for row in rows]


def write(connection: Connection, device_id: int, result: Assessment, now: float) -> list[int]:
    """Makes the alerts of a bed those of the assessment; returns the rows that are new."""
    new = []
    for alert in result.alerts:
        row = alert.row
        if row is None:
            row = _insert(connection, device_id, alert, now)
            new.append(row)
        else:
            _update(connection, row, _columns(alert))
        for absorbed in alert.absorbed:
            _update(connection, absorbed, {"merged_into": row})
        for settled in alert.settled:
            _update(connection, settled, {"condition": ENDED})  # the other tells how it goes on
        connection.execute(
            update(EpisodeRow)
            .where(EpisodeRow.device_id == device_id, EpisodeRow.id.in_(map(root, alert.episodes)))
            .values(alert_id=row)
        )
    connection.execute(update(Device).where(Device.id == device_id).values(due_at=result.due_at))
    return new


def _columns(alert: Distress) -> dict[str, Any]:
    values = asdict(alert)
    values["episodes"] = len(alert.episodes)
    del values["row"], values["absorbed"], values["settled"]
    return values


def _insert(connection: Connection, device_id: int, alert: Distress, now: float) -> int:
    device = connection.execute(select(Device.ward, Device.bed).where(Device.id == device_id)).one()
    values = _columns(alert) | {"kind": "distress", "anchor": alert.anchor, "raised_at": now, "call_at": now}
    values |= {"ward": device.ward, "bed": device.bed, "device_id": device_id}
    statement = insert(AlertRow).values(**values, revision=next_revision(connection))
    return connection.execute(statement.returning(AlertRow.id)).scalar_one()


def _update(connection: Connection, row: int, values: dict[str, Any]) -> None:
    """Writes only what differs, so that the board is told only of changes."""
    before = connection.execute(select(AlertRow).where(AlertRow.id == row)).one()
    changed = {name: value for name, value in values.items() if getattr(before, name) != value}
    if changed:
        # What it is to people may have changed: over, missed, merged.
        changed |= {"revision": next_revision(connection), "call_at": before.raised_at}
        connection.execute(update(AlertRow).where(AlertRow.id == row).values(changed))


def due(connection: Connection, now: float) -> list[int]:
    """Devices whose alerts the passing of time may have changed."""
    return list(connection.scalars(select(Device.id).where(Device.due_at <= now)))


def devices(connection: Connection) -> dict[int, DeviceHealth]:
    """What is known of every device's own health."""
    rows = connection.execute(select(Device.id, *_DEVICE_COLUMNS).where(Device.ward != CANARY))
    return {row[0]: DeviceHealth(*row[1:]) for row in rows}


def listening_since(connection: Connection, now: float, grace_s: float) -> float | None:
    """Since when ingest has been able to hear devices; None where it cannot, or gives no sign of life."""
    row = connection.execute(
        select(Process.at, Process.working, Process.since).where(Process.name == "ingest")
    ).one_or_none()
    if row is None or not row.working or now - row.at > grace_s:
        return None
    return float(row.since)


def canary_heard_at(connection: Connection) -> float | None:
    """When the last canary came through, None where none ever has."""
    return connection.scalar(select(Process.at).where(Process.name == CANARY))


def faults(connection: Connection) -> dict[Key, tuple[int, Fault]]:
    """The technical alerts whose condition goes on, with their rows, by place and kind."""
    columns = (AlertRow.kind, AlertRow.opened_at, AlertRow.reason)
    rows = connection.execute(
        select(AlertRow.device_id, AlertRow.ward, AlertRow.id, *columns).where(
            AlertRow.priority == TECHNICAL, AlertRow.condition == PRESENT
        )
    )
    return {(_place(row[0], row[1]), row.kind): (row.id, Fault(*row[3:])) for row in rows}


def _place(device_id: int | None, ward: str) -> Place:
    return Place(ward=ward) if device_id is None else Place(device_id)


def write_fault(
    connection: Connection, place: Place, row: int | None, fault: Fault | None, now: float
) -> int | None:
    """Opens, rewords or ends a technical alert; returns the row if it is new."""
    if row is not None:
        ended = {"condition": ENDED, "ended_at": now}
        _update(connection, row, ended if fault is None else {"reason": fault.reason})
        return None
    if fault is None:
        return None
    ward, bed = place.ward, place.ward or "Hub"
    if place.device_id is not None:
        columns = select(Device.ward, Device.bed).where(Device.id == place.device_id)
        ward, bed = connection.execute(columns).one()
    values: dict[str, Any] = {
        "device_id": place.device_id,
        "ward": ward,
        "bed": bed,
        "kind": fault.kind,
        "anchor": "",
        "priority": TECHNICAL,
        "condition": PRESENT,
        "missed": False,
        "opened_at": fault.since,
        "raised_at": now,
        "call_at": now,
        "episodes": 0,
        "emotion": "",
        "peak": 0.0,
        "reason": fault.reason,
        "revision": next_revision(connection),
    }
    return connection.execute(insert(AlertRow).values(values).returning(AlertRow.id)).scalar_one()


def alert_ids(rows: Sequence[int]) -> str:
    """Row numbers for a log line."""
    return ", ".join(f"#{row}" for row in rows)
