"""The engine's state machine for long, and with faults put into the engine: `make soak`.

Usage: python -m tests.hub.engine_soak [EXAMPLES [STEPS]].
"""

from __future__ import annotations

import logging
import sys
import time
import traceback
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).parents[1] / "edge"))
sys.path.insert(0, str(Path(__file__).parent))

import pytest
from engine_faults import FAULTS
from engine_machine import EngineMachine
from engine_world import PostgresHome, SqliteHome
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test
from postgres import Cluster, binaries

FAULT_EXAMPLES = 100  # enough for each; most need fewer than five


def run(home: SqliteHome | PostgresHome, examples: int, steps: int, **changes: Any) -> None:
    """Raises what the machine finds. Every time the same examples, unless `changes` to the settings tell."""
    machine = type("Machine", (EngineMachine,), {"home": home})
    chosen = {"derandomize": True, "phases": (Phase.generate,), **changes}
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
            **chosen,
        ),
    )


def find_faults(home: SqliteHome, steps: int) -> list[str]:
    """Puts each fault in, and tells what found it; the names of those that nothing has."""
    survived = []
    for fault in FAULTS:
        began = time.monotonic()
        with pytest.MonkeyPatch.context() as patch:
            fault(patch.setattr)
            try:
                run(home, FAULT_EXAMPLES, steps)
            except Exception as error:  # noqa: BLE001  (a fault may break anything)
                frames = [
                    f.name for f in traceback.extract_tb(error.__traceback__) if "/tests/hub/" in f.filename
                ]
                told = f"found by {frames[-1]}: {' '.join(str(error).split())[:70]}"
            else:
                survived.append(fault.__name__)
                told = "NOT FOUND"
        print(f"{fault.__name__}: {told} ({time.monotonic() - began:.0f} s)", flush=True)
    return survived


def main(examples: int = 1500, steps: int = 50) -> int:
    """Fails with the first thing that is not as it should be; 1 where a fault was not found."""
    logging.disable(logging.CRITICAL)
    home = SqliteHome()
    try:
        survived = find_faults(home, steps)
        run(home, examples, steps, derandomize=False, phases=tuple(Phase))
    finally:
        home.remove()
    print(f"SQLite: {examples} examples of {steps} steps keep every invariant", flush=True)
    found = binaries()
    if found is not None:
        cluster = Cluster(found)
        cluster.start()
        try:
            run(PostgresHome(cluster), examples // 10, steps, derandomize=False, phases=tuple(Phase))
        finally:
            cluster.remove()
        print(f"PostgreSQL: {examples // 10} examples of {steps} steps keep every invariant", flush=True)
    return 1 if survived else 0


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
