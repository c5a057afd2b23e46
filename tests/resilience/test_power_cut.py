"""A power cut at any moment: what was promised is there afterwards.

`kill -9` leaves the kernel's memory alone; a power cut does not. So the real code runs under strace, and from
its writes and syncs every state is made that a disk could be in after a cut (see disk.py); the real code then
opens what is left.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from disk import CALLS, Disk, Said, Step, Sync, Write, steps
from strace import ROOT, calls, require_strace, traced

from edge.errors import StorageError
from edge.outbox import FILE_NAME, Outbox
from hub.store import Store

SEED = 20
CUTS = 250
HERE = Path(__file__).parent


def record(program: str, arguments: list[object], folder: Path, work: Path) -> list[Step]:
    """What the program did to the disk, step by step, and what it promised."""
    trace, said = work / "trace", work / "said"
    command = [sys.executable, "-P", str(HERE / program), *map(str, arguments)]
    with said.open("w") as out:
        subprocess.run(
            traced(command, trace, CALLS),
            stdout=out,
            check=True,
            timeout=120,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
    found = list(steps(calls(trace), folder, said))
    trace.unlink()
    return found


def cut_points(done: list[Step], cuts: int) -> list[int]:
    """Where to cut: around everything that touches the database itself, and here and there in the log."""
    dice = random.Random(SEED)
    rare = [
        number
        for number, step in enumerate(done)
        if not isinstance(step, Said) and not step.path.endswith("-wal")
    ]
    usual = sorted(set(range(len(done))) - set(rare))
    chosen = dice.sample(rare, min(len(rare), cuts // 2))
    return sorted(chosen + dice.sample(usual, min(len(usual), cuts - len(chosen))))


def replay(
    done: list[Step],
    folder: Path,
    left: Path,
    judge: Callable[[list[tuple[str, ...]], Path], str | None],
    *,
    cuts: int = CUTS,
    deaf_to: str = "",
) -> list[str]:
    """What `judge` finds wrong after a cut at each of the chosen steps."""
    disk, said, wrong = Disk(folder, deaf_to=deaf_to), [], []
    wanted = set(cut_points(done, cuts))
    for number, step in enumerate(done):
        if isinstance(step, Said):
            said.append(step.words)
        disk.take(step)
        if number not in wanted:
            continue
        dice = random.Random(SEED * 1_000_003 + number)
        shutil.rmtree(left, ignore_errors=True)
        left.mkdir()
        for name, content in disk.cut(dice).items():
            (left / name).write_bytes(content)
            if name.endswith("-wal"):  # SQLite's index of the log is never synced
                (left / name.replace("-wal", "-shm")).write_bytes(dice.randbytes(32768))
        try:
            problem = judge(said, left)
        except (StorageError, sqlite3.Error, TypeError, ValueError) as error:
            problem = str(error)
        if problem is not None:
            wrong.append(f"cut after step {number} of {len(done)}: {problem}")
    return wrong


def unsound(database: Path) -> str | None:
    connection = sqlite3.connect(database)
    try:
        [(answer,), *_] = connection.execute("PRAGMA integrity_check").fetchall()
    except sqlite3.DatabaseError as error:
        return str(error)
    finally:
        connection.close()
    return None if answer == "ok" else f"integrity check: {answer}"


def judge_outbox(said: list[tuple[str, ...]], left: Path) -> str | None:
    """Everything stored is there or has its receipt, nothing is there that was never begun."""
    begun: dict[tuple[str, int], str] = {}
    owed: set[tuple[str, int]] = set()
    for verb, boot_id, *words in said:
        if verb == "begin":
            begun[boot_id, int(words[0])] = words[1]
        elif verb == "stored":
            owed.add((boot_id, int(words[0])))
        else:
            upto, first, last = map(int, words)
            owed -= {
                key for key in owed if key[0] == boot_id and key[1] <= upto and not first <= key[1] <= last
            }
    before = sorted(path.name for path in left.iterdir())
    box = Outbox(left, "f" * 32)
    entries = box.oldest(100_000)
    last_number = box.last_number()
    box.close()
    there = {entry.key: json.loads(entry.body)["id"] for entry in entries}
    if owed - set(there):
        return f"{len(owed - set(there))} of {len(owed)} messages are lost"
    if any(begun.get(key) != name for key, name in there.items()):
        return "a message is there that was never begun"
    if last_number < max((entry.number for entry in entries), default=0):
        return "a number will be given twice"
    strange = [path.name for path in left.iterdir() if not path.name.startswith(FILE_NAME)]
    if strange:
        return f"the outbox was taken for damaged: {strange}, from {before}"
    return unsound(left / FILE_NAME)


def judge_hub(said: list[tuple[str, ...]], left: Path) -> str | None:
    """Every message with a receipt is there, and what is held is what is there."""
    begun: dict[tuple[str, int], str] = {}
    receipted: set[tuple[str, int]] = set()
    for verb, boot_id, *words in said:
        if verb == "begin":
            begun[boot_id, int(words[0])] = words[1]
        else:
            first, last = map(int, words)
            receipted.update((boot_id, seq) for seq in range(first, last + 1))
    Store(left / "hub.sqlite3").close()
    connection = sqlite3.connect(left / "hub.sqlite3")
    rows = connection.execute("SELECT boot_id, seq, body FROM records").fetchall()
    runs = connection.execute("SELECT boot_id, first, last FROM held").fetchall()
    connection.close()
    there = {(boot_id, seq): json.loads(body)["id"] for boot_id, seq, body in rows}
    if receipted - set(there):
        return f"{len(receipted - set(there))} of {len(receipted)} messages with a receipt are lost"
    if any(begun.get(key) != name for key, name in there.items()):
        return "a message is there that was never sent"
    if {(boot_id, seq) for boot_id, first, last in runs for seq in range(first, last + 1)} != set(there):
        return "the hub holds other numbers than it says"
    return unsound(left / "hub.sqlite3")


@pytest.fixture(scope="module")
def outbox_steps(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Step]]:
    require_strace()
    work = tmp_path_factory.mktemp("outbox")
    folder = work / "store"
    return folder, record("traced_outbox.py", [folder, 330], folder, work)


@pytest.fixture(scope="module")
def ingest_steps(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Step]]:
    require_strace()
    work = tmp_path_factory.mktemp("ingest")
    config = work / "hub.toml"
    config.write_text(f'site = "demo"\ndata = "{work / "data"}"\nnurses = ["Amara Diallo"]\n')
    return work / "data", record("traced_ingest.py", [config, 120], work / "data", work)


def checkpoints(done: list[Step]) -> int:
    """How often the log was carried over into the database."""
    syncs = [step for step in done if isinstance(step, Sync)]
    return sum(step.path.endswith(("sqlite", "sqlite3")) for step in syncs)


def test_the_trace_is_whole(
    outbox_steps: tuple[Path, list[Step]], ingest_steps: tuple[Path, list[Step]]
) -> None:
    for folder, done in (outbox_steps, ingest_steps):
        disk = Disk(folder)
        for step in done:
            disk.take(step)
        files = disk.cut(random.Random(1))
        assert {name: content for name, content in files.items() if not name.endswith("-wal")} == {
            path.name: path.read_bytes() for path in folder.iterdir()
        }, "replayed to its end the trace gives the files the program left"
        assert checkpoints(done) >= 4, "the log was carried over while running, not only at the end"
        assert sum(isinstance(step, Write) for step in done) > 500


def test_a_power_cut_leaves_every_stored_message_in_the_outbox(
    outbox_steps: tuple[Path, list[Step]], fast_folder: Path
) -> None:
    folder, done = outbox_steps
    assert replay(done, folder, fast_folder / "left", judge_outbox) == []


def test_a_power_cut_leaves_every_receipted_message_at_the_hub(
    ingest_steps: tuple[Path, list[Step]], fast_folder: Path
) -> None:
    folder, done = ingest_steps
    assert replay(done, folder, fast_folder / "left", judge_hub, cuts=150) == []


def test_a_disk_that_only_pretends_to_sync_is_found_out(
    outbox_steps: tuple[Path, list[Step]], ingest_steps: tuple[Path, list[Step]], fast_folder: Path
) -> None:
    for (folder, done), judge, name in (
        (outbox_steps, judge_outbox, "outbox.sqlite-wal"),
        (ingest_steps, judge_hub, "hub.sqlite3-wal"),
    ):
        wrong = replay(done, folder, fast_folder / "left", judge, cuts=40, deaf_to=name)
        assert len(wrong) > 4
        assert any("lost" in problem for problem in wrong)
