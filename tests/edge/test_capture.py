import threading
import time

import numpy as np
import pytest

from edge.capture import STALL_S, Microphone
from edge.config import Microphone as Settings
from edge.errors import MicrophoneError
from edge.sound_devices import Device, OpenStream, choose, devices

FOUND = [
    Device(0, "HDA Intel PCH: ALC (hw:0,0)", 2, 44100, is_default=False),
    Device(3, "USB Audio: bed (hw:1,0)", 1, 48000, is_default=True),
]


def test_choosing_a_device():
    assert choose(FOUND, "").index == 3
    assert choose(FOUND, "default").index == 3
    assert choose(FOUND, "0").index == 0
    assert choose(FOUND, "usb audio").index == 3
    with pytest.raises(MicrophoneError, match="no microphone 'bluetooth', only HDA"):
        choose(FOUND, "bluetooth")
    with pytest.raises(MicrophoneError, match="there is no microphone; plug one in"):
        choose([], "")


class FakeSound:
    """A sound system that can be unplugged, frozen and plugged in again, with a clock of its own."""

    def __init__(self, rate=16000, channels=1):
        self.rate, self.channels = rate, channels
        self.now_s = 0.0
        self.plugged = True
        self.opened = 0
        self.callback = None

    def open(self, _settings, callback):
        if not self.plugged:
            raise MicrophoneError("there is no microphone")
        self.opened += 1
        self.callback = callback
        device = Device(0, "fake", self.channels, self.rate, is_default=True)
        return OpenStream(self, self, device, self.rate, self.channels)

    def close(self):
        self.callback = None

    terminate = close

    def deliver(self, samples, status=0):
        samples = np.asarray(samples, np.int16)
        self.now_s += len(samples) / self.rate
        self.callback(samples.tobytes(), len(samples), None, status)


@pytest.fixture
def make_microphone(monkeypatch):
    monkeypatch.setattr("edge.capture._POLL_S", 0.001)

    def make(sound):
        return Microphone(Settings(), lambda: False, now=lambda: sound.now_s, opener=sound.open)

    return make


def take(chunks, count):
    return [next(chunks) for _ in range(count)]


def test_samples_come_as_they_are(make_microphone):
    sound = FakeSound()
    microphone = make_microphone(sound)
    chunks = microphone.chunks()
    sound.deliver(np.arange(800))
    sound.deliver(np.arange(800, 1600))
    first, second = take(chunks, 2)
    assert (first.position, second.position) == (0, 800)
    assert np.array_equal(np.concatenate((first.samples, second.samples)), np.arange(1600))
    assert next(chunks).samples.size == 0


def test_stereo_at_another_rate(make_microphone):
    sound = FakeSound(48000, 2)
    chunks = make_microphone(sound).chunks()
    tone = np.rint(8000 * np.sin(2 * np.pi * 440 * np.arange(48000) / 48000))
    for part in np.split(tone, 20):
        sound.callback(np.repeat(part, 2).astype(np.int16).tobytes(), part.size, None, 0)
    samples = np.concatenate([chunk.samples for chunk in take(chunks, 20)])
    expected = 8000 * np.sin(2 * np.pi * 440 * np.arange(samples.size) / 16000)
    assert samples.size > 15900
    assert np.abs(samples - expected)[300:].max() < 3


def test_a_consumer_that_is_too_slow_loses_chunks_that_are_counted(make_microphone, caplog):
    sound = FakeSound()
    microphone = make_microphone(sound)
    chunks = microphone.chunks()
    for _ in range(205):
        sound.deliver(np.ones(800))
    assert microphone.overruns == 5
    positions = [chunk.position for chunk in take(chunks, 200)]
    sound.deliver(np.ones(800))
    assert next(chunks).position == positions[-1] + 800 * 6  # the lost ones leave a hole in time
    assert "5 chunks of sound lost" in caplog.text


def test_losses_before_our_queue_count_too(make_microphone):
    sound = FakeSound()
    microphone = make_microphone(sound)
    sound.deliver(np.ones(800), status=2)
    assert microphone.overruns == 1


