"""What `bedside-edge check` looks at: the disk and the outbox on it, without changing either."""

from __future__ import annotations

import contextlib
import getpass
import os
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

from edge.config import Config
from edge.errors import StorageError
from edge.findings import Finding, note, red, well
from edge.outbox import FILE_NAME
from edge.running import daemon, is_hidden

_LEAST_FREE_MB = 200
_REMEDY = "check [storage] folder, its disk and its rights"
_BUSY_S = 2.0


def disk(config: Config) -> list[Finding]:
    """Room, rights, and what waits in the outbox, whether a daemon writes it meanwhile or not."""
    folder = Path(config.storage.folder)
    try:
        return [_look(folder)]
    except OSError as error:
        return [red("disk", StorageError(f"{folder} cannot be looked at: {error.strerror}"), _REMEDY)]
    except StorageError as error:
        return [red("disk", error, _REMEDY)]


def _look(folder: Path) -> Finding:
    if is_hidden(folder):
        process = daemon(folder)
        whose = f" and the running service's (process {process})" if process else ""
        return note("disk", f"{folder} is hidden from {_us()}{whose}", remedy="to see it, run this as root")
    there = _existing(folder)
    free_mb = shutil.disk_usage(there).free / 1e6
    room = f"{free_mb:.0f} MB free in {folder}"
    if free_mb < _LEAST_FREE_MB:
        raise StorageError(f"only {room}; free some, at least {_LEAST_FREE_MB} MB")
    if os.access(there, os.W_OK | os.X_OK):
        words = "writable" if there == folder else "the first start makes it"
    elif there == folder and daemon(folder):
        words = f"only the running service writes it, {_us()} may not"
    else:
        raise StorageError(f"{there} is not writable for {_us()}; run this as root, or correct its rights")
    return well("disk", room, f"{words}, {_waiting(folder)}")


def _existing(folder: Path) -> Path:
    """The folder, or while it is not there the first above it that is."""
    there = next(one for one in (folder, *folder.parents) if os.path.lexists(one))
    if not os.path.isdir(there):  # noqa: PTH112 - a Path raises where nobody may look
        raise StorageError(f"[storage] folder {folder}: {there} is no folder; name another one")
    return there


def _us() -> str:
    with contextlib.suppress(KeyError, OSError):
        return getpass.getuser()
    return f"user {os.getuid()}"


def _waiting(folder: Path) -> str:
    """What waits in the outbox, in words."""
    path = folder / FILE_NAME
    size = sum(file.stat().st_size for file in (path, Path(f"{path}-wal")) if file.exists())
    if size == 0:
        return "no outbox yet"
    with _read_only(path) as database:
        if database is None:
            return f"outbox {size / 1e6:.1f} MB"
        (count,) = database.execute("SELECT count(*) FROM outbox").fetchone()
    waiting = "nothing waits" if count == 0 else "1 message waits" if count == 1 else f"{count} messages wait"
    return f"outbox {size / 1e6:.1f} MB, {waiting} for the hub"


@contextlib.contextmanager
def _read_only(path: Path) -> Iterator[sqlite3.Connection | None]:
    """The database, nothing of it made or changed; None where that cannot be had. Raises StorageError.

    Read-only, SQLite still makes the files of a write-ahead log it does not find. So one that was closed in
    order is read as unchangeable, and the log of one that is open or was killed without its index altered.
    """
    log = Path(f"{path}-wal")
    if Path(f"{path}-shm").exists() and log.exists():
        options = "readonly_shm=1"
    elif log.exists() and log.stat().st_size > 0:
        yield None  # its index is lost: the next start makes it anew
        return
    else:
        options = "immutable=1"
    try:
        uri = f"file:{quote(str(path))}?mode=ro&{options}"
        with contextlib.closing(sqlite3.connect(uri, uri=True, timeout=_BUSY_S)) as database:
            yield database
    except sqlite3.Error as error:
        raise StorageError(
            f"the outbox {path} cannot be read: {error}; see `journalctl -u bedside-edge`"
        ) from error
