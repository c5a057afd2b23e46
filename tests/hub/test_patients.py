"""Who lies in a bed is known to the hub alone, and seen by those who need it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import paho.mqtt.client as mqtt
import pytest
from account_parts import PIN, Ward, answers, guarded_ward
from hub_parts import Broker, until
from simulate import Device, Line
from sqlalchemy import text

from edge.commands import Gatekeeper
from edge.messages import Command, from_json
from hub import audit, config, patients
from hub.commands import device_key

NAME = "Maria Xylophonova-Schmidt"
PARTS = ("Xylophonova", "Schmidt", "Maria")
KEY = "k" * 40


@pytest.fixture(scope="module")
def ward(tmp_path_factory: pytest.TempPathFactory, broker: Broker) -> Iterator[Ward]:
    folder = tmp_path_factory.mktemp("patients")
    (folder / "key").write_text(KEY)
    with guarded_ward(folder, broker, f'[commands]\nmaster_key_file = "{folder / "key"}"\n') as ward:
        ward.add("Root", "admin")
        ward.add("Lena", "lead", "a")
        ward.add("Amara", "nurse", "a")
        ward.set_pin("Amara")
        ward.add("Elsewhere", "nurse", "b")
        yield ward


@pytest.fixture
def wire(ward: Ward, broker: Broker) -> Iterator[list[bytes]]:
    """All that goes over the broker meanwhile, topics included."""
    heard: list[bytes] = []
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
    client.on_message = lambda _client, _data, message: heard.append(
        message.topic.encode() + b" " + message.payload
    )
    client.connect("127.0.0.1", broker.port)
    client.subscribe("#")
    client.loop_start()
    yield heard
    client.disconnect()
    client.loop_stop()


def enter(client: httpx.Client, ward: Ward, name: str = NAME, **more: Any) -> httpx.Response:
    return client.post(f"/api/patients/{ward.beds['a']}", json={"name": name} | more)


def seen(client: httpx.Client, bed: int) -> Any:
    """What the board tells of the patient; "hidden" where it tells nothing at all."""
    beds = {one["id"]: one for one in client.get("/api/board").json()["beds"]}
    return beds.get(bed, {}).get("patient", "hidden")


def streamed(client: httpx.Client, bed: int) -> Any:
    with client.stream("GET", "/api/stream") as response:
        data = next(line[6:] for line in response.iter_lines() if line.startswith("data: {"))
    return {one["id"]: one for one in json.loads(data)["beds"]}.get(bed, {}).get("patient", "hidden")


def test_nurse_and_lead_of_the_ward_see_the_name_and_a_tablet_initials(ward: Ward) -> None:
    bed = ward.beds["a"]
    with ward.logged_in("Amara") as client:
        assert enter(client, ward, "  Maria   Xylophonova-Schmidt ").status_code == 200
    expected = {"Amara": NAME, "Lena": NAME, "Root": "hidden", "Elsewhere": "hidden"}
    for who, name in expected.items():
        with ward.logged_in(who) as client:
            assert (seen(client, bed), streamed(client, bed)) == (name, name), who
            assert (PARTS[0] in client.get("/patients").text) is (name == NAME)
    with ward.tablet("a") as tablet, ward.tablet("b") as other:
        assert (seen(tablet, bed), seen(other, bed)) == ("M. X.", "hidden")
        assert PARTS[0] not in tablet.get("/").text
    with ward.logged_in("Amara") as client:
        assert seen(client, ward.beds["b"]) == "hidden"


def test_an_open_board_that_may_see_less_from_now_on_is_sent_less(ward: Ward) -> None:
    number = ward.add("Climber", "nurse", "a")
    with ward.logged_in("Climber") as client, ward.logged_in("Root") as root:
        enter(client, ward)
        with client.stream("GET", "/api/stream") as response:
            lines = (json.loads(one[6:]) for one in response.iter_lines() if one.startswith("data: {"))
            boards = (one for one in lines if "beds" in one)
            assert NAME in json.dumps(next(boards))
            change = {"role": "admin", "wards": ["a"]}
            assert root.post(f"/api/people/{number}/role", json=change).is_success
            whole = next(one for one in boards if one["full"])
            assert "patient" not in whole["beds"][0]


def test_entering_changing_and_clearing_are_audited_without_the_name(ward: Ward) -> None:
    with ward.logged_in("Amara") as client, ward.tablet("a", "desk") as tablet:
        client.post(f"/api/patients/{ward.beds['a']}/clear", json={})
        enter(client, ward)
        enter(client, ward, "Otto Other")
        by = {"by": ward.people["Amara"], "pin": PIN}
        assert enter(tablet, ward, "Third One", **by).status_code == 200
        assert client.post(f"/api/patients/{ward.beds['a']}/clear", json={}).status_code == 200
        again = client.post(f"/api/patients/{ward.beds['a']}/clear", json={})
        assert again.json()["code"] == "no_patient"
    with ward.store.read() as connection:
        entries = [one for one in audit.latest(connection, 6) if "patient" in one.action][-4:]
    actions = [entry.action for entry in entries]
    assert actions == ["enter patient", "change patient", "change patient", "clear patient"]
    assert json.loads(entries[-2].details) == {"ward": "a", "bed": "Bed a", "tablet": "desk"}
    assert {entry.object for entry in entries} == {f"device {ward.beds['a']}"}


def test_the_name_is_nowhere_else(ward: Ward, wire: list[bytes], broker: Broker) -> None:
    """Logs, the broker, metrics, health, audit, every other table, and what strangers are sent."""
    with ward.logged_in("Amara") as client, Line(broker.port, ward.hub.site) as line:
        enter(client, ward)
        client.post(f"/api/patients/{ward.beds['a']}", json={"name": f"{NAME}{'x' * 60}"})  # refused
        device = Device(line, "bed-a", "Bed a", "a")
        device.state()
        device.episode("ab" * 16, "onset", 6.0)
        client.post(f"/api/alerts/{ward.alerts['a']}/accept", json={})
        until(lambda: len(wire) >= 3, 30, "traffic on the broker")
        open_to_all = "".join(client.get(path).text for path in ("/metrics", "/healthz", "/login"))
    with ward.logged_in("Root") as admin:
        for path in ("/", "/api/board", "/people", f"/beds/{ward.beds['a']}"):
            open_to_all += admin.get(path).text
        open_to_all += admin.get(f"/api/beds/{ward.beds['a']}/timeline").text
    with ward.store.read() as connection:
        entries = "".join(audit.line(entry) for entry in audit.entries(connection))
        tables = connection.scalars(text("SELECT name FROM sqlite_master WHERE type = 'table'")).all()
        rows = {table: str(connection.execute(text(f"SELECT * FROM {table}")).all()) for table in tables}  # noqa: S608
    assert [table for table, row in rows.items() if PARTS[0] in row] == ["patients"]
    for part in PARTS:
        assert part not in ward.hub.log()
        assert part not in open_to_all
        assert part not in entries
        assert not [one for one in wire if part.encode() in one]
    assert "patient" in entries


def test_a_device_that_moves_takes_no_name_along(ward: Ward, broker: Broker) -> None:
    bed = ward.beds["a"]
    with ward.logged_in("Amara") as client, Line(broker.port, ward.hub.site) as line:
        enter(client, ward)
        device = Device(line, "bed-a", "Bed a", "a")
        device.bed = "Bed z"
        device.state()
        until(lambda: seen(client, bed) is None, what="the name's end")
        device.bed = "Bed a"
        device.state()
        beds = lambda: {one["id"]: one["bed"] for one in client.get("/api/board").json()["beds"]}  # noqa: E731
        until(lambda: beds()[bed] == "Bed a", what="the device's return")
        assert seen(client, bed) is None
        assert ward.hub.rows("SELECT * FROM patients") == []
    with ward.store.read() as connection:
        entry = next(one for one in audit.latest(connection, 3) if one.action == "clear patient")
    assert (entry.person, json.loads(entry.details)["bed"]) == ("hub", "Bed a")


def test_a_name_whose_device_stands_elsewhere_is_shown_nowhere(ward: Ward) -> None:
    """Also where nobody has removed it yet."""
    bed = ward.beds["a"]
    with ward.logged_in("Amara") as client:
        enter(client, ward)
        for place in ("Bed y", "Bed a"):
            with ward.store.write() as connection:
                connection.execute(
                    text("UPDATE devices SET bed = :bed WHERE id = :id"), {"bed": place, "id": bed}
                )
            assert seen(client, bed) == (NAME if place == "Bed a" else None)
            assert (NAME in client.get("/patients").text) is (place == "Bed a")


def test_clearing_may_have_the_device_forget_the_voice(ward: Ward, broker: Broker) -> None:
    """By the signed command that the device's own gatekeeper takes."""
    obeyed: list[Command] = []
    with ward.logged_in("Amara") as client, Line(broker.port, ward.hub.site) as line:
        device = Device(line, "bed-a", "Bed a", "a")
        device.state()
        address = device.address
        gate = Gatekeeper(
            device_key(KEY.encode(), address).encode(), address.topic("command"), device.boot_id
        )

        def obey(_client: Any, _data: Any, message: mqtt.MQTTMessage) -> None:
            command = from_json(Command, bytes(message.payload))
            gate.check(command, command.expires_ms - 30_000)
            obeyed.append(command)
            device.state()

        ear = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
        ear.on_message = obey
        ear.connect("127.0.0.1", broker.port)
        ear.subscribe(address.topic("command"), qos=1)
        ear.loop_start()
        known = f"SELECT * FROM boots WHERE boot_id = '{device.boot_id}'"  # noqa: S608
        until(lambda: ward.hub.rows(known), what="the hub's word of this start")
        enter(client, ward)
        path = f"/api/patients/{ward.beds['a']}"
        assert client.post(f"{path}/clear", json={}).json()["may_forget"] is True
        answer = client.post(f"{path}/forget", json={})
        ear.disconnect()
        ear.loop_stop()
    assert (answer.status_code, answer.json()) == (200, {"forgotten": True})
    assert [command.action for command in obeyed] == ["forget"]


