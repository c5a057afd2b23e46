"""Keeps the sound that passes through memory there: no core dump, no swap."""

from __future__ import annotations

import contextlib
import ctypes
import logging
import os
import resource

log = logging.getLogger(__name__)

# From sys/prctl.h and sys/mman.h of Linux, the same on every platform Debian runs on.
_PR_SET_DUMPABLE = 4
_MCL_CURRENT, _MCL_FUTURE, _MCL_ONFAULT = 1, 2, 4


def keep_in_memory() -> bool:
    """Forbid core dumps and swapping of this process; whether both could be had.

    Pages are locked as they are touched (MCL_ONFAULT): locking every mapped page at once would keep
    libraries in memory of which a tenth is used.
    """
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        no_core = libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0) == 0
        locked = libc.mlockall(_MCL_CURRENT | _MCL_FUTURE | _MCL_ONFAULT) == 0
    except (OSError, AttributeError):  # no Linux
        log.warning("this system cannot keep sound out of swap and core dumps")
        return False
    if not locked:
        log.warning(
            "memory cannot be locked (%s), so sound could be swapped to the disk;"
            " raise the limit (LimitMEMLOCK=infinity in the unit) or turn swap off",
            os.strerror(ctypes.get_errno()),
        )
    return bool(no_core and locked)
