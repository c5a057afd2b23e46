"""A Raspberry Pi has no clock chip: the box says so, and sets its clock as soon as a time server answers."""

from __future__ import annotations

import time
from typing import Any

import pytest
from emulated_box import Box
from hub_parts import Hub, until
from time_server import TimeServer
from ward_view import NAME, listen


@pytest.fixture(autouse=True)
def listening(box: Box, hub: Hub) -> None:
    listen(box, hub)


def clock_off_at(hub: Hub) -> Any:
    return next(at for name, at in hub.rows("SELECT name, clock_off_at FROM devices") if name == NAME)


def year(box: Box) -> int:
    return int(box.run("date -u +%Y"))


def test_a_clock_that_was_never_set_is_late_enough_for_the_certificates(box: Box, hub: Hub) -> None:
    """The chip says 2020. It was never connected if the clock stayed there."""
    assert year(box) >= 2026
    until(lambda: clock_off_at(hub), 180, "the word that the clock is not synchronised")


def test_a_time_server_sets_it_and_the_box_keeps_it(box: Box, hub: Hub) -> None:
    with TimeServer():
        box.run("systemctl restart systemd-timesyncd")
        until(lambda: clock_off_at(hub) is None, 300, "the word that the clock is synchronised")
    assert abs(float(box.run("date +%s.%N")) - time.time()) < 30, "this machine may be slow to answer"
    assert box.run("date +%Z") in {"CET", "CEST"}
    kept = int(box.run("stat -c %Y /var/lib/systemd/timesync/clock"))
    assert abs(kept - time.time()) < 600
    assert box.run("findmnt -no SOURCE /var/lib/systemd/timesync").endswith("[/timesync]")
