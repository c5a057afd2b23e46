"""One bed's past out of the database: minutes, episodes, alerts, mutes, deeds, and its device's states.

The number of statements is the same for any bed and any stretch of time.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Connection, and_, case, func, or_, select

from edge.messages import Summary
from hub import happenings, states, timeline
from hub.alerts import ENDED, TECHNICAL, Timers
from hub.board import ALERT_COLUMNS, told
from hub.delivery import BOARD, CALL
from hub.delivery_tables import DeliveryRow
from hub.escalation import BED
from hub.faults import CHAIN, HUB, LINK
from hub.states import ONLINE, SILENT, Change
from hub.tables import AlertRow, AuditRow, Device, EpisodeRow, MuteRow, Record, StateRow

_DEVICE: tuple[Any, ...] = tuple(
    getattr(Device, name)
    for name in (
        *("id", "ward", "name", "bed", "status", "status_at", "status_reason", "microphone", "microphone_at"),
        *(
            "heard_at",
            "model",
            "model_refused",
            "software",
            "emotion",
            "emotion_at",
            "distress",
            "level_db",
            "outbox",
        ),
        *("clock_off_at", "storage_refused_at", "disk_free_mb", "certificate_days", "temperature_c"),
        *("muted_until", "muted_by", "muted_reason"),
    )
)
_EPISODE: tuple[Any, ...] = (
    EpisodeRow.onset_at,
    EpisodeRow.last_at,
    EpisodeRow.ended,
    EpisodeRow.emotion,
    EpisodeRow.peak,
    EpisodeRow.level_db,
    EpisodeRow.lag_s,
    EpisodeRow.alert_id,
)
_MUTE: tuple[Any, ...] = (
    MuteRow.start_at,
    MuteRow.end_at,
    MuteRow.person,
    MuteRow.reason,
    MuteRow.lifted_by,
)
MOST = 1000
"""Rows of one kind in an answer; a day has a few."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Settings the past is judged by, in seconds: a device not heard, a report that came late."""

    stale_s: float
    timers: Timers


def device(connection: Connection, device_id: int) -> dict[str, Any] | None:
    """What a bed's device last said of itself; None where there is no such device."""
    row = connection.execute(select(*_DEVICE).where(Device.id == device_id)).one_or_none()
    return None if row is None else dict(row._mapping)  # noqa: SLF001  (its public name)


def stood_at(connection: Connection, device_id: int, bed: str) -> bool:
    """Whether the device is known to have stood at that bed."""
    where = (StateRow.device_id == device_id, StateRow.bed == bed)
    return connection.scalar(select(StateRow.number).where(*where).limit(1)) is not None


def past(
    connection: Connection,
    device: dict[str, Any],
    bed: str,
    start: float,
    end: float,
    now: float,
    limits: Limits,
) -> dict[str, Any]:
    """What a device told of a bed between `start` and `end`, rounded outwards to whole slices; for the page.

    What it told while it stood at another bed is left out.
    """
    number = device["id"]
    length = timeline.slice_length(start, end)
    start, end = start // length * length, -(-end // length) * length
    changes = _changes(connection, number, start, end)
    if now - device["heard_at"] > limits.stale_s and (not changes or changes[-1].link == ONLINE):
        changes.append(Change(device["heard_at"], SILENT, device["microphone"], bed=device["bed"]))
    in_force = states.in_force(changes)
    away = timeline.elsewhere(in_force, bed, start, end)

    def here(at: float) -> bool:
        return not any(one.holds(at) for one in away)

    minutes = [one for one in _minutes(connection, number, start, end) if here(one.at - one.seconds / 2)]
    alerts = [
        one
        for one in _alerts(connection, device, start, end)
        if one["bed"] == bed
        or one["device_id"] is None
        or (one["priority"] == TECHNICAL and one["ended_at"] is None and device["bed"] == bed)
    ]
    mutes = [one for one in _rows(connection, _mutes(number, start, end)) if here(one["start_at"])]
    episodes = _episodes(connection, number, start, end, now, limits)
    episodes = [one for one in episodes if here(one["onset_at"])]
    ids = [alert["id"] for alert in alerts]
    acts = _acts(connection, number, ids, start, end)
    acts = [one for one in acts if one.alert is not None or one.details.get("bed", bed) == bed]
    calls = _calls(connection, ids)
    return {
        "now": now,
        "from": start,
        "to": end,
        "slice_s": length,
        "first_at": _first_at(connection, number),
        "slices": [asdict(one) for one in timeline.slices(minutes, start, end, length)],
        "unheard": [asdict(one) for one in timeline.unheard(minutes, in_force, bed, start, end, now)],
        "late": [asdict(one) for one in timeline.late(minutes, limits.timers.late_s)],
        "episodes": episodes,
        "alerts": alerts,
        "mutes": mutes,
        "happenings": happenings.told(
            alerts, acts, calls, mutes, changes, bed, episodes, start, min(end, now)
        ),
        "states": [asdict(one) for one in reversed(_latest_states(connection, number))],
    }


