"""Revisions and metadata agree; old databases are taken over, newer ones refused, many starts collide not."""

from __future__ import annotations

import logging
import sqlite3
import subprocess
import sys
import threading
import warnings
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from hub_parts import ROOT, Hub, until
from sqlalchemy import URL, inspect, text
from sqlalchemy.exc import OperationalError

import hub.account_tables
import hub.delivery_tables  # noqa: F401
from edge.errors import StorageError
from hub import board, databases, schema, technical_alerts
from hub.audit import Actor
from hub.faults import Fault, Place
from hub.store import Store
from hub.tables import Base

OLD = Path(__file__).with_name("before_revisions.sql")  # made by the last version that had no revisions
OPEN = """
import sys
import threading
from functools import partial
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


def contents(path: Path, columns: dict[str, list[str]] | None = None) -> dict[str, list[Any]]:
    """Every row of every table in those columns; in all it has where none are given."""
    connection = sqlite3.connect(path)
    rows = {
        table: sorted(connection.execute(f"SELECT {', '.join(names)} FROM {table}"), key=repr)  # noqa: S608
        for table, names in (columns or columns_of(path)).items()
    }
    connection.close()
    return rows


def columns_of(path: Path) -> dict[str, list[str]]:
    connection = sqlite3.connect(path)
    query = "SELECT m.name, c.name FROM sqlite_master m, pragma_table_info(m.name) c WHERE m.type = 'table'"
    found: dict[str, list[str]] = {}
    for table, column in connection.execute(query):
        found.setdefault(table, []).append(column)
    connection.close()
    return found


def assert_current(store: Store) -> None:
    """The index over part of a text is not compared; tests/hub/test_plans.py sees whether it is there."""
    with store.read() as connection, warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".* expression-based index")
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
    columns, before = columns_of(old), contents(old)
    assert all(before.values()), "every table has a row to lose"
    with caplog.at_level(logging.INFO):
        store = Store(old)
    assert contents(old, columns) == before
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


def test_many_may_turn_a_new_file_to_wal_at_once(tmp_path: Path) -> None:
    """SQLite answers some of them "database is locked" without waiting."""
    for number in range(40):
        found: list[Exception | str] = []
        start = threading.Barrier(4)
        work = partial(use_wal, tmp_path / f"{number}.sqlite3", start, found)
        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert found == ["wal"] * 4


def use_wal(path: Path, start: threading.Barrier, found: list[Exception | str]) -> None:
    engine = databases.open_database(path).reader
    start.wait(10)
    try:
        with engine.begin() as connection:
            found.append(str(connection.exec_driver_sql("PRAGMA journal_mode").scalar()))
    except OperationalError as error:
        found.append(error)
    engine.dispose()


def test_many_starts_at_once_take_over_one_old_database(old: Path) -> None:
    columns, before = columns_of(old), contents(old)
    assert start_together(old) == [""] * 4
    assert contents(old, columns) == before


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
        changes = {(Place(), "hub"): Fault("hub", 0.0, "deaf")}
        [alert] = technical_alerts.write(connection, {}, changes, 0.0)
        board.accept(connection, alert, Actor("Amara"), 1.0)
        if connection.dialect.name == "postgresql":
            statements += ["TRUNCATE actions", "TRUNCATE alerts CASCADE"]
        else:
            statements.append("INSERT OR REPLACE INTO actions SELECT * FROM actions")
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
    until(hub.well, 60, "the hub")
    [alert] = hub.alerts("closed")
    assert alert["closed_by"] == "Ben"
    assert hub.log().count(f"has schema {schema.NEWEST} now; it had {schema.FIRST}") == 1
