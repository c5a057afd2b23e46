"""What SQLite refuses, told as a damaged file or as a disk that refuses."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from edge.errors import DamagedError, StorageError

_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR, sqlite3.SQLITE_MISMATCH}
"""SQLite's errors that say the file is not what we wrote; SQLITE_ERROR: the table is not ours."""


@contextlib.contextmanager
def told(path: Path, verb: str) -> Iterator[None]:
    """Raises DamagedError where the database at `path` is damaged, StorageError where it cannot be used.

    `verb` says what was tried: open, read, write.
    """
    try:
        yield
    except (sqlite3.Error, OSError, UnicodeDecodeError) as error:
        if _is_damage(error, path):
            raise DamagedError(f"{path} is damaged: {error}") from error
        raise StorageError(
            f"cannot {verb} {path}: {error}; check [storage] folder, its disk and its rights"
        ) from error


def _is_damage(error: Exception, path: Path) -> bool:
    if isinstance(error, OSError | sqlite3.ProgrammingError):
        return False
    # Without a code: what should be text is none.
    code = getattr(error, "sqlite_errorcode", None)
    if code == sqlite3.SQLITE_READONLY:
        # So SQLite takes a file of a version it does not know, too.
        with contextlib.suppress(OSError), path.open("rb") as file:
            return not set(file.read(20)[18:]) <= {1, 2}
    return code is None or code & 0xFF in _DAMAGED
