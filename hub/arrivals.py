"""What reached the hub, checked, and its way into the database: the ingest's half of the store."""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from edge.errors import MessageError
from edge.fields import encode
from edge.messages import (
    MESSAGES,
    Address,
    Dropped,
    Emotion,
    Episode,
    Health,
    Receipt,
    State,
    Summary,
    from_json,
    parse_topic,
    utc_seconds,
)
from hub.sequences import Range, add, holds, join, receipts, size
from hub.store import count, next_revision
from hub.tables import Boot, Device, Held, Record, Reject

KEPT_REJECTS = 1000
FROM_DEVICES = ("state", "emotion", "episode", "summary", "health", "dropped")
_LONGEST_S = 30 * 86400.0

DeviceMessage = State | Emotion | Episode | Summary | Health | Dropped


@dataclass(frozen=True, slots=True)
class Arrival:
    """Bytes from the broker; `at` is the hub's clock, `retained` an old state the broker had kept."""

    topic: str
    payload: bytes
    retained: bool
    at: float


@dataclass(frozen=True, slots=True)
class Accepted:
    """A message that keeps the contract."""

    address: Address
    message: DeviceMessage
    retained: bool
    at: float


@dataclass(frozen=True, slots=True)
class Rejected:
    """A message that breaks it, and how."""

    arrival: Arrival
    reason: str


def check(arrival: Arrival) -> Accepted | Rejected:
    """The arrival as a message, or the reason why it is none."""
    try:
        address, kind = parse_topic(arrival.topic)
        if kind not in FROM_DEVICES:
            return Rejected(arrival, f"a device sends no {kind} messages")
        message: DeviceMessage = from_json(MESSAGES[kind], arrival.payload)
        _storable(message)
    except (MessageError, UnicodeError) as error:
        return Rejected(arrival, _printable(str(error)))
    return Accepted(address, message, arrival.retained, arrival.at)


def _storable(message: DeviceMessage) -> None:
    """Refuses what the schema lets through and the hub cannot use: NUL in a text, an episode of months."""
    if "\\u0000" in _text(message):
        raise MessageError("a text holds the character NUL")
    if isinstance(message, Episode) and message.duration_s > _LONGEST_S:
        raise MessageError(f"duration_s is {message.duration_s:g}; an episode lasts at most {_LONGEST_S:g} s")
    if isinstance(message, Dropped) and any(len(r) != 2 or r[0] > r[1] for r in message.ranges):
        raise MessageError("ranges holds one that ends before it begins")


def _text(message: DeviceMessage) -> str:
    """JSON of a message; may exceed the wire's 1 KiB, because 1 is written 1.0 here. Raises UnicodeError."""
    text = json.dumps(encode(message), separators=(",", ":"), ensure_ascii=False)
    text.encode()
    return text


def _printable(text: str) -> str:
    """As much of a text of unknown origin as any database takes."""
    return text[:300].encode(errors="backslashreplace").decode().replace("\0", "\\x00")


def save(connection: Connection, batch: Sequence[Accepted]) -> list[tuple[Address, Receipt]]:
    """Writes a batch and returns the receipts to send once the transaction has been committed."""
    if not batch:
        return []
    ids = _device_ids(connection, batch)
    origins = _origins(connection, batch, ids)
    answers: list[tuple[Address, Receipt]] = []
    durable = [item for item in batch if isinstance(item.message, Episode | Summary | Dropped)]

    def boot(item: Accepted) -> tuple[Address, str]:
        return item.address, _boot_id(item.message)

    durable.sort(key=lambda item: (item.address.topic(""), _boot_id(item.message)))
    for (address, boot_id), group in itertools.groupby(durable, key=boot):
        device_id = ids[address]
        origin = origins.get((device_id, boot_id), 0.0)  # none where a device only says what is gone
        found = _keep(connection, device_id, boot_id, list(group), origin)
        answers += [(address, receipt) for receipt in found]
    _update_devices(connection, batch, ids, origins)
    return answers


def _boot_id(message: DeviceMessage) -> str:
    """The start whose numbers a message speaks of; a device may say what is gone of an earlier one."""
    return message.boot_id if isinstance(message, Dropped) else message.stamp.boot_id


def set_aside(connection: Connection, rejects: Sequence[Rejected]) -> None:
    """Counts messages that break the contract and keeps the newest of them."""
    if not rejects:
        return
    rows = [
        {
            "received_at": item.arrival.at,
            "topic": _printable(item.arrival.topic),
            "reason": item.reason,
            "payload": item.arrival.payload[:1024],
        }
        for item in rejects[-KEPT_REJECTS:]
    ]
    connection.execute(insert(Reject), rows)
    count(connection, "rejects", len(rejects))
    # Counted, not reckoned: where a transaction was given up, ids are missing.
    too_old = select(Reject.id).order_by(Reject.id.desc()).offset(KEPT_REJECTS).limit(1).scalar_subquery()
    connection.execute(delete(Reject).where(Reject.id <= too_old))


