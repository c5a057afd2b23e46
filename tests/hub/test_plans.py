"""No statement of every second, or of every message, reads all that is over: by the databases' own plans."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from typing import Any

from engine_parts import T0, Clock, Loose, arrival, close, engine, hear, put, raised
from simulate import Device, hex_id
from sqlalchemy import Engine, event, insert, select, text

from hub import board, boards, deliveries, metrics, mutes
from hub.alerts import ENDED, TECHNICAL, Timers
from hub.audit import Actor
from hub.delivery import PUSH, Delivery, Recipient
from hub.delivery_tables import DeliveryRow
from hub.engine import Engine as Keeper
from hub.escalation import BED, Ladder
from hub.faults import Limits
from hub.outbound import Outcome
from hub.store import Store, revision
from hub.tables import ActionRow, AlertRow, Base, Boot, EpisodeRow, Held, MuteRow, Record, StateRow

DAY_S = 86400.0
YEAR = 2000  # rows of each table
GROWING = "records|held|boots|episodes|alerts|deliveries|states|mutes|actions"  # audit: only its last row
OF_WHAT_GOES_ON = ("alerts_alive", "deliveries_open")  # indexes that may be read from end to end
PAGER = Recipient(PUSH, "pager", (), BED)


@contextlib.contextmanager
def statements() -> Iterator[dict[str, Any]]:
    """Each statement sent to any database meanwhile, and values it was sent with."""
    found: dict[str, Any] = {}

    def note(_connection: Any, _cursor: Any, words: str, values: Any, _context: Any, many: Any) -> None:
        if words.startswith(("SELECT", "UPDATE", "DELETE")) and "pg_" not in words:
            found[words] = values[0] if many else values

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield found
    finally:
        event.remove(Engine, "before_cursor_execute", note)


def copy(number: int) -> dict[type[Base], dict[str, Any]]:
    """In what the rows of so many days ago differ from the first of each table."""
    ago = T0 - DAY_S * number
    resolved = {"kind": "link", "priority": TECHNICAL, "closed_at": None} if number % 2 else {}
    return {
        AlertRow: {
            "id": -number,
            "anchor": hex_id(),
            "condition": ENDED,
            "call_at": None,
            **dict.fromkeys(("opened_at", "raised_at", "ended_at", "closed_at"), ago),
            **resolved,
        },
        EpisodeRow: {
            "id": hex_id(),
            "alert_id": -number,
            **dict.fromkeys(("onset_at", "last_at", "received_at"), ago),
        },
        DeliveryRow: {"id": -number, "made_at": ago, "open": False},
        Record: {"id": -number, "boot_id": hex_id(), "at": ago},
        Boot: {"boot_id": hex_id()},
        Held: {"boot_id": hex_id()},
        StateRow: {"number": -number, "at": ago},
        MuteRow: {"id": -number, "end_at": ago},
        ActionRow: {"id": YEAR + number},
    }


def live_a_year(store: Store, device: Device, clock: Clock) -> None:
    """One bed's alert, over, with all that belongs to it, and as many more as a year has."""
    close(store, raised(store, device, clock), clock.now)
    clock.now += 30
    number = device.episode("a" * 32, "end", 36.0, send=False)
    put(store, arrival(device, device.sent[number], clock.now))
    engine(store, clock).follow_episodes()
    with store.write() as connection:
        mutes.mute(connection, 1, Actor("Amara"), 60, "visit", clock.now)
        deliveries.write(connection, [1], [PAGER], clock.now)
    with store.write() as connection:
        year = [copy(number) for number in range(1, YEAR)]
        for table in year[0]:
            rows_of: Any = table.__table__
            first = connection.execute(select(rows_of)).first()
            assert first is not None, f"{rows_of} has a row to copy"
            rows = [first._asdict() | day[table] for day in year]
            connection.execute(insert(rows_of), rows)
        if connection.dialect.name == "postgresql":  # which looks how much there is of what
            connection.execute(text("ANALYZE"))


def work_a_second(store: Store, device: Device, clock: Clock) -> None:
    """What the four processes do again and again, with an alert from its beginning to its end."""
    keeper = Keeper(store, Timers(), Limits(), Ladder(), clock, recipients=[PAGER])
    with store.read() as connection:
        seen = revision(connection)
    put(store, arrival(device, device.state_message(), clock.now))
    device.episode("b" * 32, "onset", 6.0, send=False)
    put(store, arrival(device, device.sent[device.seq], clock.now))
    keeper.follow_episodes()
    with store.read() as connection:
        [alert] = [one["id"] for one in board.changes(connection, seen)["alerts"]]
    for second in (0, 60, 400):
        clock.now += second
        hear(store, clock)
        for step in (keeper.follow_episodes, keeper.call_people, keeper.watch_devices):
            step()
        with store.write() as connection:
            message = deliveries.claim(connection, PAGER, clock.now)
            assert message is not None
            deliveries.settle(connection, PAGER, message, Outcome(), clock.now, Delivery())
            deliveries.begin(connection, [PAGER], clock.now)
            boards.confirm(connection, {alert: BED}, (), "a board", clock.now)
            assert board.changes(connection, seen, ["3b"])["alerts"]
            metrics.collect(connection, 0, clock.now)
    close(store, alert, clock.now)


def scans(plan: list[str], *, sqlite: bool) -> list[str]:
    """The steps that read a table from end to end which grows with the years."""
    scan = rf"SCAN ({GROWING})\b" if sqlite else rf"Seq Scan on ({GROWING})\b"
    return [
        step for step in plan if re.search(scan, step) and not any(name in step for name in OF_WHAT_GOES_ON)
    ]


def test_what_is_done_again_and_again_reads_no_year(store: Store, device: Device) -> None:
    clock = Clock()
    live_a_year(store, device, clock)
    with statements() as found:
        work_a_second(store, Device(Loose(), "bed-2", "Bed 2"), clock)  # type: ignore[arg-type]
    assert len(found) > 50
    bad = {}
    with store.read() as connection:
        sqlite = connection.dialect.name == "sqlite"
        for words, values in found.items():
            explain = "EXPLAIN QUERY PLAN" if sqlite else "EXPLAIN"
            steps = [row[-1] for row in connection.exec_driver_sql(f"{explain} {words}", values)]
            if scans(steps, sqlite=sqlite):
                bad[words] = steps
    assert not bad, "\n".join(f"{words}\n{steps}" for words, steps in bad.items())
