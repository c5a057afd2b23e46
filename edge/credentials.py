"""Credentials of a systemd service: `credential:NAME` in the settings is what LoadCredential= has given."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from edge.errors import ConfigError

PREFIX = "credential:"
_KEPT = ("run/credstore", "etc/credstore")
"""Where systemd takes them from; root's. A box set up from its card has them in /run."""


def resolve(text: str, folder: Path) -> str:
    """The path a setting means: that of a credential, or a file's, relative ones starting at `folder`.

    Raises ConfigError for a credential where there is no service to give any.
    """
    if not text.startswith(PREFIX):
        return str(folder / text)
    credentials = os.environ.get("CREDENTIALS_DIRECTORY")
    if credentials is None:
        raise ConfigError(
            f"{text!r} needs a service with LoadCredential=; started by hand, give the path of a file"
        )
    name = text.removeprefix(PREFIX)
    given = Path(credentials) / name
    # What the service is not given, as the hub the key for commands, root takes from where it lies.
    places = (given, *(Path("/") / kept / name for kept in _KEPT))
    return str(next((one for one in places if os.path.exists(one)), given))  # noqa: PTH110 - never raises


def borrow(units: Iterable[str], root: Path = Path("/")) -> None:
    """Use the service's credentials in a command started by hand beside it, as root may.

    They lie below /run while one of the units runs, else where systemd takes them from.
    """
    places = (*(f"run/credentials/{unit}" for unit in units), *_KEPT)
    found = [str(root / place) for place in places if _may_hold_any(root / place)]
    if found:
        os.environ.setdefault("CREDENTIALS_DIRECTORY", found[0])


def _may_hold_any(folder: Path) -> bool:
    """Debian makes empty ones; one that may not be looked into counts."""
    try:
        with os.scandir(folder) as entries:
            return any(entries)
    except PermissionError:
        return True
    except OSError:
        return False
