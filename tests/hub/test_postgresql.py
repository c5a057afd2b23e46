"""What only a server can do to the hub: refuse it, crash under it, come back."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from hub_parts import Broker, Hub, database_toml, end, running_hub, until
from postgres import PASSWORD, Cluster
from simulate import Device, Line, hex_id
from sqlalchemy import URL

from edge.errors import ConfigError, StorageError
from hub.cli import main
from hub.config import load
from hub.databases import find
from hub.store import Store


@pytest.fixture
def url(cluster: Cluster) -> Iterator[URL]:
    url = cluster.create()
    yield url
    cluster.drop(url)


class Talk(threading.Thread):
    """Devices that go on talking, and send again what has no receipt, until they are to stop."""

    def __init__(self, devices: list[Device]) -> None:
        super().__init__()
        self._devices = devices
        self._silence = threading.Event()
        self.start()

    def run(self) -> None:
        while not self._silence.wait(0.02):
            for device in self._devices:
                device.summary()
                if device.seq % 20 == 0:
                    device.resend()

    def finish(self) -> None:
        self._silence.set()
        self.join(20)


def held(hub: Hub, device: Device) -> list[int]:
    query = f"SELECT seq FROM records WHERE boot_id = '{device.boot_id}' ORDER BY seq"  # noqa: S608
    return [row[0] for row in hub.rows(query)]


def have_receipts(devices: list[Device], numbers: list[int]) -> bool:
    counts = [len(device.line.confirmed(device)) for device in devices]
    return all(count >= number for count, number in zip(counts, numbers, strict=True))


def have_everything(devices: list[Device]) -> bool:
    for device in devices:
        device.resend()
    time.sleep(0.3)
    return have_receipts(devices, [device.seq for device in devices])


def test_a_server_that_crashes_and_comes_back_loses_and_doubles_nothing(
    tmp_path: Path, broker: Broker, cluster: Cluster, url: URL
) -> None:
    with running_hub(tmp_path, broker.port, url=url) as hub, Line(broker.port, hub.site) as line:
        devices = [Device(line, f"bed-{number}", f"Bed {number}") for number in range(3)]
        devices[0].state()
        talk = Talk(devices)
        try:
            for end_server in (cluster.kill, cluster.stop, cluster.kill):
                numbers = [len(line.confirmed(device)) + 10 for device in devices]
                until(partial(have_receipts, devices, numbers), 30, "more receipts")
                end_server()
                promised = [line.confirmed(device) for device in devices]
                time.sleep(0.7)
                cluster.start()
                for device, confirmed in zip(devices, promised, strict=True):
                    assert confirmed <= set(held(hub, device)), "a receipt for what the crash took"
        finally:
            talk.finish()

        until(partial(have_everything, devices), 30, "every receipt")
        for device in devices:
            assert held(hub, device) == list(range(1, device.seq + 1))
        devices[0].episode(hex_id(), "onset", 6.0)
        until(lambda: [a for a in hub.alerts("waiting") if a["priority"] != "technical"], 20, "the alert")
        until(hub.well, 20, "the hub's recovery")
        assert all(process.poll() is None for process in hub.processes), "nobody died of it"
        assert "Traceback" not in hub.log()
        assert "cannot be used" in hub.log()


def test_a_hub_that_starts_before_its_server_waits_for_it(
    tmp_path: Path, broker: Broker, cluster: Cluster, url: URL
) -> None:
    hub = Hub(tmp_path, broker.port, url=url)
    cluster.stop()
    try:
        processes = [hub.start(verb) for verb in ("ingest", "alerts", "web", "run")]
        until(lambda: hub.log().count("does not answer; trying again") == 4, 30, "four times one sentence")
        assert all(process.poll() is None for process in processes)
        assert end(processes.pop()) == 0, "asked to stop while it waits"
        cluster.start()
        until(hub.well, 60, "the hub")
        assert hub.log().count("does not answer") == 4
    finally:
        hub.stop()
        if not cluster.answers():
            cluster.start()


def toml(tmp_path: Path, section: str) -> Path:
    path = tmp_path / "hub.toml"
    path.write_text(f"site = 'x'\n{section}")
    return path


def test_a_password_comes_from_its_file_and_is_never_shown(
    cluster: Cluster, url: URL, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    secret = tmp_path / "password"
    by_network = url.set(host="127.0.0.1", port=cluster.port, query={})
    path = toml(tmp_path, f"{database_toml(by_network)}password_file = '{secret}'\n")
    secret.write_text(PASSWORD + "\n")
    Store(find(load(path))).close()
    secret.write_text("wrong horse\n")
    assert main(["alerts", "--config", str(path)]) == 74
    said = capfd.readouterr().err
    assert said.count("\n") == 1
    assert "password authentication failed" in said
    assert "horse" not in said
    assert "horse" not in (cluster.folder / "log").read_text()


@pytest.mark.parametrize(
    ("section", "words"),
    [
        ("url = 'postgresql://hub:secret@127.0.0.1/hub'", "url holds a password"),
        ("url = 'postgresql:///hub?host=/run&password=secret'", "url holds a password"),
        ("url = 'mysql://hub:secret@127.0.0.1/hub'", "url is none of PostgreSQL"),
        ("url = 'postgresql://hub:secret@127.0.0.1'", "with a database's name"),
        ("url = 'postgresql://[secret/hub'", "url is none of PostgreSQL"),
        ("url = ''", "url is none of PostgreSQL"),
        ("url = 'postgresql://127.0.0.1:secret/hub'", "database.url cannot be read"),
        ("password_file = '/nowhere'", "password_file is given without url"),
        ("url = 'postgresql:///hub'\npassword_file = '/nowhere'", "database.password_file is '/nowhere'"),
    ],
)
def test_a_wrong_section_is_one_sentence_without_the_url(tmp_path: Path, section: str, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        find(load(toml(tmp_path, f"[database]\n{section}")))
    assert words in str(caught.value)
    assert "secret" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_the_server_is_asked_can_be_set_in_the_url(tmp_path: Path) -> None:
    place = find(load(toml(tmp_path, "[database]\nurl = 'postgresql://hub@db/hub?sslmode=verify-full'")))
    assert isinstance(place, URL)
    assert place.query == {"sslmode": "verify-full"}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"database": "nowhere"}, 'database "nowhere" does not exist'),
        ({"username": "nobody"}, 'role "nobody" does not exist'),
        ({"query": {"host": "/nowhere"}}, "No such file or directory"),
        ({"query": {"host": "/nowhere", "colour": "red"}}, 'invalid connection option "colour"'),
    ],
)
def test_a_server_that_cannot_be_used_is_one_sentence(url: URL, change: dict[str, str], words: str) -> None:
    with pytest.raises(StorageError) as caught:
        Store(url.set(**change))  # type: ignore[arg-type]
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_database_that_cannot_hold_every_name_is_refused(cluster: Cluster) -> None:
    url = cluster.create("ENCODING 'LATIN1'", "LOCALE 'C'", "TEMPLATE template0")
    with pytest.raises(StorageError, match="has the encoding LATIN1"):
        Store(url)
    cluster.drop(url)
