"""A card as a file: its partitions are read and written without mounting them, so without root's help."""

from __future__ import annotations

import shutil
import struct
import subprocess
from dataclasses import dataclass
from pathlib import Path

BOOT, DATA = 0, 2
"""Partitions, counted from 0; between them is the root file system, which no test touches."""
_SECTOR = 512


@dataclass(frozen=True)
class Card:
    """A whole card; a box must not be running on it while this writes."""

    path: Path

    @classmethod
    def flashed(cls, image: Path, path: Path, gibibytes: int = 2) -> Card:
        """A new card of that size with the image on it."""
        subprocess.run(["cp", "--sparse=always", image, path], check=True)
        with path.open("r+b") as file:
            file.truncate(gibibytes << 30)
        return cls(path)

    def partition(self, number: int) -> tuple[int, int]:
        """Where the partition begins and how long it is, in bytes."""
        with self.path.open("rb") as file:
            table = file.read(_SECTOR)
        begin, length = struct.unpack_from("<II", table, 446 + 16 * number + 8)
        return begin * _SECTOR, length * _SECTOR

    def read(self, name: str) -> str:
        """A file on the partition an installer sees."""
        return self._mtools("mtype", f"::{name}").decode()

    def take(self, name: str, folder: Path) -> Path:
        """The same as a file in that folder."""
        self._mtools("mcopy", "-n", "-o", f"::{name}", str(folder / name))
        return folder / name

    def names(self) -> set[str]:
        """Of the files on that partition."""
        listed = self._mtools("mdir", "-b", "::").decode()
        return {line.removeprefix("::/") for line in listed.splitlines()}

    def lay(self, *files: Path) -> None:
        """Copy files onto it, as an installer does with a file browser."""
        self._mtools("mcopy", "-n", "-o", *map(str, files), "::")

    def write(self, name: str, text: str, folder: Path) -> None:
        """The same with a text."""
        (folder / name).write_text(text, encoding="utf-8")
        self.lay(folder / name)

    def _mtools(self, program: str, *arguments: str) -> bytes:
        at = f"{self.path}@@{self.partition(BOOT)[0]}"
        return _run(program, "-i", at, *arguments)

    def data(self, path: Path) -> DataPartition:
        """The data partition as it is now, in a file of its own."""
        begin, length = self.partition(DATA)
        place = [f"skip={begin}", f"count={length}", "iflag=skip_bytes,count_bytes", "bs=4M", "conv=sparse"]
        subprocess.run(["dd", f"if={self.path}", f"of={path}", "status=none", *place], check=True)
        return DataPartition(path)


@dataclass(frozen=True)
class DataPartition:
    """What a box keeps, as it would find it at its next start."""

    path: Path

    def mend(self) -> int:
        """Check it as a start does (fsck -p); e2fsck's status: 0 whole, 1 mended, 4 and more not."""
        return self._check("-p")

    def is_whole(self) -> bool:
        """Whether a full check finds nothing at all."""
        return self._check("-fn") == 0

    def _check(self, how: str) -> int:
        command = [_program("e2fsck"), how, self.path]
        return subprocess.run(command, capture_output=True, check=False).returncode

    def folder(self, name: str, into: Path) -> Path:
        """A copy of one of its folders."""
        copy = into / Path(name).name
        shutil.rmtree(copy, ignore_errors=True)
        _run("debugfs", "-R", f"rdump {name} {into}", str(self.path))
        return copy


def _run(program: str, *arguments: str) -> bytes:
    done = subprocess.run([_program(program), *arguments], capture_output=True, check=False)
    assert done.returncode == 0, f"{program} {arguments}: {done.stderr.decode(errors='replace')}"
    return done.stdout


def _program(name: str) -> str:
    """Its path; an ordinary user's PATH lacks /usr/sbin."""
    return shutil.which(name) or f"/usr/sbin/{name}"
