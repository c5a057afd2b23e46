"""Faults to put into the engine, each of which its state machine must find."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, update

from hub import alerts, calls, engine, faults, ledger
from hub.alerts import Assessment, Episode
from hub.escalation import Call
from hub.store import Store
from hub.tables import AlertRow, Device

Patch = Callable[[Any, str, Any], None]


def ladder_stops(patch: Patch) -> None:
    call = calls.call

    def stopping(*arguments: Any) -> Call:
        found = call(*arguments)
        return replace(found, due_at=None) if found.level >= 2 else found

    patch(calls, "call", stopping)


def accepting_is_the_end_of_it(patch: Patch) -> None:
    call = calls.call
    never = Call(0, 0, None)
    patch(calls, "call", lambda one, *rest: never if one.accepted_at is not None else call(one, *rest))


def ladder_begins_anew_with_each_start(patch: Patch) -> None:
    start = engine.Engine.__init__

    def starting(self: engine.Engine, store: Store, *rest: Any) -> None:
        start(self, store, *rest)
        later = update(AlertRow).where(AlertRow.call_at.is_not(None)).values(call_at=rest[-1]() + 60)
        with store.write() as connection:
            connection.execute(later)

    patch(engine.Engine, "__init__", starting)


def mutes_do_not_count(patch: Patch) -> None:
    patch(calls, "_silences", lambda *_: {})


def what_came_late_is_called(patch: Patch) -> None:
    standing = calls._standing
    patch(calls, "_standing", lambda *arguments: replace(standing(*arguments), missed=False))


def nothing_is_late(patch: Patch) -> None:
    alert = alerts._alert
    patch(alerts, "_alert", lambda *arguments: replace(alert(*arguments), missed=False))


def deadlines_of_beds_are_forgotten(patch: Patch) -> None:
    write = ledger.write_changes
    patch(ledger, "write_changes", lambda one, table, rows: table is Device or write(one, table, rows))


def the_last_to_arrive_is_believed(patch: Patch) -> None:
    def join(self: Episode, other: Episode) -> Episode:
        return replace(
            other,
            onset_at=min(self.onset_at, other.onset_at),
            ended=self.ended or other.ended,
            received_at=min(self.received_at, other.received_at),
            lag_s=min(self.lag_s, other.lag_s),
        )

    patch(Episode, "join", join)


def what_is_late_no_more_is_not_called(patch: Patch) -> None:
    patch(ledger, "_MATTERS_TO_CALLS", ledger._MATTERS_TO_CALLS - {"missed"})


def an_answer_swallows_the_unanswered(patch: Patch) -> None:
    assess = engine.assess

    def swapped(*arguments: Any) -> Assessment:
        found = assess(*arguments)
        changed = [
            replace(one, row=one.absorbed[0], absorbed=(one.row, *one.absorbed[1:])) if one.absorbed else one
            for one in found.alerts
        ]
        return replace(found, alerts=tuple(changed))

    patch(engine, "assess", swapped)


def silence_closes_the_alert(patch: Patch) -> None:
    columns = ledger._columns

    def closing(alert: alerts.Distress) -> dict[str, Any]:
        over = {"closed_at": alert.ended_at} if alert.condition == alerts.ENDED else {}
        return columns(alert) | over

    patch(ledger, "_columns", closing)


def the_board_is_not_told(patch: Patch) -> None:
    write = ledger.write_changes

    def silent(connection: Connection, table: Any, rows: Mapping[int, Mapping[str, Any]]) -> None:
        rows = {
            row: {name: one for name, one in values.items() if name != "revision"}
            for row, values in rows.items()
        }
        write(connection, table, rows)

    patch(ledger, "write_changes", silent)


def the_canary_is_forgotten_with_each_start(patch: Patch) -> None:
    chain = engine.chain_fault
    patch(engine, "chain_fault", lambda *arguments: chain(*arguments[:4]))


def the_lost_are_found_when_ingest_comes_back(patch: Patch) -> None:
    link = faults._link
    patch(faults, "_link", lambda *arguments: link(*arguments[:-1], None))


def a_microphone_dead_otherwise_is_well_for_a_while(patch: Patch) -> None:
    microphone = faults._microphone
    patch(faults, "_microphone", lambda *arguments: microphone(*arguments[:-1], False))


FAULTS = (
    ladder_stops,
    accepting_is_the_end_of_it,
    ladder_begins_anew_with_each_start,
    mutes_do_not_count,
    what_came_late_is_called,
    nothing_is_late,
    deadlines_of_beds_are_forgotten,
    the_last_to_arrive_is_believed,
    what_is_late_no_more_is_not_called,
    an_answer_swallows_the_unanswered,
    silence_closes_the_alert,
    the_board_is_not_told,
    the_canary_is_forgotten_with_each_start,
    the_lost_are_found_when_ingest_comes_back,
    a_microphone_dead_otherwise_is_well_for_a_while,
)
