"""Simulated beds against a real hub and a real broker, and the timetable they follow."""

import itertools
import math
import random
import re
import subprocess
import sys
from pathlib import Path

import pytest
from account_parts import PASSWORD, REQUIRED, Ward
from hub_parts import ROOT, Broker, running_hub

from edge.messages import Receipt
from edge.topics import Address
from hub import passwords
from hub.simulated_device import SimulatedDevice
from hub.simulation import HEALTH_S, SUMMARY_S, Plan, Task, Timetable, quantile
from hub.store import Store

COUNTS = r"(\d+) messages sent.*of (\d+) durable (\d+) receipted, (\d+) lost"
KEPT = "SELECT count(*) FROM records JOIN devices ON devices.id = device_id WHERE name LIKE 'sim-%'"


def simulate(config: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "hub.cli", "simulate", "--config", str(config), *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_everything_is_receipted_and_every_bed_alerts(tmp_path: Path, broker: Broker) -> None:
    with running_hub(tmp_path, broker.port) as hub:
        result = simulate(hub.config, "--beds", "20", "--seconds", "6", "--rate", "10", "--alerts-at-once")
        assert result.returncode == 0, result.stderr
        found = re.search(COUNTS, result.stdout, re.DOTALL)
        assert found is not None, result.stdout
        sent, durable, receipted, lost = map(int, found.groups())
        assert sent > durable >= 20
        assert receipted == durable
        assert lost == 0
        assert hub.rows(KEPT) == [(durable,)]
        assert len([alert for alert in hub.alerts("waiting") if alert["kind"] == "distress"]) == 20
        assert re.search(r"alert on the board: p50 \d+ ms.*20 measured, of 20 beds", result.stdout)
        assert re.search(r"publish to board: p50 \d+ ms", result.stdout)
        states = hub.rows("SELECT DISTINCT status FROM devices WHERE name LIKE 'sim-%'")
        assert states == [("offline",)], "they say goodbye"


def test_it_watches_a_board_with_accounts_as_somebody_and_logs_out(tmp_path: Path, broker: Broker) -> None:
    with running_hub(tmp_path, broker.port, REQUIRED) as hub:
        store = Store(hub.database)
        Ward(hub, store, passwords.hashed(PASSWORD), {}, {}, {}).add("Amara", "lead")
        store.close()
        secret = tmp_path / "password"
        arguments = ["--beds", "2", "--seconds", "2", "--rate", "10", "--login", "Amara"]
        arguments += ["--password-file", str(secret)]
        secret.write_text("wrong kettle on tuesday\n")
        refused = simulate(hub.config, *arguments)
        assert refused.returncode == 69
        assert "it refuses the login as Amara: 401" in refused.stderr
        secret.write_text(PASSWORD + "\n")
        result = simulate(hub.config, *arguments)
        assert result.returncode == 0, result.stderr
        assert re.search(r"publish to board: p50 \d+ ms", result.stdout)
        found = hub.rows("SELECT action FROM audit WHERE object = 'person Amara' ORDER BY number")
        assert [row[0] for row in found][-3:] == ["login failed", "login", "logout"]


def test_no_broker_is_one_sentence(tmp_path: Path) -> None:
    config = tmp_path / "hub.toml"
    config.write_text(f'site = "x"\ndata = "{tmp_path}"\n[broker]\nport = 1\n')
    result = simulate(config, "--beds", "1")
    assert result.returncode == 69
    assert result.stderr.count("\n") == 1
    assert "127.0.0.1:1 cannot be reached" in result.stderr
    assert simulate(config, "--beds", "0").returncode == 78


def test_a_timetable_sends_as_often_as_devices_do() -> None:
    timetable = Timetable(Plan(beds=10, episodes=60), random.Random(1))
    tasks: list[Task] = []
    for now in range(601):
        tasks += timetable.due(now)
    kinds = [task.kind for task in tasks]
    assert abs(kinds.count("health") - 10 * 600 / HEALTH_S) <= 10
    assert abs(kinds.count("summary") - 10 * 600 / SUMMARY_S) <= 10
    for device in range(10):
        phases = [task for task in tasks if task.device == device and task.kind in {"onset", "update", "end"}]
        assert phases[0].kind == "onset"
        for before, after in itertools.pairwise(phases):
            assert before.at <= after.at
            assert (before.kind == "end") == (after.kind == "onset")


def test_a_device_forgets_only_what_is_confirmed() -> None:
    device = SimulatedDevice(Address("s", "w", "d"), "Bed", lambda *_, **__: None)
    for _ in range(5):
        device.summary()
    assert device.confirm(Receipt("0" * 32, 5, ())) == []
    assert device.confirm(Receipt(device.boot_id, 4, ((2, 3),))) == [1, 4]
    assert sorted(device.sent) == [2, 3, 5]


@pytest.mark.parametrize(("share", "value"), [(0.0, 1.0), (0.5, 2.0), (0.99, 4.0), (1.0, 4.0)])
def test_a_quantile_is_one_of_the_values(share: float, value: float) -> None:
    assert quantile([4.0, 1.0, 3.0, 2.0], share) == value
    assert math.isnan(quantile([], share))
