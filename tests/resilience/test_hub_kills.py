"""The hub's processes are killed at random under a ward's traffic: no alert is lost, doubled or stuck."""

from __future__ import annotations

from pathlib import Path

import pytest
from hub_torture import PARTS, torture

KILLS, SEED = 10, 5


@pytest.mark.timeout(600)
def test_no_alert_is_lost_doubled_or_stuck(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    outcome = torture(tmp_path, KILLS, SEED, pause_s=0.9, every_s=8.0)
    with capsys.disabled():
        print("", *outcome.lines(), sep="\n")
    assert set(outcome.kills) == set(PARTS)
    assert outcome.alerts >= 20, "too little happened for a proof"
    assert outcome.actions
    assert outcome.comebacks, "the tablet never lost its stream"
    assert not outcome.flaws
