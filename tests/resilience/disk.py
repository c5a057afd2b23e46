"""A disk that loses power: what a trace of writes and syncs may leave behind, file by file.

The model is harsher than a journalling file system. What fsync or fdatasync has not confirmed may be there,
be missing, or be rubbish, each 512-byte sector by itself and in any order; a name is certain only once its
folder has been synced. What was synced stays.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from strace import Call

CALLS = (
    "openat,open,creat,write,pwrite64,writev,pwritev,pwritev2,fsync,fdatasync,ftruncate,unlink,unlinkat,"
    "rename,renameat,renameat2,link,linkat,fallocate,msync,sync_file_range"
)
SECTOR = 512
_SHARED_INDEX = "-shm"  # SQLite's, in memory and rebuilt from the log by whoever opens it first


@dataclass(frozen=True, slots=True)
class Write:
    path: str
    offset: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Truncate:
    path: str
    size: int


@dataclass(frozen=True, slots=True)
class Create:
    path: str


@dataclass(frozen=True, slots=True)
class Remove:
    path: str


@dataclass(frozen=True, slots=True)
class Sync:
    path: str


@dataclass(frozen=True, slots=True)
class Said:
    """A line the program wrote on standard output: a promise."""

    words: tuple[str, ...]


Step = Write | Truncate | Create | Remove | Sync | Said


def steps(traced: Iterable[Call], folder: Path, said: Path) -> Iterator[Step]:
    """What a trace did to the files in `folder`, and what the program said into the file `said`."""
    known: set[str] = set()
    for call in traced:
        path = call.opened if call.name in {"openat", "open", "creat"} else call.target
        if call.name == "unlink":
            path = call.strings[0].decode()
        if path == str(said) and call.name == "write":
            for line in call.strings[0].decode().splitlines():
                yield Said(tuple(line.split()))
        if not (path == str(folder) or path.startswith(f"{folder}/")) or path.endswith(_SHARED_INDEX):
            continue
        match call.name:
            case "openat":
                if "O_CREAT" in call.arguments and path not in known:
                    known.add(path)
                    yield Create(path)
                assert "O_TRUNC" not in call.arguments, f"{path} is emptied on opening"
            case "pwrite64":
                offset = int(call.arguments.rsplit(", ", 1)[1])
                yield Write(path, offset, call.strings[0][: call.result])
            case "ftruncate":
                yield Truncate(path, int(call.arguments.rsplit(", ", 1)[1]))
            case "fsync" | "fdatasync":
                yield Sync(path)
            case "unlink":
                known.discard(path)
                yield Remove(path)
            case _:
                raise AssertionError(f"the model of a disk does not know {call.name} on {path}")


@dataclass(slots=True)
class _File:
    """One file, whatever its name: what is certain, and what has been asked for since."""

    certain: bytearray = field(default_factory=bytearray)
    pending: list[Write | Truncate] = field(default_factory=list)

    def sync(self) -> None:
        for step in self.pending:
            _apply(self.certain, step)
        self.pending.clear()

    def cut(self, dice: random.Random) -> bytes:
        """What the disk may hold after a power cut."""
        content = bytearray(self.certain)
        kept, rubbish = dice.choice(((0.0, 0.0), (1.0, 0.0), (0.5, 0.0), (0.9, 0.0), (0.5, 0.2)))
        for step in self.pending:
            if isinstance(step, Truncate):
                if dice.random() < kept:
                    _apply(content, step)
                continue
            for piece in _sectors(step):
                fate = dice.random()
                if fate < kept:
                    _apply(content, piece)
                elif fate < kept + rubbish:
                    _apply(content, Write(step.path, piece.offset, dice.randbytes(len(piece.data))))
        return bytes(content)


def _apply(content: bytearray, step: Write | Truncate) -> None:
    if isinstance(step, Truncate):
        del content[step.size :]
        content.extend(bytes(step.size - len(content)))
        return
    content.extend(bytes(max(0, step.offset - len(content))))
    content[step.offset : step.offset + len(step.data)] = step.data


def _sectors(step: Write) -> Iterator[Write]:
    start, end = step.offset, step.offset + len(step.data)
    while start < end:
        stop = min(end, (start // SECTOR + 1) * SECTOR)
        yield Write(step.path, start, step.data[start - step.offset : stop - step.offset])
        start = stop


class Disk:
    """The files of one folder. `deaf_to` names a file that this disk says it has synced and has not."""

    def __init__(self, folder: Path, *, deaf_to: str = "") -> None:
        self._folder, self._deaf_to = str(folder), f"{folder}/{deaf_to}"
        self._now: dict[str, _File] = {}
        self._certain: dict[str, _File] = {}
        self._names: list[tuple[str, _File | None]] = []  # what has been made, or removed, since

    def take(self, step: Step) -> None:
        """The program does one step."""
        match step:
            case Create(path):
                self._now[path] = _File()
                self._names.append((path, self._now[path]))
            case Remove(path):
                del self._now[path]
                self._names.append((path, None))
            case Write(path) | Truncate(path):
                self._now[path].pending.append(step)
            case Sync(path) if path == self._folder:
                self._certain = self._named(len(self._names))
                self._names.clear()
            case Sync(path) if path != self._deaf_to:
                self._now[path].sync()

    def cut(self, dice: random.Random) -> dict[str, bytes]:
        """The files, by name without folder, as they may be after a power cut at this moment."""
        files = self._named(dice.randint(0, len(self._names)))
        return {Path(path).name: file.cut(dice) for path, file in files.items()}

    def _named(self, count: int) -> dict[str, _File]:
        """The files after the first `count` pending changes of names: file systems keep those in order."""
        files: dict[str, _File | None] = {**self._certain, **dict(self._names[:count])}
        return {path: file for path, file in files.items() if file is not None}
