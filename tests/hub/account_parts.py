"""A running hub that requires accounts, people in it, and browsers that are logged in as them."""

from __future__ import annotations

import asyncio
import contextlib
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
from hub_parts import Broker, Hub, running_hub, until
from simulate import Device, Line, hex_id

from hub import config, passwords, people, sessions, tablets
from hub.accounts import ADMIN, NURSE, Session
from hub.store import Store
from hub.web import create_app

PASSWORD = "green kettle on tuesday"  # noqa: S105
PIN = "4711"
REQUIRED = "[accounts]\nrequired = true\n"
OURS = {"X-Requested-With": "bedside"}


@dataclass
class Ward:
    """A hub with one alert in each of two wards; `people` are the numbers of accounts by name."""

    hub: Hub
    store: Store
    hashed: str
    people: dict[str, int]
    alerts: dict[str, int]
    beds: dict[str, int]

    def add(self, name: str, role: str, *wards: str) -> int:
        now = time.time()
        with self.store.write() as connection:
            code = people.invite(connection, name, role, wards, None, now)
            self.people[name] = people.join(connection, code, self.hashed, now)
        return self.people[name]

    def cookie(self, name: str) -> str:
        with self.store.write() as connection:
            return sessions.begin(connection, self.people[name], self.hashed, None, time.time())

    def tablet(self, ward: str, name: str | None = None) -> httpx.Client:
        """A browser that is a shared tablet of that ward."""
        by = Session("", 0, "Root", ADMIN, ())
        with self.store.write() as connection:
            name = name or f"desk {uuid.uuid4().hex[:8]}"
            return self.browser(tablets.enrol(connection, name, ward, by, time.time()))

    def set_pin(self, name: str, pin: str = PIN) -> None:
        """As the person would on their own account's page."""
        own = Session("", self.people[name], name, NURSE, ())
        with self.store.write() as connection:
            people.set_pin(connection, own, passwords.hashed(pin), time.time())

    def browser(self, cookie: str | None = None, address: str = "10.0.0.1") -> httpx.Client:
        cookies = {} if cookie is None else {"bedside": cookie}
        headers = OURS | {"X-Forwarded-For": address}  # believed, as it comes from this machine
        return httpx.Client(base_url=self.hub.url, cookies=cookies, headers=headers, timeout=20)

    def logged_in(self, name: str) -> httpx.Client:
        return self.browser(self.cookie(name))


def answers(
    ward: Ward, *requests: tuple[str, str, Any], cookies: dict[str, str] | None = None, **changes: Any
) -> list[httpx.Response]:
    """What a hub with other settings answers, over the same database; each request: method, path, body."""
    settings = replace(config.load(ward.hub.config), **changes)
    transport = httpx.ASGITransport(create_app(settings, ward.store, time.time))

    async def ask() -> list[httpx.Response]:
        async with httpx.AsyncClient(
            transport=transport, base_url="http://hub", headers=OURS, cookies=cookies
        ) as client:
            return [await client.request(method, path, json=body) for method, path, body in requests]

    with ThreadPoolExecutor(1) as elsewhere:  # Playwright keeps an event loop running in this thread
        return elsewhere.submit(lambda: asyncio.run(ask())).result()


def raise_alert(line: Line, store: Store, ward: str) -> tuple[int, int]:
    """An alert and its bed in that ward."""
    device = Device(line, f"bed-{ward}", f"Bed {ward}", ward)
    device.state()
    device.episode(hex_id(), "onset", 6.0)
    query = "SELECT id, device_id FROM alerts WHERE kind = 'distress' AND ward = '%s'" % ward  # noqa: S608, UP031

    def found() -> list[Any]:
        with store.read() as connection:
            return list(connection.exec_driver_sql(query).all())

    [row] = until(found, 15, "the alert")
    return int(row[0]), int(row[1])


@contextlib.contextmanager
def guarded_ward(folder: Path, broker: Broker, more: str = "") -> Iterator[Ward]:
    with running_hub(folder, broker.port, REQUIRED + more) as hub:
        store = Store(hub.database)
        ward = Ward(hub, store, passwords.hashed(PASSWORD), {}, {}, {})
        with Line(broker.port, hub.site) as line:
            for name in ("a", "b"):
                ward.alerts[name], ward.beds[name] = raise_alert(line, store, name)
        yield ward
        store.close()
