"""What the edge's tests share: a model's manifest, a broker, a hub's answers, a virtual microphone."""

from __future__ import annotations

import contextlib
import getpass
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import wave
from pathlib import Path

import numpy as np
import paho.mqtt.client as mqtt
import pytest
from hypothesis import settings
from paho.mqtt.enums import CallbackAPIVersion

sys.path.insert(0, str(Path(__file__).parent))  # samples.py, beside this file

from edge.features import FrontEnd
from edge.manifest import Corpus, Distress, EpisodePolicy, Manifest, Normalisation, Tensor, Training, Window
from edge.messages import Address, Receipt, to_json

settings.register_profile("edge", deadline=None, max_examples=60)
settings.load_profile("edge")

ROOT = Path(__file__).parents[2]
MODEL = ROOT / "model" / "bedside-ser.tflite"
DATA = ROOT / "tests" / "data"
ADDRESS = Address("demo", "ward-1", "bed-1")


def until(condition, seconds=10.0):
    """Waits for the condition and returns its value; fails the test when it never comes true."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    return pytest.fail(f"still not so after {seconds} s")


@pytest.fixture(name="until")
def until_fixture():
    return until


@pytest.fixture(scope="session")
def root():
    return ROOT


@pytest.fixture(scope="session")
def model():
    return MODEL


@pytest.fixture(scope="session")
def scene():
    return DATA / "scene.wav"


@pytest.fixture(scope="session")
def clips():
    return sorted(path for path in DATA.glob("*.wav") if path.name != "scene.wav")


@pytest.fixture(scope="session")
def front_end():
    return FrontEnd(
        sample_rate=16000,
        frame_length=512,
        hop_length=320,
        fft_length=512,
        window="hamming",
        mel_bins=40,
        coefficients=13,
        low_hz=20,
        high_hz=8000,
        pre_emphasis=0.97,
        lifter=22,
        log_floor=float(np.finfo(float).eps),
    )


@pytest.fixture(scope="session")
def manifest(front_end):
    labels = ("calm", "fearful", "angry")
    training = Training(
        name="test",
        version="1.0.0",
        labels=labels,
        front_end=front_end,
        window=Window(frames=50, hop_frames=25),
        normalisation=Normalisation(mean=(0.0,) * 13, deviation=(1.0,) * 13, lowest=-5.0),
        temperature=1.0,
        distress=Distress(
            weights={"fearful": 1.0, "angry": 0.5},
            policy=EpisodePolicy(smoothing=0, onset=0.6, offset=0.4, count=2, among=3, hold_off_s=3),
            chosen_for="the tests",
        ),
        corpora=(Corpus(name="none", clips=1, speakers=1, licence="none"),),
        evaluation={"uar": 0.5},
    )
    return Manifest(
        schema_version=1,
        sha256="0" * 64,
        training=training,
        input=Tensor(shape=(1, 50, 13), scale=0.1, zero_point=0),
        output=Tensor(shape=(1, 3), scale=0.1, zero_point=0),
        tools={},
    )


@pytest.fixture
def scorer(manifest):
    """A stand-in for the model: the sum of a window decides, the same for the same window."""

    class Scorer:
        def __init__(self):
            self.manifest = manifest
            self.seen = []

        def probabilities(self, window):
            self.seen.append(window)
            share = float(np.abs(np.sin(window.sum(dtype=np.float64) * 1e-3)))
            return np.array([1 - share, share * 0.7, share * 0.3], np.float32)

    return Scorer()


@pytest.fixture
def wav(tmp_path):
    """Writes a WAV file: samples of shape (n,) or (n, channels) as 1 to 4 bytes each."""

    def write(name, samples, rate=16000, width=2):
        values = np.asarray(samples, np.float64)
        values = values[:, None] if values.ndim == 1 else values
        full = 2 ** (8 * width - 1)
        whole = np.clip(np.rint(values * full), -full, full - 1).astype("<i4")
        if width == 1:
            data = (whole + 128).astype(np.uint8).tobytes()
        else:
            data = whole.reshape(-1, 1).view(np.uint8)[:, :width].tobytes()
        path = tmp_path / name
        with wave.open(str(path), "wb") as file:
            file.setnchannels(values.shape[1])
            file.setsampwidth(width)
            file.setframerate(rate)
            file.writeframes(data)
        return path

    return write


@pytest.fixture(scope="session")
def voice():
    """Something the speech gate takes for a voice: a gliding buzz through formants, with pauses."""

    def make(seconds, level=0.3, rate=16000):
        time_s = np.arange(int(seconds * rate)) / rate
        pitch = 140 + 30 * np.sin(2 * np.pi * 0.7 * time_s)
        phase = 2 * np.pi * np.cumsum(pitch) / rate
        formants = ((700, 130), (1220, 170), (2600, 250))
        tone = np.zeros_like(time_s)
        for harmonic in range(1, 25):
            hz = harmonic * pitch
            gain = sum(1 / (1 + ((hz - centre) / width) ** 2) for centre, width in formants) / harmonic**0.3
            tone += gain * np.sin(harmonic * phase)
        syllables = np.clip(np.sin(2 * np.pi * 1.5 * time_s) * 3, 0, 1)
        result = tone * syllables
        return (level * result / max(np.abs(result).max(), 1e-9)).astype(np.float32)

    return make


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Broker:
    """A mosquitto of our own that can be stopped and started."""

    def __init__(self, folder, extra=""):
        self.port = free_port()
        self._conf = folder / f"mosquitto-{self.port}.conf"
        anonymous = "" if "password_file" in extra else "allow_anonymous true\n"
        # Started by root it would become a user who may not read the test's folder.
        lines = f"user {getpass.getuser()}\nlistener {self.port} 127.0.0.1\n{anonymous}{extra}"
        self._conf.write_text(lines, encoding="utf-8")
        self._process = None

    def start(self):
        program = shutil.which("mosquitto") or "/usr/sbin/mosquitto"
        self._process = subprocess.Popen(
            [program, "-c", str(self._conf)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        until(self._answers)

    def _answers(self):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 0.2):
            return True
        return False

    def stop(self):
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


@pytest.fixture
def make_broker(tmp_path):
    brokers = []

    def make(extra="", *, start=True):
        broker = Broker(tmp_path, extra)
        brokers.append(broker)
        if start:
            broker.start()
        return broker

    yield make
    for broker in brokers:
        broker.stop()


@pytest.fixture
def broker(make_broker):
    return make_broker()


class Hub:
    """The hub as a device sees it: collects messages and, if told to, sends receipts."""

    def __init__(self, port, *, answers=True):
        self.messages = []
        self.answers = answers
        self._held = {}
        self._lock = threading.Lock()
        self._ready = threading.Event()
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, "hub", protocol=mqtt.MQTTv5)
        self._client.on_connect = lambda client, *_: client.subscribe("ser/v1/#", qos=1)
        self._client.on_subscribe = lambda *_: self._ready.set()
        self._client.on_message = self._take
        self._client.reconnect_delay_set(1, 1)
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        assert self._ready.wait(5)

    def _take(self, _client, _data, message):
        kind = message.topic.rsplit("/", 1)[1]
        if kind == "receipt":
            return
        plain = json.loads(message.payload) if message.payload else {}
        with self._lock:
            self.messages.append((kind, plain, message.retain))
        if "seq" in plain and self.answers:
            self.answer(plain["stamp"]["boot_id"], plain["seq"])

    def answer(self, boot_id, seq):
        held = self._held.setdefault(boot_id, set())
        held.add(seq)
        missing = [number for number in range(1, max(held)) if number not in held]
        gaps = []
        for number in missing:
            if gaps and gaps[-1][1] == number - 1:
                gaps[-1][1] = number
            else:
                gaps.append([number, number])
        receipt = Receipt(boot_id=boot_id, upto_seq=max(held), gaps=tuple(map(tuple, gaps[:12])))
        self._client.publish(ADDRESS.topic("receipt"), to_json(receipt), qos=1)

    def publish(self, topic, payload):
        self._client.publish(topic, payload, qos=1).wait_for_publish(5)

    def of(self, kind):
        with self._lock:
            return [plain for one, plain, _ in self.messages if one == kind]

    def durable(self):
        with self._lock:
            return {(p["stamp"]["boot_id"], p["seq"]): p for _, p, _ in self.messages if "seq" in p}

    def close(self):
        self._client.disconnect()
        self._client.loop_stop()


@pytest.fixture
def make_hub():
    hubs = []

    def make(port, **options):
        hubs.append(Hub(port, **options))
        return hubs[-1]

    yield make
    for hub in hubs:
        hub.close()


@pytest.fixture
def config_file(tmp_path):
    """Writes a configuration for a broker's port; `extra` is appended, `model` replaces the model."""

    def write(port=1, extra="", model=MODEL, top=""):
        path = tmp_path / "edge.toml"
        path.write_text(
            f'site = "demo"\nward = "ward-1"\ndevice = "bed-1"\nbed = "Bed 1"\n{top}\n'
            f'[model]\npath = "{model}"\n[broker]\nhost = "127.0.0.1"\nport = {port}\n'
            f'[storage]\nfolder = "store"\n{extra}\n',
            encoding="utf-8",
        )
        return path

    return write


