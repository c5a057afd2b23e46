"""What can still be read of an outbox that is damaged or on a disk that refuses, and putting it aside.

Every row is checked before it is taken over: nothing comes out that was not put in.
"""

from __future__ import annotations

import contextlib
import logging
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from edge import atomic_file
from edge.entry import COLUMNS, PAGE_BYTES, TABLE, Entry
from edge.errors import MessageError, StorageError
from edge.messages import Episode, Summary, from_json

log = logging.getLogger(__name__)

KEPT = 2
"""So many damaged databases are kept for whoever wants to look at them."""
_PAGES = (PAGE_BYTES, 4096)  # bytes, the second of an outbox that an earlier version has made
_COUNTERS, _SIZE = slice(92, 96), slice(28, 32)  # https://sqlite.org/fileformat.html, 1.3
_UNREADABLE = (sqlite3.Error, ValueError, OverflowError)  # rubbish even in the words of an error
_PARTS = ("", "-wal", "-shm")
_KINDS: dict[str, type[Episode | Summary]] = {Episode.kind: Episode, Summary.kind: Summary}
_MOST_TRIES = 40_000  # then so little is left to be found that it is not worth the time
_PATIENCE = 1000  # so many lost one after the other make the next steps longer


def entries(path: Path) -> Iterator[Entry]:
    """The messages that can be read, oldest first; none where the file is missing or no database."""
    if not path.exists():
        return
    with contextlib.ExitStack() as stack:
        connection = _opened(path, stack)
        if connection is not None:
            yield from _readable(connection)


def _opened(path: Path, stack: contextlib.ExitStack) -> sqlite3.Connection | None:
    """A connection that changes nothing, whatever the disk allows and the first page looks like."""
    with contextlib.suppress(*_UNREADABLE):
        return _connect(path, "mode=ro", stack)
    # On a read-only disk SQLite cannot make the index its log needs; in a copy it can.
    try:
        copy = Path(stack.enter_context(tempfile.TemporaryDirectory())) / path.name
        for part in _PARTS[:2]:
            if _with(path, part).exists():
                shutil.copyfile(_with(path, part), _with(copy, part))
    except OSError:
        with contextlib.suppress(*_UNREADABLE):
            return _connect(path, "immutable=1", stack)  # without the log
        return None
    with contextlib.suppress(*_UNREADABLE):
        return _connect(copy, "mode=rw", stack)
    for page in _PAGES:
        with contextlib.suppress(*_UNREADABLE, OSError):
            _mend_first_page(copy, page)
            connection = _connect(copy, "mode=rw", stack)
            if any(True for _ in _readable(connection)):
                return connection
            connection.close()
    return None


def _connect(path: Path, mode: str, stack: contextlib.ExitStack) -> sqlite3.Connection:
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?{mode}", uri=True, isolation_level=None)
    try:
        connection.text_factory = bytes  # rubbish need not be text
        connection.execute("SELECT id, body FROM outbox LIMIT 0").fetchall()
    except BaseException:
        connection.close()
        raise
    return stack.enter_context(contextlib.closing(connection))


