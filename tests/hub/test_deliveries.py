"""Deliveries over the real databases: written with their calls, claimed, settled; boards, seen or not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from engine_parts import T0, Clock, alerts, arrival, hear, put, raised
from simulate import Device
from sqlalchemy import Connection, event, insert, select

from hub import board, boards, deliveries, mutes
from hub.alerts import Timers
from hub.audit import Actor
from hub.boards import Report
from hub.delivery import PUSH, Delivery, Recipient
from hub.delivery_tables import DeliveryRow
from hub.engine import Engine
from hub.escalation import BED, LEAD, QUIET, Ladder
from hub.faults import Limits
from hub.outbound import Message, Outcome
from hub.store import Store, beat, begin_work, revision

PHONE = Recipient(PUSH, "duty phone", (), LEAD)
EARLY = Recipient(PUSH, "pager", ("3b",), BED)
ELSEWHERE = Recipient(PUSH, "other ward", ("9z",), BED)
L = Delivery()


def keeper(store: Store, clock: Clock, *recipients: Recipient) -> Engine:
    """An engine that has just started; nobody is missed by tests of something else."""
    with store.write() as connection:
        begin_work(connection, "ingest", clock.now)
        beat(connection, "push", clock.now, working=True)
    limits = replace(L, missing_s=86400.0)
    return Engine(
        store, Timers(), Limits(canary_s=3600), Ladder(), clock, delivery=limits, recipients=recipients
    )


def call(store: Store, clock: Clock, second: float, *recipients: Recipient) -> None:
    clock.now = T0 + second
    keeper(store, clock, *recipients).call_people()


def rows(store: Store, *columns: str) -> list[tuple[Any, ...]]:
    names = [getattr(DeliveryRow, name) for name in columns]
    with store.read() as connection:
        return [tuple(row) for row in connection.execute(select(*names).order_by(DeliveryRow.id))]


def claim(store: Store, clock: Clock, recipient: Recipient = PHONE) -> Message | None:
    with store.write() as connection:
        return deliveries.claim(connection, recipient, clock.now)


def settle(store: Store, clock: Clock, message: Message, outcome: Outcome, to: Recipient = PHONE) -> None:
    with store.write() as connection:
        deliveries.settle(connection, to, message, outcome, clock.now, L)


def test_each_call_is_one_row_for_each_who_hears_it(store: Store, device: Device) -> None:
    clock = Clock()
    raised(store, device, clock)
    for second in (0, 60, 120, 300, 420):
        call(store, clock, second, PHONE, EARLY, ELSEWHERE)
        call(store, clock, second, PHONE, EARLY, ELSEWHERE)
    found = rows(store, "channel", "recipient", "call", "level")
    assert [row for row in found if row[0] == "board"] == [("board", "3b", n, n) for n in (1, 2, 3, 4)]
    pushed = [row[1:3] for row in found if row[0] == "push"]
    assert sorted(pushed) == sorted(
        [("pager", n) for n in (1, 2, 3, 4, 5)] + [("duty phone", n) for n in (4, 5)]
    )


def test_a_thousand_calls_are_written_in_a_few_statements(store: Store, device: Device) -> None:
    clock = Clock()
    raised(store, device, clock)
    with store.write() as connection:
        copies(connection, 1200)
    with store.write() as connection:
        statements = connection.engine
        seen: list[str] = []
        event.listen(statements, "before_cursor_execute", lambda *a: seen.append(a[2]))
        deliveries.write(connection, range(1, 1201), [PHONE, EARLY], T0)
        assert len(seen) < 10
    assert len(rows(store, "id")) >= 2400


def copies(connection: Connection, count: int) -> None:
    """The one alert again and again."""
    table = board.AlertRow.__table__
    first = connection.execute(select(table)).one()._asdict()  # type: ignore[arg-type]
    more = [first | {"id": number, "level": 4, "calls": 4} for number in range(2, count + 1)]
    connection.execute(insert(table), more)  # type: ignore[arg-type]


def test_the_newest_call_is_sent_and_the_end_to_who_has_heard(store: Store, device: Device) -> None:
    clock = Clock()
    alert = raised(store, device, clock)
    call(store, clock, 300, PHONE)
    call(store, clock, 420, PHONE)
    message = claim(store, clock)
    assert message is not None
    [about] = message.alerts
    assert (about.alert, about.ward, about.bed, about.call) == (alert, "3b", "bed-1", 5)
    assert (about.level, about.state) == (LEAD, "waiting")
    assert claim(store, clock) is None, "nobody else takes what is on its way"
    clock.now += deliveries.LEASE_S
    again = claim(store, clock)
    assert again is not None
    assert again.key == message.key
    before = revision_of(store)
    settle(store, clock, again, Outcome())
    assert revision_of(store) == before + 1, "boards say that it was delivered"
    [shown] = alerts(store)
    assert [one["level"] for one in shown["called"]] == ["lead"]
    [told] = shown["outside"]
    assert (told["name"], told["state"], told["at"]) == ("duty phone", "delivered", clock.now)
    with store.write() as connection:
        board.accept(connection, alert, Actor("Amara"), clock.now)
    call(store, clock, 460, PHONE)
    assert alerts(store)[0]["outside"] == alerts(store)[0]["called"] == []
    claim(store, clock)  # finds that it is over
    over = claim(store, clock)
    assert over is not None
    assert (over.kind, over.alerts[0].state) == ("over", "accepted")
    settle(store, clock, over, Outcome())
    assert claim(store, clock) is None
    pushed = [row[1:] for row in rows(store, "channel", "kind", "state", "open") if row[0] == "push"]
    assert pushed == [
        ("call", "cancelled", False),
        ("call", "delivered", False),
        ("over", "delivered", False),
    ]


def revision_of(store: Store) -> int:
    with store.read() as connection:
        return revision(connection)


def test_what_never_arrived_needs_no_end_and_is_not_sent_after_it(store: Store, device: Device) -> None:
    clock = Clock()
    alert = raised(store, device, clock)
    call(store, clock, 300, PHONE)
    message = claim(store, clock)
    assert message is not None
    settle(store, clock, message, Outcome("gateway.example answered 500"))
    [told] = alerts(store)[0]["outside"]
    assert told["state"] == "failed"
    with store.write() as connection:
        board.accept(connection, alert, Actor("Amara"), clock.now)
    call(store, clock, 310, PHONE)
    clock.now += 600
    assert claim(store, clock) is None
    assert claim(store, clock) is None
    assert [row for row in rows(store, "channel", "state") if row[0] == "push"] == [("push", "cancelled")]


def test_what_arrived_in_the_moment_of_its_end_is_followed_up(store: Store, device: Device) -> None:
    clock = Clock()
    alert = raised(store, device, clock)
    call(store, clock, 300, PHONE)
    message = claim(store, clock)
    assert message is not None
    with store.write() as connection:
        board.accept(connection, alert, Actor("Amara"), clock.now)
    call(store, clock, 301, PHONE)
    assert claim(store, clock) is None  # while it is on its way
    settle(store, clock, message, Outcome())
    over = claim(store, clock)
    assert over is not None
    assert over.kind == "over"


def test_a_mute_ends_the_calls_outside_and_its_end_begins_them_anew(store: Store, device: Device) -> None:
    clock = Clock()
    raised(store, device, clock)
    call(store, clock, 300, PHONE)
    first = claim(store, clock)
    assert first is not None
    settle(store, clock, first, Outcome())
    with store.write() as connection:
        mutes.mute(connection, 1, Actor("Amara"), 15, "physiotherapy", clock.now)
    call(store, clock, 301, PHONE)
    assert alerts(store)[0]["level"] == QUIET
    claim(store, clock)
    over = claim(store, clock)
    assert over is not None
    assert over.alerts[0].state == "muted"
    settle(store, clock, over, Outcome())
    call(store, clock, 301 + 900, PHONE)
    again = claim(store, clock)
    assert again is not None
    assert (again.kind, again.alerts[0].call) == ("call", 4)


def test_a_process_that_starts_takes_up_what_was_on_its_way_and_forgets_who_is_gone(
    store: Store, device: Device
) -> None:
    clock = Clock()
    raised(store, device, clock)
    call(store, clock, 300, PHONE, EARLY)
    message = claim(store, clock)
    assert message is not None
    settle(store, clock, claim(store, clock, EARLY) or message, Outcome("no route"), EARLY)
    with store.write() as connection:
        deliveries.begin(connection, [PHONE], clock.now)
        assert ("push", "pager") not in deliveries.reaches(connection)
    again = claim(store, clock)
    assert again is not None
    assert again.key == message.key
    assert claim(store, clock, EARLY) is None
    states = {row[0]: row[1:] for row in rows(store, "recipient", "state", "error")}
    assert states["pager"] == ("cancelled", "no longer in the configuration")


def shows(store: Store, clock: Clock, *wards: str, number: str = "0" * 16) -> None:
    with store.write() as connection:
        report = Report("tablet", wards, clock.now, clock.now, clock.now)
        boards.save(connection, {number: report}, clock.now)


def test_what_no_board_shows_is_called_at_once_and_by_a_board_in_time_is_not(
    store: Store, device: Device
) -> None:
    clock = Clock()
    device.episode("a" * 32, "onset", 6.0, send=False)
    put(store, arrival(device, device.sent[device.seq], clock.now))
    keeper(store, clock).follow_episodes()
    call(store, clock, 19.9, PHONE)
    assert alerts(store)[0]["level"] == BED
    with store.write() as connection:
        boards.confirm(connection, {1: BED}, ("9z",), "a board of another ward", clock.now)
    call(store, clock, 20, PHONE)
    assert alerts(store)[0]["level"] == LEAD
    assert claim(store, clock) is not None
    with store.write() as connection:
        boards.confirm(connection, {1: LEAD}, ("3b",), "tablet 1", clock.now)
        boards.confirm(connection, {1: LEAD}, (), "tablet 2", clock.now + 1)
    call(store, clock, 30, PHONE)
    assert alerts(store)[0]["level"] == LEAD, "a board that comes later takes no call back"
    found = rows(store, "channel", "level", "state", "seen_by", "done_at")
    mine = [row for row in found if row[0] == "board"]
    assert mine == [("board", level, "seen", "tablet 1", T0 + 20) for level in (BED, LEAD)]


def test_a_ward_without_a_board_or_sound_is_an_alarm_that_goes_outward(store: Store, device: Device) -> None:
    clock = Clock()
    with store.write() as connection:
        begin_work(connection, "ingest", clock.now)
    watch = Engine(store, Timers(), Limits(canary_s=3600, stale_s=600), Ladder(), clock, recipients=(PHONE,))

    def look(second: float, *wards: str, sounds: bool = True, present: bool = True) -> set[str]:
        clock.now = T0 + second
        hear(store, clock)
        put(store, arrival(device, device.state_message(), clock.now))
        with store.write() as connection:
            beat(connection, "push", clock.now, working=True)
            if present:
                report = Report("", wards, clock.now, clock.now, clock.now if sounds else None)
                boards.save(connection, {"0" * 16: report}, clock.now)
        watch.watch_devices()
        watch.call_people()
        return {a["fault"] for a in alerts(store) if a["state"] == "waiting"}

    assert look(0, "3b") == set()
    assert look(100, "9z") == set()
    assert look(119.9, present=False) == set()
    assert look(121, present=False) == {"unwatched"}
    assert alerts(store)[0]["ward"] == "3b"
    assert claim(store, clock) is None
    look(141, present=False)
    message = claim(store, clock)
    assert message is not None
    assert message.alerts[0].kind == "board"
    assert look(150, "3b", sounds=False) == set()
    for second in range(160, 400, 10):
        assert look(second, sounds=False) == set()
    assert look(400, sounds=False) == {"soundless"}, "five minutes after its last sound"
    assert look(410) == set()


def test_a_lead_called_in_vain_and_nobody_outside_is_an_alarm(store: Store, device: Device) -> None:
    clock = Clock()
    alert = raised(store, device, clock)
    engine = keeper(store, clock)

    def look(second: float) -> list[str]:
        clock.now = T0 + second
        hear(store, clock)
        engine.call_people()
        engine.watch_devices()
        return [a["fault"] for a in alerts(store) if a["kind"] == "outside" and a["state"] == "waiting"]

    assert look(299) == []
    assert look(300) == ["outside_nobody"]
    with store.write() as connection:
        board.accept(connection, alert, Actor("Amara"), clock.now)
    look(301)
    assert look(302) == []
