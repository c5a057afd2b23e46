"""PINs: what one is, and which are guessed at once. Pure."""

from __future__ import annotations

import re
from calendar import monthrange
from itertools import pairwise

from hub.accounts import AccountError

PATTERN = r"[0-9]{4,8}"
_OFTEN = frozenset({"2580", "0852", "1379", "1397", "9731", "7931", "1470", "3690", "5683", "6969"})
_LEAP_YEAR = 2000
_YEARS = range(1920, 2030)


def check_pin(pin: str) -> None:
    """Raises AccountError where it is none, or one of those that are tried first."""
    if not re.fullmatch(PATTERN, pin):
        raise AccountError("pin_digits")
    if _is_pattern(pin) or _is_date(pin) or pin in _OFTEN:
        raise AccountError("pin_guessed")


def _is_pattern(pin: str) -> bool:
    """Digits at equal steps, as 0000, 1234, 8642 or 7890; a part repeated; few digits; the same backwards."""
    steps = {(int(two) - int(one)) % 10 for one, two in pairwise(pin)}
    repeated = any(pin == (pin[:size] * len(pin))[: len(pin)] for size in range(1, len(pin) // 2 + 1))
    return len(steps) == 1 or repeated or len(set(pin)) <= 2 or pin == pin[::-1]


def _is_date(pin: str) -> bool:
    """A year, a day and month, or all three, in any usual order."""
    if len(pin) == 4:
        return int(pin) in _YEARS or _is_day(pin[:2], pin[2:]) or _is_day(pin[2:], pin[:2])
    if len(pin) == 6:
        orders: tuple[tuple[int, int], ...] = ((0, 2), (2, 0), (4, 2))  # where day and month are
    elif len(pin) == 8:
        orders = tuple(
            one
            for year, places in ((pin[4:], ((0, 2), (2, 0))), (pin[:4], ((4, 6), (6, 4))))
            if int(year) in _YEARS
            for one in places
        )
    else:
        return False
    return any(_is_day(pin[day : day + 2], pin[month : month + 2]) for day, month in orders)


def _is_day(day: str, month: str) -> bool:
    return 1 <= int(month) <= 12 and 1 <= int(day) <= monthrange(_LEAP_YEAR, int(month))[1]
