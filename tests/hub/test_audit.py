"""The audit log: what is written with which action, and that every tampering with one entry is found."""
# ruff: noqa: S608  (the statements' numbers are this file's own)

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from engine_parts import Clock, raised
from hub_parts import ROOT
from simulate import Device
from sqlalchemy import text

from edge.errors import StorageError, TamperedError
from hub import audit, board, mutes
from hub.audit import Actor
from hub.store import Store

ENTRIES = 6


@pytest.fixture
def log(store: Store) -> Store:
    """A store whose audit log has six entries and no triggers."""
    with store.write() as connection:
        for number in range(1, ENTRIES + 1):
            audit.write(connection, 0.1 + number, "Zoë", "nurse", "accept", f"alert {number}", bed="Bed 1")
        for trigger in ("audit_never_changed", "audit_never_removed", "audit_never_replaced"):
            if connection.dialect.name == "sqlite":
                connection.execute(text(f"DROP TRIGGER {trigger}"))
            else:
                connection.execute(text(f"DROP TRIGGER IF EXISTS {trigger} ON audit"))
    return store


def verify(store: Store, remembered: str | None = None) -> audit.Summary:
    with store.read() as connection:
        return audit.verify(audit.entries(connection), remembered)


def run(store: Store, *statements: str) -> None:
    with store.write() as connection:
        for statement in statements:
            connection.execute(text(statement))


def rehash(store: Store, *numbers: int, chain: bool = False) -> None:
    """Gives entries the hash that fits what they hold now; with `chain` also the right previous one."""
    with store.write() as connection:
        kept = {entry.number: entry for entry in audit.latest(connection, 99)}
        for number in numbers:
            values = [getattr(kept[number], name) for name in audit.Entry.__slots__]
            if chain and number > 1:
                query = text("SELECT hash FROM audit WHERE number = :n")
                values[-2] = connection.scalar(query, {"n": number - 1})
            change = text("UPDATE audit SET hash = :h, previous = :p WHERE number = :n")
            found = {"h": audit.digest(*values[:-1]), "p": values[-2], "n": number}
            connection.execute(change, found)


def test_what_people_do_is_written_with_it_in_one_transaction(store: Store, device: Device) -> None:
    alert = raised(store, device, Clock())
    with store.read() as connection:
        [bed] = board.snapshot(connection)["beds"]
    with store.write() as connection:
        mutes.pause(connection, alert, Actor("Amara", "nurse"), 1.0)
        board.accept(connection, alert, Actor("Amara", "nurse"), 2.0)
        board.close(connection, alert, Actor("Ben"), "other need", 3.0)
        mutes.mute(connection, bed["id"], Actor("Ben", "lead"), 15, "visit", 4.0)
        mutes.lift(connection, bed["id"], Actor("Amara"), 5.0)
    with pytest.raises(board.ActionError), store.write() as connection:
        board.accept(connection, alert, Actor("Chen"), 6.0)
    with store.read() as connection:
        found = audit.latest(connection, 99)
    assert [(entry.at, entry.person, entry.role, entry.action) for entry in found] == [
        (1.0, "Amara", "nurse", "pause"),
        (2.0, "Amara", "nurse", "accept"),
        (3.0, "Ben", audit.UNPROVEN, "close"),
        (4.0, "Ben", "lead", "mute"),
        (5.0, "Amara", audit.UNPROVEN, "unmute"),
    ]
    place = {"ward": bed["ward"], "bed": bed["bed"]}
    assert [json.loads(entry.details) for entry in found] == [
        place,
        place,
        place | {"outcome": "other need"},
        place | {"minutes": 15, "reason": "visit"},
        place,
    ]
    assert verify(store).entries == 5


def test_what_is_rolled_back_leaves_no_entry_and_no_gap(store: Store) -> None:
    def fail() -> None:
        with store.write() as connection:
            audit.write(connection, 1.0, "Amara", "nurse", "accept", "alert 1")
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert verify(store) == audit.Summary(0, audit.START)
    with store.write() as connection:
        audit.write(connection, 1.0, "Amara", "nurse", "accept", "alert 1")
    assert verify(store).entries == 1


def test_the_log_is_append_only_in_both(store: Store) -> None:
    statements = ["UPDATE audit SET person = 'Ben'", "DELETE FROM audit"]
    with store.write() as connection:
        audit.write(connection, 1.0, "Amara", "nurse", "accept", "alert 1")
        if connection.dialect.name == "postgresql":
            statements.append("TRUNCATE audit")
        else:
            statements.append("INSERT OR REPLACE INTO audit SELECT * FROM audit")
    for statement in statements:
        with pytest.raises(StorageError, match="append-only"):
            run(store, statement)
    assert verify(store).entries == 1


@pytest.mark.parametrize(
    "change",
    ["at = at + 0.001", "person = 'Zoe'", "role = 'admin'", "action = 'close'", "object = 'alert 9'",
     "details = '{}'", "hash = previous"],
)  # fmt: skip
@pytest.mark.parametrize("number", [1, 3, ENTRIES])
def test_one_edited_entry_is_named(log: Store, change: str, number: int) -> None:
    run(log, f"UPDATE audit SET {change} WHERE number = {number}")
    with pytest.raises(TamperedError, match=f"^entry {number} of the audit log is not what was written"):
        verify(log)


