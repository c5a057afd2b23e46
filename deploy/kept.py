"""What a box keeps on its data partition: the last good settings with their secrets and files, in one file.

One file, so that settings, certificate and key are changed together or not at all, whenever the power goes.
"""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from pathlib import Path

from deploy.settings import Settings
from edge import atomic_file
from edge.errors import StorageError
from edge.fields import checked, decode, encode

log = logging.getLogger(__name__)

_FILE = Path("settings/kept.json")
_DAMAGED = "damaged.json"


@dataclass(frozen=True, slots=True)
class Kept:
    """Settings that were good, and the text of each file that goes with them, by name."""

    settings: Settings
    files: dict[str, str] = checked(default_factory=dict)


def load(data: Path) -> Kept | None:
    """What is kept below the folder `data`; None where nothing is, or nothing that can be understood.

    A file that cannot be understood is set aside. Raises StorageError where the disk gives none.
    """
    path = data / _FILE
    try:
        body = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StorageError(f"cannot read the kept settings {path}: {error.strerror}") from error
    try:
        return decode(Kept, json.loads(body))
    except (ValueError, RecursionError):  # FieldError is a ValueError; its words may show a secret
        aside = path.with_name(_DAMAGED)
        log.error("%s is damaged and is set aside as %s; the card's settings count", path, aside.name)  # noqa: TRY400
        try:
            path.replace(aside)
        except OSError as error:
            raise StorageError(f"cannot set {path} aside: {error.strerror}") from error
        return None


def save(data: Path, kept: Kept) -> None:
    """Keep it in place of what was kept before; on disk on return. Raises StorageError."""
    path = data / _FILE
    try:
        new = not path.parent.exists()
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if new:
            atomic_file.sync(data)
        atomic_file.write(path, json.dumps(encode(kept)).encode(), mode=0o600)
    except OSError as error:
        raise StorageError(f"the settings cannot be kept in {path}: {error.strerror}") from error
