"""What the edge's tests share: a model's manifest, a broker, a hub's answers, a virtual microphone."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import wave
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings

sys.path.insert(0, str(Path(__file__).parent))  # the modules beside this file

from board_pins import MadeUpPins, SimulatedPins
from broker_parts import Broker, Hub
from virtual_microphone import VirtualMicrophone
from waiting import until

from edge.classifier import Judged
from edge.features import FrontEnd
from edge.manifest import Corpus, Distress, EpisodePolicy, Manifest, Normalisation, Tensor, Training, Window

settings.register_profile("edge", deadline=None, max_examples=60)
settings.load_profile("edge")

ROOT = Path(__file__).parents[2]
MODEL = ROOT / "model" / "bedside-ser.tflite"
DATA = ROOT / "tests" / "data"


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

        def judge(self, window):
            self.seen.append(window)
            share = float(np.abs(np.sin(window.sum(dtype=np.float64) * 1e-3)))
            return Judged(np.array([1 - share, share * 0.7, share * 0.3], np.float32), np.float32(share))

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


@pytest.fixture
def no_sound():
    """An environment without any sound device."""
    cards = Path("/proc/asound/cards")
    if cards.exists() and "no soundcards" not in cards.read_text(encoding="ascii"):
        pytest.skip("this machine has a sound card")
    return {**os.environ, "PULSE_SERVER": "none"}


@pytest.fixture
def microphone(tmp_path_factory, monkeypatch):
    yield from _microphone(tmp_path_factory, monkeypatch, is_noisy=False)


@pytest.fixture
def noisy_microphone(tmp_path_factory, monkeypatch):
    yield from _microphone(tmp_path_factory, monkeypatch, is_noisy=True)


def _microphone(tmp_path_factory, monkeypatch, *, is_noisy):
    if shutil.which("pulseaudio") is None or shutil.which("pacat") is None:
        pytest.skip("pulseaudio and pacat are not installed")
    # A socket's path must be short.
    device = VirtualMicrophone(tmp_path_factory.mktemp("mic"), is_noisy=is_noisy)
    for name, value in device.environment.items():
        monkeypatch.setenv(name, value)
    yield device
    device.unplug()


@pytest.fixture
def pins(monkeypatch):
    """A Raspberry Pi's pins: the kernel's simulation where it has one (`make test-gpio`), else made up."""
    board = SimulatedPins() if SimulatedPins.FOLDER.is_dir() else MadeUpPins(monkeypatch)
    yield board
    board.close()
