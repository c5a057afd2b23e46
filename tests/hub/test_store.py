"""Saving batches, receipts from the disk, rejects, the engine over a real database."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from engine_parts import T0, Clock, Loose, alerts, arrival, close, engine, hear, put, raised, restamped
from simulate import Device
from sqlalchemy import URL, func, select

from edge.errors import StorageError
from edge.fields import encode
from edge.messages import Dropped, Episode, Health, Receipt, to_json
from hub import board
from hub.arrivals import Accepted, Arrival, Rejected, check
from hub.audit import Actor
from hub.check import renewals
from hub.engine import DEAF_GRACE_S
from hub.faults import Limits
from hub.intake import KEPT_REJECTS, save, set_aside
from hub.store import Store, beat, begin_work, counter
from hub.stream import Stream
from hub.tables import Record, Reject


def scalar(store: Store, statement: Any) -> Any:
    with store.read() as connection:
        return connection.scalar(statement)


def test_repeats_and_any_order_are_stored_once(store: Store, device: Device) -> None:
    for _ in range(5):
        device.summary(send=False)
    sent = [arrival(device, message) for message in device.sent.values()]
    assert put(store, sent[4], sent[1], sent[1]) == [
        Receipt(boot_id=device.boot_id, upto_seq=5, gaps=((1, 1), (3, 4)))
    ]
    again = put(store, *sent, *sent)
    assert again == [Receipt(boot_id=device.boot_id, upto_seq=5, gaps=())]
    assert scalar(store, select(func.count(Record.id))) == 5


def test_the_hub_asks_no_more_for_what_a_device_no_longer_has(store: Store, device: Device) -> None:
    for _ in range(5):
        device.summary(send=False)
    sent = [arrival(device, message) for message in device.sent.values()]
    stamp = device.sent[1].stamp
    gone = arrival(device, Dropped(boot_id=device.boot_id, ranges=((1, 2), (4, 4)), stamp=stamp))
    assert put(store, sent[4])[0].gaps == ((1, 4),)
    complete = Receipt(boot_id=device.boot_id, upto_seq=5, gaps=())
    assert put(store, gone) == [replace(complete, gaps=((3, 3),))]
    assert put(store, sent[2], gone) == [complete]
    with store.read() as connection:
        assert counter(connection, "given_up") == 3
    assert scalar(store, select(func.count(Record.id))) == 2
    for ranges in ((4, 1),), ((1, 2**53 - 1),), ((1, 6_000_000), (1, 6_000_000)):
        wrong = arrival(device, Dropped(boot_id=device.boot_id, ranges=ranges, stamp=stamp))
        assert isinstance(check(wrong), Rejected)


def test_a_receipt_after_a_restart_comes_from_the_disk(place: Path | URL, device: Device) -> None:
    for _ in range(3):
        device.summary(send=False)
    sent = [arrival(device, message) for message in device.sent.values()]
    first = Store(place)
    put(first, sent[0], sent[2])
    first.close()
    second = Store(place)
    assert put(second, sent[2]) == [Receipt(boot_id=device.boot_id, upto_seq=3, gaps=((2, 2),))]
    second.close()


def test_what_a_failed_commit_held_is_not_on_disk(store: Store, device: Device) -> None:
    device.summary(send=False)
    item = check(arrival(device, device.sent[1]))
    assert isinstance(item, Accepted)

    def fail() -> None:
        with store.write() as connection:
            save(connection, [item])
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert scalar(store, select(func.count(Record.id))) == 0


def mutated(change: Callable[[dict[str, Any]], object]) -> bytes:
    device = Device(Loose(), "bed-1", "Bed 1")  # type: ignore[arg-type]
    device.episode("a" * 32, "onset", 6.0, send=False)
    data = encode(device.sent[1])
    change(data)
    return json.dumps(data).encode()


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\xff\xfe\x00garbage",
        b"[" * 1000,
        b"{}",
        b"x" * 5000,
        mutated(lambda data: data.update(seq=0)),
        mutated(lambda data: data.update(seq=10**400)),
        mutated(lambda data: data.update(distress=1.5)),
        mutated(lambda data: data.update(reason="\ud800")),
        mutated(lambda data: data.update(reason="a\x00b")),
        mutated(lambda data: data.update(duration_s=1e300)),
        mutated(lambda data: data.update(patient="somebody")),
        mutated(lambda data: data.update({"a\x00b": 1})),
        mutated(lambda data: data["stamp"].update(time="2026-02-31T00:00:00.000Z")),
    ],
    ids=range(14),  # the same in every process that shares the tests
)
def test_what_breaks_the_contract_is_set_aside_with_a_reason(store: Store, payload: bytes) -> None:
    item = check(Arrival("ser/v1/test/3b/bed-1/episode", payload, retained=False, at=T0))
    assert isinstance(item, Rejected)
    assert item.reason
    with store.write() as connection:
        set_aside(connection, [item])
    assert scalar(store, select(Reject.payload)) == payload[:1024]


@pytest.mark.parametrize(
    "topic",
    [
        "ser/v1/test/3b/bed-1/receipt",
        "ser/v1/test/3b/bed-1/song",
        "ser/v1/te st/3b/bed-1/state",
        "",
        "x" * 9000,
    ],
)
def test_a_wrong_topic_is_set_aside(topic: str) -> None:
    assert isinstance(check(Arrival(topic, b"{}", retained=False, at=T0)), Rejected)


def test_whatever_the_broker_lets_through_can_be_set_aside(store: Store) -> None:
    """Or ingest would try for ever to keep it, and confirm nothing more."""
    topic = "a\x00b\ud800" + "x" * 70_000
    item = check(Arrival(topic, b"\x00\xff" * 40_000, retained=False, at=T0))
    assert isinstance(item, Rejected)
    with store.write() as connection:
        set_aside(connection, [item])
    assert scalar(store, select(Reject.topic)).startswith("a\\x00b\\ud800xxx")


def test_the_largest_numbers_the_wire_allows_are_kept(store: Store, device: Device) -> None:
    device.seq = 2**53 - 2
    device.summary(send=False)
    [receipt] = put(store, arrival(device, device.sent[2**53 - 1]))
    assert (receipt.upto_seq, receipt.gaps) == (2**53 - 1, ((1, 2**53 - 2),))
    assert scalar(store, select(Record.seq)) == 2**53 - 1


def test_rejects_are_counted_all_and_kept_some(store: Store) -> None:
    junk = [Rejected(Arrival("t", b"x", retained=False, at=T0 + n), "why") for n in range(700)]
    for _ in range(3):
        with store.write() as connection:
            set_aside(connection, junk)
    assert scalar(store, select(func.count(Reject.id))) == KEPT_REJECTS
    with store.read() as connection:
        assert counter(connection, "rejects") == 2100


def test_an_alert_stays_until_a_person_accepts_and_closes_it(store: Store, device: Device) -> None:
    clock = Clock()
    alert = raised(store, device, clock)
    device.episode("a" * 32, "end", 9.0, send=False)
    put(store, arrival(device, device.sent[2], T0 + 3))
    clock.now = T0 + 7200
    engine(store, clock).follow_episodes()
    assert [(a["state"], a["condition"]) for a in alerts(store)] == [("waiting", "ended")]
    with store.write() as connection, pytest.raises(board.ActionError, match="accept it first"):
        board.close(connection, alert, Actor("Amara"), "distress", clock.now)
    with store.write() as connection:
        board.accept(connection, alert, Actor("Amara"), clock.now)
    with store.write() as connection, pytest.raises(board.ActionError, match="Amara has already"):
        board.accept(connection, alert, Actor("Ben"), clock.now)
    with store.write() as connection:
        board.close(connection, alert, Actor("Amara"), "distress", clock.now)
    engine(store, clock).follow_episodes()
    assert [a["state"] for a in alerts(store)] == ["closed"]


def test_a_deadline_is_met_by_the_next_process_at_its_original_time(store: Store, device: Device) -> None:
    clock = Clock()
    raised(store, device, clock)
    clock.now = T0 + 53.9  # the episode began 6 s before T0
    engine(store, clock).follow_episodes()
    assert alerts(store)[0]["priority"] == "medium"
    clock.now = T0 + 54
    engine(store, clock).follow_episodes()
    assert alerts(store)[0]["priority"] == "high"


def test_distress_that_goes_on_after_the_closing_is_an_alert_again_and_no_more(
    store: Store, device: Device
) -> None:
    """For hours: the engine forgets old episodes, and must forget neither the alert nor its closing."""
    clock = Clock()
    first = raised(store, device, clock)
    close(store, first, T0 + 2)
    looker = engine(store, clock)
    for second in range(10, 7800, 60):
        clock.now = T0 + second
        device.episode("a" * 32, "update", 6.0 + second, send=False)
        put(store, arrival(device, device.sent[device.seq], clock.now))
        looker.follow_episodes()
        states = sorted(alert["state"] for alert in alerts(store))
        assert states == (["closed"] if second < 62 else ["closed", "waiting"])
    [again] = [alert for alert in alerts(store) if alert["state"] == "waiting"]
    assert again["opened_at"] == T0 + 2
    close(store, again["id"], clock.now)
    device.episode("a" * 32, "end", 7900.0, send=False)
    put(store, arrival(device, device.sent[device.seq], clock.now + 30))
    clock.now += 1000
    looker.follow_episodes()
    assert [alert["state"] for alert in alerts(store)] == ["closed", "closed"]
    assert {alert["condition"] for alert in alerts(store)} == {"ended"}


def test_an_unset_clock_is_put_right_by_the_boots_own_time_line(store: Store, device: Device) -> None:
    """Ten minutes cut off with a clock from 1970: what happened then is late, not now."""
    device.summary(send=False)
    put(store, arrival(device, device.sent[1], T0, synced=False, made_at=T0))
    device.episode("a" * 32, "end", 20.0, send=False)
    message: Episode = restamped(device.sent[2], T0, synced=False, made_at=T0 + 60)
    message = replace(message, stamp=replace(message.stamp, time="1970-01-01T00:01:00.000Z"))
    topic = device.address.topic("episode")
    put(store, Arrival(topic, to_json(message), retained=False, at=T0 + 660))
    clock = Clock()
    clock.now = T0 + 661
    engine(store, clock).follow_episodes()
    [alert] = alerts(store)
    assert alert["missed"]
    assert alert["opened_at"] == pytest.approx(T0 + 40, abs=0.01)


def test_a_silent_device_is_technical_and_never_distress(store: Store, device: Device) -> None:
    clock = Clock()
    put(store, arrival(device, device.state_message()))
    keeper = engine(store, clock)
    clock.now = T0 + 44
    hear(store, clock)
    keeper.watch_devices()
    assert alerts(store) == []
    clock.now = T0 + 46
    hear(store, clock)
    keeper.watch_devices()
    keeper.watch_devices()
    [alert] = alerts(store)
    assert (alert["kind"], alert["priority"], alert["state"]) == ("link", "technical", "waiting")
    put(store, arrival(device, device.state_message(), T0 + 47))
    keeper.watch_devices()
    assert [a["state"] for a in alerts(store)] == ["resolved"]


def test_what_a_device_says_of_itself_becomes_technical_alarms(store: Store, device: Device) -> None:
    """Since the first time it was so, until it is no longer."""
    clock = Clock()
    keeper = engine(store, clock, Limits(canary_s=3600))

    def say(second: float, *, synced: bool = True, **values: Any) -> None:
        clock.now = T0 + second
        hear(store, clock)
        counts = dict.fromkeys(("uptime_s", "frames", "inferences", "overruns", "clipped", "outbox"), 0)
        stamp = device.stamp()
        health = Health(**counts, cpu_percent=1.0, rss_mb=1.0, stamp=stamp, **{"microphone": "file"} | values)
        put(store, arrival(device, health, clock.now, synced=synced))
        keeper.watch_devices()

    say(0, synced=False, storage="refused", certificate_days=3.0)
    assert [a["kind"] for a in alerts(store)] == ["certificate"]
    with store.read() as connection:
        [found] = renewals(connection)
        assert found.words == (
            "certificates of 1 end within 30 days",
            f"{device.address.ward}/{device.address.device}: 3 days left",
        )
        assert "bedside-deploy renew" in found.remedy
    for second in range(15, 615, 15):
        say(second, synced=False, storage="refused", certificate_days=3.0)
    kinds = {a["kind"]: a["opened_at"] for a in alerts(store) if a["state"] == "waiting"}
    assert kinds == {"certificate": T0, "clock": T0, "disk": T0}
    say(630, certificate_days=300.0, disk_free_mb=50.0)
    with store.read() as connection:
        assert renewals(connection) == []
    kinds = {a["kind"]: a["reason"] for a in alerts(store) if a["state"] == "waiting"}
    assert kinds == {"disk": "disk nearly full: less than 200 MB free"}
    say(645)
    assert {a["state"] for a in alerts(store)} == {"resolved"}


def test_a_device_whose_model_is_refused_says_so_until_the_model_runs(store: Store, device: Device) -> None:
    clock = Clock()
    keeper = engine(store, clock)
    refused = replace(device.state_message(), model_refused="its self-test fails")
    for message, state in ((refused, "waiting"), (device.state_message(), "resolved")):
        hear(store, clock)
        put(store, arrival(device, message, clock.now))
        keeper.watch_devices()
        (alert,) = [one for one in alerts(store) if one["kind"] == "model"]
        assert alert["state"] == state
        assert alert["reason"].endswith("is refused: its self-test fails")
        clock.now += 15


def test_a_deaf_hub_raises_one_alert_of_its_own_and_judges_no_device(store: Store, device: Device) -> None:
    clock = Clock()
    put(store, arrival(device, device.state_message()))
    keeper = engine(store, clock)
    clock.now = T0 + DEAF_GRACE_S + 100
    keeper.watch_devices()
    assert [(a["kind"], a["bed"]) for a in alerts(store)] == [("hub", "Hub")]
    with store.write() as connection:
        begin_work(connection, "ingest", clock.now)
    clock.now += 10
    keeper.watch_devices()
    assert [a["state"] for a in alerts(store)] == ["resolved"]


def test_a_database_that_cannot_be_opened_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(StorageError, match="cannot make the data folder"):
        Store(tmp_path / "file" / "hub.sqlite3")
    (tmp_path / "hub.sqlite3").write_bytes(b"this is no database at all, just text" * 100)
    with pytest.raises(StorageError, match="not a database"):
        Store(tmp_path / "hub.sqlite3")


def test_the_ping_names_the_processes_that_have_fallen_silent(store: Store) -> None:
    clock = Clock()
    stream = Stream(store, clock)
    assert stream.ping() == {"now": T0, "silent": ["ingest", "engine"]}
    with store.write() as connection:
        beat(connection, "ingest", T0, working=False)
        beat(connection, "engine", T0 - 10, working=True)
    assert stream.ping()["silent"] == []
    clock.now = T0 + 6
    assert stream.ping()["silent"] == ["engine"]
