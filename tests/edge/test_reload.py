import signal
import time
from pathlib import Path

from edge.outbox import Outbox


def test_new_settings_without_a_restart(broker, make_hub, start_edge, config_file, scene, until, tmp_path):
    hub = make_hub(broker.port)
    config = config_file(broker.port)
    process = start_edge("run", "--config", config, "--source", scene, "--repeat")
    until(lambda: hub.of("health"), 20)
    text = config.read_text(encoding="utf-8")
    config.write_text(text.replace('"Bed 1"', '"Bed 1, window"'), encoding="utf-8")
    process.send_signal(signal.SIGHUP)
    until(lambda: hub.of("state")[-1]["bed"] == "Bed 1, window")
    assert hub.of("state")[-1]["reason"] == "settings reloaded"
    assert {message["status"] for message in hub.of("state")} == {"online"}
    assert len({message["stamp"]["boot_id"] for message in hub.of("state")}) == 1
    until(lambda: hub.of("health")[-1]["frames"] > 0)
    # The minute begun is told at the reload. Only the next health message, 15 s on, shows that its receipt
    # has come back; the disk lets go of what is received no earlier than with the next message.
    until(hub.durable)
    told = len(hub.of("health"))
    until(lambda: len(hub.of("health")) > told and hub.of("health")[-1]["outbox"] == 0, 40)
    process.terminate()
    _, err = process.communicate(timeout=10)
    assert process.returncode == 0, err
    assert "settings reloaded: bed Bed 1, window" in err
    seqs = sorted(seq for _, seq in hub.durable())
    assert seqs == list(range(1, len(seqs) + 1))
    box = Outbox(tmp_path / "store", "f" * 32)
    assert {entry.seq for entry in box.oldest(100)}.isdisjoint(seqs[:-1])
    box.close()


def test_an_open_episode_ends_with_the_reason(broker, make_hub, start_edge, config_file, scene, until):
    hub = make_hub(broker.port)
    process = start_edge("run", "--config", config_file(broker.port), "--source", scene)
    until(lambda: hub.of("episode"), 60)
    process.send_signal(signal.SIGHUP)
    until(lambda: hub.of("episode")[-1]["phase"] == "end")
    assert hub.of("episode")[-1]["reason"].startswith("settings reloaded while ")
    process.terminate()
    process.communicate(timeout=10)


def test_wrong_settings_leave_the_old_ones_in_force(
    broker, make_hub, start_edge, config_file, scene, until, tmp_path
):
    hub = make_hub(broker.port)
    config = config_file(broker.port)
    process = start_edge("run", "--config", config, "--source", scene, "--repeat")
    until(lambda: hub.of("state"), 20)
    right = config.read_text(encoding="utf-8")
    for wrong in (
        right.replace("port", "prot"),
        right.replace('device = "bed-1"', 'device = "bed-2"'),
        right.replace('folder = "store"', 'folder = "elsewhere"'),
        right.replace(".tflite", ".onnx"),
        right + "[episodes]\nonset = 0.1\n",
        "nonsense",
    ):
        config.write_text(wrong, encoding="utf-8")
        process.send_signal(signal.SIGHUP)
        time.sleep(0.7)
    assert process.poll() is None
    process.terminate()
    _, err = process.communicate(timeout=10)
    assert process.returncode == 0
    refusals = [line for line in err.splitlines() if "not reloaded, the old settings stay in force: " in line]
    assert len(refusals) == 6
    for refusal, words in zip(
        refusals,
        (
            "unknown key broker.prot",
            "device can only",
            "storage can only",
            "onnx",
            "above onset",
            "no valid TOML",
        ),
        strict=True,
    ):
        assert words in refusal
    states = hub.of("state")
    assert [message["status"] for message in states] == ["online", "online", "offline"]
    assert [message.get("model_refused", "")[:21] for message in states] == [
        "",
        *2 * ["cannot read the model"],
    ]
    assert not (tmp_path / "elsewhere").exists()


def test_stacks_of_all_threads_on_request(start_edge, config_file, scene, until):
    process = start_edge("run", "--config", config_file(1), "--source", scene)
    lines = []
    while "cannot be reached" not in "".join(lines):
        lines.append(process.stderr.readline())
    process.send_signal(signal.SIGUSR1)
    time.sleep(0.5)
    assert process.poll() is None
    process.terminate()
    _, err = process.communicate(timeout=10)
    assert process.returncode == 0
    assert err.count("hread 0x") >= 2
    assert "publisher.py" in err
    assert "daemon.py" in err


def test_no_core_file_can_hold_sound(start_edge, config_file, scene):
    process = start_edge("run", "--config", config_file(1), "--source", scene)
    lines = []
    while "cannot be reached" not in "".join(lines):
        lines.append(process.stderr.readline())
    with Path(f"/proc/{process.pid}/limits").open(encoding="ascii") as file:
        limits = {line[:25].strip(): line[26:].split()[:2] for line in file}
    assert limits["Max core file size"] == ["0", "0"]
    process.send_signal(signal.SIGABRT)
    process.communicate(timeout=10)
    assert process.returncode == -signal.SIGABRT
