import dataclasses
import logging

import pytest
from samples import CLOCK, SampleDevice, episode, summary

from edge.config import Broker
from edge.entry import Entry
from edge.messages import Receipt, to_json
from edge.publisher import Publisher
from edge.storage import Storage
from edge.story import Story
from edge.topics import Address


@pytest.fixture
def story(caplog):
    caplog.set_level(logging.INFO)
    return Story()


def entry(message):
    return Entry(message.seq, message.stamp.boot_id, message.seq, message.kind, to_json(message))


def told(caplog):
    return [(record.message, record.EPISODE) for record in caplog.records if hasattr(record, "EPISODE")]


def later(message, seconds):
    return dataclasses.replace(message.stamp, mono_ms=message.stamp.mono_ms + int(seconds * 1000))


def test_sending_is_told_once_and_the_receipt_with_its_delay(story, caplog):
    onset = episode(1, "a" * 32)
    for _ in range(3):
        story.sent(entry(onset))
    for _ in range(2):
        story.received(Receipt(boot_id=CLOCK.boot_id, upto_seq=1, gaps=()), later(onset, 0.3))
    assert told(caplog) == [
        ("episode onset: sent to the broker", "a" * 32),
        ("episode onset: the hub has it, 0.3 s after it was judged", "a" * 32),
    ]


def test_a_gap_is_no_receipt(story, caplog):
    first, second = episode(1, "a" * 32), episode(2, "b" * 32, "end")
    story.sent(entry(first))
    story.sent(entry(second))
    caplog.clear()
    story.received(Receipt(boot_id=CLOCK.boot_id, upto_seq=2, gaps=((1, 1),)), later(second, 1))
    assert told(caplog) == [("episode end: the hub has it, 1.0 s after it was judged", "b" * 32)]


def test_of_an_earlier_start_no_delay_is_made_up(story, caplog):
    old = episode(1, "a" * 32, boot_id="e" * 32)
    story.sent(entry(old))
    story.received(Receipt(boot_id="e" * 32, upto_seq=1, gaps=()), CLOCK.stamp())
    assert told(caplog)[-1] == ("episode onset: the hub has it", "a" * 32)


def test_summaries_and_what_cannot_be_read_are_left_out(story, caplog):
    story.sent(entry(summary(1)))
    story.sent(Entry(2, CLOCK.boot_id, 2, "episode", b"{}"))
    story.received(Receipt(boot_id=CLOCK.boot_id, upto_seq=2, gaps=()), CLOCK.stamp())
    assert told(caplog) == []


def test_what_is_remembered_is_bounded(story):
    for seq in range(1, 1200):
        story.sent(entry(episode(seq)))
    assert len(story._sent) == 1000


def test_with_a_real_broker(broker, make_hub, tmp_path, until, caplog):
    caplog.set_level(logging.INFO)
    make_hub(broker.port)
    outbox = Storage(tmp_path, CLOCK.boot_id)
    settings = Broker(host="127.0.0.1", port=broker.port, keepalive_s=5)
    publisher = Publisher(settings, Address("demo", "ward-1", "bed-1"), outbox, SampleDevice())
    publisher.start()
    try:
        outbox.append(lambda seq: episode(seq, "c" * 32))
        until(lambda: len(told(caplog)) == 2)
    finally:
        publisher.stop("test over")
        outbox.close()
    assert {name for _, name in told(caplog)} == {"c" * 32}
    assert told(caplog)[1][0].startswith("episode onset: the hub has it, ")
