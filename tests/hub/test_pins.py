"""Which PINs are refused, and that most are not."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from hub.accounts import AccountError
from hub.pins import check_pin

GUESSED = [
    "0000", "1111", "1234", "4321", "0123", "9876", "2468", "1357", "7890", "1212",
    "1221", "7717", "2580", "1984", "2024", "1402", "2512", "0704", "12345678", "87654321",
    "123123", "121212", "111222", "140285", "850214", "14021985", "19850214", "02141985", "112211", "1379",
]  # fmt: skip
GOOD = ["4711", "8305", "3962", "5186", "61942", "918273", "604917", "5820471", "90417263", "6043"]


@pytest.mark.parametrize("pin", GUESSED)
def test_what_is_tried_first_is_refused(pin: str) -> None:
    with pytest.raises(AccountError) as caught:
        check_pin(pin)
    assert caught.value.code == "pin_guessed"
    assert pin not in str(caught.value)


@pytest.mark.parametrize("pin", GOOD)
def test_others_are_taken(pin: str) -> None:
    check_pin(pin)


@pytest.mark.parametrize("pin", ["", "471", "471147114", "47 1", "abcd", "٤٧١١", "4711\n", "-471"])
def test_what_is_no_pin_is_refused(pin: str) -> None:
    with pytest.raises(AccountError) as caught:
        check_pin(pin)
    assert caught.value.code == "pin_digits"


def test_birthdays_are_refused_however_it_is_written() -> None:
    day, refused = date(1930, 1, 1), set()
    while day < date(2024, 1, 1):
        for written in ("%d%m", "%m%d", "%d%m%y", "%m%d%y", "%y%m%d", "%d%m%Y", "%m%d%Y", "%Y%m%d"):
            refused.add(day.strftime(written))
        day += timedelta(days=13)
    for pin in refused:
        with pytest.raises(AccountError):
            check_pin(pin)


def test_enough_is_left_to_choose_from() -> None:
    """Of 4 and of 6 digits; whoever tries knows the rules, too."""
    for digits, least in ((4, 0.82), (6, 0.88)):
        taken = 0
        tried = range(0, 10**digits, 10 ** (digits - 4) + 7 * (digits > 4))
        for number in tried:
            try:
                check_pin(f"{number:0{digits}}")
            except AccountError:
                continue
            taken += 1
        assert taken / len(tried) > least
