"""No sound leaves the daemon's memory: every byte it gives to the kernel is looked at.

A whole run is traced: the real daemon listens to a microphone, a known voice is played, an episode begins,
the broker goes and comes back, SIGTERM. Then a daemon with leaks, each of which must be found.
"""

from __future__ import annotations

import lzma
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from broker_parts import Broker, Hub
from kernel_witness import CALLS, Account, Places, account
from sound_search import Sought, witnessed
from strace import ROOT, calls, require_strace, traced
from virtual_microphone import VirtualMicrophone
from waiting import until

from edge import model_choice, model_file
from edge.sound_files import SoundFile

HERE = Path(__file__).parent
MODEL = ROOT / "model" / "bedside-ser.tflite"
SCENE = ROOT / "tests" / "data" / "scene.wav"
ANGRY = ROOT / "tests" / "data" / "angry.wav"
SOUND_BYTES_A_SECOND = 32_000
ALL_LEAKS = "file,storage,log,message,features"


class TracedDaemon:
    """The daemon under strace, with a witness of what it has in memory."""

    def __init__(
        self, folder: Path, port: int, leaks: str, environment: dict[str, str], *arguments: object
    ) -> None:
        self.folder, self.temporary = folder, folder / "tmp"
        self.temporary.mkdir()
        self.log, self.trace, self.witness = folder / "log", folder / "trace", folder / "witness"
        config = folder / "edge.toml"
        config.write_text(
            f'site = "demo"\nward = "ward-1"\ndevice = "bed-1"\nbed = "Bed 1"\n[model]\npath = "{MODEL}"\n'
            f'[microphone]\ndevice = "bedmic"\n[broker]\nhost = "127.0.0.1"\nport = {port}\n'
            '[storage]\nfolder = "store"\n[episodes]\nonset = 0.5\noffset = 0.3\ncount = 1\namong = 1\n'
            "smoothing = 0.0\nmin_duration_s = 0.0\n"
        )
        (folder / "store").mkdir()
        # As on a bed that has run this model before: its copy would be most of what is written.
        shutil.copy(MODEL, folder / "store" / model_choice.FILE_NAME)
        program = [sys.executable, "-P", str(HERE / "witnessed_daemon.py"), str(self.witness), leaks]
        program += ["run", "--config", str(config), *map(str, arguments)]
        self._begun_s = time.monotonic()
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                traced(program, self.trace, CALLS),
                stdout=log,
                stderr=log,
                cwd=folder,
                env={
                    **environment,
                    "PYTHONPATH": str(ROOT),
                    "PYTHONDONTWRITEBYTECODE": "1",
                    "TMPDIR": str(self.temporary),
                },
            )
        self.seconds = 0.0

    def finish(self, number: signal.Signals | None = None) -> None:
        """Waits for the end, after a signal to the daemon itself where one is named."""
        if number is not None:
            pid = self.process.pid
            [daemon] = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
            os.kill(int(daemon), number)
        assert self.process.wait(60) == 0, self.log.read_text()
        self.seconds = time.monotonic() - self._begun_s

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(20)

    def files(self) -> dict[str, bytes]:
        """Every file it could have left."""
        kept = {self.trace, self.witness, self.folder / "edge.toml"}
        found = [*self.folder.rglob("*"), *Path("/dev/shm").glob("jack_db-*/*")]  # noqa: S108 - only read
        return {str(path): path.read_bytes() for path in found if path.is_file() and path not in kept}


def sought(daemon: TracedDaemon, played: np.ndarray) -> Sought:
    """What must be found nowhere: the sound played, and what the daemon made of it."""
    samples, windows = witnessed(daemon.witness)
    manifest = model_file.read(MODEL).manifest
    frames = np.frombuffer(b"".join(windows), "<f4").reshape(-1, manifest.training.front_end.coefficients)
    assert windows
    result = Sought()
    result.add_samples(played)
    result.add_samples(samples)
    result.add_features(frames, manifest)
    return result


def leaks(daemon: TracedDaemon, found: Account, wanted: Sought) -> dict[str, set[str]]:
    """Where known sound was found, and in what form."""
    everywhere = {place: bytes(data) for place, data in found.sent.items()} | daemon.files()
    searched = {place: wanted.found_in(data) for place, data in everywhere.items()}
    return {place: forms for place, forms in searched.items() if forms}


def voice() -> np.ndarray:
    with SoundFile(SCENE) as sound:
        return np.concatenate(list(sound.blocks()))[16000 * 17 : 16000 * 23]