@pytest.mark.parametrize("number", [1, 3, ENTRIES - 1])
def test_an_edited_entry_with_a_new_hash_is_named_by_the_next(log: Store, number: int) -> None:
    run(log, f"UPDATE audit SET person = 'Ben' WHERE number = {number}")
    rehash(log, number)
    with pytest.raises(TamperedError, match=f"^entry {number + 1} .* entry {number} was written anew"):
        verify(log)


@pytest.mark.parametrize("number", [1, 3, ENTRIES - 1])
def test_a_removed_entry_is_named_also_where_the_others_move_up(log: Store, number: int) -> None:
    run(log, f"DELETE FROM audit WHERE number = {number}")
    with pytest.raises(TamperedError, match=f"^entry {number} of the audit log is missing"):
        verify(log)
    run(log, *(f"UPDATE audit SET number = {n} WHERE number = {n + 1}" for n in range(number, ENTRIES)))
    with pytest.raises(TamperedError, match=f"^entry {number} of the audit log "):
        verify(log)


def test_several_removed_entries_are_told_by_their_neighbours(log: Store) -> None:
    run(log, "DELETE FROM audit WHERE number IN (3, 4)")
    with pytest.raises(TamperedError, match="from entry 2 to entry 5"):
        verify(log)


@pytest.mark.parametrize("fitting", [False, True])
def test_an_inserted_entry_is_named(log: Store, fitting: bool) -> None:
    moves = [f"UPDATE audit SET number = {n + 1} WHERE number = {n}" for n in range(ENTRIES, 2, -1)]
    columns = "at, person, role, action, object, details, previous, hash"
    run(log, *moves, f"INSERT INTO audit (number, {columns}) SELECT 3, {columns} FROM audit WHERE number = 2")
    if fitting:
        rehash(log, 3, chain=True)
    named = 4 if fitting else 3
    with pytest.raises(TamperedError, match=f"^entry {named} of the audit log"):
        verify(log)


def test_two_entries_that_changed_places_are_named(log: Store) -> None:
    swap = ((3, 99), (4, 3), (99, 4))
    run(log, *(f"UPDATE audit SET number = {to} WHERE number = {of}" for of, to in swap))
    with pytest.raises(TamperedError, match=r"^entry 3 of the audit log does not follow"):
        verify(log)


def test_a_cut_or_rewritten_end_is_found_with_a_remembered_head_only(log: Store) -> None:
    head = verify(log).head
    assert verify(log, head) == audit.Summary(ENTRIES, head)
    with log.write() as connection:
        audit.write(connection, 9.0, "Amara", "nurse", "accept", "alert 9")
    assert verify(log, head).entries == ENTRIES + 1
    run(log, f"UPDATE audit SET person = 'Ben' WHERE number = {ENTRIES}")
    for number in (ENTRIES, ENTRIES + 1):
        rehash(log, number, chain=True)
    assert verify(log).entries == ENTRIES + 1
    with pytest.raises(TamperedError, match="cut off, or it was written anew"):
        verify(log, head)
    run(log, f"DELETE FROM audit WHERE number >= {ENTRIES}")
    assert verify(log).entries == ENTRIES - 1
    with pytest.raises(TamperedError, match="cut off, or it was written anew"):
        verify(log, head)


def command(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, "-m", "hub.cli", "audit", *arguments, "--config", str(folder / "hub.toml")]
    return subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)


def test_the_command_line_shows_verifies_and_names_the_entry(tmp_path: Path) -> None:
    (tmp_path / "hub.toml").write_text(f'site = "s"\ndata = "{tmp_path}"\n')
    store = Store(tmp_path / "hub.sqlite3")
    values: dict[str, Any] = {"reason": "a\u001b[31m visit"}
    with store.write() as connection:
        audit.write(connection, 0.0, "Zoë\x1b[2J", "nurse", "mute", "device 3", **values)
        audit.write(connection, 1.0, "Ben", "lead", "unmute", "device 3")
    shown = command(tmp_path, "show", "--count", "2").stdout.splitlines()
    assert shown[0].startswith(r"1  1970-01-01 00:00:00 UTC  Zoë\x1b[2J (nurse)  mute  device 3  {")
    assert "\x1b" not in shown[0]
    assert command(tmp_path, "show", "--count", "1").stdout.startswith("2  ")
    verified = command(tmp_path, "verify")
    head = verified.stdout.splitlines()[1]
    assert (verified.returncode, len(head)) == (0, 64)
    assert "--head" in verified.stdout
    assert command(tmp_path, "verify", "--head", head).returncode == 0
    run(store, "DROP TRIGGER audit_never_changed", "UPDATE audit SET person = 'Ben' WHERE number = 1")
    store.close()
    refused = command(tmp_path, "verify")
    assert (refused.returncode, refused.stdout) == (65, "")
    assert refused.stderr.startswith("bedside-hub audit: entry 1 of the audit log is not what was written")
