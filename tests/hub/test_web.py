"""The board's server: stream, resuming, actions, and what it refuses."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from hub_parts import Broker, Hub, end, running_hub, until
from postgres import database
from simulate import Device, Line, hex_id

Events = Iterator[tuple[str, str, dict[str, Any]]]


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def running(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, broker: Broker
) -> Iterator[Hub]:
    folder = tmp_path_factory.mktemp("web")
    with database(request.param, request) as url, running_hub(folder, broker.port, url=url) as hub:
        yield hub


@pytest.fixture
def line(running: Hub, broker: Broker) -> Iterator[Line]:
    with Line(broker.port, running.site) as line:
        yield line


def events(response: httpx.Response) -> Events:
    """Event name, id and data, one by one."""
    fields: dict[str, str] = {}
    for line in response.iter_lines():
        if line:
            name, _, value = line.partition(": ")
            fields[name] = value
        elif fields:
            yield fields.get("event", ""), fields.get("id", ""), json.loads(fields.get("data", "{}"))
            fields = {}


def raise_alert(hub: Hub, line: Line, name: str, bed: str = "Bed 1") -> int:
    device = Device(line, name, bed)
    device.state()
    device.episode(hex_id(), "onset", 6.0)
    device.line.wait_for(device, {1})

    def found() -> list[int]:
        return [a["id"] for a in hub.alerts("waiting") if a["bed"] == bed and a["priority"] != "technical"]

    return int(until(found, 5, "the alert")[0])


def test_the_stream_starts_with_everything_then_changes_then_pings(running: Hub, line: Line) -> None:
    with httpx.stream("GET", f"{running.url}/api/stream", timeout=10) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        stream = events(response)
        name, number, data = next(stream)
        assert (name, data["full"]) == ("board", True)
        assert number.endswith(f".{data['revision']}")
        alert = raise_alert(running, line, "stream-1", "Bed S")
        names = []
        for name, _, data in stream:
            names.append(name)
            if name == "board":
                assert not data["full"]
                if any(a["id"] == alert for a in data["alerts"]):
                    break
            else:
                assert (name, data["silent"]) == ("ping", [])
        assert "ping" in names


def test_a_browser_that_comes_back_is_sent_what_it_missed(running: Hub, line: Line) -> None:
    with httpx.stream("GET", f"{running.url}/api/stream", timeout=10) as response:
        _, number, _ = next(events(response))
    alert = raise_alert(running, line, "resume-1", "Bed R")
    with httpx.stream(
        "GET", f"{running.url}/api/stream", headers={"Last-Event-ID": number}, timeout=10
    ) as response:
        _, _, data = next(events(response))
    assert not data["full"]
    assert alert in [a["id"] for a in data["alerts"]]


@pytest.mark.parametrize(
    "number", ["", "x", "other.1", "9" * 400, "{database}.99999999", "{database}.-1", "{database}.²"]
)
def test_a_number_from_elsewhere_is_sent_everything(running: Hub, number: str) -> None:
    with httpx.stream("GET", f"{running.url}/api/stream", timeout=10) as response:
        database = next(events(response))[1].partition(".")[0]
    headers = {"Last-Event-ID": number.format(database=database).encode()}
    with httpx.stream("GET", f"{running.url}/api/stream", headers=headers, timeout=10) as response:
        assert next(events(response))[2]["full"]


def test_pause_and_mute_name_a_person_and_an_end(running: Hub, line: Line) -> None:
    alert = raise_alert(running, line, "bed-30", "Bed 30")
    bed = next(bed["id"] for bed in running.board()["beds"] if bed["bed"] == "Bed 30")
    assert running.act(alert, "pause", person=" ").status_code == 422
    assert running.act(alert, "pause", person="Amara").status_code == 200
    assert running.act(999, "pause", person="Amara").status_code == 409
    assert running.at_bed(bed, "unmute", person="Amara").status_code == 409
    assert running.at_bed(bed, "mute", person="Amara", minutes=15, reason=" ").status_code == 422
    assert running.at_bed(bed, "mute", person="Amara", minutes=17, reason="visit").status_code == 422
    assert running.at_bed(bed, "mute", person="Amara", minutes=15, reason="visit").status_code == 200

    def level() -> int:
        return next(int(a["level"]) for a in running.board()["alerts"] if a["id"] == alert)

    until(lambda: level() == 0, what="quiet")
    assert running.at_bed(bed, "unmute", person="Ben").status_code == 200
    until(lambda: level() == 1, what="the call to the board")


def test_accept_and_close_name_a_person_and_happen_once(running: Hub, line: Line) -> None:
    alert = raise_alert(running, line, "act-1", "Bed A")
    assert running.act(alert, "close", person="Amara", outcome="distress").status_code == 409
    assert running.act(alert, "accept", person="  ").status_code == 422
    assert running.act(alert, "accept", person="x" * 61).status_code == 422
    assert running.act(alert, "accept", person=" Amara ").status_code == 200
    refused = running.act(alert, "accept", person="Ben")
    assert (refused.status_code, refused.json()["detail"]) == (409, "Amara has already accepted this alert")
    assert running.act(alert, "close", person="Ben", outcome="bored").status_code == 422
    assert running.act(alert, "close", person="Ben", outcome="other need").status_code == 200
    assert running.act(alert, "close", person="Ben", outcome="distress").status_code == 409
    [closed] = [a for a in running.alerts("closed") if a["id"] == alert]
    assert (closed["accepted_by"], closed["closed_by"], closed["outcome"]) == ("Amara", "Ben", "other need")
    assert running.act(999999, "accept", person="Amara").status_code == 409


@pytest.mark.parametrize("headers", [{}, {"X-Requested-With": "XMLHttpRequest"}])
def test_an_action_from_elsewhere_is_refused(running: Hub, headers: dict[str, str]) -> None:
    url = f"{running.url}/api/alerts/1/accept"
    assert httpx.post(url, json={"person": "x"}, headers=headers).status_code == 403
    ours = {"X-Requested-With": "bedside", "Origin": "https://elsewhere.example"}
    assert httpx.post(url, json={"person": "x"}, headers=ours).status_code == 403


def test_the_page_obeys_its_own_policy(running: Hub) -> None:
    response = httpx.get(running.url)
    assert "default-src 'self'" in response.headers["content-security-policy"]
    assert "unsafe" not in response.headers["content-security-policy"]
    assert "Amara Diallo" in response.text
    for forbidden in ("<style", "style=", "onclick=", "http://", "https://"):
        assert forbidden not in response.text
    static = Path(__file__).parents[2] / "hub" / "static"
    assert not [file.name for file in static.glob("*.js") if "innerHTML" in file.read_text()]


def test_healthz_tells_a_dead_engine(tmp_path: Path, broker: Broker) -> None:
    hub = Hub(tmp_path, broker.port)
    hub.start("web")
    try:
        until(hub.answers, 15, "the web process")
        response = httpx.get(f"{hub.url}/healthz")
        assert response.status_code == 503
        assert not response.json()["ok"]
    finally:
        hub.stop()


def test_the_web_process_stops_at_once_with_a_listener(tmp_path: Path, broker: Broker) -> None:
    hub = Hub(tmp_path, broker.port)
    web = hub.start("web")
    until(hub.answers, 15, "the web process")
    with httpx.stream("GET", f"{hub.url}/api/stream", timeout=10) as response:
        next(events(response))
        assert end(web, 1.8) == 0
    assert "Traceback" not in hub.log()
