"""A microphone of our own: PulseAudio's null sink, seen by PortAudio through ALSA."""

import contextlib
import os
import signal
import subprocess
import threading

import numpy as np
from waiting import until


class VirtualMicrophone:
    """A PulseAudio of our own; what is played into it comes out of an ALSA microphone, bit for bit.

    While nothing is played it delivers zeros, or, `is_noisy`, the hiss of a quiet room.
    """

    def __init__(self, folder, *, is_noisy=False):
        self.folder = folder
        self.is_noisy = is_noisy
        home, runtime = folder / "home", folder / "run"
        home.mkdir(parents=True)
        runtime.mkdir(mode=0o700)
        self.environment = {
            **os.environ,
            "HOME": str(home),
            "XDG_RUNTIME_DIR": str(runtime),
            "PULSE_RUNTIME_PATH": str(runtime),
            "PULSE_SERVER": f"unix:{folder}/pulse.sock",
            "ALSA_CONFIG_PATH": str(folder / "asound.conf"),
        }
        self.environment.pop("DBUS_SESSION_BUS_ADDRESS", None)
        (folder / "asound.conf").write_text(
            "</usr/share/alsa/alsa.conf>\n"
            'pcm.bedmic { type pulse device "bed.monitor" hint { show on description "bedmic" } }\n'
            'pcm.!default { type pulse device "bed.monitor" }\n'
            "ctl.!default { type pulse }\n",
            encoding="utf-8",
        )
        script = folder / "pulse.pa"
        script.write_text(
            f"load-module module-native-protocol-unix auth-anonymous=1 socket={folder}/pulse.sock\n"
            "load-module module-null-sink sink_name=bed rate=16000 channels=1 format=s16le\n",
            encoding="utf-8",
        )
        self._script = script
        self.plug_in()

    def plug_in(self):
        """Starts the sound server; the microphone is there then."""
        self._server = subprocess.Popen(
            ["pulseaudio", "-n", "--daemonize=no", "--exit-idle-time=-1", "--use-pid-file=no",
             "--disallow-exit", "--realtime=no", "--high-priority=no", "-F", str(self._script)],
            env=self.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        until((self.folder / "pulse.sock").exists)
        # A sink that plays nothing sleeps, and its monitor with it.
        self._silence = self._pacat(stdin=subprocess.PIPE)
        self._feeder = threading.Thread(target=self._feed, args=(self._silence.stdin,), daemon=True)
        self._feeder.start()

    def unplug(self):
        """Ends the sound server, and every stream with it."""
        self._server.kill()
        self._server.wait()
        self._silence.kill()
        self._silence.wait()
        self._feeder.join(5)
        with contextlib.suppress(OSError):
            self._silence.stdin.close()
        (self.folder / "pulse.sock").unlink(missing_ok=True)

    def _pacat(self, **options):
        return subprocess.Popen(
            ["pacat", "-p", "-d", "bed", "--rate=16000", "--channels=1", "--format=s16le",
             "--latency-msec=100"],
            env=self.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **options,
        )  # fmt: skip

    def freeze(self):
        """The sound server stops in its tracks, as after a crash of its driver."""
        self._server.send_signal(signal.SIGSTOP)

    def thaw(self):
        """It goes on."""
        self._server.send_signal(signal.SIGCONT)

    def mute(self, on):
        """The microphone's own switch: it delivers zeros."""
        self._pactl("set-source-mute", "bed.monitor", "1" if on else "0")

    def listeners(self):
        """How many streams record from it now."""
        return len(self._pactl("list", "short", "source-outputs").splitlines())

    def _pactl(self, *arguments):
        return subprocess.run(
            ["pactl", *arguments], env=self.environment, check=True, capture_output=True, timeout=20
        ).stdout

    def _feed(self, pipe):
        hiss = np.random.default_rng(0).integers(-2, 3, 1600).astype("<i2").tobytes()
        with contextlib.suppress(OSError, ValueError):
            while True:
                pipe.write(hiss if self.is_noisy else bytes(3200))
                pipe.flush()

    def play(self, samples):
        """Plays int16 samples to their end."""
        player = self._pacat(stdin=subprocess.PIPE)
        # PulseAudio swallows the first hundredths of a second of a new stream.
        player.communicate(bytes(6400) + np.asarray(samples, "<i2").tobytes(), timeout=60)