def test_who_asks_in_vain_to_forget_is_written_down_too(ward: Ward) -> None:
    with ward.logged_in("Amara") as client:
        cookies = dict(client.cookies)
    request = ("POST", f"/api/patients/{ward.beds['a']}/forget", {})
    [answer] = answers(ward, request, cookies=cookies, commands=config.Commands())
    assert (answer.status_code, answer.json()["code"]) == (503, "forget_failed")
    with ward.store.read() as connection:
        [entry] = audit.latest(connection, 1)
    assert (entry.person, entry.action, entry.object) == (
        "Amara", "ask to forget", f"device {ward.beds['a']}",
    )  # fmt: skip


def test_only_the_names_that_are_asked_for_are_read(ward: Ward) -> None:
    with ward.logged_in("Amara") as client:
        enter(client, ward)
    bed, other = ward.beds["a"], ward.beds["b"]
    with ward.store.read() as connection:
        assert patients.shown(connection, [bed, other], "name") == {bed: NAME}
        assert patients.shown(connection, [other], "name") == {}


def test_initials() -> None:
    assert patients.initials("Maria Xylophonova-Schmidt") == "M. X."
    assert patients.initials("  otto von der Heide ") == "O. V. D."
    assert patients.initials("مريم حسن") == "م. ح."


