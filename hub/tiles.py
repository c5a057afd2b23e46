"""A device's row, which is a tile of the board, brought up to date by what the device says."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, select

from edge.messages import Emotion, Health, State
from hub import mutes, patients, states
from hub.arrivals import Accepted
from hub.store import next_revision, write_changes
from hub.tables import Device
from hub.time_lines import clock_apart_s, is_live

_BEFORE = (
    Device.id,
    Device.bed,
    Device.status,
    Device.status_at,
    Device.heard_at,
    Device.microphone,
    Device.clock_off_at,
    Device.storage_refused_at,
    Device.changes,
)


def unknown(item: Accepted) -> dict[str, Any]:
    """The row of a device of which nothing is known but its name."""
    return {
        "ward": item.address.ward,
        "name": item.address.device,
        "bed": item.address.device,
        "status": "unknown",
        "status_at": item.at,
        "status_reason": "",
        "microphone": "unknown",
        "microphone_at": item.at,
        "heard_at": item.at,
        "revision": 0,
    }


def update(connection: Connection, heard: Sequence[tuple[int, Accepted, float]]) -> None:
    """Brings the rows up to date; `heard`: the device's row, what it said, and when that was made."""
    latest: dict[int, dict[str, Any]] = {}
    said: dict[int, list[Accepted]] = {}
    for device_id, item, made_at in heard:
        latest.setdefault(device_id, {}).update(_tile(item, made_at))
        said.setdefault(device_id, []).append(item)
    changed: dict[int, tuple[int, list[states.Change]]] = {}
    revision = next_revision(connection)
    rows = connection.execute(select(*_BEFORE).where(Device.id.in_(latest))).all()
    values: dict[int, dict[str, Any]] = {}
    for row in rows:
        values[row.id] = {"revision": revision, **_changed(row, latest[row.id])}
        stood = "" if row.status == "unknown" else row.bed
        known = states.Known(row.status, row.status_at, row.heard_at, row.microphone, row.changes, stood)
        if new := states.changes(known, said[row.id]):
            changed[row.id] = row.changes, new
            values[row.id]["changes"] = row.changes + len(new)
    now = max(item.at for _, item, _ in heard)
    moved = [row.id for row in rows if latest[row.id].get("bed", row.bed) != row.bed]
    if moved:
        mutes.lift_all(connection, moved, now)  # of the beds they leave
    write_changes(connection, Device, values)
    states.write(connection, changed, now)
    if moved:
        patients.forget_moved(connection, now)


def _changed(row: Any, values: dict[str, Any]) -> dict[str, Any]:
    """Without the beginnings of what has been so for longer."""
    if values.get("microphone") == row.microphone:
        values.pop("microphone_at", None)
    for name in ("clock_off_at", "storage_refused_at"):
        if values.get(name) is not None and getattr(row, name) is not None:
            values.pop(name)
    died_again = row.status == "offline" and row.heard_at > row.status_at
    if values.get("status") == row.status and not died_again:
        values.pop("status_at", None)
    return values


def _tile(item: Accepted, made_at: float) -> dict[str, Any]:
    """The columns of the device's row that a message brings up to date."""
    message = item.message
    values: dict[str, Any] = {}
    if not item.retained:
        values = {"heard_at": item.at, "clock_off_at": None if message.stamp.clock_synced else item.at}
    if is_live(item):
        values["clock_apart_s"] = clock_apart_s(item)
    match message:
        case State():
            values |= {
                "status": message.status,
                "status_at": item.at,
                "status_reason": message.reason,
                "bed": message.bed,
                "microphone": message.microphone,
                "microphone_at": item.at,
                "model": message.model,
                "model_refused": message.model_refused,
                "software": message.software,
            }
            if message.status == "offline":  # the broker's voice, or the device's last word
                values.pop("heard_at", None)
                values.pop("clock_off_at", None)  # the will was made at the connection's beginning
        case Emotion():
            values |= {
                "emotion": message.emotion,
                "emotion_at": made_at,
                "distress": message.distress,
                "level_db": message.level_db,
            }
        case Health():
            values |= {
                "microphone": message.microphone,
                "microphone_at": item.at,
                "outbox": message.outbox,
                "storage_refused_at": item.at if message.storage == "refused" else None,
                "disk_free_mb": message.disk_free_mb,
                "certificate_days": message.certificate_days,
                "temperature_c": message.temperature_c,
            }
        case _:
            pass
    return values