def _device_ids(connection: Connection, batch: Sequence[Accepted]) -> dict[Address, int]:
    ids: dict[Address, int] = {}
    query = select(Device.id)
    for item in batch:
        address = item.address
        if address in ids:
            continue
        row = connection.scalar(query.where(Device.ward == address.ward, Device.name == address.device))
        if row is None:
            values = {
                "ward": address.ward,
                "name": address.device,
                "bed": address.device,
                "status": "unknown",
                "status_at": item.at,
                "status_reason": "",
                "microphone": "unknown",
                "microphone_at": item.at,
                "heard_at": item.at,
                "revision": 0,
            }
            row = connection.execute(insert(Device).values(values).returning(Device.id)).scalar_one()
        ids[address] = row
    return ids


def _origins(
    connection: Connection, batch: Sequence[Accepted], ids: dict[Address, int]
) -> dict[tuple[int, str], float]:
    """The hub's time at each boot's millisecond 0: the quickest message of that boot knows it best."""
    best: dict[tuple[int, str], float] = {}
    for item in batch:
        key = ids[item.address], item.message.stamp.boot_id
        best[key] = min(best.get(key, item.at), item.at - item.message.stamp.mono_ms / 1000)
    for (device_id, boot_id), origin in best.items():
        known = connection.scalar(
            select(Boot.origin).where(Boot.device_id == device_id, Boot.boot_id == boot_id)
        )
        if known is None:
            connection.execute(insert(Boot).values(device_id=device_id, boot_id=boot_id, origin=origin))
        elif origin < known - 0.05:
            where = (Boot.device_id == device_id, Boot.boot_id == boot_id)
            connection.execute(update(Boot).where(*where).values(origin=origin))
        else:
            best[device_id, boot_id] = known
    return best


def _made_at(item: Accepted, origin: float) -> float:
    """When a message was made, by the hub's clock; never after it arrived."""
    stamp = item.message.stamp
    made = utc_seconds(stamp.time) if stamp.clock_synced else origin + stamp.mono_ms / 1000
    return min(made, item.at)


def _keep(
    connection: Connection, device_id: int, boot_id: str, group: Sequence[Accepted], origin: float
) -> list[Receipt]:
    where = (Held.device_id == device_id, Held.boot_id == boot_id)
    rows = connection.execute(select(Held.first, Held.last).where(*where).order_by(Held.first))
    held: list[Range] = [(row.first, row.last) for row in rows]
    new: dict[int, dict[str, Any]] = {}
    arrived = set()
    gone: list[Range] = []
    for item in group:
        if isinstance(item.message, Dropped):
            gone += item.message.ranges
            arrived |= {first for first, _ in item.message.ranges}
        if not isinstance(item.message, Episode | Summary):
            continue
        seq = item.message.seq
        arrived.add(seq)
        if seq in new or holds(held, seq):
            continue
        new[seq] = {
            "device_id": device_id,
            "boot_id": boot_id,
            "seq": seq,
            "kind": item.message.kind,
            "at": _made_at(item, origin),
            "received_at": item.at,
            "body": _text(item.message),
        }
    if new:
        connection.execute(insert(Record), list(new.values()))
    with_new = add(held, new)
    now_held = join(with_new, gone)
    if now_held != with_new:
        count(connection, "given_up", size(now_held) - size(with_new))
    for first, _ in set(held) - set(now_held):
        connection.execute(delete(Held).where(*where, Held.first == first))
    for first, last in set(now_held) - set(held):
        values = {"device_id": device_id, "boot_id": boot_id, "first": first, "last": last}
        connection.execute(insert(Held).values(values))
    held = now_held
    return receipts(boot_id, held, arrived)


def _update_devices(
    connection: Connection,
    batch: Sequence[Accepted],
    ids: dict[Address, int],
    origins: dict[tuple[int, str], float],
) -> None:
    latest: dict[int, dict[str, Any]] = {}
    for item in batch:
        device_id = ids[item.address]
        values = latest.setdefault(device_id, {})
        values |= _tile(item, _made_at(item, origins[device_id, item.message.stamp.boot_id]))
    revision = next_revision(connection)
    for device_id, values in latest.items():
        row = connection.execute(select(Device).where(Device.id == device_id)).one()
        if values.get("microphone") == row.microphone:
            values.pop("microphone_at", None)
        for name in ("clock_off_at", "storage_refused_at"):
            if values.get(name) is not None and getattr(row, name) is not None:
                values.pop(name)  # it has been so for longer
        died_again = row.status == "offline" and row.heard_at > row.status_at
        if values.get("status") == row.status and not died_again:
            values.pop("status_at", None)
        connection.execute(update(Device).where(Device.id == device_id).values(**values, revision=revision))


def _tile(item: Accepted, made_at: float) -> dict[str, Any]:
    """The columns of the device's row that a message brings up to date."""
    message = item.message
    values: dict[str, Any] = {}
    if not item.retained:
        values = {"heard_at": item.at, "clock_off_at": None if message.stamp.clock_synced else item.at}
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
            }
        case _:
            pass
    return values
