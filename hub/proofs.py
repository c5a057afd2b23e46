"""Proving who somebody is, by password or PIN: counted before it is tried, written down where it is wrong.

During a pause nothing is tried, counted or written down.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from hub import audit, passwords, sessions, tablets
from hub.accounts import AccountError, Session
from hub.store import Store
from hub.tablets import Known


@dataclass(frozen=True, slots=True)
class Proven:
    """Whoever gave the right password; `hashed` is what is kept of it."""

    person: int
    name: str
    role: str
    hashed: str | None


class Proofs:
    """The store and the clock of all tries. A PIN, once given, serves its person for `pin_s` seconds."""

    def __init__(self, store: Store, clock: Callable[[], float], pin_s: float) -> None:
        self._store = store
        self._clock = clock
        self.pin_s = pin_s

    def password(self, name: str, password: str, address: str, *, own: bool = False) -> Proven:
        """Raises AccountError; with `own` whose password it is is known."""
        keys = sessions.password_keys(name, address)
        with self._store.write() as connection:
            sessions.attempt(connection, keys, self._clock())
        with self._store.read() as connection:
            found = sessions.password(connection, name)
        right = passwords.fits(found and found[3], password)
        if found is None or not right:
            # Also for an unknown name, or the time it takes would tell which are known. The name itself is
            # not written down: it may be a password in the wrong field.
            who, role = (found[1], found[2]) if found is not None else ("unknown", audit.UNPROVEN)
            with self._store.write() as connection:
                about = f"person {who}"
                audit.write(connection, self._clock(), who, role, "login failed", about, address=address)
            raise AccountError("wrong_password") if own else AccountError("wrong_login")
        with self._store.write() as connection:
            sessions.succeed(connection, keys)
        return Proven(*found)

    def pin(self, tablet: Session, person: int, pin: str | None) -> Known:
        """Who acts on a tablet: by this PIN, or without one while an earlier one still serves.

        Raises AccountError.
        """
        assert tablet.tablet is not None  # noqa: S101  (a session of a tablet has its number)
        now = self._clock()
        with self._store.read() as connection:
            found = tablets.known(connection, person, tablet.wards[0])
            trusted = tablets.trusted(connection, tablet.tablet, now, self.pin_s)
        if pin is None:
            if found is None or trusted is None or trusted[0] != person:
                raise AccountError("pin_needed")
            return found
        keys = sessions.pin_keys(person, tablet.tablet)
        with self._store.write() as connection:
            sessions.attempt(connection, keys, now, pin=True)
        if not passwords.fits(None if found is None else found.pin, pin) or found is None:
            name, role = (found.name, found.role) if found is not None else ("unknown", audit.UNPROVEN)
            with self._store.write() as connection:
                about = f"person {name}"
                audit.write(connection, now, name, role, "PIN failed", about, tablet=tablet.name)
            raise AccountError("wrong_pin")
        with self._store.write() as connection:
            sessions.succeed(connection, keys)
            if tablets.known(connection, person, tablet.wards[0]) != found:
                raise AccountError("account_changed")
            tablets.trust(connection, tablet.tablet, person, now, now + self.pin_s)
        return found
