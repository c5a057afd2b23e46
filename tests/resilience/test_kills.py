"""Everything is killed at random, over and over; every message stored on the device is at the hub, once."""

from __future__ import annotations

from pathlib import Path

from ward import Outcome, torture

from edge.messages import MESSAGES, from_json

KILLS, SEED = 24, 7


def assert_nothing_lost_or_doubled(outcome: Outcome) -> None:
    """Shared with the long run, `make soak`."""
    arrived = {(boot_id, seq): body for boot_id, seq, body in outcome.arrived}
    missing = set(outcome.witnessed) - set(arrived)
    assert not missing, f"{len(missing)} messages were lost, such as {sorted(missing)[:3]}"
    assert not set(arrived) - set(outcome.witnessed), "the hub has messages the device never stored"
    assert len(arrived) == len(outcome.arrived), "the hub has a message twice"
    assert outcome.doubled == 0, "the device used a number twice"
    assert outcome.waiting == 0
    for key, body in outcome.witnessed.items():
        kind = "episode" if b'"phase"' in body else "summary"
        assert from_json(MESSAGES[kind], body) == from_json(MESSAGES[kind], arrived[key].encode())
    boots: dict[str, list[int]] = {}
    for boot_id, seq in outcome.witnessed:
        boots.setdefault(boot_id, []).append(seq)
    for seqs in boots.values():
        assert sorted(seqs) == list(range(1, len(seqs) + 1)), "the numbers of a start have a gap"
    assert outcome.hub_episodes >= outcome.onsets, "an episode began and the alert engine never knew"
    assert "Traceback" not in outcome.logs, outcome.logs[outcome.logs.index("Traceback") :][:3000]


def test_kills_lose_nothing_and_double_nothing(tmp_path: Path) -> None:
    outcome = torture(tmp_path, KILLS, SEED)
    assert sum(outcome.kills.values()) == KILLS
    assert min(outcome.kills[kind] for kind in ("daemon", "broker", "ingest")) > 0
    assert outcome.onsets, "no episode began"
    assert len(outcome.witnessed) >= 30, "too little happened for a proof"
    assert_nothing_lost_or_doubled(outcome)
