import contextlib
import os
import signal
import socket
import sqlite3
import time

import pytest
from waiting import until

from edge.messages import MESSAGES, from_json
from edge.outbox import Outbox


def run(start_edge, config, *arguments, **options):
    return start_edge("run", "--config", config, *arguments, **options)


def test_a_recording_becomes_an_episode_at_the_hub(
    broker, make_hub, start_edge, config_file, scene, tmp_path
):
    hub = make_hub(broker.port)
    process = run(start_edge, config_file(broker.port), "--source", scene, "--fast")
    _, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    phases = [message["phase"] for message in hub.of("episode")]
    assert phases[0] == "onset"
    assert "end" in phases
    assert hub.of("emotion")
    assert hub.of("summary")
    assert hub.of("health")
    assert [message["status"] for message in hub.of("state")] == ["online", "offline"]
    assert hub.of("state")[-1]["reason"] == "recording ended"
    seqs = sorted(seq for _, seq in hub.durable())
    assert seqs == list(range(1, len(seqs) + 1))
    box = Outbox(tmp_path / "store", "f" * 32)
    assert len(box) == 0
    box.close()
    import json

    for kind, plain, _ in hub.messages:
        assert from_json(MESSAGES[kind], json.dumps(plain).encode())


def test_broker_down_everything_is_kept_and_sent_by_the_next_run(
    make_broker, make_hub, start_edge, config_file, scene, clips, tmp_path
):
    broker = make_broker(start=False)
    config = config_file(broker.port)
    process = run(start_edge, config, "--source", scene, "--fast")
    _, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert err.count("cannot be reached") == 1
    assert "messages wait for the hub" in err
    box = Outbox(tmp_path / "store", "f" * 32)
    kept = {entry.key for entry in box.oldest(1000)}
    box.close()
    assert len(kept) >= 3
    broker.start()
    hub = make_hub(broker.port)
    process = run(start_edge, config, "--source", clips[0], "--fast")
    process.communicate(timeout=60)
    assert process.returncode == 0
    assert kept <= set(hub.durable())


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_ends_within_two_seconds_with_everything_on_disk(
    broker, make_hub, start_edge, config_file, scene, until, number
):
    hub = make_hub(broker.port)
    process = run(start_edge, config_file(broker.port), "--source", scene, "--fast", "--repeat")
    until(lambda: hub.of("episode"), 20)
    started = time.monotonic()
    process.send_signal(number)
    _, err = process.communicate(timeout=10)
    assert time.monotonic() - started < 2
    assert process.returncode == 0, err
    assert "Traceback" not in err
    assert hub.of("state")[-1] == hub.of("state")[-1] | {"status": "offline", "reason": "stopped"}
    # Every episode that began has ended, here or in the outbox.


def test_ends_within_two_seconds_without_a_broker(start_edge, config_file, scene, tmp_path, until):
    process = run(start_edge, config_file(1), "--source", scene, "--fast", "--repeat")
    store = tmp_path / "store" / "outbox.sqlite"
    until(store.exists)
    time.sleep(1.0)
    started = time.monotonic()
    process.terminate()
    _, err = process.communicate(timeout=10)
    assert time.monotonic() - started < 2
    assert process.returncode == 0, err


def stored(path):
    """How many messages wait in an outbox in use; 0 while there is none."""
    with (
        contextlib.suppress(sqlite3.OperationalError),
        contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database,
    ):
        return database.execute("SELECT count(*) FROM outbox").fetchone()[0]
    return 0


def test_kill_and_restart_lose_nothing(make_hub, broker, start_edge, config_file, scene, tmp_path, until):
    config = config_file(broker.port)
    store = tmp_path / "store" / "outbox.sqlite"
    for waiting, delay in ((1, 0.0), (20, 0.2)):
        process = run(start_edge, config, "--source", scene, "--fast", "--repeat")
        until(lambda waiting=waiting: stored(store) >= waiting, 20)
        time.sleep(delay)
        process.kill()
        process.communicate()
    box = Outbox(store.parent, "f" * 32)
    kept = {entry.key for entry in box.oldest(100_000)}
    box.close()
    assert kept
    hub = make_hub(broker.port)
    process = run(start_edge, config, "--source", scene, "--fast")
    until(lambda: kept <= set(hub.durable()), 30)
    process.communicate(timeout=60)
    for boot in {boot for boot, _ in hub.durable()}:
        numbers = sorted(seq for name, seq in hub.durable() if name == boot)
        assert numbers == list(range(1, len(numbers) + 1))


