"""How the daemon is, in a small file in memory for other programs of the box, such as its light's."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from edge import atomic_file
from edge.errors import StorageError
from edge.fields import checked, decode, encode

log = logging.getLogger(__name__)

FILE_NAME = "state.json"
EVERY_S = 5.0
"""It is written at every change, and so often without one."""


@dataclass(frozen=True, slots=True)
class State:
    """What the daemon shows of itself."""

    microphone: str = checked()
    """One of edge.messages.MICROPHONE_STATES."""
    muted: bool = checked()
    connected: bool = checked()
    """To the broker."""


@dataclass(frozen=True, slots=True)
class Shown:
    """The file's content."""

    state: State
    status: str
    """The line `systemctl status` has."""
    monotonic_s: float
    """When it was written, on the machine's clock that never jumps (CLOCK_MONOTONIC)."""


class StateFile:
    """Keeps `state.json` up to date, for as long as a system service has a folder for it."""

    def __init__(self, folder: Path | None) -> None:
        """`folder`: None where nobody wants to know."""
        self._path = None if folder is None else folder / FILE_NAME
        self._state: State | None = None
        self._next_s = 0.0

    def tell(self, state: State, status: Callable[[], str], now_s: float) -> None:
        """To be called several times a second. A disk that refuses ends it; nothing is raised."""
        if self._path is None or (state == self._state and now_s < self._next_s):
            return
        self._state, self._next_s = state, now_s + EVERY_S
        try:
            body = json.dumps(encode(Shown(state, status(), now_s))).encode()
            atomic_file.write(self._path, body, mode=0o644)
        except OSError as error:
            log.warning(
                "%s cannot be written, so the box's light cannot tell: %s", self._path, error.strerror
            )
            self._path = None


def own_folder() -> Path | None:
    """The folder systemd has made for this service by RuntimeDirectory=; None without one."""
    first = os.environ.get("RUNTIME_DIRECTORY", "").split(":")[0]
    return Path(first) if first else None


def load(folder: Path) -> Shown | None:
    """What the daemon last said of itself; None while it does not run. Raises StorageError."""
    path = folder / FILE_NAME
    try:
        return decode(Shown, json.loads(path.read_bytes()))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StorageError(f"cannot read {path}: {error.strerror}") from error
    except ValueError as error:
        raise StorageError(f"{path} is not what the daemon writes: {error}") from error