@pytest.fixture
def start_edge():
    """Starts `bedside-edge` in a process of its own; whatever still runs at the end is killed."""
    processes = []

    def start(*arguments, **options):
        process = subprocess.Popen(
            [sys.executable, "-m", "edge", *map(str, arguments)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            **options,
        )
        processes.append(process)
        return process

    yield start
    for process in processes:
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
        process.communicate()


@pytest.fixture
def edge(start_edge):
    """Runs `bedside-edge` to its end: (exit status, stdout, stderr)."""

    def run(*arguments, **options):
        process = start_edge(*arguments, **options)
        out, err = process.communicate(timeout=60)
        return process.returncode, out, err

    return run


class VirtualMicrophone:
    """A PulseAudio of our own; what is played into it comes out of an ALSA microphone, bit for bit."""

    def __init__(self, folder):
        self.folder = folder
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

    @staticmethod
    def _feed(pipe):
        with contextlib.suppress(OSError, ValueError):
            while True:
                pipe.write(bytes(3200))
                pipe.flush()

    def play(self, samples):
        """Plays int16 samples to their end."""
        player = self._pacat(stdin=subprocess.PIPE)
        # PulseAudio swallows the first hundredths of a second of a new stream.
        player.communicate(bytes(6400) + np.asarray(samples, "<i2").tobytes(), timeout=60)


@pytest.fixture
def microphone(tmp_path_factory, monkeypatch):
    if shutil.which("pulseaudio") is None or shutil.which("pacat") is None:
        pytest.skip("pulseaudio and pacat are not installed")
    # A socket's path must be short.
    device = VirtualMicrophone(tmp_path_factory.mktemp("mic"))
    for name, value in device.environment.items():
        monkeypatch.setenv(name, value)
    yield device
    device.unplug()
