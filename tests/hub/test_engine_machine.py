"""The design's invariants over the real engine and real databases; `make soak` tries far more."""

from __future__ import annotations

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
