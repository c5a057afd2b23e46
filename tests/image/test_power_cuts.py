"""The power goes while the box writes: file system, messages and settings are whole, every time.

Killing QEMU leaves on the card what it had written there so far. The same state is had, without starting a
box again for each, by stopping QEMU between two instructions and copying the card: twenty times; three more
times it is killed indeed, and the box must start.
"""

from __future__ import annotations

import itertools
import json
import random
import sqlite3
import threading
import time
from pathlib import Path

from card import DataPartition
from emulated_box import Box
from hub_parts import Hub, until
from scenes import cries
from virtual_microphone import VirtualMicrophone
from ward_parts import Ward
from ward_view import assert_nothing_is_missing, close_all, everything_told, listen

COPIES, CUTS = 20, 3
SETTINGS, MESSAGES = "/bedside/settings", "/edge"


def test_whatever_the_moment_nothing_is_broken(
    box: Box, hub: Hub, ward: Ward, microphone: VirtualMicrophone, tmp_path: Path
) -> None:
    listen(box, hub)
    chance = random.Random(12)
    ward.broker.stop()  # whatever is said now must wait on the card
    box.wait_until("grep -q '\"connected\": false' /run/bedside-edge/state.json", 120)
    is_over = threading.Event()
    patient = threading.Thread(target=_cry, args=(microphone, is_over))
    patient.start()
    copies = []
    try:
        for number in range(COPIES):
            # The settings are taken over again and again, too: each pass writes to both partitions.
            box.run("(systemctl restart bedside-settings.service &) ; true")
            time.sleep(chance.uniform(0.2, 6))
            with box.held():
                copies.append(box.card.data(tmp_path / f"{number}.ext4"))
    finally:
        is_over.set()
        patient.join(60)
    held = []
    for copy in copies:
        assert copy.mend() in (0, 1), "fsck -p, as at a start"
        assert copy.is_whole()
        held.append(_messages(copy, tmp_path) - set(hub.rows("SELECT boot_id, seq FROM records")))
        kept = copy.folder(SETTINGS, tmp_path) / "kept.json"
        assert json.loads(kept.read_text())["settings"]["bed"] == "12"
        copy.path.unlink()
    print(f"messages on the {COPIES} cards: {list(map(len, held))}")
    stays = all(earlier <= later for earlier, later in itertools.pairwise(held))
    assert stays, "what was once on the card stays there until the hub has it"
    assert held[-1] > held[0]

    for _ in range(CUTS):
        box.run("(systemctl restart bedside-settings.service &) ; true")
        time.sleep(chance.uniform(0.2, 6))
        box.cut_power()
        box.power_on()
        box.wait_until("systemctl is-active bedside-edge")
    ward.broker.start()
    listen(box, hub)
    until(lambda: everything_told(hub), 240, "the last receipt")
    assert_nothing_is_missing(hub)
    assert hub.rows("SELECT count(*) FROM rejects") == [(0,)]
    close_all(hub)


def _cry(microphone: VirtualMicrophone, is_over: threading.Event) -> None:
    while not is_over.wait(8):  # so that episodes begin and end
        microphone.play(cries())


def _messages(data: DataPartition, folder: Path) -> set[tuple[object, ...]]:
    """Start and number of each in its outbox; the database is whole."""
    outbox = data.folder(MESSAGES, folder) / "outbox.sqlite"
    with sqlite3.connect(outbox) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        held = set(connection.execute("SELECT boot_id, seq FROM outbox"))
    connection.close()
    return held
