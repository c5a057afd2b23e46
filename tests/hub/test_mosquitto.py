"""The broker's configuration for real use: certificates on both sides, and nobody reads a neighbour."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hub_parts import until
from ward_parts import Client, Ward, folder_of, hub_on, make_ward, refused

from edge.messages import Receipt, from_json
from edge.topics import Address
from hub import check_broker
from hub.config import load
from hub.simulated_device import SimulatedDevice

ME, OTHER, LOST = "clinic/3b/bed-12", "clinic/3b/bed-13", "clinic/3b/bed-14"
MANY = 10_000


@pytest.fixture(scope="module")
def ward(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ward]:
    ward = make_ward(tmp_path_factory.mktemp("ward"), ME, OTHER, LOST)
    ward.broker.start()
    yield ward
    ward.broker.stop()


def test_a_device_writes_only_its_own_topics_and_reads_only_its_own_answers(ward: Ward) -> None:
    with (
        Client(ward, "hub", "ser/v1/clinic/+/+/episode") as hub,
        Client(ward, folder_of(ME), "#", f"ser/v1/{OTHER}/command", "ser/v1/+/+/+/receipt") as me,
        Client(ward, folder_of(ME), f"ser/v1/{ME}/command") as forger,  # mosquitto 2.0.11 hangs up on it
    ):
        forger.client.publish(f"ser/v1/{OTHER}/episode", b"forged", qos=1)
        forger.client.publish(f"ser/v1/{OTHER}/state", b"forged", qos=1, retain=True)
        forger.client.publish(f"ser/v1/{ME}/receipt", b"forged", qos=1)
        forger.client.publish("ser/v1/clinic/hub/state", b"forged", qos=1, retain=True)
        time.sleep(0.5)
        me.client.publish(f"ser/v1/{ME}/episode", b"mine", qos=1)
        until(lambda: hub.got, what="the device's own message")
        hub.client.publish(f"ser/v1/{OTHER}/receipt", b"not mine", qos=1)
        hub.client.publish(f"ser/v1/{OTHER}/command", b"not mine", qos=1)
        hub.client.publish("ser/v1/clinic/hub/state", b"online", qos=1)
        hub.client.publish(f"ser/v1/{ME}/receipt", b"mine", qos=1)
        hub.client.publish(f"ser/v1/{ME}/command", b"mine", qos=1)
        expected = {
            ("ser/v1/clinic/hub/state", b"online"),
            (f"ser/v1/{ME}/receipt", b"mine"),
            (f"ser/v1/{ME}/command", b"mine"),
        }
        until(lambda: expected <= set(me.got), what="what is for this device")
        time.sleep(0.3)
        assert hub.got == [(f"ser/v1/{ME}/episode", b"mine")]
        assert set(me.got) == expected


def test_nobody_comes_in_without_a_certificate_or_with_a_revoked_one(ward: Ward) -> None:
    assert refused(ward, None)
    assert not refused(ward, folder_of(LOST))
    ward.authority.revoke(LOST)
    shutil.copy(ward.folder / "ca" / "bedside.crl", ward.folder / "etc")
    ward.broker.stop()
    ward.broker.start()
    assert refused(ward, folder_of(LOST))
    assert not refused(ward, folder_of(ME))
    assert not refused(ward, "hub")
    stolen = shutil.copytree(ward.folder / "ca" / folder_of(LOST), ward.folder / "ca" / "stolen").name
    ward.authority.device(LOST)
    assert refused(ward, stolen)
    assert not refused(ward, folder_of(LOST)), "the device that took its place"


def test_the_hub_listens_over_tls_with_its_certificate(ward: Ward, tmp_path: Path) -> None:
    hub = hub_on(ward, tmp_path)
    try:
        hub.start("ingest")
        until(lambda: "listening to" in hub.log(), 30, "the subscription")
        hub.start("alerts")
        hub.start("web")
        until(hub.canary_at, 30, "the canary, which the access list must let through")
    finally:
        hub.stop()


def test_ten_thousand_messages_wait_for_a_hub_that_is_away(ward: Ward, tmp_path: Path) -> None:
    """And a broker that is killed meanwhile loses nothing: what has no receipt is sent again."""
    site, place, name = ME.split("/")
    hub = hub_on(ward, tmp_path)
    ingest = hub.start("ingest")
    confirmed: set[int] = set()
    try:
        until(lambda: "listening to" in hub.log(), 30, "the subscription")
        with Client(ward, folder_of(ME), f"ser/v1/{ME}/receipt") as me:
            device = SimulatedDevice(Address(site, place, name), "Bed 12", me.send)
            me.client.on_message = lambda _c, _d, message: confirmed.update(
                device.confirm(from_json(Receipt, message.payload))
            )
            ingest.kill()
            ingest.wait()
            for _ in range(MANY):
                device.summary()
            until(lambda: me.published == MANY, 60, "the broker's word for all of them")
            hub.start("ingest")
            until(lambda: len(confirmed) == MANY, 60, "every receipt, nothing sent twice")
            assert not device.sent
            device.summary(send=False)
            ward.broker.kill()
            device.summary()
            ward.broker.start()
            until(me.client.is_connected, 30, "the device's return")
            me.client.subscribe(f"ser/v1/{ME}/receipt", qos=1)

            def emptied() -> bool:
                for message in list(device.sent.values()):
                    device.send(message)
                time.sleep(0.3)
                return not device.sent

            until(emptied, 60, "an empty outbox")
        assert hub.rows("SELECT count(*), max(seq) FROM records") == [(MANY + 2, MANY + 2)]
    finally:
        hub.stop()


def test_check_tells_a_guarded_broker_from_an_open_one(ward: Ward, tmp_path: Path) -> None:
    hub = hub_on(ward, tmp_path)
    (found,) = check_broker.access_list(load(hub.config))
    assert found.kind == "well"
    (found,) = check_broker.certificates(load(hub.config))
    assert re.fullmatch(r"days left: authority 36\d\d, own 7\d\d, broker 7\d\d", found.words[0])
    kept = ward.folder / "etc" / "bedside.acl"
    text = kept.read_text()
    kept.write_text("topic readwrite #\nuser hub\ntopic readwrite #\n")
    ward.broker.stop()
    ward.broker.start()
    try:
        (found,) = check_broker.access_list(load(hub.config))
        assert found.kind == "red"
        assert "lets us write any topic" in found.words[0]
    finally:
        kept.write_text(text)
        ward.broker.stop()
        ward.broker.start()
