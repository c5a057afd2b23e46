import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.commands import Gatekeeper, sign
from edge.errors import MessageError
from edge.messages import Command, from_json, to_json

KEY, BOOT = b"k" * 32, "b" * 32
TOPIC = "ser/v1/demo/ward-1/bed-1/command"
PLAIN = Command(id="a" * 32, boot_id=BOOT, expires_ms=9000, action="mute", minutes=30, reason="visitors")
SIGNED = sign(KEY, TOPIC, PLAIN)


def gate(key=KEY, topic=TOPIC, boot=BOOT):
    return Gatekeeper(key, topic, boot)


def test_a_command_is_obeyed_once():
    one = gate()
    one.check(from_json(Command, to_json(SIGNED)), 1000)
    with pytest.raises(MessageError, match="obeyed already"):
        one.check(SIGNED, 1001)
    with pytest.raises(MessageError, match="expired"):
        one.check(SIGNED, 9000)


@pytest.mark.parametrize(
    ("keeper", "now_ms", "words"),
    [
        (gate(key=None), 0, "not configured"),
        (gate(key=b"other"), 0, "signature"),
        (gate(topic=TOPIC.replace("bed-1", "bed-2")), 0, "signature"),
        (gate(boot="c" * 32), 0, "another start"),
        (gate(), 9000, "expired"),
    ],
)
def test_refused(keeper, now_ms, words):
    with pytest.raises(MessageError, match=words):
        keeper.check(SIGNED, now_ms)


def test_valid_for_too_long_is_refused():
    late = sign(KEY, TOPIC, dataclasses.replace(PLAIN, expires_ms=600_001))
    with pytest.raises(MessageError, match="10 minutes"):
        gate().check(late, 0)
    gate().check(late, 1)


@given(st.data())
def test_any_changed_byte_is_refused(data):
    body = bytearray(to_json(SIGNED))
    place = data.draw(st.integers(0, len(body) - 1))
    body[place] ^= data.draw(st.integers(1, 255))
    with pytest.raises(MessageError):
        gate().check(from_json(Command, bytes(body)), 0)


def test_memory_is_bounded_and_never_lets_one_in_twice():
    one = gate()
    for number in range(1000):
        one.check(sign(KEY, TOPIC, dataclasses.replace(PLAIN, id=f"{number:032x}")), 0)
    with pytest.raises(MessageError, match="1000 came"):
        one.check(SIGNED, 0)
    one.check(sign(KEY, TOPIC, dataclasses.replace(PLAIN, expires_ms=20_000)), 9000)
