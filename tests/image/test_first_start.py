"""A blank card, the image, one bed's files: the bed is on the board, hears, and is closed to all else."""

from __future__ import annotations

import re
from typing import Any

import pytest
from board_parts import tile
from emulated_box import Box
from hub_parts import Hub
from playwright.sync_api import expect
from scenes import recording
from virtual_microphone import VirtualMicrophone
from ward_view import close_all, distress, listen, played

PYTHON = "/opt/bedside-ser/.venv/bin/python"
ILLEGAL = "illegal instruction|undefined instruction|SIGILL"


@pytest.fixture(autouse=True)
def listening(box: Box, hub: Hub) -> None:
    listen(box, hub)


def test_everything_has_started(box: Box) -> None:
    box.wait_for_start()
    failed = box.run("systemctl list-units --failed --plain --no-legend").splitlines()
    # This machine has no light, and the light's service says so.
    assert [line.split()[0] for line in failed] == ["bedside-led.service"]


def test_a_cry_for_help_reaches_the_board(hub: Hub, page: Any, microphone: VirtualMicrophone) -> None:
    ours = tile(page, "12")
    expect(ours).to_be_visible()
    with played(microphone, recording("scene")):
        expect(ours.locator(".word")).to_have_text("Distress", timeout=120_000)
        expect(ours.locator(".reason")).to_have_text(re.compile(r"^(Frightened|Sad|Angry)\b"))
    [alert] = distress(hub)
    assert alert["bed"] == "12"
    close_all(hub)


def test_the_card_holds_no_secret_any_more(box: Box) -> None:
    assert "PRIVATE KEY" not in box.run("cat /boot/firmware/bedside*")
    assert "all is well" in box.run("cat /boot/firmware/STATUS.TXT")
    assert box.run("stat -c '%a %U' /data/bedside/settings/kept.json") == "600 root"
    assert "PRIVATE KEY" in box.run("cat /data/bedside/settings/kept.json")
    assert box.run("stat -c '%a %U' /run/credstore/bedside-device.key") == "600 root"


def test_the_data_partition_has_taken_the_rest_of_the_card(box: Box) -> None:
    assert int(box.run("df --output=size -m /data | tail -n 1")) > 800, "of a card of 2 GiB"


def test_nothing_listens_to_the_network(box: Box) -> None:
    # Where the client of a time server waits for an answer is no open port.
    listed = box.run("ss -Htulnp | grep -v '^udp.*systemd-timesyn'").splitlines()
    addresses = [line.split()[4] for line in listed]
    assert addresses
    # Those of resolved, for the box's own programs; and where the DHCP client waits for its lease.
    assert [one for one in addresses if not one.startswith("127.0.0.5") and not one.endswith(":68")] == []


def test_nobody_can_log_in(box: Box) -> None:
    assert all(line.split(":")[1][0] in "!*" for line in box.run("cat /etc/shadow").splitlines())
    assert box.try_run("systemctl is-active ssh.service")[0] != 0
    assert box.run("systemctl list-units --plain --no-legend 'getty@*' 'serial-getty@*'") == ""


def test_the_root_is_not_written_to_and_there_is_no_swap(box: Box) -> None:
    for place in ("/", "/boot/firmware"):
        assert box.run(f"findmnt -no OPTIONS {place}").split(",")[0] == "ro"
    assert box.run("swapon --noheadings") == ""


def test_every_wheel_works_on_this_processor(box: Box) -> None:
    listed = box.run("cd /opt/bedside-ser/.venv/lib/python3*/site-packages && ls")
    names = {name.split(".")[0] for name in listed.split() if re.fullmatch(r"[a-z]\w*(\.\S*so|\.py)?", name)}
    assert {"numpy", "paho", "ai_edge_litert"} <= names
    wanted = ", ".join(sorted(names | {"pyaudio", "systemd.daemon"}))
    box.run(f"{PYTHON} -P -c 'import {wanted}'", 300)
    assert box.try_run(f"journalctl -b --no-pager | grep -iE '{ILLEGAL}'")[0] == 1


def test_it_fits_into_its_memory(box: Box) -> None:
    available = int(box.run("awk '/^MemAvailable/ {print $2}' /proc/meminfo")) // 1024
    used = int(box.run("systemctl show -p MemoryCurrent --value bedside-edge")) >> 20
    print(f"of 512 MB {available} MB are available; the daemon has {used} MB")
    assert available > 128
    assert box.try_run("journalctl -b --no-pager | grep -i 'out of memory'")[0] == 1


def test_of_the_journal_what_matters_is_kept_on_the_card(box: Box) -> None:
    kept = "/data/journal/kept.log"
    box.run("systemctl start bedside-keep-journal.service")
    before = box.run(f"cat {kept}").splitlines()
    assert any("bedside-edge" in line for line in before)
    assert box.run("findmnt -no FSTYPE -T /run/log/journal") == "tmpfs"
    box.run(f"rm {kept}; systemctl start bedside-keep-journal.service")
    assert not set(before) & set(box.try_run(f"cat {kept}")[1].splitlines()), "no line is kept twice"


def test_a_file_for_whoever_helps(box: Box) -> None:
    box.run("bedside-deploy support --out /tmp/support.tar.gz", 300)
    assert box.run("tar -tzf /tmp/support.tar.gz")
    assert "PRIVATE KEY" not in box.run("tar -xzOf /tmp/support.tar.gz")
    box.run("rm /tmp/support.tar.gz")
