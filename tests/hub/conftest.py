"""Fixtures: a mosquitto, a PostgreSQL, a hub, a line to the broker, a Chromium; all of them real."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # hub_parts.py and simulate.py, beside this file
sys.path.append(str(Path(__file__).parents[1] / "edge"))  # samples.py

import browser
from engine_parts import Loose
from hub_parts import Broker, Hub, serving
from postgres import Cluster, binaries, database
from simulate import Device, Line
from sqlalchemy import URL

from hub.store import Store

DATABASES = ("sqlite", "postgresql")


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    broker = Broker(tmp_path_factory.mktemp("broker"))
    broker.start()
    yield broker
    broker.stop()


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    found = binaries()
    if found is None:
        pytest.skip("PostgreSQL is not installed: apt install postgresql")
    cluster = Cluster(found)
    cluster.start()
    yield cluster
    cluster.remove()


@pytest.fixture(params=DATABASES)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path | URL]:
    """Where a new store may be, once in each kind of database."""
    with database(request.param, request) as url:
        yield url or tmp_path / "data" / "hub.sqlite3"


@pytest.fixture
def store(place: Path | URL) -> Iterator[Store]:
    store = Store(place)
    yield store
    store.close()


@pytest.fixture
def hub(request: pytest.FixtureRequest, tmp_path: Path, broker: Broker) -> Iterator[Hub]:
    """A hub not yet started, on SQLite unless the test says otherwise; stops whatever the test starts."""
    with database(getattr(request, "param", "sqlite"), request) as url:
        hub = Hub(tmp_path, broker.port, url=url)
        yield hub
        hub.stop()


@pytest.fixture
def line(broker: Broker, hub: Hub) -> Iterator[Line]:
    with Line(broker.port, hub.site) as line:
        yield line


@pytest.fixture
def device() -> Device:
    """A device that speaks to nobody: what it sends is kept in `line.sent`."""
    return Device(Loose(), "bed-1", "Bed 1")  # type: ignore[arg-type]


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    with browser.chromium() as started:
        yield started


@pytest.fixture(scope="session")
def web_url(tmp_path_factory: pytest.TempPathFactory, broker: Broker) -> Iterator[str]:
    """Where the hub's web process serves the page; tests give it their own event stream."""
    hub = Hub(tmp_path_factory.mktemp("web"), broker.port)
    with serving(hub):
        yield hub.url
