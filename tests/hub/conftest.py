"""Fixtures: a mosquitto, a hub, a line to the broker, a Chromium; all of them real."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # hub_parts.py and simulate.py, beside this file

from hub_parts import Broker, Hub
from simulate import Line

from hub.store import Store

CHROMIUM = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    broker = Broker(tmp_path_factory.mktemp("broker"))
    broker.start()
    yield broker
    broker.stop()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path / "data" / "hub.sqlite3")
    yield store
    store.close()


@pytest.fixture
def hub(tmp_path: Path, broker: Broker) -> Iterator[Hub]:
    """A hub not yet started; stops whatever the test starts."""
    hub = Hub(tmp_path, broker.port)
    yield hub
    hub.stop()


@pytest.fixture
def line(broker: Broker, hub: Hub) -> Iterator[Line]:
    with Line(broker.port, hub.site) as line:
        yield line


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=CHROMIUM)
        yield browser
        browser.close()
