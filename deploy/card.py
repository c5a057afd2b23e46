"""The card's first partition, which every computer can write: what an installer put there, and our answer.

It is FAT, which knows no journal and no owner. A file is changed by a new one put in its place, and what the
old one held is overwritten. Flash memory may still hold an older copy where no computer reads it.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from deploy import toml_text
from deploy.settings import FILE_NAME, SECRETS
from edge import atomic_file
from edge.errors import ConfigError, StorageError

STATUS = "STATUS.TXT"
_NOTE = b"This key is kept on the box and is no longer on this card."
_NOTE_MORE = b"\r\nTo give the box another one, put that file here under this name.\r\n"
_MOUNT_S = 20


@dataclass(frozen=True, slots=True)
class File:
    """What was found under the name of a file that should hold a certificate or a key."""

    text: str | None
    """None where the box has taken it before, and a note stands in its place."""


def settings_body(boot: Path) -> bytes:
    """The bytes of `bedside.toml`. Raises ConfigError: one sentence that says what is there instead."""
    path = boot / FILE_NAME
    try:
        return _bytes(path)
    except FileNotFoundError as error:
        wrong = boot / f"{FILE_NAME}.txt"
        if wrong.is_file():
            raise ConfigError(
                f"the settings are called {wrong.name}; rename the file to {FILE_NAME}"
            ) from error
        if _is_empty(boot):  # not mounted, most likely
            raise ConfigError(
                f"the card's first partition cannot be read, {boot} is empty; look at the card in a computer,"
                " and flash it anew if it is empty there too"
            ) from error
        raise ConfigError(f"there is no {FILE_NAME} on the card; copy this bed's there") from error


def file(boot: Path, name: str) -> File | None:
    """A certificate or key on the card, line ends as on Unix; None where there is none.

    Raises ConfigError for what is no such file.
    """
    try:
        body = _bytes(boot / name)
    except FileNotFoundError:
        return None
    if body.startswith(_NOTE):
        return File(None)
    try:
        text = body.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{name} is no text; copy the right file to the card again") from error
    if not text.strip():
        raise ConfigError(f"{name} is empty; copy the right file to the card again")
    return File(text)


def _is_empty(folder: Path) -> bool:
    try:
        return not any(folder.iterdir())
    except OSError:
        return True


def blank_secrets(boot: Path, body: bytes, keys: Mapping[str, str]) -> None:
    """Take secrets off the card: those in `bedside.toml`, whose bytes are `body`, and the files `keys`.

    Only for what the data partition has already. Raises StorageError.
    """
    text = body.decode()
    for table, key in SECRETS:
        text = toml_text.blanked(text, table, key) or text
    try:
        if text.encode() != body:
            _replace_and_erase(boot / FILE_NAME, text.encode())
        for name in keys:
            _replace_and_erase(boot / name, _NOTE + _NOTE_MORE)
    except OSError as error:
        raise StorageError(
            f"the card cannot be written ({error.strerror}), so secrets still stand on it; take them off by"
            " hand, or use another card"
        ) from error


def tell(boot: Path, text: str) -> None:
    """Put the text into STATUS.TXT, as a Windows editor shows it. Raises StorageError."""
    try:
        atomic_file.write(boot / STATUS, text.replace("\n", "\r\n").encode())
    except OSError as error:
        raise StorageError(f"{STATUS} cannot be written to the card: {error.strerror}") from error


@contextmanager
def writable(boot: Path) -> Iterator[None]:
    """Meanwhile the partition may be written, where it is one of its own that is mounted read-only."""
    try:
        was_read_only = boot.is_mount() and bool(os.statvfs(boot).f_flag & os.ST_RDONLY)
    except OSError:
        was_read_only = False
    if was_read_only:
        _remount(boot, "rw")
    try:
        yield
    finally:
        if was_read_only:
            _remount(boot, "ro")


def _remount(boot: Path, how: str) -> None:
    """Where that fails, the next attempt to write says so."""
    command = ["mount", "-o", f"remount,{how}", str(boot)]
    try:
        subprocess.run(command, check=False, timeout=_MOUNT_S)  # noqa: S603 - nothing in it comes from outside
    except (OSError, subprocess.SubprocessError):
        return


def _bytes(path: Path) -> bytes:
    """At most a byte more than any such file may have. Raises FileNotFoundError or ConfigError."""
    try:
        with path.open("rb") as opened:
            body = opened.read(toml_text.LONGEST + 1)
            size = os.fstat(opened.fileno()).st_size
    except FileNotFoundError:
        raise
    except IsADirectoryError as error:
        raise ConfigError(f"{path.name} on the card is a folder; it must be a file") from error
    except OSError as error:
        raise ConfigError(f"{path.name} on the card cannot be read: {error.strerror}") from error
    if len(body) > toml_text.LONGEST:
        raise ConfigError(
            f"{path.name} has {size} bytes, at most {toml_text.LONGEST} can be right; put the right file in"
            " its place"
        )
    return body


def _replace_and_erase(path: Path, body: bytes) -> None:
    """The new bytes first, whole; then zeros over the old, which no name leads to any more."""
    with path.open("r+b") as old:
        size = os.fstat(old.fileno()).st_size
        atomic_file.write(path, body)
        old.write(bytes(size))
        old.flush()
        os.fsync(old.fileno())
