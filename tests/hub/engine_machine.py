"""The engine's state machine: anything may happen in any order; the design's invariants hold all the same.

The engine, the store and the database are the real ones; the clock is the machine's. Between two looks of the
engine it is as good as dead, and every look may be that of a new one over the same database.
"""

from __future__ import annotations

from engine_invariants import Invariants
from engine_parts import Clock, hear
from engine_world import canary, look, new_engine, raised_since, rows, shown_before
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule
from sqlalchemy import func, select, update

from hub import board, boards, mutes
from hub.audit import Actor
from hub.mutes import PAUSE_S
from hub.store import beat, begin_work
from hub.tables import AlertRow, Device

# Quarters of a second, which floats and the wire's milliseconds hold exactly.
SECONDS = st.sampled_from([0.25, 1.0, 4.75, 5.0, 20.0, 45.0, 60.0, 61.0, 120.0, 180.0, 301.0, 600.0])
PAUSES = st.one_of(SECONDS, st.just(3550.0))  # after which some is an hour old
LASTED = st.sampled_from([0.0, 3.0, 6.0, 61.0])
WHICH = st.integers(0, 10**6)


class EngineMachine(Invariants):
    """What may happen."""

    # What happens at the beds, and on the way from there

    @rule(which=st.sampled_from((0, 1)), phase=st.sampled_from(("onset", "update", "end")), lasted=LASTED)
    def something_is_said(self, which: int, phase: str, lasted: float) -> None:
        self.made.append(self.beds[which].say(phase, self.clock, lasted))

    @rule(which=st.sampled_from((0, 1)))
    def a_device_starts_anew(self, which: int) -> None:
        self.beds[which].start()

    @precondition(lambda self: self.listening and self.made)
    @rule(numbers=st.lists(WHICH, min_size=1, max_size=6))
    def some_arrive_in_any_order_and_again(self, numbers: list[int]) -> None:
        self.arrive([self.made[number % len(self.made)] for number in numbers])

    @precondition(lambda self: self.listening and self.made)
    @rule(backwards=st.booleans())
    def what_is_on_its_way_arrives(self, backwards: bool) -> None:
        waiting = [one for one in self.made if not one.arrived_at]
        self.arrive(waiting[::-1] if backwards else waiting)

    @precondition(lambda self: self.listening)
    @rule(which=st.sampled_from((0, 1)), status=st.sampled_from(("online", "offline")))
    def a_state_arrives(self, which: int, status: str) -> None:
        self.arrive([self.beds[which].state(self.clock, status)])

    @precondition(lambda self: self.listening)
    @rule(which=st.sampled_from((0, 1)), microphone=st.sampled_from(("healthy", "lost", "silent")))
    def a_microphone_changes(self, which: int, microphone: str) -> None:
        self.beds[which].microphone = microphone
        self.arrive([self.beds[which].state(self.clock, "online")])

    @precondition(lambda self: self.listening)
    @rule()
    def the_canary_sings(self) -> None:
        self.sang_at = self.clock.now
        self.arrive([canary(self.clock)])

    @rule(listens=st.booleans())
    def ingest_dies_or_comes_back(self, listens: bool) -> None:
        with self.store.write() as connection:
            if listens:
                begin_work(connection, "ingest", self.clock.now)
            else:
                beat(connection, "ingest", self.clock.now, working=False)
        self.listening = listens
        self.looked = False

    # What takes several steps that seldom come by chance

    @precondition(lambda self: self.listening)
    @rule(which=st.sampled_from((0, 1)))
    def a_late_onset_goes_on_and_is_late_no_more(self, which: int) -> None:
        """And over before the engine looks, so that nothing else about it has changed."""
        for phase, on_its_way, unseen in (("onset", 301.0, 0.0), ("end", 0.0, 60.0)):
            self.made.append(self.beds[which].say(phase, self.clock, 6.0))
            self.clock.now += on_its_way
            self.arrive(self.made[-1:])
            self.clock.now += unseen
            self.look()

    # What people do

    @precondition(lambda self: self.open())
    @rule()
    def a_board_shows_everything(self) -> None:
        with self.store.write() as connection:
            levels = {number: alert["level"] for number, alert in self.visible.items()}
            boards.confirm(connection, levels, (), "b", self.clock.now)

    @precondition(lambda self: self.waiting())
    @rule(which=WHICH)
    def somebody_accepts(self, which: int) -> None:
        found = self.waiting()
        alert = found[which % len(found)]
        with self.store.write() as connection:
            board.accept(connection, alert["id"], Actor("Amara"), self.clock.now)
        self.acted.add(alert["device_id"])
        self.look()

    @precondition(lambda self: self.open(accepted=True))
    @rule(which=WHICH)
    def somebody_closes(self, which: int) -> None:
        alert = self.pick(which, accepted=True)
        with self.store.write() as connection:
            board.close(connection, alert["id"], Actor("Amara"), "distress", self.clock.now)
        self.acted.add(alert["device_id"])
        del self.visible[alert["id"]]
        self.look()

    @rule(which=WHICH)
    def a_board_shows(self, which: int) -> None:
        found = sorted(rows(self.store))
        if found:
            number = found[which % len(found)]
            with self.store.write() as connection:
                boards.confirm(connection, {number: 4}, (), "a board", self.clock.now)

    @precondition(lambda self: self.sounding())
    @rule(which=WHICH)
    def somebody_pauses(self, which: int) -> None:
        found = self.sounding()
        alert = found[which % len(found)]
        with self.store.write() as connection:
            mutes.pause(connection, alert["id"], Actor("Amara"), self.clock.now)
        assert rows(self.store)[alert["id"]]["paused_until"] == self.clock.now + PAUSE_S

    @rule(which=st.sampled_from((0, 1)), minutes=st.sampled_from((15, 30)))
    def somebody_mutes(self, which: int, minutes: int) -> None:
        now, bed = self.clock.now, self.beds[which]
        with self.store.write() as connection:
            mutes.mute(connection, which + 1, Actor("Amara"), minutes, "washing", now)
        bed.mutes = [(start, min(end, now)) for start, end in bed.mutes] + [(now, now + 60.0 * minutes)]
        self.look()

    @rule(which=st.sampled_from((0, 1)))
    def somebody_unmutes(self, which: int) -> None:
        self.clock.now += 0.5  # nobody mutes and unmutes in one moment
        now, bed = self.clock.now, self.beds[which]
        if bed.muted(now):
            with self.store.write() as connection:
                mutes.lift(connection, which + 1, Actor("Ben"), now)
            bed.mutes = [(start, min(end, now)) for start, end in bed.mutes]
        self.look()

    # What the engine and the clock do

    @rule(seconds=PAUSES)
    def time_passes_and_nobody_looks(self, seconds: float) -> None:
        self.clock.now += seconds
        self.looked = False

    @rule(seconds=PAUSES, anew=st.booleans())
    def the_engine_looks(self, seconds: float, anew: bool) -> None:
        self.clock.now += seconds
        if anew:
            self.engine = new_engine(self.store, self.clock)
        self.look()

    @rule()
    def the_engine_looks_at_everything_anew(self) -> None:
        """No deadline has been missed: looking where none is due finds nothing."""
        self.look()
        before = rows(self.store)
        with self.store.write() as connection:
            connection.execute(update(Device).values(due_at=self.clock.now))
        self.look()
        assert rows(self.store) == before, "something was due and nobody knew"

    @rule(seconds=SECONDS)
    def the_engine_is_dead_for_a_while(self, seconds: float) -> None:
        """A twin that looks at every deadline meanwhile ends where the one does that comes back."""
        self.look()
        known = set(rows(self.store))
        store, place = self.home.copy(self.store, self.place)
        clock = Clock()
        clock.now, until = self.clock.now, self.clock.now + seconds
        twin = new_engine(store, clock)
        while clock.now < until:
            with store.read() as connection:
                due = [
                    connection.scalar(select(func.min(column)).where(column > clock.now))
                    for column in (AlertRow.call_at, Device.due_at)
                ]
            clock.now = min([until, clock.now + 15.0, *(at for at in due if at is not None)])
            if self.listening:
                hear(store, clock)
            look(twin)
        self.clock.now = until
        self.engine = new_engine(self.store, self.clock)
        self.look()
        expected, found = rows(store), rows(self.store)
        self.home.drop(store, place)
        assert shown_before(found, known) == shown_before(expected, known), "what was shown"
        assert raised_since(found, known) == raised_since(expected, known), "what is new"
