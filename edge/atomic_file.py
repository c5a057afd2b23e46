"""Small files that a power cut leaves as they were or as they shall be, never in between."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from edge.fields import encode


def write(path: Path, body: bytes, *, mode: int | None = None) -> None:
    """Put `body` in place of what the file holds; on disk on return. Raises OSError.

    `mode`: its permissions, before the first byte is in it; without, what the umask leaves.
    """
    new = path.with_suffix(".new")
    try:
        with new.open("wb") as file:
            if mode is not None:
                os.fchmod(file.fileno(), mode)
            file.write(body)
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
    except OSError:
        new.unlink(missing_ok=True)
        raise
    sync(path.parent)


def remove(path: Path) -> None:
    """Remove the file, if it is there; gone from the disk on return. Raises OSError."""
    path.unlink(missing_ok=True)
    sync(path.parent)


def save(path: Path, value: Any) -> None:
    """Put a dataclass of checked fields into the file as JSON; None removes the file. Raises OSError."""
    if value is None:
        remove(path)
    else:
        write(path, json.dumps(encode(value)).encode())


def sync(path: Path) -> None:
    """The contents of a file, or the names in a folder, are on disk on return. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
