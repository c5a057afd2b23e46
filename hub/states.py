"""When a device's link, microphone or bed changed: so ingest writes what "not heard" is told by later.

A device that fell silent is noticed when it speaks again: then the silence is written with the time at which
it began. Until then it stands in the device's own row (hub.tables.Device.heard_at).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from sqlalchemy import Connection, bindparam, delete, insert, select

from edge.messages import Health, State
from hub.arrivals import Accepted
from hub.freshness import is_fresh
from hub.store import portions
from hub.tables import Device, Process, StateRow

ONLINE, OFFLINE, SILENT, DEAF = "online", "offline", "silent", "deaf"
GAP_S = 45.0
"""A device tells its health every 15 s; of one not heard for so long nothing was known meanwhile."""

KEPT = 6000
"""Rows a device: a day and more, even of a microphone that is another with every heartbeat."""

_SIGN_S = 15.0  # an ingest that gave no sign of life for so long was not there


@dataclass(frozen=True, slots=True)
class Known:
    """What the device's row said before a message; `changes` counts the rows it has had in `states`."""

    status: str
    status_at: float
    heard_at: float
    microphone: str
    changes: int
    bed: str = ""

    @property
    def link(self) -> str:
        """Online, or offline and not heard since."""
        return OFFLINE if self.status == "offline" and self.heard_at <= self.status_at else ONLINE


@dataclass(frozen=True, slots=True)
class Change:
    """From `at` on it was so: link, microphone, and the bed where the device stood.

    `reason` is in the device's or the broker's words.
    """

    at: float
    link: str
    microphone: str
    reason: str = ""
    bed: str = ""

    def stood_at(self, bed: str) -> bool:
        """Whether the device stood at that bed; where nothing is known of another one, it did."""
        return self.bed in ("", bed)


COLUMNS: tuple[Any, ...] = (StateRow.at, StateRow.link, StateRow.microphone, StateRow.reason, StateRow.bed)
"""A row of the table as a Change."""


def in_force(told: Iterable[Change]) -> list[Change]:
    """Changes in the order they were written, without what a later one says otherwise; by time.

    A later word counts from its own time on, also where that is before an earlier word's: the hub's clock
    may have been set back, and a silence is written with the time it began.
    """
    found: list[Change] = []
    for change in told:
        while found and found[-1].at > change.at:
            found.pop()
        found.append(change)
    return found


def moved(connection: Connection, devices: Collection[int]) -> dict[int, list[Change]]:
    """Of those of these devices that have stood at more than one bed: their changes in force."""
    found: dict[int, list[Change]] = {}
    for ids in portions(devices):
        elsewhere = select(StateRow.device_id).join(Device, Device.id == StateRow.device_id)
        elsewhere = elsewhere.where(Device.id.in_(ids), StateRow.bed != Device.bed, StateRow.bed != "")
        rows = select(StateRow.device_id, *COLUMNS).where(StateRow.device_id.in_(elsewhere))
        for device_id, *change in connection.execute(rows.order_by(StateRow.number)):
            found.setdefault(device_id, []).append(Change(*change))
    return {device_id: in_force(told) for device_id, told in found.items()}


def bed_at(in_force: Sequence[Change], at: float) -> str:
    """Where the device stood at that time; empty where that is not known."""
    return next((change.bed for change in reversed(in_force) if change.at <= at), "")


def changes(known: Known, heard: Sequence[Accepted]) -> list[Change]:
    """What one device's messages, in the order they came, changed of its link, microphone and bed."""
    found: list[Change] = []
    for item in heard:
        message, is_voice = item.message, not item.retained
        before = known
        if isinstance(message, State):
            is_voice = is_voice and message.status != OFFLINE  # the broker's word, or the device's last
            died_again = known.status == OFFLINE and known.heard_at > known.status_at
            known = replace(known, bed=message.bed)
            if message.status != known.status or died_again:
                known = replace(known, status=message.status, status_at=item.at)
        if isinstance(message, State | Health):
            known = replace(known, microphone=message.microphone)
        if is_voice:
            if before.changes and before.link == ONLINE and item.at - before.heard_at > GAP_S:
                found.append(Change(before.heard_at, SILENT, before.microphone, bed=before.bed))
                before = replace(before, status=SILENT)
            known = replace(known, heard_at=max(known.heard_at, item.at))
        is_new = not before.changes or before.status == SILENT
        so, was = ((one.link, one.microphone, one.bed) for one in (known, before))
        if is_new or so != was:
            reason = message.reason if isinstance(message, State) else ""
            found.append(Change(item.at, known.link, known.microphone, reason, known.bed))
            known = replace(known, changes=known.changes + 1)
    return found


def write(connection: Connection, found: dict[int, tuple[int, list[Change]]], now: float) -> None:
    """Writes devices' changes; `found`: by device, how many it had before and the new ones."""
    if any(change.link == SILENT for _, new in found.values() for change in new):
        since = _listening_since(connection, now)
        found = {key: (count, [_blame(one, since) for one in new]) for key, (count, new) in found.items()}
    rows = [
        {"device_id": device_id, "number": number, **asdict(change)}
        for device_id, (count, new) in found.items()
        for number, change in enumerate(new, count + 1)
    ]
    if rows:
        connection.execute(insert(StateRow), rows)
    old = [
        {"of_device": device_id, "newest": count + len(new) - KEPT}
        for device_id, (count, new) in found.items()
        if count + len(new) > KEPT
    ]
    if old:
        table: Any = StateRow.__table__
        where = (table.c.device_id == bindparam("of_device"), table.c.number <= bindparam("newest"))
        connection.execute(delete(table).where(*where), old)


def _blame(change: Change, listening_since: float) -> Change:
    """A silence that began before the hub listened says nothing of the device."""
    is_ours = change.link == SILENT and change.at < listening_since
    return replace(change, link=DEAF) if is_ours else change


def _listening_since(connection: Connection, now: float) -> float:
    """Since when ingest has heard devices. Its first batch comes before its own sign of life."""
    columns = select(Process.at, Process.working, Process.since).where(Process.name == "ingest")
    row = connection.execute(columns).one_or_none()
    if row is None:
        return 0.0
    return float(row.since) if row.working and is_fresh(row.at, now, _SIGN_S) else now
