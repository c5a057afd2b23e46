"""Silence for C libraries that write to file descriptor 2 past every Python setting."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Send what is written to file descriptor 2 to nowhere; keep it short, it holds for every thread.

    ALSA and JACK print pages while they look for devices that are not there, LiteRT tells which
    delegate it made. What matters they say through exceptions as well.
    """
    sys.stderr.flush()
    saved = os.dup(2)
    nothing = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nothing, 2)
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
        os.close(nothing)
