"""What can be wrong between device and broker, with a real mosquitto and certificates by the real openssl."""

import logging
import os
import signal
import time

import pytest
from certificate_parts import HOST, Ward
from samples import CLOCK, SampleDevice, episode

from edge.config import Broker
from edge.publisher import Publisher
from edge.storage import Storage
from edge.topics import Address

DEVICE = Address("demo", "ward-1", "bed-1")


@pytest.fixture(scope="module")
def ward(tmp_path_factory):
    return Ward(tmp_path_factory.mktemp("ward") / "certificates")


@pytest.fixture
def make_publisher(tmp_path, caplog):
    caplog.set_level(logging.INFO)
    made = []

    def make(port, host="127.0.0.1", **broker):
        outbox = Storage(tmp_path, CLOCK.boot_id)
        settings = Broker(host=host, port=port, keepalive_s=5, **broker)
        publisher = Publisher(settings, DEVICE, outbox, SampleDevice())
        made.append((publisher, outbox))
        publisher.start()
        return publisher, outbox

    yield make
    for publisher, outbox in made:
        publisher.stop("test over")
        outbox.close()


def problem_of(publisher, caplog, until):
    """The problem, seen to be logged once although the connection has been tried more than once."""
    words = until(lambda: publisher.problem)
    time.sleep(1.2)  # the second attempt comes after a second at most
    warnings = [record.message for record in caplog.records if record.levelno == logging.WARNING]
    assert [line.partition("; messages")[0] for line in warnings] == [words]
    assert not publisher.connected
    return words


def test_the_ward_s_broker_takes_the_device_by_its_certificate(
    ward, make_broker, make_hub, make_publisher, until
):
    broker = make_broker(ward.settings())
    hub = make_hub(broker.port, tls=ward.hub_files)
    publisher, outbox = make_publisher(broker.port, **ward.files())
    outbox.append(episode)
    until(lambda: hub.of("episode"))
    until(lambda: len(outbox) == 0)  # the receipt came back
    assert publisher.problem is None
    publisher.stop("stopped")
    until(lambda: hub.of("state")[-1]["status"] == "offline")
    assert hub.of("state")[-1]["reason"] == "stopped"


def test_a_certificate_of_another_bed_may_not_write_here(
    ward, make_broker, make_publisher, tmp_path, caplog, until
):
    other = ward.authority.sign("other", "demo/ward-1/bed-2")
    broker = make_broker(ward.settings())
    publisher, outbox = make_publisher(broker.port, **ward.files(other))
    outbox.append(episode)
    words = until(lambda: publisher.problem)
    assert "does not let us write ser/v1/demo/ward-1/bed-1/+: not authorized" in words
    time.sleep(3)  # time for more than one attempt
    assert len(outbox) == 1
    assert publisher.problem == words
    assert len([record for record in caplog.records if "does not let us" in record.message]) == 1
    assert not [record for record in caplog.records if "connected to" in record.message]


def test_expired_certificate_of_the_broker(ward, make_broker, make_publisher, caplog, until):
    expired = ward.authority.sign("old-broker", "broker", days=-1, host=HOST)
    broker = make_broker(ward.settings(expired))
    publisher, _ = make_publisher(broker.port, **ward.files())
    words = problem_of(publisher, caplog, until)
    assert f"the certificate of the broker 127.0.0.1:{broker.port} has expired; renew it" in words


def test_expired_certificate_of_our_own(ward, make_broker, make_publisher, caplog, until):
    expired = ward.authority.sign("old-device", "demo/ward-1/bed-1", days=-1)
    broker = make_broker(ward.settings())
    publisher, _ = make_publisher(broker.port, **ward.files(expired))
    words = problem_of(publisher, caplog, until)
    assert f"refuses broker.cert_file {expired[0]}: it has expired; renew it" in words


def test_no_certificate_of_our_own(ward, make_broker, make_publisher, caplog, until):
    broker = make_broker(ward.settings())
    publisher, _ = make_publisher(broker.port, ca_file=str(ward.authority.file))
    words = problem_of(publisher, caplog, until)
    assert "asks for a certificate" in words or "before it accepts us" in words


