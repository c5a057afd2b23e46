"""Backup and restore by the command, under traffic; what is no backup is refused."""

import contextlib
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from hub_parts import ROOT, Hub, end, until
from simulate import Device, Line


def command(hub: Hub, *arguments: str) -> subprocess.CompletedProcess[str]:
    verb, *others = arguments
    return subprocess.run(
        [sys.executable, "-m", "hub.cli", verb, "--config", str(hub.config), *others],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def numbers(database: Path) -> set[int]:
    with contextlib.closing(sqlite3.connect(database)) as connection:
        return {row[0] for row in connection.execute("SELECT seq FROM records")}


def test_what_was_receipted_before_a_backup_under_traffic_is_restored(
    hub: Hub, line: Line, tmp_path: Path
) -> None:
    ingest = hub.start("ingest")
    device = Device(line, "bed-1", "Bed 1")
    over = threading.Event()

    def talk() -> None:
        while not over.wait(0.005):
            device.summary()

    talking = threading.Thread(target=talk)
    talking.start()
    try:
        until(lambda: len(line.confirmed(device)) > 50 or device.resend(), 30, "receipts")
        receipted = line.confirmed(device)
        copy = tmp_path / "copy.sqlite3"
        result = command(hub, "backup", "--to", str(copy))
        assert result.returncode == 0, result.stderr
        assert copy.stat().st_mode & 0o777 == 0o600
        more = line.confirmed(device)
        until(lambda: len(line.confirmed(device)) > len(more), 20, "traffic after the backup")
    finally:
        over.set()
        talking.join()
    assert receipted <= numbers(copy)
    refused = command(hub, "restore", "--from", str(copy))
    assert refused.returncode == 69
    assert "stop it first" in refused.stderr
    assert command(hub, "backup", "--to", str(copy)).returncode == 74, "a backup is never overwritten"
    end(ingest)
    before = numbers(hub.database)
    result = command(hub, "restore", "--from", str(copy))
    assert result.returncode == 0, result.stderr
    assert receipted <= numbers(hub.database)
    kept = [file for file in hub.database.parent.iterdir() if file.name.startswith("hub.sqlite3.2")]
    assert [numbers(file) for file in kept] == [before]
    hub.start("ingest")
    latest = device.summary()
    line.receipts.clear()
    until(lambda: device.send(device.sent[latest]) or time.sleep(0.2) or latest in line.confirmed(device), 20)


@pytest.fixture
def copy(hub: Hub, tmp_path: Path) -> Path:
    hub.start("alerts")
    until(lambda: hub.database.exists() and command(hub, "check").stdout.count("answers, schema"), 20)
    hub.stop()
    copy = tmp_path / "copy.sqlite3"
    assert command(hub, "backup", "--to", str(copy)).returncode == 0
    return copy


def test_what_is_no_sound_backup_is_refused_and_nothing_changed(hub: Hub, copy: Path, tmp_path: Path) -> None:
    before = hub.database.read_bytes()
    newer, cut, other = tmp_path / "newer", tmp_path / "cut", tmp_path / "other"
    shutil.copyfile(copy, newer)
    with contextlib.closing(sqlite3.connect(newer)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    cut.write_bytes(copy.read_bytes()[: copy.stat().st_size // 2])
    other.write_text("no database")
    for file, words in (
        (newer, "9999"),
        (cut, "damaged"),
        (other, "damaged"),
        (tmp_path / "none", "cannot restore"),
    ):
        result = command(hub, "restore", "--from", str(file))
        assert result.returncode == 74
        assert words in result.stderr
        assert result.stderr.count("\n") == 1
        assert hub.database.read_bytes() == before
    assert not list(hub.database.parent.glob("*.part"))


def test_a_damaged_database_is_kept_aside(hub: Hub, copy: Path) -> None:
    hub.database.write_bytes(b"rubbish" * 1000)
    result = command(hub, "restore", "--from", str(copy))
    assert result.returncode == 0, result.stderr
    assert numbers(hub.database) == set()
    kept = [file for file in hub.database.parent.iterdir() if file.name.startswith("hub.sqlite3.2")]
    assert kept[0].read_bytes() == b"rubbish" * 1000
