import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.commands import CommandDesk, Gatekeeper, device_key, sign
from edge.errors import ConfigError, MessageError
from edge.messages import Command, from_json, to_json
from edge.mute import Mute

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


class Desk:
    def __init__(self, tmp_path, key=KEY):
        self.now_s = 0.0
        self.mute = Mute(tmp_path, lambda: self.now_s)
        self.forgotten = 0
        self._desk = CommandDesk(gate(key), self.mute, self.forget, lambda: self.now_s, self.renew)

    def renew(self, certificate):
        raise MessageError(f"{certificate} is no certificate")

    def forget(self):
        self.forgotten += 1

    def take(self, number, action, minutes=0):
        plain = dataclasses.replace(PLAIN, id=f"{number:032x}", action=action, minutes=minutes)
        return self._desk.take(sign(KEY, TOPIC, plain))


def test_commands_are_obeyed_and_answered(tmp_path):
    desk = Desk(tmp_path)
    assert desk.take(1, "mute", 30) == "muted for 30 min: visitors"
    assert desk.mute.is_on
    assert desk.take(2, "rebirth") == "muted for 30 min: visitors"
    assert desk.take(3, "unmute") == "visitors"
    assert not desk.mute.is_on
    assert desk.take(4, "unmute") == "visitors"
    assert desk.take(4, "mute") is None
    assert desk.take(5, "forget") == "visitors"
    assert desk.forgotten == 1
    assert not desk.mute.is_on


def test_a_disk_that_refuses_does_not_refuse_the_mute(tmp_path, caplog):
    desk = Desk(tmp_path / "missing")
    assert desk.take(1, "mute") == "muted: visitors (until a restart: the disk refuses it)"
    assert desk.mute.is_on
    assert "a restart would forget" in caplog.text


def test_forgeries_change_nothing_and_do_not_flood_the_journal(tmp_path, caplog):
    desk = Desk(tmp_path, key=b"another")
    for number in range(500):
        desk.now_s = number / 100
        assert desk.take(number, "mute") is None
    assert not desk.mute.is_on
    assert caplog.text.count("refused") == 1
    desk.now_s = 10
    desk.take(1, "mute")
    assert "499 more were refused" in caplog.text


def test_the_key_is_the_first_line_of_its_file(tmp_path):
    assert device_key("") is None
    file = tmp_path / "key"
    file.write_text("k" * 64 + "\nthe rest is nobody's\n")
    assert device_key(str(file)) == b"k" * 64
    file.write_text("k" * 31)
    with pytest.raises(ConfigError, match=r"31 characters; at least 32 .* device-key"):
        device_key(str(file))
    with pytest.raises(ConfigError, match="No such file"):
        device_key(str(tmp_path / "none"))
