"""Invitations, sessions and wrong passwords in both databases, each with its entry in the audit log."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from engine_parts import T0
from sqlalchemy import Connection, text

from hub import accounts, audit, passwords, people, sessions
from hub.accounts import ABSOLUTE_S, ADMIN, IDLE_S, INVITATION_S, AccountError, Session
from hub.store import Store

PASSWORD = "green kettle on tuesday"  # noqa: S105


@pytest.fixture(scope="module")
def hashed() -> str:
    return passwords.hashed(PASSWORD)


def person(store: Store, hashed: str, name: str = "Amara", role: str = "nurse", now: float = T0) -> int:
    with store.write() as connection:
        code = people.invite(connection, name, role, [], None, now)
        return people.join(connection, code, hashed, now)


def begin(store: Store, number: int, hashed: str, before: str | None = None, now: float = T0) -> str:
    with store.write() as connection:
        return sessions.begin(connection, number, hashed, before, now)


def find(store: Store, cookie: str, now: float = T0) -> Session | None:
    with store.read() as connection:
        found = sessions.find(connection, accounts.key(cookie), now)
    return None if found is None else found[0]


def acted(store: Store) -> list[tuple[str, str, str]]:
    with store.read() as connection:
        return [(entry.person, entry.action, entry.object) for entry in audit.latest(connection, 99)]


def refuses(store: Store, act: Callable[[Connection], object], match: str) -> None:
    with pytest.raises(AccountError, match=match), store.write() as connection:
        act(connection)


def test_a_code_works_once_in_time_and_is_kept_as_a_hash(store: Store, hashed: str) -> None:
    with store.write() as connection:
        old = people.invite(connection, "Amara", "nurse", ["b", "a"], None, T0)
        code = people.invite(connection, " amara ", "nurse", ["b", "a"], None, T0)
        kept = connection.execute(text("SELECT key, name, wards FROM invitations")).one()
    assert kept == (accounts.code_key(code), "amara", '["a", "b"]')
    refuses(store, lambda one: people.join(one, old, hashed, T0), "wrong, was used")
    refuses(store, lambda one: people.join(one, code, hashed, T0 + INVITATION_S), "too old")
    with store.write() as connection:
        people.join(connection, code, hashed, T0 + INVITATION_S - 1)
    refuses(store, lambda one: people.join(one, code, hashed, T0), "wrong, was used")
    with store.read() as connection:
        assert people.listed(connection)[0]["wards"] == ["a", "b"]


def test_a_session_is_kept_as_a_hash_and_ends_unused_or_old(store: Store, hashed: str) -> None:
    cookie = begin(store, person(store, hashed), hashed)
    with store.read() as connection:
        assert connection.scalar(text("SELECT key FROM sessions")) == accounts.key(cookie)
    assert find(store, cookie, T0 + IDLE_S - 1) is not None
    assert find(store, cookie, T0 + IDLE_S) is None
    now = T0
    while now + IDLE_S < T0 + ABSOLUTE_S:
        now += IDLE_S - 1
        with store.write() as connection:
            sessions.touch(connection, accounts.key(cookie), now)
    assert find(store, cookie, T0 + ABSOLUTE_S - 1) is not None
    assert find(store, cookie, T0 + ABSOLUTE_S) is None


def test_a_clock_that_is_wrong_for_a_while_logs_nobody_out(store: Store, hashed: str) -> None:
    number = person(store, hashed)
    cookie = begin(store, number, hashed)
    for _ in range(sessions.KEPT + 5):
        begin(store, number, hashed, now=T0 + 10**8)
    assert find(store, cookie, T0 + 60) is not None
    for _ in range(sessions.KEPT):
        begin(store, number, hashed, now=T0 + 2 * 10**8)
    begin(store, number, hashed, now=T0 + 3 * 10**8)
    with store.read() as connection:
        assert connection.scalar(text("SELECT count(*) FROM sessions")) <= sessions.KEPT + 1


def test_each_login_has_a_new_cookie_and_ends_the_one_before(store: Store, hashed: str) -> None:
    number = person(store, hashed)
    first = begin(store, number, hashed)
    second = begin(store, number, hashed, before=first)
    other = begin(store, number, hashed)
    assert len({first, second, other}) == 3
    assert find(store, first) is None
    mine = find(store, second)
    assert mine is not None
    with store.write() as connection:
        sessions.end(connection, mine, T0)
    assert find(store, second) is None
    elsewhere = find(store, other)
    assert elsewhere is not None
    begin(store, number, hashed)
    with store.write() as connection:
        sessions.end(connection, elsewhere, T0, everywhere=True)
        assert connection.scalar(text("SELECT count(*) FROM sessions")) == 0
    assert [action for _, action, _ in acted(store)][-2:] == ["login", "logout everywhere"]


def test_disabling_and_a_new_role_hold_at_once(store: Store, hashed: str) -> None:
    admin = person(store, hashed, "Root", ADMIN)
    number = person(store, hashed)
    me, cookie = find(store, begin(store, admin, hashed)), begin(store, number, hashed)
    assert me is not None
    with store.write() as connection:
        people.change(connection, number, "lead", ["a"], me, T0)
    found = find(store, cookie)
    assert found is not None
    assert (found.role, found.wards) == ("lead", ("a",))
    with store.write() as connection:
        people.disable(connection, number, me, T0)
    assert find(store, cookie) is None
    refuses(store, lambda one: sessions.begin(one, number, hashed, None, T0), "changed")
    with store.write() as connection:
        people.enable(connection, number, me, T0)
    assert find(store, cookie) is None
    assert acted(store)[-3:] == [("Root", verb, "person Amara") for verb in ("change", "disable", "enable")]


def test_the_last_admin_stays(store: Store, hashed: str) -> None:
    admin = person(store, hashed, "Root", ADMIN)
    me = find(store, begin(store, admin, hashed))
    assert me is not None
    refuses(store, lambda one: people.disable(one, admin, me, T0), "only admin")
    refuses(store, lambda one: people.change(one, admin, "lead", [], me, T0), "only admin")
    person(store, hashed, "Second", ADMIN)
    with store.write() as connection:
        people.disable(connection, admin, me, T0)


def test_a_new_code_for_somebody_known_ends_their_sessions(store: Store, hashed: str) -> None:
    number = person(store, hashed)
    cookie = begin(store, number, hashed)
    refuses(store, lambda one: people.invite(one, "AMARA", "nurse", [], None, T0), "has an account")
    with store.write() as connection:
        code, name = people.new_password(connection, number, None, T0)
        assert people.join(connection, code, passwords.hashed("another few words"), T0) == number
    assert name == "Amara"
    assert find(store, cookie) is None
    refuses(store, lambda one: sessions.begin(one, number, hashed, None, T0), "changed")


def test_a_code_gives_back_no_role_that_was_taken_meanwhile(store: Store, hashed: str) -> None:
    admin, number = person(store, hashed, "Root", ADMIN), person(store, hashed, "Ben", ADMIN)
    me = find(store, begin(store, admin, hashed))
    assert me is not None
    with store.write() as connection:
        code, _ = people.new_password(connection, number, me, T0)
        people.change(connection, number, "nurse", ["a"], me, T0)
        people.join(connection, code, hashed, T0)
    found = find(store, begin(store, number, hashed))
    assert found is not None
    assert (found.role, found.wards) == ("nurse", ("a",))


def test_a_code_of_an_older_version_takes_no_role_from_the_only_admin(store: Store, hashed: str) -> None:
    """There an invitation could be made for somebody with an account."""
    admin = person(store, hashed, "Root", ADMIN)
    with store.write() as connection:
        code, _ = people.new_password(connection, admin, None, T0)
        connection.execute(text("UPDATE invitations SET role = 'nurse', wards = '[\"a\"]'"))
        people.join(connection, code, hashed, T0)
    with store.read() as connection:
        assert people.is_admin(connection, admin)
        assert people.listed(connection)[0]["wards"] == []


def test_a_code_lets_nobody_in_who_is_disabled(store: Store, hashed: str) -> None:
    admin, number = person(store, hashed, "Root", ADMIN), person(store, hashed)
    me = find(store, begin(store, admin, hashed))
    assert me is not None
    with store.write() as connection:
        code, _ = people.new_password(connection, number, me, T0)
        people.disable(connection, number, me, T0)
    refuses(store, lambda one: people.join(one, code, hashed, T0), "wrong, was used")
    refuses(store, lambda one: people.new_password(one, number, me, T0), "Amara is disabled")


def attempts(store: Store, name: str, address: str, times: int, now: float = T0) -> None:
    for _ in range(times):
        with store.write() as connection:
            sessions.attempt(connection, sessions.password_keys(name, address), now)


def test_the_sixth_attempt_waits_for_the_account_and_for_the_address(store: Store) -> None:
    attempts(store, "Amara", "1.1.1.1", 5)
    for name, address in (("amara ", "2.2.2.2"), ("Ben", "1.1.1.1")):
        with pytest.raises(sessions.LockedError) as caught, store.write() as connection:
            sessions.attempt(connection, sessions.password_keys(name, address), T0 + 10)
        assert caught.value.wait_s == 20.0
    attempts(store, "Ben", "2.2.2.2", 1)
    attempts(store, "Amara", "1.1.1.1", 1, T0 + 30)
    keys = sessions.password_keys("Amara", "3.3.3.3")
    refuses(store, lambda one: sessions.attempt(one, keys, T0 + 89), "too many")
    attempts(store, "Amara", "3.3.3.3", 1, T0 + 90)
    with store.read() as connection:
        kept = connection.execute(text("SELECT key FROM login_failures")).scalars().all()
    assert {len(key) for key in kept} == {64}, "no name: somebody types the password there"


def test_success_forgets_the_account_and_only_its_part_of_the_address(store: Store) -> None:
    attempts(store, "Ben", "1.1.1.1", 2)
    attempts(store, "Amara", "1.1.1.1", 2)
    with store.write() as connection:
        sessions.succeed(connection, sessions.password_keys("Amara", "1.1.1.1"))
        assert sorted(connection.scalars(text("SELECT failures FROM login_failures"))) == [2, 2]


def test_a_clock_that_was_set_back_locks_nobody_out(store: Store) -> None:
    attempts(store, "Amara", "1.1.1.1", 4)
    attempts(store, "Amara", "1.1.1.1", 1, T0 - 3600)
    with pytest.raises(sessions.LockedError) as caught:
        attempts(store, "Amara", "1.1.1.1", 1, T0 - 7200)
    assert caught.value.wait_s == 30.0


def test_many_guesses_at_once_all_count(store: Store) -> None:
    refused: list[str] = []

    def guess() -> None:
        try:
            attempts(store, "Amara", "1.1.1.1", 1)
        except sessions.LockedError:
            refused.append("locked")

    threads = [threading.Thread(target=guess) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(refused) == 7


def test_a_password_is_argon2id_and_nobodys_never_fits(hashed: str) -> None:
    assert hashed.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert passwords.fits(hashed, PASSWORD)
    assert not passwords.fits(hashed, PASSWORD + " ")
    assert not passwords.fits(None, PASSWORD)
    assert not passwords.fits(None, "what is checked where a name is unknown, so that this takes as long")
    assert not passwords.fits("no hash", PASSWORD)
    parameters = [text.rsplit("$", 2)[0] for text in (hashed, passwords.NOBODY)]
    assert parameters[0] == parameters[1], "an unknown name takes as long as a known one"