def test_real_time_pace(broker, make_hub, start_edge, config_file, wav, voice, until):
    hub = make_hub(broker.port)
    path = wav("a.wav", voice(4.0))
    process = run(start_edge, config_file(broker.port), "--source", path)
    until(lambda: hub.of("state"))
    started = time.monotonic()
    process.communicate(timeout=30)
    assert 3.5 < time.monotonic() - started < 7
    assert process.returncode == 0


def test_several_files_and_folders_in_order(start_edge, config_file, clips, wav, voice, tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    for path in clips[:2]:
        (folder / path.name).write_bytes(path.read_bytes())
    process = run(
        start_edge, config_file(1), "--source", folder, "--source", wav("a.wav", voice(1)), "--fast"
    )
    _, err = process.communicate(timeout=30)
    assert process.returncode == 0, err
    assert f"{clips[0].name}, {clips[1].name}, a.wav" in err


def test_tells_systemd(broker, start_edge, config_file, scene, tmp_path):
    path = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(path))
        systemd.settimeout(20)
        process = run(
            start_edge,
            config_file(broker.port),
            "--source",
            scene,
            env={**os.environ, "NOTIFY_SOCKET": str(path)},
        )
        heard = ""
        while "READY=1" not in heard or "WATCHDOG=1" not in heard:
            heard += systemd.recv(4096).decode() + "\n"
        assert "STATUS=scene.wav: a recording is played; " in heard
        process.terminate()
        while "STOPPING=1" not in heard:
            heard += systemd.recv(4096).decode() + "\n"
        process.communicate(timeout=10)


def test_a_systemd_that_does_not_listen_holds_up_nothing(
    broker, make_hub, start_edge, config_file, scene, tmp_path
):
    hub = make_hub(broker.port)
    path = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(path))
        systemd.settimeout(20)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other, contextlib.suppress(BlockingIOError):
            other.setblocking(False)
            while True:
                other.sendto(b"full", str(path))
        environment = {**os.environ, "NOTIFY_SOCKET": str(path)}
        process = run(start_edge, config_file(broker.port), "--source", scene, env=environment)
        until(lambda: hub.of("emotion"), 30)
        heard = ""
        while "READY=1" not in heard:  # told again and again, until it is heard
            heard += systemd.recv(4096).decode() + "\n"
        process.terminate()
        process.communicate(timeout=10)
    assert process.returncode == 0


def test_a_file_cut_short_is_played_as_far_as_it_goes(start_edge, config_file, scene, tmp_path):
    path = tmp_path / "cut.wav"
    path.write_bytes(scene.read_bytes()[:400_000])
    process = run(start_edge, config_file(1), "--source", path, "--fast")
    _, err = process.communicate(timeout=30)
    assert process.returncode == 0
    assert "is cut short" in err


def test_from_the_microphone(broker, make_hub, start_edge, config_file, microphone, scene, until):
    from edge.sound_files import SoundFile

    hub = make_hub(broker.port)
    config = config_file(broker.port, extra='[microphone]\ndevice = "bedmic"')
    process = run(start_edge, config)
    until(lambda: hub.of("health"), 20)
    with SoundFile(scene) as sound:
        import numpy as np

        samples = np.concatenate(list(sound.blocks()))
    microphone.play(samples[16000 * 17 : 16000 * 22])
    until(lambda: hub.of("emotion"), 10)
    assert hub.of("state")[-1]["microphone"] == "healthy"
    process.terminate()
    _, err = process.communicate(timeout=10)
    assert process.returncode == 0, err
    assert "listening to bedmic at 16000 Hz" in err
