"""The design's invariants over the real engine and real databases; `make soak` tries far more."""

from __future__ import annotations

import contextlib

import pytest
from engine_soak import run
from engine_world import PostgresHome, SqliteHome
from postgres import Cluster

STEPS = 25


def test_the_invariants_hold_whatever_happens() -> None:
    home = SqliteHome()
    try:
        run(home, examples=12, steps=STEPS)
    finally:
        home.remove()


def test_they_hold_in_the_other_database_too(cluster: Cluster) -> None:
    home = PostgresHome(cluster)
    try:
        run(home, examples=2, steps=STEPS)
    finally:
        home.remove()


def test_an_engine_that_forgets_its_ladder_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """One of the faults that `make soak` puts in, so that the machine itself is not blind."""
    from engine_faults import ladder_stops

    ladder_stops(monkeypatch.setattr)
    home = SqliteHome()
    try:
        with pytest.raises(AssertionError):
            run(home, examples=12, steps=STEPS)
    finally:
        home.remove()


@pytest.mark.parametrize("broken", [False, True])
def test_an_alert_that_is_late_no_more_and_not_called_is_found(
    monkeypatch: pytest.MonkeyPatch, *, broken: bool
) -> None:
    from engine_faults import what_is_late_no_more_is_not_called
    from engine_machine import EngineMachine

    if broken:
        what_is_late_no_more_is_not_called(monkeypatch.setattr)
    home = SqliteHome()
    try:
        machine = type("Machine", (EngineMachine,), {"home": home})()
        machine.begin()
        machine.a_late_onset_goes_on_and_is_late_no_more(0)
        with pytest.raises(AssertionError, match="called wrongly") if broken else contextlib.nullcontext():
            machine.every_alert_has_been_called_to_as_the_design_says()
    finally:
        home.remove()
