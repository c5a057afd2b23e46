"""Silence for C libraries that write to file descriptor 2 past every Python setting."""

from __future__ import annotations

import contextlib
import ctypes
import functools
import os
import sys
from collections.abc import Iterator


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Send what is written to file descriptor 2 to nowhere; keep it short, it holds for every thread.

    LiteRT tells which delegate it made. What matters it says through exceptions as well.
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


@functools.cache
def quiet_sound_libraries() -> None:
    """Tell ALSA and JACK to say nothing, for good.

    They print pages while they look for devices that are not there. Looking may take minutes where a sound
    server hangs, so standard error itself must stay as it is: other threads' log lines go there. Their
    handler becomes a C function that ignores what it is given and does nothing.
    """
    nothing = ctypes.cast(ctypes.CDLL(None).getpid, ctypes.c_void_p)
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL("libasound.so.2").snd_lib_error_set_handler(nothing)
    with contextlib.suppress(OSError, AttributeError):
        jack = ctypes.CDLL("libjack.so.0")
        jack.jack_set_error_function(nothing)
        jack.jack_set_info_function(nothing)
