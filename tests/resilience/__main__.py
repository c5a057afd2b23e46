"""The long proofs, `make soak`: two hundred kills, a hundred of a hub under a ward's traffic and as many with
its broker, and a daemon whose broker comes and goes.

Usage: python -m tests.resilience [KILLS [SEED [ROUNDS [HUB_KILLS]]]].
"""

from __future__ import annotations

import random
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "hub"))
sys.path.insert(0, str(Path(__file__).parents[1] / "edge"))
sys.path.insert(0, str(Path(__file__).parent))

from hub_torture import PARTS
from hub_torture import torture as torture_hub
from resources import assert_steady, watch
from test_kills import assert_nothing_lost_or_doubled
from ward import torture

_UP_S, _DOWN_S = 15.0, 5.0


def main(kills: int = 200, seed: int | None = None, rounds: int = 12, hub_kills: int = 100) -> None:
    """Fails with the first thing that is not as it should be; 0 leaves a part out."""
    seed = random.randrange(10**6) if seed is None else seed
    if kills:
        _everything(kills, seed)
    if hub_kills:
        _hub(hub_kills, seed)
    if rounds:
        _resources(rounds)


def _hub(kills: int, seed: int) -> None:
    for kinds in (PARTS, (*PARTS, "broker")):
        print(f"{kills} kills of {', '.join(kinds)}, seed {seed}", flush=True)
        with tempfile.TemporaryDirectory() as folder:
            found = torture_hub(Path(folder), kills, seed, kinds)
        print(*found.lines(), sep="\n", flush=True)
        assert not found.flaws


def _everything(kills: int, seed: int) -> None:
    print(f"{kills} kills, seed {seed}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        outcome = torture(Path(folder), kills, seed)
    assert_nothing_lost_or_doubled(outcome)
    kinds = ", ".join(f"{kind} {count}" for kind, count in outcome.kills.most_common())
    starts = len({boot_id for boot_id, _ in outcome.witnessed})
    print(
        f"{len(outcome.witnessed)} messages of {starts} starts and {len(outcome.onsets)} episodes in "
        f"{outcome.seconds:.0f} s; killed: {kinds}; each message is at the hub once, the outbox is empty"
    )


def _resources(rounds: int) -> None:
    print(
        f"{rounds} rounds with the broker {_UP_S:g} s there and {_DOWN_S:g} s away, at real time", flush=True
    )
    with tempfile.TemporaryDirectory() as folder:
        moments = watch(Path(folder), rounds, _UP_S, _DOWN_S)
    for name, moment in (("start", moments[0]), ("end", moments[-1])):
        print(
            f"{name}: {moment.rss_kb / 1024:.1f} MB resident, {moment.pss_kb / 1024:.1f} MB proportional, "
            f"{moment.descriptors} file descriptors, {moment.threads} threads"
        )
    assert_steady(moments, memory_kb=8000)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
