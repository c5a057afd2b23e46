"""Files for cards, whole or not at all: a folder for each bed, or straight onto a card that is plugged in."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from deploy.bundle import KEY
from deploy.settings import FILE_NAME
from edge import atomic_file
from edge.errors import ConfigError, StorageError

_OF_A_CARD = ("config.txt", "cmdline.txt")
"""What a Raspberry Pi's boot partition always has."""
Files = Mapping[str, str]


class Folders:
    """WARD/DEVICE below a folder: nothing stands there under its name before everything does."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._stage: Path | None = None
        self._placed: list[Path] = []

    def check(self, places: Sequence[tuple[str, str]]) -> list[str]:
        """What is in the way of each WARD and DEVICE, a sentence each, in their order; empty: nothing."""
        return [
            f"{to} is there already; move it away" if os.path.lexists(to) else ""
            for to in (self._folder / ward / device for ward, device in places)
        ]

    def put(self, ward: str, device: str, files: Files) -> None:
        """Write a bed's files where nobody looks for them yet. Raises StorageError."""
        try:
            if self._stage is None:
                self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                self._stage = Path(tempfile.mkdtemp(prefix=".new-", dir=self._folder))
            to = self._stage / ward / device
            to.mkdir(mode=0o700, parents=True)
            for name, text in files.items():
                _write(to / name, text)
            atomic_file.sync(to)
        except OSError as error:
            raise StorageError(f"cannot write to {self._folder}: {error.strerror}") from error

    def commit(self) -> None:
        """Give all of them their places. Raises StorageError."""
        if self._stage is None:
            return
        try:
            for new in sorted(self._stage.glob("*/*")):
                to = self._folder / new.relative_to(self._stage)
                to.parent.mkdir(mode=0o700, exist_ok=True)
                new.rename(to)  # fails where something is in the way
                self._placed.append(to)
                atomic_file.sync(to.parent)
        except OSError as error:
            raise StorageError(f"cannot write to {self._folder}: {error.strerror}") from error
        shutil.rmtree(self._stage, ignore_errors=True)

    def roll_back(self) -> None:
        """Leave nothing behind."""
        for folder in (*self._placed, *([self._stage] if self._stage else [])):
            shutil.rmtree(folder, ignore_errors=True)

    def where(self, ward: str, device: str) -> Path:
        """Where a bed's files are."""
        return self._folder / ward / device


class Card:
    """The first partition of a card: every file under another name at first, the settings renamed last."""

    def __init__(self, mounted: Path, *, again: bool) -> None:
        """`again`: a key that no box has taken off the card yet may be overwritten. Raises ConfigError."""
        missing = [name for name in _OF_A_CARD if not (mounted / name).is_file()]
        if missing:
            raise ConfigError(
                f"{mounted} is no card of a box: it has no {missing[0]}; give the folder where the card's"
                " first partition, BEDSIDE, is mounted"
            )
        if not again and _holds_a_key(mounted / KEY):
            raise ConfigError(
                f"{mounted} holds the key of another bed, which no box has taken yet; put in another card, or"
                " say --again to overwrite it"
            )
        self._mounted = mounted
        self._names: list[str] = []

    def check(self, places: Sequence[tuple[str, str]]) -> list[str]:
        """What is in the way of each, as Folders.check."""
        return [
            "" if number == 0 else "a card is one bed's; give --out for several"
            for number in range(len(places))
        ]

    def put(self, _ward: str, _device: str, files: Files) -> None:
        """Write the bed's files, under other names. Raises StorageError."""
        try:
            for name, text in sorted(files.items(), key=lambda item: item[0] == FILE_NAME):
                self._names.append(name)
                _write(self._new(name), text)
        except OSError as error:
            raise StorageError(f"cannot write to {self._mounted}: {error.strerror}") from error

    def commit(self) -> None:
        """Give them their names. Raises StorageError."""
        try:
            for name in self._names:
                self._new(name).replace(self._mounted / name)
            atomic_file.sync(self._mounted)
        except OSError as error:
            raise StorageError(f"cannot write to {self._mounted}: {error.strerror}") from error

    def roll_back(self) -> None:
        """Remove what has no name yet; a box takes nothing without the settings, which come last."""
        for name in self._names:
            self._new(name).unlink(missing_ok=True)

    def where(self, _ward: str, _device: str) -> Path:
        """Where the card is."""
        return self._mounted

    def _new(self, name: str) -> Path:
        return self._mounted / f"{name}.new"


def _write(path: Path, text: str) -> None:
    """From its first byte on its owner's only, where the file system knows owners; on disk on return."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def _holds_a_key(path: Path) -> bool:
    try:
        return b"PRIVATE KEY" in path.read_bytes()[:1000]
    except OSError:
        return False