def _minutes(connection: Connection, device_id: int, start: float, end: float) -> list[timeline.Minute]:
    where = (Record.device_id == device_id, Record.at >= start, Record.at < end + 60)
    query = select(Record.at, Record.received_at, Record.body).where(*where, Record.kind == Summary.kind)
    return [timeline.minute(*row) for row in connection.execute(query.order_by(Record.at))]


def _changes(connection: Connection, device_id: int, start: float, end: float) -> list[Change]:
    """The device's changes within the time, after the one in force at its beginning, as they were written."""
    mine = StateRow.device_id == device_id
    before = select(func.max(StateRow.number)).where(mine, StateRow.at <= start).scalar_subquery()
    query = select(*states.COLUMNS).where(
        mine, StateRow.number >= func.coalesce(before, 0), StateRow.at < end
    )
    return [Change(*row) for row in connection.execute(query.order_by(StateRow.number))]


def _latest_states(connection: Connection, device_id: int) -> list[Change]:
    mine = select(*states.COLUMNS).where(StateRow.device_id == device_id)
    newest = connection.execute(mine.order_by(StateRow.number.desc()).limit(5)).all()
    return [Change(*row) for row in reversed(newest)]


def _alerts(connection: Connection, device: dict[str, Any], start: float, end: float) -> list[dict[str, Any]]:
    """The device's alerts in that time, and those of ward and hub that say why it was not heard."""
    whose = or_(
        AlertRow.device_id == device["id"],
        and_(
            AlertRow.device_id.is_(None),
            AlertRow.ward.in_((device["ward"], "")),
            AlertRow.kind.in_((LINK, HUB, CHAIN)),
        ),
    )
    resolved = and_(AlertRow.priority == TECHNICAL, AlertRow.condition == ENDED)
    over_at = case((AlertRow.closed_at.is_not(None), AlertRow.closed_at), (resolved, AlertRow.ended_at))
    within = (AlertRow.opened_at < end, or_(over_at.is_(None), over_at >= start))
    query = select(*ALERT_COLUMNS, AlertRow.raised_at, AlertRow.high_at).where(
        whose, *within, AlertRow.merged_into.is_(None)
    )
    rows = connection.execute(query.order_by(AlertRow.raised_at.desc()).limit(MOST)).all()
    return [told(row) for row in reversed(rows)]


def _episodes(
    connection: Connection, device_id: int, start: float, end: float, now: float, limits: Limits
) -> list[dict[str, Any]]:
    silence_s = limits.timers.episode_silence_s
    reaches = case((EpisodeRow.ended.is_(True), EpisodeRow.last_at), else_=EpisodeRow.last_at + silence_s)
    where = (EpisodeRow.device_id == device_id, EpisodeRow.onset_at < end, reaches >= start)
    query = select(*_EPISODE, reaches.label("end_at")).where(*where)
    rows = _rows(connection, query.order_by(EpisodeRow.onset_at.desc()).limit(MOST))
    for row in rows:
        row["going_on"] = not row.pop("ended") and now < row["end_at"]
        row["end_at"] = now if row["going_on"] else row["end_at"]
        row["late"] = row.pop("lag_s") > limits.timers.late_s
        del row["last_at"]
    return rows[::-1]


def _mutes(device_id: int, start: float, end: float) -> Any:
    where = (MuteRow.device_id == device_id, MuteRow.end_at >= start, MuteRow.start_at < end)
    return select(*_MUTE).where(*where).order_by(MuteRow.start_at).limit(MOST)


def _acts(
    connection: Connection, device_id: int, alerts: Sequence[int], start: float, end: float
) -> list[happenings.Act]:
    """What people did to the bed and its alerts, as the audit log has it."""
    about = [f"device {device_id}", *(f"alert {alert}" for alert in alerts)]
    columns = (AuditRow.at, AuditRow.person, AuditRow.action, AuditRow.object, AuditRow.details)
    where = (AuditRow.object.in_(about), AuditRow.at >= start, AuditRow.at < end)
    rows = connection.execute(select(*columns).where(*where).order_by(AuditRow.number.desc()).limit(MOST))
    return [happenings.act(*row) for row in rows][::-1]


def _calls(connection: Connection, alerts: Sequence[int]) -> list[dict[str, Any]]:
    """Who was called to these alerts, but for the bed's own board."""
    columns = (DeliveryRow.alert_id, DeliveryRow.level, DeliveryRow.channel, DeliveryRow.recipient)
    where = (
        DeliveryRow.alert_id.in_(alerts),
        DeliveryRow.kind == CALL,
        or_(DeliveryRow.channel != BOARD, DeliveryRow.level > BED),
    )
    query = select(*columns, DeliveryRow.state, DeliveryRow.made_at).where(*where)
    return _rows(connection, query.order_by(DeliveryRow.id.desc()).limit(MOST))[::-1]


def _first_at(connection: Connection, device_id: int) -> float | None:
    """From when on anything is known of the bed."""
    return connection.scalar(select(func.min(Record.at)).where(Record.device_id == device_id))


def _rows(connection: Connection, query: Any) -> list[dict[str, Any]]:
    rows: Iterable[Any] = connection.execute(query)
    return [dict(row._mapping) for row in rows]  # noqa: SLF001
