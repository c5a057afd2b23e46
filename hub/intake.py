"""Checked messages into the database, in batches, and the receipts for them: ingest's half of the store."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, delete, insert, select

from edge.messages import Dropped, Episode, Receipt, Summary
from edge.topics import Address
from hub import tiles, time_lines
from hub.arrivals import Accepted, DeviceMessage, Rejected, printable, text
from hub.sequences import Range, add, holds, join, receipts, size
from hub.store import Pair, count, find_pairs, is_pair
from hub.tables import Device, Held, Record, Reject
from hub.time_lines import Lines

KEPT_REJECTS = 1000

_HELD = (
    select(Held.device_id, Held.boot_id, Held.first, Held.last)
    .where(is_pair(Held.device_id, Held.boot_id))
    .order_by(Held.first)
)


def save(connection: Connection, batch: Sequence[Accepted]) -> list[tuple[Address, Receipt]]:
    """Writes a batch and returns the receipts to send once the transaction has been committed.

    The number of statements hardly grows with the number of devices: each costs more than its rows.
    """
    if not batch:
        return []
    ids = _device_ids(connection, batch)
    lines = time_lines.follow(connection, batch, ids)
    answers = _keep(connection, batch, ids, lines)
    tiles.update(
        connection,
        [(ids[item.address], item, lines.made_at(ids[item.address], item)) for item in batch],
    )
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
            "topic": printable(item.arrival.topic),
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
    addresses = {(item.address.ward, item.address.device): item.address for item in batch}
    query = select(Device.id, Device.ward, Device.name).where(
        Device.name.in_({name for _, name in addresses})
    )
    found = {(row.ward, row.name): row.id for row in connection.execute(query)}
    for item in batch:
        key = item.address.ward, item.address.device
        if key not in found:
            insertion = insert(Device).values(tiles.unknown(item)).returning(Device.id)
            found[key] = connection.execute(insertion).scalar_one()
    return {address: found[key] for key, address in addresses.items()}


def _keep(
    connection: Connection,
    batch: Sequence[Accepted],
    ids: dict[Address, int],
    lines: Lines,
) -> list[tuple[Address, Receipt]]:
    """Writes the durable messages that are new, and which numbers are held now; the receipts."""
    groups: dict[tuple[Address, str], list[Accepted]] = {}
    for item in batch:
        if isinstance(item.message, Episode | Summary | Dropped):
            groups.setdefault((item.address, _boot_id(item.message)), []).append(item)
    if not groups:
        return []
    held = _held(connection, {(ids[address], boot_id) for address, boot_id in groups})
    answers: list[tuple[Address, Receipt]] = []
    records: list[dict[str, Any]] = []
    over: list[dict[str, Any]] = []
    begun: list[dict[str, Any]] = []
    given_up = 0
    for (address, boot_id), group in groups.items():
        boot = ids[address], boot_id
        before = held.get(boot, [])
        new, gone, arrived = _sort_out(group, before)
        records += [_record(boot, item, lines.made_at(boot[0], item)) for item in new.values()]
        with_new = add(before, new)
        now = join(with_new, gone)
        given_up += size(now) - size(with_new)
        over += [
            {"of_device": boot[0], "of_boot": boot_id, "of_first": one[0]} for one in set(before) - set(now)
        ]
        begun += [_run(boot, one) for one in sorted(set(now) - set(before))]
        answers += [(address, receipt) for receipt in receipts(boot_id, now, arrived)]
    if records:
        connection.execute(insert(Record), records)
        count(connection, "records", len(records))
    if given_up:
        count(connection, "given_up", given_up)
    if over:
        of_boot = (Held.device_id == bindparam("of_device"), Held.boot_id == bindparam("of_boot"))
        connection.execute(delete(Held.__table__).where(*of_boot, Held.first == bindparam("of_first")), over)  # type: ignore[arg-type]
    if begun:
        connection.execute(insert(Held), begun)
    return answers


def _held(connection: Connection, boots: set[Pair]) -> dict[Pair, list[Range]]:
    found: dict[Pair, list[Range]] = {}
    for row in find_pairs(connection, _HELD, boots):
        found.setdefault((row.device_id, row.boot_id), []).append((row.first, row.last))
    return found


def _sort_out(
    group: Sequence[Accepted], held: Sequence[Range]
) -> tuple[dict[int, Accepted], list[Range], set[int]]:
    """Of one boot's messages: the new ones by number, the ranges given up, every number told of."""
    new: dict[int, Accepted] = {}
    gone: list[Range] = []
    arrived = set()
    for item in group:
        if isinstance(item.message, Dropped):
            gone += item.message.ranges
            arrived |= {first for first, _ in item.message.ranges}
        elif isinstance(item.message, Episode | Summary):
            seq = item.message.seq
            arrived.add(seq)
            if not holds(held, seq):
                new.setdefault(seq, item)
    return new, gone, arrived


def _record(boot: Pair, item: Accepted, made_at: float) -> dict[str, Any]:
    message = item.message
    if not isinstance(message, Episode | Summary):
        raise TypeError(f"{message.kind} is not durable")
    return {
        "device_id": boot[0],
        "boot_id": boot[1],
        "seq": message.seq,
        "kind": message.kind,
        "at": made_at,
        "received_at": item.at,
        "body": text(message),
    }


def _run(boot: Pair, held: Range) -> dict[str, Any]:
    return {"device_id": boot[0], "boot_id": boot[1], "first": held[0], "last": held[1]}