def test_a_stream_that_stops_is_opened_again(make_microphone, caplog):
    caplog.set_level("INFO")
    sound = FakeSound()
    microphone = make_microphone(sound)
    chunks = microphone.chunks()
    sound.deliver(np.ones(800))
    take(chunks, 1)
    sound.now_s += STALL_S + 0.1
    take(chunks, 1)
    assert (microphone.state, sound.opened) == ("recovering", 2)
    sound.deliver(np.ones(800))
    (chunk,) = [chunk for chunk in take(chunks, 2) if chunk.samples.size]
    assert microphone.state == "healthy"
    assert chunk.position == pytest.approx(16000 * (STALL_S + 0.15), abs=1000)
    assert "stopped delivering" in caplog.text
    assert "delivers again" in caplog.text


def test_unplugged_and_plugged_in_again(make_microphone, caplog):
    sound = FakeSound()
    microphone = make_microphone(sound)
    chunks = microphone.chunks()
    sound.plugged = False
    tries = 0
    for _ in range(300):
        sound.now_s += 1.0
        take(chunks, 1)
    assert microphone.state == "lost"
    assert caplog.text.count("there is no microphone") == 1
    sound.plugged = True
    while sound.opened < 2:
        sound.now_s += 1.0
        take(chunks, 1)
        tries += 1
    assert tries <= 31
    sound.deliver(np.ones(800))
    next(chunk for chunk in chunks if chunk.samples.size)
    assert microphone.state == "healthy"


def test_a_stream_that_opens_and_stays_mute_is_tried_ever_less_often(make_microphone):
    sound = FakeSound()
    microphone = make_microphone(sound)
    chunks = microphone.chunks()
    for _ in range(600):
        sound.now_s += 0.5
        take(chunks, 1)
    assert 5 < sound.opened < 25
    microphone.close()


def test_no_microphone_at_the_start():
    sound = FakeSound()
    sound.plugged = False
    with pytest.raises(MicrophoneError):
        Microphone(Settings(), lambda: False, opener=sound.open)


# From here on with a real sound system.


def test_lists_the_devices(microphone):
    assert "bedmic" in [device.name for device in devices()]


@pytest.mark.parametrize("rate", [0, 48000])
def test_what_is_played_arrives(microphone, rate):
    if rate:  # a tone survives resampling, noise at the band's edge does not
        played = np.rint(9000 * np.sin(2 * np.pi * 440 * np.arange(24000) / 16000)).astype(np.int16)
    else:
        played = np.random.default_rng(0).integers(-9000, 9000, 24000).astype(np.int16)
    played[0] = 1
    lead = np.zeros(8000, np.int16)  # the player may swallow its first milliseconds
    end = time.monotonic() + 12
    source = Microphone(Settings(device="bedmic", rate=rate), lambda: time.monotonic() > end)
    heard, player = [], None
    try:
        for chunk in source.chunks():
            heard.append(chunk.samples)
            if player is None and chunk.samples.size:
                player = threading.Thread(target=microphone.play, args=(np.concatenate((lead, played)),))
                player.start()
            sound = np.concatenate(heard)
            loud = np.flatnonzero(sound)
            if loud.size and sound.size > loud[0] + 32000:
                break
    finally:
        source.close()
        player.join()
    assert source.name == "bedmic"
    assert source.overruns == 0
    if rate:
        assert np.abs(sound).max() == pytest.approx(9000, rel=0.05)
    else:
        assert np.array_equal(sound[loud[0] :][:24000], played)


def test_unplugged_and_plugged_in_for_real(microphone):
    end = time.monotonic() + 25
    source = Microphone(Settings(device="bedmic"), lambda: time.monotonic() > end)
    try:
        seen, step = [], "listening"
        for chunk in source.chunks():
            seen.append(source.state)
            if step == "listening" and chunk.samples.size:
                microphone.unplug()
                step = "unplugged"
            elif step == "unplugged" and source.state == "lost":
                microphone.plug_in()
                step = "plugged in"
            elif step == "plugged in" and source.state == "healthy":
                break
    finally:
        source.close()
    assert step == "plugged in"
    assert seen[-1] == "healthy"


def test_a_device_that_is_not_there(microphone):
    with pytest.raises(MicrophoneError, match="no microphone 'bluetooth'"):
        Microphone(Settings(device="bluetooth"), lambda: False)
