"""Revisions and metadata agree; old databases are taken over, newer ones refused, many starts collide not."""

from __future__ import annotations

import logging
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from hub_parts import ROOT, Hub, until
from sqlalchemy import URL, inspect, text

from edge.errors import StorageError
from hub import board, databases, ledger, schema
from hub.faults import Fault
from hub.store import Store
from hub.tables import Base

OLD = Path(__file__).with_name("before_revisions.sql")  # made by the last version that had no revisions
OPEN = """
import sys
from pathlib import Path
from sqlalchemy import make_url
from hub.store import Store
place = sys.argv[1]
place = make_url(place) if "://" in place else Path(place)
print("ready", flush=True)
sys.stdin.read()
Store(place).close()
"""


@pytest.fixture
def old(tmp_path: Path) -> Path:
    path = tmp_path / "hub.sqlite3"
    load_old(path)
    return path


def load_old(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.executescript(OLD.read_text())
    connection.close()


def contents(path: Path) -> dict[str, list[Any]]:
    connection = sqlite3.connect(path)
    tables = [*Base.metadata.tables, "sqlite_master"]
    rows = {
        name: sorted(connection.execute(f"SELECT * FROM {name}"), key=repr)  # noqa: S608 - names of ours
        for name in tables
    }
    rows["sqlite_master"] = sorted(
        row[4] for row in rows["sqlite_master"] if row[4] and "alembic" not in row[4]
    )
    connection.close()
    return rows


def assert_current(store: Store) -> None:
    with store.read() as connection:
        assert connection.scalar(text("SELECT version_num FROM alembic_version")) == schema.NEWEST
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []


def test_the_revisions_make_what_the_code_says(store: Store) -> None:
    assert_current(store)


def test_the_revisions_are_one_line_numbered_upwards() -> None:
    config = Config()
    config.set_main_option("script_location", "hub:migrations")
    revisions = [script.revision for script in ScriptDirectory.from_config(config).walk_revisions()]
    assert revisions[0] == schema.NEWEST
    assert sorted(revisions, reverse=True) == revisions
    assert revisions[-1] == schema.FIRST
    assert {len(revision) for revision in revisions} == {4}


def test_a_database_from_before_revisions_is_taken_over_whole(
    old: Path, caplog: pytest.LogCaptureFixture
) -> None:
    before = contents(old)
    assert all(before[name] for name in Base.metadata.tables), "every table has a row to lose"
    with caplog.at_level(logging.INFO):
        store = Store(old)
    assert contents(old) == before
    assert_current(store)
    with store.read() as connection:
        [alert] = board.snapshot(connection)["alerts"]
    assert (alert["closed_by"], alert["state"]) == ("Ben", "closed")
    with pytest.raises(StorageError, match="append-only"), store.write() as connection:
        connection.execute(text("DELETE FROM actions"))
    store.close()
    Store(old).close()
    assert [record.getMessage() for record in caplog.records] == [
        f"the database {old} has schema {schema.NEWEST} now; it had {schema.FIRST}"
    ]


def start_together(place: Path | URL, count: int = 4) -> list[str]:
    """What programs write to their standard error that open one database at the same moment."""
    name = place.render_as_string(hide_password=False) if isinstance(place, URL) else str(place)
    programs = [
        subprocess.Popen(
            [sys.executable, "-c", OPEN, name],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(count)
    ]
    for program in programs:
        assert program.stdout is not None
        assert program.stdout.readline() == "ready\n"
    for program in programs:
        assert program.stdin is not None
        program.stdin.close()
        program.stdin = None
    return [program.communicate(timeout=60)[1] for program in programs]


def test_many_starts_at_once_make_one_database(place: Path | URL) -> None:
    assert start_together(place) == [""] * 4
    store = Store(place)
    assert_current(store)
    store.close()


def test_many_starts_at_once_take_over_one_old_database(old: Path) -> None:
    before = contents(old)
    assert start_together(old) == [""] * 4
    assert contents(old) == before


def test_a_newer_database_is_refused_in_one_sentence(place: Path | URL) -> None:
    store = Store(place)
    with store.write() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    store.close()
    with pytest.raises(StorageError, match=r"has schema 9999 .* install the newer version") as caught:
        Store(place)
    assert "\n" not in str(caught.value)


def test_what_cannot_be_upgraded_is_left_as_it_was(place: Path | URL) -> None:
    """Another program's table stands in the way of one of the last to be made."""
    found = databases.open_database(place)
    with found.writer.begin() as connection:
        connection.execute(text("CREATE TABLE records (song VARCHAR)"))
    for _ in range(2):
        with pytest.raises(StorageError, match="already exists"):
            Store(place)
    with found.reader.begin() as connection:
        assert inspect(connection).get_table_names() == ["records"]
    found.writer.dispose()


def test_actions_are_append_only_in_both(store: Store) -> None:
    statements = ["UPDATE actions SET person = 'Ben'", "DELETE FROM actions"]
    with store.write() as connection:
        alert = ledger.write_fault(connection, None, None, Fault("hub", 0.0, "deaf"), 0.0)
        assert alert is not None
        board.accept(connection, alert, "Amara", 1.0)
        if connection.dialect.name == "postgresql":
            statements += ["TRUNCATE actions", "TRUNCATE alerts CASCADE"]
    for statement in statements:
        with pytest.raises(StorageError, match="append-only"), store.write() as connection:
            connection.execute(text(statement))
    with store.read() as connection:
        assert connection.execute(text("SELECT person FROM actions")).all() == [("Amara",)]


def test_every_verb_takes_over_an_old_database_when_all_start_at_once(hub: Hub) -> None:
    hub.database.parent.mkdir()
    load_old(hub.database)
    for verb in ("ingest", "alerts", "web"):
        hub.start(verb)
    until(hub.well, 20, "the hub")
    [alert] = hub.alerts("closed")
    assert alert["closed_by"] == "Ben"
    assert hub.log().count(f"has schema {schema.NEWEST} now; it had {schema.FIRST}") == 1
