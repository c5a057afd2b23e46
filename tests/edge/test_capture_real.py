"""The microphone against a real sound server: played to, unplugged, frozen, muted, not listened to."""

import threading
import time

import numpy as np
import pytest

from edge.capture import Microphone
from edge.config import Microphone as Settings
from edge.liveness import Limits

SHORT = Limits(stall_s=1.0, silent_s=2.0, lag_s=1.0, answer_s=1.0)


class Listener:
    """Takes chunks in a thread of its own, as the daemon does, until it ends."""

    def __init__(self, *, limits=None, device="bedmic", rate=0):
        self.is_ended = False
        self.heard = 0
        self.source = Microphone(Settings(device=device, rate=rate), lambda: self.is_ended, limits=limits)
        self._thread = threading.Thread(target=self._take)
        self._thread.start()

    def _take(self):
        for chunk in self.source.chunks():
            self.heard += chunk.samples.size

    @property
    def state(self):
        return self.source.condition.state

    def end(self):
        self.is_ended = True
        self.source.close()
        self._thread.join(10)


@pytest.fixture
def listen():
    listeners = []

    def start(**options):
        listeners.append(Listener(**options))
        return listeners[-1]

    yield start
    for listener in listeners:
        listener.end()


def seconds_until(until, condition, seconds=20):
    started = time.monotonic()
    until(condition, seconds)
    return time.monotonic() - started


@pytest.mark.parametrize("rate", [0, 48000])
def test_what_is_played_arrives(microphone, rate):
    if rate:  # a tone survives resampling, noise at the band's edge does not
        played = np.rint(9000 * np.sin(2 * np.pi * 440 * np.arange(24000) / 16000)).astype(np.int16)
    else:
        played = np.random.default_rng(0).integers(-9000, 9000, 24000).astype(np.int16)
    played[0] = 1
    lead = np.zeros(8000, np.int16)  # the player may swallow its first milliseconds
    end = time.monotonic() + 20
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
    assert source.condition.overruns == 0
    if rate:
        assert np.abs(sound).max() == pytest.approx(9000, rel=0.05)
    else:
        assert np.array_equal(sound[loud[0] :][:24000], played)


def test_unplugged_and_plugged_in(noisy_microphone, listen, until, caplog):
    """The server is killed: in callback mode PortAudio raises nothing, it only falls silent."""
    listener = listen()
    until(lambda: listener.state == "healthy")
    noisy_microphone.unplug()
    assert seconds_until(until, lambda: listener.state == "lost") < 5
    heard, before = listener.heard, listener.source.condition
    assert "there is no microphone" in listener.source.condition.reason
    noisy_microphone.plug_in()
    until(lambda: listener.state == "healthy", 30)
    until(lambda: listener.heard > heard)
    condition = listener.source.condition
    assert condition.stalls == before.stalls >= 1
    assert condition.reopened == before.reopened + 1
    assert caplog.text.count("there is no microphone") == 1


def test_a_frozen_server_is_seen_in_time_and_outlived(noisy_microphone, listen, until):
    """At the product's own limits. Closing hangs for as long as the server is frozen."""
    listener = listen()
    until(lambda: listener.state == "healthy")
    noisy_microphone.freeze()
    assert seconds_until(until, lambda: listener.state != "healthy") < 5
    assert listener.state == "stalled"
    until(lambda: listener.source.condition.stuck_s > 1.0)
    noisy_microphone.thaw()
    heard = listener.heard
    until(lambda: listener.state == "healthy")
    until(lambda: listener.heard > heard)
    assert listener.source.condition.stuck_s < 1.0


def test_frozen_at_the_start_it_can_still_be_closed(noisy_microphone, listen, until):
    noisy_microphone.freeze()
    listener = listen(limits=SHORT)
    until(lambda: listener.state == "lost")
    assert "does not answer" in listener.source.condition.reason
    started = time.monotonic()
    listener.end()
    assert time.monotonic() - started < 2  # half a second, a turn of chunks(), a busy machine
    another = listen()  # as after a reload; the first still hangs in PortAudio
    noisy_microphone.thaw()
    until(lambda: another.state == "healthy", 30)
    until(lambda: not listener.source._keeper._thread.is_alive(), 30)
    assert noisy_microphone.listeners() == 1


def test_muted_at_its_own_switch_and_back(noisy_microphone, listen, until):
    listener = listen(limits=SHORT)
    until(lambda: listener.state == "healthy")
    noisy_microphone.mute(True)
    until(lambda: listener.state == "silent")
    assert "only zeros" in listener.source.condition.reason
    noisy_microphone.mute(False)
    assert seconds_until(until, lambda: listener.state == "healthy") < 5
    assert listener.source.condition.silences == 1


def test_told_to_mute_it_lets_go_of_the_device(noisy_microphone, listen, until):
    listener = listen()
    until(lambda: listener.heard)
    assert noisy_microphone.listeners() == 1
    listener.source.muted = True
    assert listener.state == "muted"
    assert seconds_until(until, lambda: not listener.source.condition.recording) < 1.5
    assert noisy_microphone.listeners() == 0
    heard = listener.heard
    time.sleep(0.5)
    assert listener.heard == heard
    listener.source.muted = False
    until(lambda: listener.heard > heard)
    assert listener.state == "healthy"


def test_nobody_listens(noisy_microphone, until):
    """The pipeline hangs; another thread still learns the truth."""
    source = Microphone(Settings(device="bedmic"), lambda: False, limits=Limits(lag_s=1.0))
    try:
        chunks = source.chunks()
        while not next(chunks).samples.size:
            pass
        assert source.condition.state == "healthy"
        stalls = source.condition.stalls
        until(lambda: source.condition.state == "stalled")
        condition = source.condition
        assert condition.reason.startswith("this box is too slow")
        assert condition.lag_s >= 1.0
        while source.condition.lag_s > 0.2:
            next(chunks)
        until(lambda: next(chunks) and source.condition.state == "healthy")
        assert source.condition.stalls == stalls + 1
    finally:
        source.close()
