"""Passwords: argon2id with RFC 9106's second choice (64 MiB, 3 passes), and no more than two at a time."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from hub.refusals import RefusalError

_AT_ONCE = 2  # each takes 64 MiB and four threads: a flood of logins must not take the hub's memory
_WAIT_S = 10.0
_hasher = PasswordHasher()
_free = threading.BoundedSemaphore(_AT_ONCE)
NOBODY = "$argon2id$v=19$m=65536,t=3,p=4$ZTg6MGCqJWfwBxGerRzfNg$M6eqBDisqWUK1tkB03gJRdfsysLZoK1UzUlNaqyn2KA"
"""What is checked where a name is unknown, so that this takes as long; nobody has that password."""


def hashed(password: str) -> str:
    """What is kept of a password. Raises RefusalError where too many ask at once."""
    with _turn():
        return _hasher.hash(password)


def fits(kept: str | None, password: str) -> bool:
    """Whether this is the password; None is nobody's, which takes as long. Raises RefusalError."""
    with _turn():
        try:
            right = _hasher.verify(kept or NOBODY, password)
        except (VerificationError, InvalidHashError):
            return False
    return right and kept is not None


@contextmanager
def _turn() -> Iterator[None]:
    if not _free.acquire(timeout=_WAIT_S):
        raise RefusalError("busy", retry_s=5)
    try:
        yield
    finally:
        _free.release()
