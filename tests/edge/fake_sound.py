"""A sound system of our own, with a clock of its own: it can be unplugged, frozen, broken and silent."""

import numpy as np

from edge.capture import Microphone
from edge.config import Microphone as Settings
from edge.errors import MicrophoneError
from edge.keeper import Keeper
from edge.sound_devices import Device, OpenStream


class FakeSound:
    """Stands in for PortAudio: the opener, its session and its stream in one."""

    def __init__(self, rate=16000, channels=1):
        self.rate, self.channels = rate, channels
        self.now_s = 0.0
        self.plugged = True
        self.active = True
        self.opened = 0
        self.callback = None
        self.cards = ()

    def now(self):
        return self.now_s

    def open(self, _settings, listen):
        if not self.plugged:
            raise MicrophoneError("there is no microphone")
        self.opened += 1
        self.active = True
        self.callback = listen(self.rate, self.channels)
        device = Device(0, "fake", self.channels, self.rate, is_default=True)
        return OpenStream(self, self, device, self.rate, self.channels)

    def is_active(self):
        return self.active

    def close(self):
        self.callback = None

    terminate = close

    def deliver(self, samples, status=0):
        """Time passes while the samples are spoken; then they come, where somebody listens."""
        samples = np.asarray(samples, np.int16)
        frames = len(samples) // self.channels
        self.now_s += frames / self.rate
        if self.callback is not None:
            self.callback(samples.tobytes(), frames, {}, status)

    def keeper(self, **options):
        """A keeper without its thread: the test calls `step`."""
        return Keeper(Settings(), self.now, opener=self.open, cards=lambda: self.cards, **options)

    def microphone(self, **options):
        """A real microphone on top, thread and all."""
        return Microphone(Settings(), lambda: False, now=self.now, opener=self.open, **options)
