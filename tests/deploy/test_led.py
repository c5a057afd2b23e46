"""What the box's light tells."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deploy import led, led_service, outcome
from deploy.outcome import Outcome
from edge import atomic_file, pins
from edge.errors import ConfigError
from edge.messages import MICROPHONE_STATES
from edge.state_file import Shown, State, StateFile

GOOD = Outcome(bed="bed 12")


def shown(microphone="healthy", muted=False, connected=True, at=100.0):
    return Shown(State(microphone, muted, connected), "words", at)


@pytest.mark.parametrize(
    ("result", "daemon", "absent_s", "expected"),
    [
        (None, None, 5, led.STARTING),
        (None, None, 500, led.ERROR),
        (GOOD, None, 5, led.STARTING),
        (GOOD, None, 500, led.ERROR),
        (GOOD, shown(at=10), 90, led.STARTING),  # hangs, or has been killed, and is being started anew
        (GOOD, shown(at=10), 500, led.ERROR),
        (GOOD, shown(at=500), 5, led.STARTING),  # of an earlier start of the machine
        (GOOD, shown(), 0, led.LISTENING),
        (GOOD, shown("file"), 0, led.LISTENING),
        (GOOD, shown("recovering"), 0, led.STARTING),
        (GOOD, shown("lost"), 0, led.NO_MICROPHONE),
        (GOOD, shown("silent"), 0, led.NO_MICROPHONE),
        (GOOD, shown("stalled", connected=False), 0, led.NO_MICROPHONE),
        (GOOD, shown(connected=False), 0, led.NO_HUB),
        (GOOD, shown("muted", muted=True, connected=False), 0, led.MUTED),
        (Outcome(bed="bed 12", mistakes=("x",)), shown(), 0, led.WRONG_SETTINGS),
        (Outcome(), None, 500, led.WRONG_SETTINGS),
        (Outcome(bed="bed 12", troubles=("x",)), shown(), 0, led.ERROR),
    ],
)
def test_tells_what_is_to_be_done_first(result, daemon, absent_s, expected):
    assert led.judge(result, daemon, 101.0, absent_s) == expected


@pytest.mark.parametrize("state", MICROPHONE_STATES)
def test_listening_is_told_only_of_a_microphone_that_hears(state):
    told = led.judge(GOOD, shown(state), 101.0, 0)
    assert (told == led.LISTENING) == (state in {"healthy", "file"})


@pytest.mark.parametrize(
    ("told", "flashes"), [(led.NO_MICROPHONE, 2), (led.NO_HUB, 3), (led.WRONG_SETTINGS, 4), (led.ERROR, 5)]
)
def test_flashes_can_be_counted(told, flashes):
    steps = led.PATTERNS[told]
    assert sum(is_on for is_on, _ in steps) == flashes
    darks = [seconds for is_on, seconds in steps if not is_on]
    assert darks[-1] >= 3 * darks[0]  # the pause stands out


def test_listening_and_muted_are_each_others_opposite():
    light = {told: sum(s for is_on, s in led.PATTERNS[told] if is_on) for told in (led.LISTENING, led.MUTED)}
    assert light == {led.LISTENING: pytest.approx(4.9), led.MUTED: pytest.approx(0.1)}


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(sorted(led.PATTERNS)), st.integers(0, 10**7))
def test_the_light_is_on_as_long_as_its_pattern_says(told, hundredths):
    since_s = hundredths / 100 + 0.005  # never where two steps meet
    is_on, left_s = led.lit(told, since_s)
    assert 0 < left_s <= max(seconds for _, seconds in led.PATTERNS[told])
    just_before, _ = led.lit(told, since_s + left_s * 0.99)
    assert just_before == is_on


@pytest.fixture
def machine(tmp_path):
    """A folder like /, with a light of the kernel's and settings that are in force."""
    light = tmp_path / "sys/class/leds/ACT"
    light.mkdir(parents=True)
    (light / "max_brightness").write_text("255\n")
    (light / "brightness").write_text("0")
    (light / "trigger").write_text("[mmc0] none")
    outcome.save(tmp_path, GOOD)
    (tmp_path / "run/bedside-edge").mkdir()
    return tmp_path


def watched(root, looks, at_look=lambda _: None):
    """What the kernel's light was at each of so many moments the service waits, and how long it would."""
    seen = []

    def wait(seconds):
        seen.append(((root / "sys/class/leds/ACT/brightness").read_text(), seconds))
        at_look(len(seen))
        return len(seen) == looks

    led_service.show(led_service.find("ACT", root), root, wait)
    return seen


def test_the_kernels_light_follows_the_daemon(machine, capsys):
    import time

    daemon = StateFile(machine / "run/bedside-edge")
    daemon.tell(State("healthy", muted=False, connected=True), str, time.monotonic())
    seen = watched(machine, 1)
    assert seen[0][0] == "255"
    assert 0 < seen[0][1] <= 0.5  # a change of the daemon's shows soon, however long the step
    assert (machine / "sys/class/leds/ACT/trigger").read_text() == "none"
    assert (machine / "sys/class/leds/ACT/brightness").read_text() == "0"  # dark once it has stopped
    (machine / "sys/class/leds/ACT").rename(machine / "sys/class/leds/led0")
    assert isinstance(led_service.find("ACT", machine), led_service.SystemLight)


def test_no_light_is_one_sentence(tmp_path):
    with pytest.raises(ConfigError, match=r"this machine has no light ACT in .*; name a GPIO pin in"):
        led_service.find("ACT", tmp_path)


def test_a_light_on_a_pin_that_is_not_there_is_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr(pins, "DEVICES", tmp_path)
    with pytest.raises(ConfigError, match=r'panel.led is 22, but GPIO 22 cannot be used: .*led = "ACT"'):
        led_service.find("22", tmp_path)


def test_damaged_files_are_told_as_starting(machine):
    atomic_file.write(machine / "run/bedside-edge/state.json", b"{")
    (machine / "run/bedside/settings.json").write_bytes(b"[]")
    assert watched(machine, 1)[0][0] == "255"
    assert outcome.load(machine) is None
