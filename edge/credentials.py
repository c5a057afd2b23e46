"""The service's credentials for somebody who starts a command by hand beside it."""

from __future__ import annotations

import os
from pathlib import Path

from edge.config import Config, load
from edge.running import UNIT

_PLACES = (f"run/credentials/{UNIT}", "etc/credstore")
"""Where systemd puts them while the service runs, and where it takes them from; both are root's."""


def load_by_hand(path: Path, root: Path = Path("/")) -> Config:
    """The configuration in `path`; a `credential:` in it is the service's. Raises ConfigError."""
    found = [str(root / place) for place in _PLACES if os.path.isdir(root / place)]  # noqa: PTH112 - never raises
    if found:
        os.environ.setdefault("CREDENTIALS_DIRECTORY", found[0])
    return load(path)
