import gc
import logging
import os
import signal
import threading
import time

import pytest
from samples import CLOCK, SampleDevice, episode

from edge.clock import new_id
from edge.config import Broker
from edge.messages import Emotion
from edge.outbox import Outbox
from edge.publisher import Publisher
from edge.storage import Storage
from edge.topics import Address

ADDRESS = Address("demo", "ward-1", "bed-1")


def emotion():
    return Emotion(
        emotion="sad",
        probabilities={"sad": 1.0},
        distress=0.5,
        speech=0.5,
        level_db=-30.0,
        window_s=3.0,
        stamp=CLOCK.stamp(),
    )


@pytest.fixture
def make_publisher(tmp_path):
    made = []

    def make(port, **broker):
        outbox = Storage(tmp_path, CLOCK.boot_id)
        publisher = Publisher(
            Broker(host="127.0.0.1", port=port, keepalive_s=5, **broker), ADDRESS, outbox, SampleDevice()
        )
        made.append((publisher, outbox))
        publisher.start()
        return publisher, outbox

    yield make
    for publisher, outbox in made:
        publisher.stop("test over")
        outbox.close()


def test_birth_messages_receipts_and_goodbye(broker, make_hub, make_publisher, until):
    hub = make_hub(broker.port)
    threads = set(threading.enumerate())
    publisher, outbox = make_publisher(broker.port)
    until(lambda: publisher.connected)
    until(lambda: hub.of("state"))
    assert hub.of("state")[0]["status"] == "online"
    for _ in range(3):
        outbox.append(episode)
    publisher.live(emotion())
    until(lambda: len(hub.durable()) == 3)
    until(lambda: len(outbox) == 0)
    until(lambda: hub.of("emotion"))
    publisher.stop("stopped")
    until(lambda: hub.of("state")[-1]["status"] == "offline")
    assert hub.of("state")[-1]["reason"] == "stopped"
    assert set(threading.enumerate()) <= threads


def test_state_is_retained(broker, make_hub, make_publisher, until):
    publisher, _ = make_publisher(broker.port)
    until(lambda: publisher.connected)
    publisher.announce("microphone lost")
    time.sleep(0.4)
    late = make_hub(broker.port)
    until(lambda: late.of("state"))
    assert late.messages[0][2]
    assert late.of("state")[0]["reason"] == "microphone lost"


def test_will_of_a_device_that_vanishes(broker, make_hub, until, start_edge, config_file, scene):
    hub = make_hub(broker.port)
    process = start_edge("run", "--config", config_file(broker.port), "--source", scene)
    until(lambda: hub.of("state"))
    process.kill()
    until(lambda: hub.of("state")[-1]["status"] == "offline")
    assert hub.of("state")[-1]["reason"] == "connection lost"


def test_broker_down_then_up_then_down_then_up(make_broker, make_hub, make_publisher, until, caplog):
    caplog.set_level(logging.INFO)
    broker = make_broker(start=False)
    publisher, outbox = make_publisher(broker.port)
    outbox.append(episode)
    publisher.live(emotion())
    until(lambda: publisher.problem)
    assert "cannot be reached" in publisher.problem
    broker.start()
    hub = make_hub(broker.port)
    until(lambda: len(outbox) == 0, 20)
    assert hub.of("emotion") == []
    broker.stop()
    hub.close()
    until(lambda: not publisher.connected)
    outbox.append(episode)
    broker.start()
    again = make_hub(broker.port)
    until(lambda: len(outbox) == 0, 20)
    assert len(again.durable()) == 1
    warnings = [record.message for record in caplog.records if record.levelno == logging.WARNING]
    assert len(warnings) <= 4  # once an outage and cause, however often it is tried


def test_a_gap_is_sent_again(broker, make_hub, make_publisher, until):
    hub = make_hub(broker.port, answers=False)
    publisher, outbox = make_publisher(broker.port)
    until(lambda: publisher.connected)
    for _ in range(3):
        outbox.append(episode)
    until(lambda: len(hub.durable()) == 3)
    time.sleep(2.2)
    hub.answer(CLOCK.boot_id, 1)
    hub.answer(CLOCK.boot_id, 3)
    until(lambda: len(hub.of("episode")) == 4)
    assert [entry.seq for entry in outbox.oldest(10)] == [2]
    hub.answer(CLOCK.boot_id, 2)
    until(lambda: len(outbox) == 0)