@pytest.mark.parametrize("kept", [False, True])
def test_without_accounts_names_are_kept_only_where_that_is_wished(ward: Ward, *, kept: bool) -> None:
    bed = ward.beds["a"]
    put, page, board = answers(
        ward,
        ("POST", f"/api/patients/{bed}", {"name": NAME, "person": "Amara"}),
        ("GET", "/patients", None),
        ("GET", "/api/board", None),
        accounts=config.Accounts(required=False),
        patients=config.Patients(without_accounts=kept),
    )
    assert (put.status_code, page.status_code) == ((200, 200) if kept else (403, 403))
    assert (NAME in page.text, NAME in board.text) == (kept, kept)


@pytest.mark.parametrize(("shown", "name"), [("name", NAME), ("initials", "M. X."), ("nothing", "hidden")])
def test_what_a_tablet_shows_is_configured(ward: Ward, shown: str, name: str) -> None:
    with ward.logged_in("Amara") as client, ward.tablet("a") as tablet:
        enter(client, ward)
        cookies = dict(tablet.cookies)
    [board] = answers(
        ward, ("GET", "/api/board", None), cookies=cookies, tablets=config.Tablets(patients=shown)
    )
    beds = {one["id"]: one for one in board.json()["beds"]}
    assert beds[ward.beds["a"]].get("patient", "hidden") == name