def _mend_first_page(path: Path, page_bytes: int) -> None:
    """Write the first page of a new outbox over that of `path`: it tells where the tables are.

    They are where they are in every outbox, from its making on. Its count of pages belongs to another size;
    the counters that differ make SQLite take that of the file.
    """
    size = path.stat().st_size // page_bytes * page_bytes
    model = path.with_name(f"model-{page_bytes}.sqlite")
    with contextlib.closing(sqlite3.connect(model, isolation_level=None)) as connection:
        connection.execute(f"PRAGMA page_size = {page_bytes}")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(TABLE)
    page = bytearray(model.read_bytes()[:page_bytes])
    page[_COUNTERS] = (1).to_bytes(4, "big")
    page[_SIZE] = (size // page_bytes).to_bytes(4, "big")
    with path.open("r+b") as file:
        file.write(page)
        file.truncate(max(size, page_bytes))


def _readable(connection: sqlite3.Connection) -> Iterator[Entry]:
    """Row by row, going on behind whatever cannot be read."""
    try:
        names = {row[1] for row in connection.execute("PRAGMA table_info(outbox)")}
    except _UNREADABLE:
        return
    columns = COLUMNS if b"crc" in names else COLUMNS.replace("crc", "NULL")
    query = f"SELECT {columns} FROM outbox WHERE id > ? ORDER BY id LIMIT ?"  # noqa: S608 - constants
    after, lost, limit = 0, 0, -1
    for _ in range(_MOST_TRIES):
        rows = found = 0
        failed = False
        try:
            for row in connection.execute(query, (after, limit)):
                rows += 1
                entry = _checked(row)
                if entry is not None and entry.number > after:
                    after = entry.number
                    found += 1
                    yield entry
        except _UNREADABLE:
            failed = True
        if not failed and (limit < 0 or not rows):
            return
        if found or limit < 0:
            # An error hides the last good row too, which a look for one row alone finds.
            lost, limit = (0 if found else lost), (1 if failed else -1)
        else:
            after, lost, limit = after + 1 + lost // _PATIENCE, lost + 1, -1


def _checked(row: tuple[object, ...]) -> Entry | None:
    number, boot_id, seq, kind, body, episode, crc = row
    try:
        entry = Entry(number, _text(boot_id), seq, _text(kind), body, _text(episode))  # type: ignore[arg-type]
        if crc is not None:
            return entry if crc == entry.crc and entry.kind in _KINDS else None
        message = from_json(_KINDS[entry.kind], entry.body)
    except (MessageError, ValueError, TypeError, KeyError, AttributeError):
        return None
    same = (message.stamp.boot_id, message.seq, getattr(message, "episode", None))
    return entry if same == (entry.boot_id, entry.seq, entry.episode) else None


def _text(value: object) -> object:
    return value.decode() if isinstance(value, bytes) else value


def replace(path: Path, refill: Callable[[Path, Iterable[Entry]], int]) -> tuple[Path, int]:
    """Put the damaged database aside, and in its place one with what can be read of it.

    `refill` makes a database at a path, whole and on disk when it returns, and says how many messages it
    holds. Returns where the damaged one now is and that number. Raises StorageError; then the damaged one is
    still in its place.
    """
    fresh = _fresh(path)
    try:
        _remove(fresh)
        count = refill(fresh, entries(path))
        for number in range(KEPT, 0, -1):
            _remove(_aside(path, number)) if number == KEPT else None
            if number > 1:
                _move(_aside(path, number - 1), _aside(path, number))
        # The file itself first: SQLite throws a log away that has no database, but would believe it beside
        # the new one.
        _move(path, _aside(path, 1))
        finish(path)
    except OSError as error:
        raise StorageError(f"the damaged {path} cannot be put aside: {error}; check its disk") from error
    return _aside(path, 1), count


def finish(path: Path) -> None:
    """Take up what a power cut has left of `replace`: it has happened, or it has not. Raises OSError."""
    fresh = _fresh(path)
    if not fresh.exists():
        return
    if path.exists():
        _remove(fresh)
        return
    for part in _PARTS[1:]:
        with contextlib.suppress(FileNotFoundError):
            _with(path, part).replace(_with(_aside(path, 1), part))
    fresh.replace(path)
    atomic_file.sync(path.parent)


def _fresh(path: Path) -> Path:
    return path.with_name(f"{path.stem}.salvaged{path.suffix}")


def _aside(path: Path, number: int) -> Path:
    return path.with_name(f"{path.stem}.corrupt-{number}{path.suffix}")


def _with(path: Path, part: str) -> Path:
    return path.with_name(path.name + part)


def _move(path: Path, to: Path) -> None:
    for part in _PARTS:
        with contextlib.suppress(FileNotFoundError):
            _with(path, part).replace(_with(to, part))


def _remove(path: Path) -> None:
    for part in _PARTS:
        _with(path, part).unlink(missing_ok=True)
