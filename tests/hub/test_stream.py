"""The event stream by itself: what listeners share, and what one who comes back may see."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import httpx
import pytest
from engine_parts import T0, Clock, raised
from hub_parts import complete, until
from simulate import Device
from sqlalchemy import update

from hub import accounts, board, people, sessions
from hub.accounts import View
from hub.config import Accounts, Broker, Settings, Tablets, Web
from hub.guard import Guard
from hub.sessions import TOUCH_S
from hub.store import Store, next_revision
from hub.stream import Stream
from hub.tables import AlertRow
from hub.web import create_app

A, B = View(("3b",)), View(("9z",))


async def first(events: AsyncIterator[Any]) -> tuple[str, dict[str, Any]]:
    """The id and the data of the next board."""
    async for event in events:
        if event.event == "board":
            return str(event.id), json.loads(event.raw_data)
    raise AssertionError("the stream has ended")


def test_listeners_who_see_the_same_share_one_query(
    store: Store, device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    alert = raised(store, device, clock)
    read = []
    for name in ("snapshot", "changes"):
        real = getattr(board, name)

        def counted(*arguments: Any, name: str = name, real: Any = real) -> Any:
            read.append(name)
            return real(*arguments)

        monkeypatch.setattr(board, name, counted)

    async def listen() -> None:
        stream = Stream(store, clock)
        watching = asyncio.create_task(stream.watch())
        await asyncio.to_thread(until, lambda: stream.looked_s is not None)
        listeners = [stream.listen(None, lambda: A) for _ in range(9)] + [stream.listen(None, lambda: B)]
        boards = await asyncio.gather(*map(first, listeners))
        assert [len(data["alerts"]) for _, data in boards] == [1] * 9 + [0]
        assert read == ["snapshot"] * 2
        with store.write() as connection:
            connection.execute(update(AlertRow).values(revision=next_revision(connection)))
        boards = await asyncio.gather(*map(first, listeners))
        assert [[one["id"] for one in data["alerts"]] for _, data in boards] == [[alert]] * 9 + [[]]
        assert read == ["snapshot"] * 2 + ["changes"] * 2
        await stream.close()
        await watching

    complete(listen())


def test_whoever_comes_back_to_other_wards_is_sent_everything(store: Store, device: Device) -> None:
    clock = Clock()
    raised(store, device, clock)
    names = View(("3b",), accounts.NAME)

    async def listen() -> None:
        stream = Stream(store, clock)
        number, _ = await first(stream.listen(None, lambda: A))
        found = [(await first(stream.listen(number, lambda: view)))[1]["full"] for view in (A, B, names)]  # noqa: B023
        assert found == [False, True, True]

    complete(listen())


SETTINGS = Settings(site="x", broker=Broker(), web=Web(), accounts=Accounts(), tablets=Tablets())


def test_a_request_does_not_wait_to_note_that_a_session_is_in_use(store: Store) -> None:
    """Whoever holds the writers' lock holds up no page; the note comes later."""
    clock = Clock()
    with store.write() as connection:
        code = people.invite(connection, "Amara", "nurse", [], None, T0)
        person = people.join(connection, code, "hashed", T0)
        cookie = sessions.begin(connection, person, "hashed", None, T0)
    guard, key = Guard(SETTINGS, store, clock), accounts.key(cookie)
    clock.now = T0 + TOUCH_S

    def seen_at() -> float:
        with store.read() as connection:
            found = sessions.find(connection, key, clock.now)
        assert found is not None
        return found[1]

    with store.write():
        assert guard.find_by_key(key) is not None
        assert seen_at() == T0
    until(lambda: seen_at() == T0 + TOUCH_S, 15, "the note")


def test_a_defect_is_answered_with_the_policy_too(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_arguments: Any) -> None:
        raise ValueError("a defect")

    monkeypatch.setattr(board, "snapshot", broken)
    app = create_app(replace(SETTINGS, accounts=Accounts(required=False)), store, Clock())
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)

    async def ask() -> httpx.Response:
        async with httpx.AsyncClient(transport=transport, base_url="http://hub") as client:
            return await client.get("/api/board")

    answer = complete(ask())
    assert (answer.status_code, "defect" in answer.text) == (500, True)
    assert "default-src 'self'" in answer.headers["content-security-policy"]
