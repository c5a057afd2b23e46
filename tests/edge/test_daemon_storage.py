"""The daemon itself on a disk or with an outbox that is not as it should be: its episode reaches the hub."""

import pytest
from full_disk import failing_card, small_disk
from samples import CLOCK, SampleDevice, episode

from edge.config import Broker
from edge.errors import StorageError
from edge.outbox import FILE_NAME, Outbox
from edge.publisher import Publisher
from edge.storage import Storage
from edge.topics import Address


def told(hub):
    """The phases of the episodes at the hub; numbers without gap or repetition."""
    seqs = sorted(seq for _, seq in hub.durable())
    assert seqs == list(range(1, len(seqs) + 1))
    return {message["phase"] for message in hub.of("episode")}


def play(start_edge, config, scene):
    process = start_edge("run", "--config", config, "--source", scene, "--fast")
    _, err = process.communicate(timeout=90)
    assert process.returncode == 0, err
    assert "Traceback" not in err
    return err


def test_it_starts_with_a_garbage_outbox(broker, make_hub, start_edge, config_file, scene, tmp_path):
    store = tmp_path / "store"
    store.mkdir()
    (store / FILE_NAME).write_bytes(b"garbage" * 10_000)
    hub = make_hub(broker.port)
    err = play(start_edge, config_file(broker.port), scene)
    assert told(hub) >= {"onset", "end"}
    assert err.count("is damaged") == 1
    assert "kept as outbox.corrupt-1.sqlite, and 0 messages have been saved" in err
    assert {message["storage"] for message in hub.of("health")} == {"ok"}
    box = Outbox(store, "f" * 32)
    assert len(box) == 0
    box.close()


def test_it_starts_on_a_read_only_disk(broker, make_hub, start_edge, config_file, scene, tmp_path):
    with small_disk(tmp_path / "store") as disk:
        earlier = Outbox(disk.folder, "e" * 32)
        earlier.append(lambda seq: episode(seq, boot_id="e" * 32))
        earlier.close()
        disk.read_only(on=True)
        hub = make_hub(broker.port)
        err = play(start_edge, config_file(broker.port), scene)
    assert err.count("until it takes them messages are in memory") == 1
    assert hub.durable().pop(("e" * 32, 1))["phase"] == "onset"
    seqs = sorted(seq for boot_id, seq in hub.durable() if boot_id != "e" * 32)
    assert seqs == list(range(1, len(seqs) + 1))
    assert {message["phase"] for message in hub.of("episode")} >= {"onset", "end"}
    assert {message["storage"] for message in hub.of("health")} == {"refused"}
    assert "messages are lost" not in err


def test_its_card_fails_while_it_listens(broker, make_hub, start_edge, config_file, scene, until, tmp_path):
    with failing_card(tmp_path / "store") as card:
        hub = make_hub(broker.port)
        process = start_edge(
            "run", "--config", config_file(broker.port), "--source", scene, "--fast", "--repeat"
        )
        until(hub.durable, 30)
        card.fail()
        before = len(hub.durable())
        until(lambda: len(hub.durable()) > before + 5, 30)
        process.terminate()
        _, err = process.communicate(timeout=10)
    assert process.returncode == 0, err
    assert "Traceback" not in err
    told(hub)
    assert err.count("until it takes them messages are in memory") == 1
    assert [message["status"] for message in hub.of("state")][-1] == "offline"
    assert len({message["stamp"]["boot_id"] for message in hub.of("state")}) == 1


class Broken(Storage):
    """Not even memory holds messages."""

    is_broken = False

    def _do(self, act):
        if self.is_broken:
            raise StorageError("cannot read: out of memory")
        return super()._do(act)


def test_a_store_that_fails_wholly_costs_no_connection(broker, make_hub, until, tmp_path, caplog):
    hub = make_hub(broker.port)
    outbox = Broken(tmp_path, CLOCK.boot_id)
    settings = Broker(host="127.0.0.1", port=broker.port, keepalive_s=5)
    publisher = Publisher(settings, Address("demo", "ward-1", "bed-1"), outbox, SampleDevice())
    publisher.start()
    try:
        until(lambda: hub.of("health"))
        outbox.append(episode)
        until(lambda: len(outbox) == 0)
        outbox.append(episode)
        outbox.is_broken = True
        hub.answer(CLOCK.boot_id, 1)
        publisher.announce("still here")
        until(lambda: hub.of("state")[-1]["reason"] == "still here")
        outbox.is_broken = False
        until(lambda: len(outbox) == 0)
        assert {message["status"] for message in hub.of("state")} == {"online"}
        assert publisher.connected
        assert caplog.text.count("out of memory") <= 1
    finally:
        publisher.stop("test over")
        outbox.close()
    assert sorted(seq for _, seq in hub.durable()) == [1, 2]


@pytest.mark.parametrize("moved", [False, True])
def test_what_moves_is_sent_and_receipted_over_the_same_connection(broker, make_hub, until, tmp_path, moved):
    """The outbox is damaged, or its disk refuses, between two messages."""
    hub = make_hub(broker.port)
    now = 0.0
    outbox = Storage(tmp_path, CLOCK.boot_id, now=lambda: now)
    settings = Broker(host="127.0.0.1", port=broker.port, keepalive_s=5)
    publisher = Publisher(settings, Address("demo", "ward-1", "bed-1"), outbox, SampleDevice())
    publisher.start()
    try:
        until(lambda: hub.of("health"))
        hub.answers = False
        for _ in range(3):
            outbox.append(episode)
        until(lambda: len(hub.durable()) == 3)
        with outbox._lock:  # the publisher's thread may be in the middle of a message
            outbox._leave(StorageError("cannot write: test"))
        assert outbox.refused
        if moved:
            now += 31.0
            assert len(outbox) == 3
            assert not outbox.refused
        outbox.append(episode)
        hub.answers = True
        until(lambda: len(hub.durable()) == 4)
        for seq in range(1, 5):
            hub.answer(CLOCK.boot_id, seq)
        until(lambda: len(outbox) == 0)
        assert len(hub.of("state")) == 1
    finally:
        publisher.stop("test over")
        outbox.close()
    left = Outbox(tmp_path, "f" * 32)
    assert len(left) == 0
    left.close()
