"""The rules of accounts: who may do what, how long a login holds, how long to wait after wrong passwords.

Pure: no I/O, the clock is a parameter; times are seconds since 1970 in UTC by the hub's clock.
"""

from __future__ import annotations

import hashlib
import secrets
import unicodedata
from collections.abc import Collection
from dataclasses import dataclass

from hub.refusals import RefusalError

NAME, INITIALS, NOTHING = SHOWN = ("name", "initials", "nothing")
"""What a board shows of a patient's name."""

NURSE, LEAD, ADMIN = ROLES = ("nurse", "lead", "admin")
TABLET = "tablet"
"""What stands in a role's place for a ward's shared tablet: it sees, and each action on it needs a person."""

MUTE_MINUTES = {NURSE: 60, LEAD: 240, ADMIN: 240}
"""For how long at most each role mutes a bed."""

MAY_INVITE = {NURSE: (), LEAD: (NURSE,), ADMIN: ROLES}
"""Whom each role may give an account; more than to invite, as disabling, only an admin may."""

IDLE_S = 12 * 3600.0
ABSOLUTE_S = 7 * 86400.0
TABLET_IDLE_S = 30 * 86400.0
TABLET_ABSOLUTE_S = 365 * 86400.0
INVITATION_S = 72 * 3600.0

FREE_FAILURES = 4  # the fifth wrong password brings the first pause
FIRST_PAUSE_S = 30.0
LONGEST_PAUSE_S = 900.0  # or whoever knows a name could lock its owner out for a whole shift
FORGET_S = 6 * 3600.0

PASSWORD_LENGTH = (10, 200)
_CODE_LETTERS = "23456789ABCDEFGHJKMNPQRSTVWXYZ"  # none that is taken for another
_CODE_LENGTH = 20  # 98 bits


class AccountError(RefusalError):
    """What an account does not allow."""


@dataclass(frozen=True, slots=True)
class Session:
    """Somebody who is logged in; `wards` are those they may see, empty for all. `key` is not the cookie.

    Also a ward's tablet: then `role` is TABLET, `tablet` its number, and `person_id` nobody's.
    """

    key: str
    person_id: int
    name: str
    role: str
    wards: tuple[str, ...]
    tablet: int | None = None


@dataclass(frozen=True, slots=True)
class View:
    """What somebody sees on the board: the beds of these wards, none for all; what of patients' names."""

    wards: tuple[str, ...] = ()
    names: str = NOTHING


def login_name(name: str) -> str:
    """What two spellings of one name have in common."""
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())


def is_over(made_at: float, seen_at: float, now: float) -> bool:
    """Whether a session has ended by itself: unused for too long, or too old."""
    return now - seen_at >= IDLE_S or now - made_at >= ABSOLUTE_S


def is_tablet_over(made_at: float, seen_at: float, now: float) -> bool:
    """Whether a ward's tablet must be enrolled anew: lost in a drawer, or a year old."""
    return now - seen_at >= TABLET_IDLE_S or now - made_at >= TABLET_ABSOLUTE_S


def counted(failures: int, last_at: float, now: float) -> int:
    """How many failures still count."""
    return 0 if now - last_at >= FORGET_S else failures


def locked_until(failures: int, last_at: float) -> float:
    """Until when no password is tried at all; each failure from the fifth on doubles the pause."""
    over = failures - FREE_FAILURES
    if over <= 0:
        return last_at
    return last_at + min(FIRST_PAUSE_S * 2.0 ** min(over - 1, 10), LONGEST_PAUSE_S)


def check_password(password: str, name: str) -> None:
    """Raises AccountError where it is too short, too long or the name."""
    least, most = PASSWORD_LENGTH
    if not least <= len(password) <= most:
        raise AccountError("password_length", least=least, most=most)
    if login_name(password) == login_name(name) or len(set(password)) < 4:
        raise AccountError("password_guessed")


def check_invitation(role: str, wards: Collection[str], own_role: str, own_wards: Collection[str]) -> None:
    """Raises AccountError where somebody would give away more than they have."""
    if role not in MAY_INVITE[own_role]:
        raise AccountError("invite_role", role=own_role, invited=role)
    if own_role != ADMIN and own_wards and not (wards and set(wards) <= set(own_wards)):
        raise AccountError("invite_wards", wards=", ".join(sorted(own_wards)))


def may_see(wards: Collection[str], ward: str) -> bool:
    """Whether somebody with these wards sees this one; what has no ward is the hub's, everybody's."""
    return not wards or not ward or ward in wards


def new_code() -> str:
    """An invitation's code, in groups that can be read out and typed."""
    letters = "".join(secrets.choice(_CODE_LETTERS) for _ in range(_CODE_LENGTH))
    return "-".join(letters[start : start + 5] for start in range(0, _CODE_LENGTH, 5))


def code_key(code: str) -> str:
    """What is kept of a code, however it was typed."""
    return key("".join(one for one in code.upper() if one.isalnum()))


def key(secret: str) -> str:
    """What is kept of a secret with enough chance in it that nobody can guess it."""
    return hashlib.sha256(secret.encode()).hexdigest()