@pytest.mark.parametrize("form", ["<i2", "<f4"])
def test_the_search_sees_sound_in_every_form(form: str) -> None:
    wanted = Sought()
    played = voice()
    wanted.add_samples(played)
    piece = played[30_000:30_100]
    assert wanted.found_in(b"one byte more" + piece.astype(form).tobytes() + bytes(900))
    assert wanted.found_in(piece.astype(form).tobytes().hex().encode())
    assert wanted.found_in(str(piece.tolist()).encode())
    assert wanted.found_in(str((piece / 32768).tolist()).encode())
    assert not wanted.found_in(bytes(5000))
    assert not wanted.found_in(np.random.default_rng(1).bytes(50_000))


def test_no_sound_leaves_memory(
    microphone: VirtualMicrophone, broker: Broker, receiver: Hub, tmp_path: Path
) -> None:
    require_strace()
    folder = tmp_path / "daemon"
    folder.mkdir()
    daemon = TracedDaemon(folder, broker.port, "none", microphone.environment)
    try:
        played = voice()
        _live_a_little(microphone, broker, receiver, played)
        daemon.finish(signal.SIGTERM)
    finally:
        daemon.stop()
    server = str(microphone.folder / "pulse.sock")
    found = account(calls(daemon.trace), _places(daemon, broker.port, server))
    assert not found.forbidden, "\n".join(sorted(found.forbidden))
    assert {"storage", "log", "broker"} <= {place.split(" ")[0] for place in found.sent}
    assert not leaks(daemon, found, sought(daemon, played))
    assert sorted(path.name for path in folder.iterdir()) == [
        "edge.toml",
        "log",
        "store",
        "tmp",
        "trace",
        "witness",
    ]
    assert not list(daemon.temporary.iterdir())
    assert {path.name for path in (folder / "store").iterdir()} <= {
        "outbox.sqlite",
        "bed.json",
        model_choice.FILE_NAME,
    }
    assert (folder / "store" / model_choice.FILE_NAME).read_bytes() == MODEL.read_bytes()
    _assert_too_little_for_sound(found, daemon.seconds)


def _live_a_little(microphone: VirtualMicrophone, broker: Broker, hub: Hub, played: np.ndarray) -> None:
    until(lambda: hub.of("health"), 30)
    microphone.play(played)
    until(lambda: hub.of("episode"), 15)
    states = len(hub.of("state"))
    broker.stop()
    time.sleep(0.5)
    broker.start()
    until(lambda: len(hub.of("state")) > states, 30)
    microphone.play(played[:48000])
    assert hub.of("emotion")


def _places(daemon: TracedDaemon, port: int, server: str = "") -> Places:
    return Places(daemon.folder / "store", daemon.log, port, server, daemon.witness)


def _assert_too_little_for_sound(found: Account, seconds: float) -> None:
    """Not even well compressed speech would fit into what was sent; pages of a database repeat themselves."""
    disk = b"".join(bytes(data) for place, data in found.sent.items() if place.startswith("storage"))
    network, log = found.bytes_to("broker"), found.bytes_to("log")
    packed = len(lzma.compress(disk))
    own = found.bytes_to("itself")
    print(
        f"\n{seconds:.0f} s: disk {len(disk)} bytes ({packed} of content), network {network}, log {log},"
        f" to the sound server {found.bytes_to('sound-server')}, within itself {own};"
        f" the sound would be {seconds * SOUND_BYTES_A_SECOND:.0f}"
    )
    assert network < 2000 * seconds
    assert packed < 2000 * seconds
    assert log < 1000 * seconds
    assert len(disk) < SOUND_BYTES_A_SECOND * seconds / 2
    assert own < 1000 * seconds
    assert found.bytes_to("sound-server") < 1000 * seconds


def test_every_leak_is_found(broker: Broker, receiver: Hub, tmp_path: Path) -> None:
    require_strace()
    folder = tmp_path / "daemon"
    folder.mkdir()
    daemon = TracedDaemon(folder, broker.port, ALL_LEAKS, dict(os.environ), "--source", ANGRY, "--fast")
    try:
        daemon.finish()
    finally:
        daemon.stop()
    found = account(calls(daemon.trace), _places(daemon, broker.port))
    with SoundFile(ANGRY) as sound:
        played = np.concatenate(list(sound.blocks()))
    discovered = leaks(daemon, found, sought(daemon, played))
    forms = {place.split(" ")[0]: forms for place, forms in discovered.items()}
    assert f"opens for writing {daemon.temporary}/leak.raw" in found.forbidden
    assert f"opens for writing {folder}/store/outbox.sqlite-more" in found.forbidden
    assert "int16" in forms[str(daemon.temporary / "leak.raw")]
    assert "float32 within 1" in forms[str(folder / "store" / "outbox.sqlite-more")]
    assert "numbers that are int16" in forms["log"]
    assert "hex of features" in forms["log"]
    assert "base64 of int16" in forms["broker"]
