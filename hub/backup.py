"""`bedside-hub backup` and `restore`: the whole database in one file, and back.

SQLite copies itself while the hub writes on: what was committed when the copy began is in it, and nothing by
halves. PostgreSQL has tools of its own for both; pg_dump is called, a restore is left to whoever runs it.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import URL

from edge import atomic_file
from edge.errors import DamagedError, StorageError, UnavailableError
from hub import databases, schema
from hub.config import Settings

_BUSY_S = 2.0


def backup(settings: Settings, to: Path) -> str:
    """Writes the database to a file that must not exist yet; a sentence. Raises BedsideError."""
    if to.exists():
        raise StorageError(f"{to} exists already; name another file or remove it")
    place = databases.find(settings)
    if isinstance(place, Path) and not place.exists():
        raise StorageError(f"there is no database {place} to back up; see whether data is right")
    part = to.with_name(f"{to.name}.part")
    try:
        os.close(os.open(part, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600))  # who may read it, reads all
        if isinstance(place, Path):
            _copy(place, part)
            _verify(part)
        else:
            _dump(place, part)
        atomic_file.sync(part)
        part.rename(to)
        atomic_file.sync(to.parent)
    except OSError as error:
        raise StorageError(f"cannot write {to}: {error.strerror}") from error
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
    return f"{to} holds the database as it was a moment ago, {to.stat().st_size / 1e6:.1f} MB"


def restore(settings: Settings, source: Path, now: Callable[[], float] = time.time) -> str:
    """Puts a backup in the place of the database, which is kept aside; a sentence. Raises BedsideError."""
    place = databases.find(settings)
    if not isinstance(place, Path):
        raise UnavailableError(
            "restore is for the embedded database; for PostgreSQL stop the hub and run pg_restore into an"
            " empty database"
        )
    part = place.with_name(f"{place.name}.part")
    aside = place.with_name(f"{place.name}.{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime(now()))}")
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, part)
        part.chmod(0o600)
        databases.own_as_folder(part)
        _verify(part)
        atomic_file.sync(part)
        kept = _set_aside(place, aside)
        part.rename(place)
        atomic_file.sync(place.parent)
    except OSError as error:
        raise StorageError(f"cannot restore {source} to {place}: {error.strerror}") from error
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
    before = f"; the one before is {aside}" if kept else ""
    return f"{place} is restored from {source}{before}. Start the hub; devices send again what they hold"


def _copy(source: Path, to: Path) -> None:
    try:
        with (
            contextlib.closing(sqlite3.connect(source, timeout=_BUSY_S)) as database,
            contextlib.closing(sqlite3.connect(to)) as copy,
        ):
            database.backup(copy)  # in one step: a reader of one state, who keeps no writer waiting
            copy.execute("PRAGMA journal_mode=DELETE")  # one file, without a log beside it
    except sqlite3.Error as error:
        raise StorageError(f"the database {source} cannot be backed up: {error}") from error


def _verify(file: Path) -> None:
    """Raises where the file is no database of ours, is damaged, or is of a newer program."""
    try:
        with contextlib.closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)) as database:
            (answer,) = database.execute("PRAGMA quick_check(1)").fetchone()
            if answer != "ok":
                raise DamagedError(f"the backup is damaged: {answer}; take another one")
            (revision,) = database.execute("SELECT version_num FROM alembic_version").fetchone()
            database.execute("SELECT count(*) FROM records").fetchone()
    except (sqlite3.Error, TypeError) as error:
        raise DamagedError(f"the backup is no database of the hub, or damaged: {error}") from error
    if revision > schema.NEWEST:
        raise StorageError(
            f"the backup has schema {revision} and this program knows none beyond {schema.NEWEST};"
            " install the version that made it"
        )


def _set_aside(place: Path, aside: Path) -> bool:
    """Moves the database away, if there is one; refuses while anybody has it open."""
    if not place.exists():
        return False
    try:
        with contextlib.closing(sqlite3.connect(place, timeout=_BUSY_S)) as database:
            # Takes what is in the log into the file; SQLite refuses while another has the file open.
            database.execute("PRAGMA journal_mode=DELETE")
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            raise UnavailableError(f"the hub has {place} open; stop it first") from error
        raise StorageError(f"the database {place} cannot be set aside: {error}") from error
    except sqlite3.DatabaseError:  # damaged, perhaps why somebody restores: kept with all that is beside it
        pass
    for end in ("-wal", "-shm"):
        beside = Path(f"{place}{end}")
        if beside.exists():
            beside.rename(f"{aside}{end}")
    place.rename(aside)
    return True


def _dump(place: URL, to: Path) -> None:
    program = shutil.which("pg_dump")
    if program is None:
        raise UnavailableError("pg_dump is not installed; apt install postgresql-client")
    parts = place.username, None, place.host, place.port, place.database, place.query
    target = URL.create("postgresql", *parts).render_as_string()
    command = [program, "--format=custom", "--no-password", f"--file={to}", f"--dbname={target}"]
    environment = os.environ | ({"PGPASSWORD": place.password} if place.password else {})
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        raise StorageError(f"pg_dump cannot back the database up: {' '.join(done.stderr.split())[:300]}")
