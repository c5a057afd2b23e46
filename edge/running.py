"""The daemon that runs beside us on this box, seen from outside and left alone."""

from __future__ import annotations

import fcntl
import os
import re
import stat
import struct
import subprocess
from pathlib import Path

from edge.config import UNIT
from edge.outbox import FILE_NAME
from edge.sound_cards import ROOT, Place, holder

_SYSTEMCTL_S = 3.0
# struct flock of fcntl(2): kind of lock, origin, first byte, number of bytes, process.
_FLOCK = "hhqqi4x"
_DEAD_MAN_SWITCH = 128  # the byte of a -shm file every connection to its database holds a lock on


def daemon(folder: Path) -> int | None:
    """The process whose outbox is in `folder`, else that of the service; None where neither runs."""
    return _outbox_holder(folder) or _service()


def is_hidden(folder: Path) -> bool:
    """Whether we may not look into the folder, as into a service's that has a user of its own."""
    try:
        return stat.S_ISDIR(folder.stat().st_mode) and not os.access(folder, os.R_OK | os.X_OK)
    except PermissionError:
        return True
    except OSError:
        return False


def records(process: int, place: Place, root: Path = ROOT) -> bool:
    """Whether the process records from the sound card now."""
    thread = holder(place, root)
    if thread is None:
        return False
    # ALSA tells the thread that opened the device.
    return thread == process or (root / f"proc/{process}/task/{thread}").exists()


def _outbox_holder(folder: Path) -> int | None:
    """Who has the outbox open, by the lock SQLite holds meanwhile. Asking changes nothing."""
    try:
        file = os.open(folder / f"{FILE_NAME}-shm", os.O_RDONLY)
    except OSError:
        return None
    try:
        question = struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, _DEAD_MAN_SWITCH, 1, 0)
        kind, _, _, _, process = struct.unpack(_FLOCK, fcntl.fcntl(file, fcntl.F_GETLK, question))
    except OSError:
        return None
    finally:
        os.close(file)
    return process if kind != fcntl.F_UNLCK and process > 0 else None


def _service() -> int | None:
    try:
        told = subprocess.run(  # noqa: S603 - nothing in it comes from outside
            ["systemctl", "show", "--property=MainPID", UNIT],  # noqa: S607 - where it is, the system knows
            capture_output=True,
            text=True,
            timeout=_SYSTEMCTL_S,
            check=False,
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    match = re.fullmatch(r"MainPID=([1-9]\d*)", told.strip())
    return int(match[1]) if match else None
