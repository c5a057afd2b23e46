"""The rules of accounts, pure: pauses after wrong passwords, ends of sessions, codes, who may give what."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub import accounts
from hub.accounts import ABSOLUTE_S, FORGET_S, IDLE_S, AccountError

T0 = 1_700_000_000.0


def test_the_fifth_failure_brings_a_pause_that_doubles_up_to_a_quarter_of_an_hour() -> None:
    pauses = [accounts.locked_until(failures, T0) - T0 for failures in range(13)]
    assert pauses == [0, 0, 0, 0, 0, 30, 60, 120, 240, 480, 900, 900, 900]


@given(st.integers(0, 10**6))
def test_more_failures_never_mean_a_shorter_pause(failures: int) -> None:
    pauses = [accounts.locked_until(number, T0) for number in (failures, failures + 1)]
    assert all(one <= other for one, other in pairwise(pauses))
    assert pauses[1] <= T0 + accounts.LONGEST_PAUSE_S


def test_failures_are_forgotten_after_hours_without_another() -> None:
    assert accounts.counted(7, T0, T0 + FORGET_S - 1) == 7
    assert accounts.counted(7, T0, T0 + FORGET_S) == 0
    assert FORGET_S > accounts.LONGEST_PAUSE_S


@pytest.mark.parametrize(
    ("made", "seen", "over"),
    [(0, 0, False), (3600, 0, False), (IDLE_S, IDLE_S - 1, False), (IDLE_S, IDLE_S, True),
     (ABSOLUTE_S - 1, 0, False), (ABSOLUTE_S, 0, True), (-60, -60, False)],
)  # fmt: skip
def test_a_session_ends_unused_or_old(made: float, seen: float, over: bool) -> None:
    assert accounts.is_over(T0 - made, T0 - seen, T0) is over


def test_a_code_is_read_however_it_is_typed_and_never_comes_twice() -> None:
    codes = [accounts.new_code() for _ in range(500)]
    assert len(set(codes)) == len(codes)
    assert {len(code) for code in codes} == {23}
    code = codes[0]
    assert accounts.code_key(code) == accounts.code_key(f" {code.lower().replace('-', ' ')} ")
    assert accounts.code_key(code) != accounts.code_key(code[:-1])
    assert not set("".join(codes)) & set("01OIL")


@pytest.mark.parametrize(
    "password", ["", "short", "x" * 201, "aaaaaaaaaaaaaa", "abababababab", " ZOË  diallo-Traoré "]
)
def test_a_password_that_is_guessed_at_once_is_refused(password: str) -> None:
    with pytest.raises(AccountError):
        accounts.check_password(password, "Zoë Diallo-Traoré")


def test_a_few_words_are_a_password() -> None:
    accounts.check_password("green kettle on tuesday", "Zoë")


def test_spellings_of_one_name_are_one_login() -> None:
    assert accounts.login_name(" ZOE\u0308  Diallo") == accounts.login_name("zoë diallo")


@pytest.mark.parametrize(
    ("own", "own_wards", "role", "wards", "right"),
    [
        ("nurse", [], "nurse", [], False),
        ("lead", [], "nurse", [], True),
        ("lead", [], "nurse", ["a"], True),
        ("lead", ["a"], "nurse", ["a"], True),
        ("lead", ["a"], "nurse", [], False),
        ("lead", ["a"], "nurse", ["a", "b"], False),
        ("lead", [], "lead", [], False),
        ("lead", [], "admin", [], False),
        ("admin", [], "admin", [], True),
        ("admin", ["a"], "lead", [], True),
    ],
)
def test_nobody_gives_more_than_they_have(
    own: str, own_wards: list[str], role: str, wards: list[str], right: bool
) -> None:
    if right:
        accounts.check_invitation(role, wards, own, own_wards)
    else:
        with pytest.raises(AccountError):
            accounts.check_invitation(role, wards, own, own_wards)


def test_no_wards_are_all_and_what_has_none_is_everybodys() -> None:
    assert accounts.may_see((), "a")
    assert accounts.may_see(("a",), "a")
    assert accounts.may_see(("a",), "")
    assert not accounts.may_see(("a",), "b")
