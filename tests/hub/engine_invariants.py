"""What must hold in the engine's state machine after each step, and what it remembers for that."""

from __future__ import annotations

from typing import Any

from engine_parts import Clock, hear
from engine_world import (
    Bedside,
    Made,
    due_call,
    episodes,
    groups,
    is_late,
    is_open,
    look,
    new_engine,
    rows,
    tell,
    told_of,
    without,
)
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant

from hub import board
from hub.store import begin_work

BEDS = ("bed-1", "bed-2")


class Invariants(RuleBasedStateMachine):
    """`home` makes databases; `looked` is whether the engine has seen all there is."""

    home: Any

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.store, self.place = self.home.new()
        self.beds = [Bedside(name) for name in BEDS]
        self.made: list[Made] = []
        self.visible: dict[int, dict[str, Any]] = {}
        self.replica: dict[int, dict[str, Any]] = {}
        self.seen = 0
        self.sang_at = self.clock.now
        self.listening = True
        self.acted: set[int | None] = set()
        self.looked = False

    @initialize()
    def begin(self) -> None:
        with self.store.write() as connection:
            begin_work(connection, "ingest", self.clock.now)
        self.engine = new_engine(self.store, self.clock)
        for bed in self.beds:
            self.arrive([bed.state(self.clock, "online")])
        self.look()

    def teardown(self) -> None:
        if hasattr(self, "engine"):
            self._compare_with_good_order()
        self.home.drop(self.store, self.place)

    # What must hold

    @invariant()
    def a_listener_that_follows_the_revisions_has_every_alert(self) -> None:
        if not self.looked:
            return
        with self.store.read() as connection:
            told = board.changes(connection, self.seen)
            whole = board.changes(connection, -1)
        self.seen = told["revision"]
        self.replica |= {alert["id"]: alert for alert in told["alerts"]}
        assert self.replica == {alert["id"]: alert for alert in whole["alerts"]}

    @invariant()
    def every_alert_has_been_called_to_as_the_design_says(self) -> None:
        if not self.looked:
            return
        now = self.clock.now
        for alert in rows(self.store).values():
            bed = self._bed(alert)
            found = alert["level"], alert["calls"]
            assert found == due_call(alert, bed, now), f"called wrongly: {alert}"
            if alert["missed"]:
                assert found == (0, 0), f"what came late must never sound: {alert}"
            waits = is_open(alert) and not alert["missed"]
            if waits and (alert["accepted_at"] is None or alert["kind"] == "distress"):
                assert alert["call_at"] is not None, f"no deadline: {alert}"
                assert alert["call_at"] > now, f"a deadline has passed: {alert}"

    @invariant()
    def every_episode_that_counts_is_in_an_alert_and_late_ones_are_missed(self) -> None:
        if not self.looked:
            return
        told, alerts = told_of(self.made), rows(self.store)
        members: dict[int, list[str]] = {}
        for row in episodes(self.store):
            if row["alert_id"] is not None:
                members.setdefault(row["alert_id"], []).append(row["id"])
            elif row["ended"] and row["last_at"] - row["onset_at"] >= 5.0:
                raise AssertionError(f"nobody is told of {row}")
        for number, names in members.items():
            alert = alerts[number]
            assert alert["merged_into"] is None, f"an episode in an alert that is none any more: {alert}"
            if alert["closed_at"] is None:
                late = all(is_late(told[name]) for name in names)
                assert alert["missed"] == late, f"late or not: {alert}"

    # The rest of the machine

    def arrive(self, messages: list[Made]) -> None:
        tell(self.store, self.clock, messages)
        for one in messages:
            for bed in self.beds:
                offline = getattr(one.message, "status", "") == "offline"
                if bed.name == one.device.address.device and not offline:
                    bed.heard_at = self.clock.now
        self.looked = False

    def look(self) -> None:
        if self.listening:
            hear(self.store, self.clock)
        look(self.engine)
        self.looked = True
        self._see()

    def _see(self) -> None:
        """Nothing visible disappears without a named person or an ended condition."""
        alerts = rows(self.store)
        now_open = {number: alert for number, alert in alerts.items() if is_open(alert)}
        for number in set(self.visible) - set(now_open):
            alert = alerts[number]
            if alert["merged_into"] is not None:
                heir = now_open.get(alert["merged_into"])
                assert heir is not None, f"merged into what is not visible: {alert}"
                answered = heir["accepted_at"] is not None and alert["accepted_at"] is None
                assert not answered, f"an answer covers what nobody has answered: {alert}"
            else:
                assert alert["priority"] == "technical", f"gone: {alert}"
                assert self._has_gone(alert), f"its cause has not gone: {alert}"
        for number in set(now_open) - set(self.visible):
            assert now_open[number]["raised_at"] == self.clock.now, "raised before anybody looked"
        self.visible = now_open

    def _has_gone(self, alert: dict[str, Any]) -> bool:
        bed = self._bed(alert)
        match alert["kind"]:
            case "link":
                return bed is not None and bed.heard_at > alert["opened_at"]
            case "microphone":
                return bed is not None and bed.microphone == "healthy"
            case "chain":
                return self.sang_at > alert["opened_at"]
            case "hub":
                return self.listening
            case "board" | "sound" | "outside":
                return True  # of boards and phones, not of this ward: hub.reach's own tests
        return False

    def _compare_with_good_order(self) -> None:
        """The same messages, each once and in the order of their making, in another database."""
        self.look()
        arrived = [one for one in self.made if one.arrived_at]
        store, place = self.home.new()
        clock = Clock()
        for bed in self.beds:
            tell(store, clock, [bed.state(clock, "online")])
        for one in arrived:
            clock.now = one.arrived_at[0]
            tell(store, clock, [one])
            one.arrived_at.pop()
        clock.now = self.clock.now
        look(new_engine(store, clock))
        known = [[without(row, {"alert_id"}) for row in episodes(one)] for one in (store, self.store)]
        alerts = [groups(one) for one in (store, self.store)]
        self.home.drop(store, place)
        assert known[0] == known[1], "the order or the repeats matter"
        # An alert once shown stays, however short its episode proves: who looks later never shows it.
        brief = {row["device_id"] for row in known[0] if row["last_at"] - row["onset_at"] < 5.0}
        for device_id in {1, 2} - self.acted - brief:
            first, second = ([one for one in some if one["device_id"] == device_id] for some in alerts)
            assert first == second, "the order, the repeats or the looks matter"

    def open(self, *, accepted: bool | None = None) -> list[dict[str, Any]]:
        return [
            alert
            for alert in self.visible.values()
            if accepted is None or (alert["accepted_at"] is not None) == accepted
        ]

    def waiting(self) -> list[dict[str, Any]]:
        """What the board shows as waiting for somebody: also what was accepted and is called to anew."""
        with self.store.read() as connection:
            return [one for one in board.snapshot(connection)["alerts"] if one["state"] == "waiting"]

    def sounding(self) -> list[dict[str, Any]]:
        """Those of them whose sound goes on until somebody does something."""
        return [one for one in self.waiting() if one["priority"] != "technical" and not one["missed"]]

    def pick(self, which: int, *, accepted: bool | None = None) -> dict[str, Any]:
        found = self.open(accepted=accepted)
        return found[which % len(found)]

    def _bed(self, alert: dict[str, Any]) -> Bedside | None:
        number = alert["device_id"]
        return None if number is None else self.beds[number - 1]
