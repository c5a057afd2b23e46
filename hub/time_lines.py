"""Where on the hub's clock each start of a device lies, so that what it says can be placed in time.

A device counts milliseconds since its start, and that count never jumps, whatever its clock or the hub's
shows. What it says live comes at once, so the quickest of these messages say best when the count began. What
comes later than its place on that line has waited; two clocks are never compared for it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, insert, select, update

from edge.messages import Emotion, Health, State
from edge.topics import Address
from edge.utc import utc_seconds
from hub.arrivals import Accepted
from hub.store import Pair, find_pairs, is_pair
from hub.tables import Boot, Device

JUMP_S = 30.0
"""A live message that seems to have waited for so long says that the line is wrong: a clock was set."""
_SAME_S = 0.05  # what a line need not be written again for

_CLOCKS = select(Device.id, Device.clock_apart_s).where(
    Device.id.in_(bindparam("devices", expanding=True)), Device.clock_apart_s.is_not(None)
)
_STARTS = select(Boot.device_id, Boot.boot_id, Boot.origin, Boot.live).where(
    is_pair(Boot.device_id, Boot.boot_id)
)


@dataclass(frozen=True, slots=True)
class Line:
    """The hub's time at a start's millisecond 0; `is_live`: known from messages that cannot have waited."""

    origin: float
    is_live: bool


@dataclass(frozen=True, slots=True)
class Lines:
    """The lines of the starts that a batch speaks of.

    `apart_s`: of each device how far the hub's clock is before its own, by what it last said live with a
    clock that it held for synchronised.
    """

    starts: Mapping[Pair, Line]
    apart_s: Mapping[int, float]

    def made_at(self, device_id: int, item: Accepted) -> float:
        """When a message was made, by the hub's clock; never after it arrived.

        Of a start that the hub never heard live only the device's clock can tell.
        """
        stamp = item.message.stamp
        line = self.starts[device_id, stamp.boot_id]
        if line.is_live or not stamp.clock_synced:
            made = line.origin + stamp.mono_ms / 1000
        else:
            made = utc_seconds(stamp.time) + self.apart_s.get(device_id, 0.0)
        return min(made, item.at)


def is_live(item: Accepted) -> bool:
    """Whether a message was sent at once or not at all."""
    message = item.message
    speaks = isinstance(message, Health | Emotion) or (
        isinstance(message, State) and message.status == "online"
    )
    return speaks and not item.retained


def clock_apart_s(item: Accepted) -> float | None:
    """How far the hub's clock is before that of a device that says this live; None where it has none."""
    stamp = item.message.stamp
    return item.at - utc_seconds(stamp.time) if stamp.clock_synced else None


def moved(before: Line | None, heard: Sequence[tuple[float, bool]]) -> Line:
    """A start's line after more messages.

    `heard`: of each the time at millisecond 0 if it has come at once, and whether it is live.
    """
    earliest = min(origin for origin, _ in heard)
    live = [origin for origin, is_live in heard if is_live]
    if before is None:
        return Line(earliest, bool(live))
    if live and earliest > before.origin + JUMP_S:
        return Line(min(live), is_live=True)
    return Line(min(before.origin, earliest), before.is_live or bool(live))


def follow(connection: Connection, batch: Sequence[Accepted], ids: Mapping[Address, int]) -> Lines:
    """Brings the lines up to date with a batch."""
    heard: dict[Pair, list[tuple[float, bool]]] = {}
    for item in batch:
        device_id, stamp = ids[item.address], item.message.stamp
        origin = item.at - stamp.mono_ms / 1000
        heard.setdefault((device_id, stamp.boot_id), []).append((origin, is_live(item)))
    clocks = connection.execute(_CLOCKS, {"devices": list({device_id for device_id, _ in heard})})
    apart_s = {row.id: row.clock_apart_s for row in clocks.all()}
    for item in batch:
        if is_live(item) and (found := clock_apart_s(item)) is not None:
            apart_s[ids[item.address]] = found
    rows = find_pairs(connection, _STARTS, heard)
    known = {(row.device_id, row.boot_id): Line(row.origin, row.live) for row in rows}
    starts = {key: moved(known.get(key), values) for key, values in heard.items()}
    _write(connection, known, starts)
    return Lines(starts, apart_s)


def _write(connection: Connection, known: Mapping[Pair, Line], starts: Mapping[Pair, Line]) -> None:
    new, changed = [], []
    for key, line in starts.items():
        before = known.get(key)
        values = {"origin": line.origin, "live": line.is_live}
        if before is None:
            new.append({"device_id": key[0], "boot_id": key[1], **values})
        elif before.is_live != line.is_live or abs(line.origin - before.origin) > _SAME_S:
            changed.append({"of_device": key[0], "of_boot": key[1], **values})
    if new:
        connection.execute(insert(Boot), new)
    if changed:
        table: Any = Boot.__table__
        of_boot = (table.c.device_id == bindparam("of_device"), table.c.boot_id == bindparam("of_boot"))
        connection.execute(update(table).where(*of_boot), changed)


def shift(connection: Connection, seconds: float) -> None:
    """Moves every line with the hub's clock, which was set by so many seconds."""
    connection.execute(update(Boot).values(origin=Boot.origin + seconds))
