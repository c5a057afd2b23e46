"""What happens to a box on a ward: a hung daemon, a pulled microphone, a pulled cable, a hub that is away."""

from __future__ import annotations

import time
from typing import Any

import pytest
from board_parts import tile
from emulated_box import Box
from hub_parts import Hub, until
from playwright.sync_api import expect
from scenes import cries
from virtual_microphone import VirtualMicrophone
from ward_parts import Ward
from ward_view import (
    assert_nothing_is_missing,
    bed,
    close_all,
    distress,
    everything_told,
    is_listening,
    listen,
    played,
)  # fmt: skip

OUTAGE_S = 150


@pytest.fixture(autouse=True)
def listening(box: Box, hub: Hub) -> None:
    listen(box, hub)


def test_a_hung_daemon_is_started_anew(box: Box, hub: Hub) -> None:
    ask = "systemctl show -p MainPID --value bedside-edge"
    hung = box.run(ask)
    box.run(f"kill -STOP {hung}")
    box.wait_until(f'p=$({ask}); test "$p" != {hung} -a "$p" != 0', 240)
    assert "watchdog" in box.run("journalctl -u bedside-edge -b --no-pager -o cat").lower()
    box.wait_until("systemctl is-active bedside-edge", 240)
    until(lambda: is_listening(hub), 300, "the bed's return")


def test_a_pulled_microphone_is_told_and_a_plugged_one_is_heard(
    box: Box, hub: Hub, page: Any, microphone: VirtualMicrophone
) -> None:
    box.microphone(is_plugged=False)
    until(lambda: bed(hub)["microphone"] == "lost", 120, "the word that the microphone is lost")
    expect(tile(page, "12")).to_contain_text("Mic lost")
    box.microphone(is_plugged=True)
    until(lambda: bed(hub)["microphone"] == "healthy", 180, "the microphone's return")
    with played(microphone, cries()):
        until(lambda: distress(hub), 120, "the alert")
    close_all(hub)


def test_a_pulled_cable_loses_nothing(box: Box, hub: Hub, microphone: VirtualMicrophone) -> None:
    box.cable(is_plugged=False)
    pulled_at = time.time()
    with played(microphone, cries()):
        time.sleep(OUTAGE_S)
    assert not distress(hub), "nothing can have been told"
    assert bed(hub)["status"] != "online" or time.time() - bed(hub)["heard_at"] > OUTAGE_S / 2
    plugged_at = time.time()
    box.cable(is_plugged=True)
    [alert] = until(lambda: distress(hub), 240, "the alert")
    assert pulled_at - 5 < alert["opened_at"]
    [onset] = [
        onset
        for onset, number in hub.rows("SELECT onset_at, alert_id FROM episodes")
        if number == alert["id"]
    ]
    assert pulled_at - 5 < onset < plugged_at, "when it was, not when it was told"
    until(lambda: everything_told(hub), 120, "the last receipt")
    assert_nothing_is_missing(hub)
    close_all(hub)


def test_a_hub_that_is_away_loses_nothing(
    box: Box, hub: Hub, ward: Ward, microphone: VirtualMicrophone
) -> None:
    ward.broker.stop()
    with played(microphone, cries()):
        box.wait_until("grep -q '\"connected\": false' /run/bedside-edge/state.json", 120)
    ward.broker.start()
    until(lambda: distress(hub), 240, "the alert")
    until(lambda: everything_told(hub), 120, "the last receipt")
    assert_nothing_is_missing(hub)
    close_all(hub)


def test_a_network_that_has_died_is_brought_back(box: Box, hub: Hub) -> None:
    """With less patience than the box's own watchdog has; its programs first, then the whole box."""
    ask = "systemctl show -p ActiveEnterTimestampMonotonic --value systemd-networkd"
    before, starts = box.run(ask), box.starts()
    box.cable(is_plugged=False)
    box.run("systemd-run bedside-deploy watch-network --restart-after 30 --reboot-after 120")
    box.wait_until(f'test "$({ask})" != {before}', 240)
    until(lambda: box.starts() > starts, 300, "the box's new start")
    box.forget_shell()
    box.cable(is_plugged=True)
    until(lambda: not is_listening(hub), 120, "the word that the box is away")
    listen(box, hub)
    box.wait_until("test ! -e /data/bedside/network-reboot", 120)