def test_certificate_of_our_own_by_another_authority(ward, make_broker, make_publisher, caplog, until):
    foreign = ward.stranger.sign("foreign", "demo/ward-1/bed-1")
    broker = make_broker(ward.settings())
    publisher, _ = make_publisher(broker.port, **ward.files(foreign))
    words = problem_of(publisher, caplog, until)
    assert "its authority is not the broker's" in words or "before it accepts us" in words


def test_wrong_authority(ward, make_broker, make_publisher, caplog, until):
    broker = make_broker(ward.settings())
    publisher, _ = make_publisher(broker.port, **ward.files(authority=ward.stranger))
    words = problem_of(publisher, caplog, until)
    assert "is not trusted" in words
    assert f"check broker.ca_file {ward.stranger.file}" in words


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_wrong_host_name(ward, make_broker, make_publisher, caplog, until, host):
    elsewhere = ward.authority.sign("elsewhere", "broker", host="DNS:broker.example")
    broker = make_broker(ward.settings(elsewhere))
    publisher, _ = make_publisher(broker.port, host, **ward.files())
    assert "is for another name; broker.host must be a name in it" in problem_of(publisher, caplog, until)


def test_name_that_does_not_resolve(make_publisher, caplog, until):
    publisher, _ = make_publisher(1883, "broker.invalid")  # never given to anybody: RFC 6761
    until(lambda: publisher.problem, 30)
    words = problem_of(publisher, caplog, until)
    assert "the name of the broker broker.invalid:1883 is not found" in words


def test_password_file_that_cannot_be_read(make_publisher, tmp_path, caplog, until):
    missing = tmp_path / "missing"
    publisher, _ = make_publisher(1, username="bed-1", password_file=str(missing))
    words = problem_of(publisher, caplog, until)
    assert words.startswith(f"broker.password_file {missing} cannot be read: No such file or directory")


def test_password_file_that_is_no_text(make_publisher, tmp_path, caplog, until):
    (tmp_path / "password").write_bytes(b"\xff\xfe")
    publisher, _ = make_publisher(1, username="bed-1", password_file=str(tmp_path / "password"))
    assert "is no text" in problem_of(publisher, caplog, until)


def test_files_that_are_no_certificates(ward, make_publisher, tmp_path, caplog, until):
    (tmp_path / "nothing.crt").write_text("nothing", encoding="utf-8")
    files = ward.files() | {"ca_file": str(tmp_path / "nothing.crt")}
    publisher, _ = make_publisher(1, **files)
    assert "broker.ca_file" in problem_of(publisher, caplog, until)
    publisher.stop(None)
    caplog.clear()
    publisher, _ = make_publisher(1, **(ward.files() | {"key_file": ward.hub[1]}))
    words = problem_of(publisher, caplog, until)
    assert "cannot be used: key values mismatch" in words
    assert "the certificate's own key" in words


def test_a_broker_that_freezes_is_noticed_and_nothing_is_lost(
    ward, make_broker, make_hub, make_publisher, until
):
    broker = make_broker(ward.settings())
    hub = make_hub(broker.port, tls=ward.hub_files)
    publisher, outbox = make_publisher(broker.port, **ward.files())
    until(lambda: publisher.connected)
    frozen = time.monotonic()
    os.kill(broker.pid, signal.SIGSTOP)
    try:
        for _ in range(5):
            outbox.append(episode)
        until(lambda: not publisher.connected, 20)
        # 5 s of keepalive and a half, and some for a busy machine.
        assert time.monotonic() - frozen < 1.5 * 5 + 4
        until(lambda: publisher.problem)
        assert "is lost: keep alive timeout" in publisher.problem
        assert len(outbox) == 5
    finally:
        os.kill(broker.pid, signal.SIGCONT)
    until(lambda: len(outbox) == 0, 30)
    assert sorted(seq for _, seq in hub.durable()) == [1, 2, 3, 4, 5]
