"""Small files that a power cut leaves as they were or as they shall be, never in between."""

from __future__ import annotations

import os
from pathlib import Path


def write(path: Path, body: bytes) -> None:
    """Put `body` in place of what the file holds; on disk on return. Raises OSError."""
    new = path.with_suffix(".new")
    with new.open("wb") as file:
        file.write(body)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
    _sync(path.parent)


def remove(path: Path) -> None:
    """Remove the file, if it is there; gone from the disk on return. Raises OSError."""
    path.unlink(missing_ok=True)
    _sync(path.parent)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