def test_earlier_boots_are_sent_after_a_restart(broker, make_hub, make_publisher, tmp_path, until):
    earlier = Outbox(tmp_path, "e" * 32)
    for _ in range(70):
        earlier.append(lambda seq: episode(seq, new_id(), boot_id="e" * 32))
    earlier.close()
    hub = make_hub(broker.port)
    _, outbox = make_publisher(broker.port)
    until(lambda: len(outbox) == 0, 20)
    assert len(hub.durable()) >= 1
    assert len(hub.of("episode")) >= 70


@pytest.mark.parametrize("payload", [b"", b"nonsense", b'{"boot_id": 1}', b"\xff" * 2000])
def test_receipts_that_are_none(broker, make_hub, make_publisher, until, payload):
    hub = make_hub(broker.port)
    publisher, outbox = make_publisher(broker.port)
    until(lambda: publisher.connected)
    hub.publish(ADDRESS.topic("receipt"), payload)
    outbox.append(episode)
    until(lambda: len(outbox) == 0)


def test_wrong_password(make_broker, make_publisher, tmp_path, until):
    import subprocess

    passwords = tmp_path / "passwords"
    subprocess.run(["mosquitto_passwd", "-c", "-b", str(passwords), "bed-1", "right"], check=True)
    passwords.chmod(0o644)
    broker = make_broker(f"password_file {passwords}\nallow_anonymous false\n")
    (tmp_path / "secret").write_text("wrong\n", encoding="utf-8")
    publisher, _ = make_publisher(broker.port, username="bed-1", password_file=str(tmp_path / "secret"))
    until(lambda: publisher.problem)
    assert "refuses us: not authorized" in publisher.problem
    (tmp_path / "secret").write_text("right\n", encoding="utf-8")
    until(lambda: publisher.connected)


# paho leaves the socket of a failed handshake to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_no_tls_at_the_other_end(broker, make_publisher, tmp_path, until):
    import subprocess

    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
         "-subj", "/CN=test", "-keyout", str(tmp_path / "key.pem"), "-out", str(tmp_path / "ca.pem")],
        check=True, capture_output=True,
    )  # fmt: skip
    publisher, _ = make_publisher(broker.port, ca_file=str(tmp_path / "ca.pem"))
    until(lambda: publisher.problem)
    assert "TLS" in publisher.problem or "cannot be reached" in publisher.problem
    publisher.stop("stopped")
    gc.collect()


def test_stops_in_time_while_nobody_answers(make_publisher, until):
    import socket

    with socket.create_server(("127.0.0.1", 0)) as silent:  # takes connections and says nothing
        publisher, _ = make_publisher(silent.getsockname()[1])
        time.sleep(0.5)
        started = time.monotonic()
        publisher.stop("stopped")
        assert time.monotonic() - started < 1.9
    until(lambda: not publisher._thread.is_alive(), 8)


def test_goodbye_to_a_broker_that_is_slow_to_answer(broker, make_hub, make_publisher, until):
    hub = make_hub(broker.port, answers=False)
    publisher, outbox = make_publisher(broker.port)
    until(lambda: hub.of("state"))
    os.kill(broker.pid, signal.SIGSTOP)
    try:
        for _ in range(30):  # more than may go without acknowledgement
            outbox.append(episode)
        threading.Timer(0.7, os.kill, (broker.pid, signal.SIGCONT)).start()
        publisher.stop("stopped")
    finally:
        os.kill(broker.pid, signal.SIGCONT)
    until(lambda: hub.of("state")[-1]["status"] == "offline")
    time.sleep(0.3)
    assert [state["reason"] for state in hub.of("state")][1:] in (["stopped"], ["stopped", "stopped"])


def test_goodbye_in_a_flood_of_receipts(broker, make_hub, make_publisher, until):
    hub = make_hub(broker.port)
    publisher, _ = make_publisher(broker.port)
    until(lambda: hub.of("state"))
    for _ in range(300):
        hub.answer(CLOCK.boot_id, 1)
    publisher.stop("stopped")
    until(lambda: hub.of("state")[-1]["status"] == "offline")
    assert hub.of("state")[-1]["reason"] == "stopped"
