"""A bad model file never silences a bed: the last good one runs, and the hub is told."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import broken_models
import pytest

from edge import model_choice, model_trial
from edge.classifier import runtime_name
from edge.config import load
from edge.errors import ConfigError, ModelError
from edge.messages import MAX_BYTES, State, to_json
from edge.model_file import read
from edge.signature import sign

TITLE = read(Path(__file__).parents[2] / "model/bedside-ser.tflite").manifest.title
# tflite-runtime follows the offset; ai-edge-litert, which later Pythons have, sees where it leads.
CRASH = (
    "crashes the TFLite runtime (signal 11)"
    if "tflite_runtime" in runtime_name()
    else "The model is not a valid Flatbuffer buffer"
)
BAD = {
    "missing": (None, "cannot read the model"),
    "empty": (lambda data: b"", "no TFLite model"),
    "cut short": (lambda data: data[:-1], "has lost its end"),
    "half": (lambda data: data[: len(data) // 2], "carries no manifest"),
    "one bit": (lambda data: data[:100_000] + bytes([data[100_000] ^ 1]) + data[100_001:], "is damaged"),
    "no front end": (broken_models.without_front_end, "unknown key training.back_end"),
    "another rate": (broken_models.at_another_rate, "wants 32000 Hz"),
    "long labels": (broken_models.with_long_labels, "labels of the model"),
    "other tensors": (broken_models.with_other_tensors, "its manifest says"),
    "failing": (broken_models.failing, "fails its self-test"),
    "crashing": (broken_models.crashing, CRASH),
    "of the future": (broken_models.of_the_future, "cannot be run: Didn't find op for builtin opcode"),
}


@pytest.fixture
def file(tmp_path, model):
    """A copy of the shipped model, with a self-test, to be replaced."""
    path = tmp_path / "model.tflite"
    path.write_bytes(broken_models.tested(model.read_bytes()))
    return path


def choose(config):
    """As the daemon does."""
    choice = model_choice.choose(config)
    model_choice.keep(choice, config)
    return choice


def keys(folder, name="key"):
    """A private and a public key as files."""
    private, public = folder / f"{name}.pem", folder / f"{name}.pub"
    subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", private], check=True)
    subprocess.run(["openssl", "pkey", "-in", private, "-pubout", "-out", public], check=True)
    return private.read_bytes(), public


@pytest.fixture
def config(config_file, file, tmp_path):
    (tmp_path / "store").mkdir()
    return load(config_file(model=file))


@pytest.mark.parametrize("kind", BAD)
def test_the_last_good_one_runs_in_place_of_a_bad_one(config, file, tmp_path, kind):
    make, expected = BAD[kind]
    good = file.read_bytes()
    assert choose(config).refused is None
    assert (tmp_path / "store" / model_choice.FILE_NAME).read_bytes() == good
    if make is None:
        file.unlink()
    else:
        file.write_bytes(make(good))
    choice = choose(config)
    assert expected in str(choice.refused)
    assert choice.data == good
    assert (tmp_path / "store" / model_choice.FILE_NAME).read_bytes() == good
    said = model_choice.words(choice.refused, config)
    assert len(said) <= 120
    assert str(tmp_path) not in said
    whole_words = said.removesuffix(" ...") + " "
    assert whole_words in f"{choice.refused} ".replace(f"{tmp_path}/", "")


@pytest.mark.parametrize("kind", ["missing", "failing", "crashing"])
def test_with_neither_it_says_what_is_wrong_with_the_configured_one(config, file, kind):
    make, expected = BAD[kind]
    if make is None:
        file.unlink()
    else:
        file.write_bytes(make(file.read_bytes()))
    with pytest.raises(ModelError) as caught:
        choose(config)
    assert expected in str(caught.value)


def test_a_better_one_takes_its_place(config, file, tmp_path):
    choose(config)
    file.write_bytes(broken_models.renamed(file.read_bytes(), "9.9.9"))
    choice = choose(config)
    assert choice.refused is None
    assert choice.classifier.manifest.training.version == "9.9.9"
    assert (tmp_path / "store" / model_choice.FILE_NAME).read_bytes() == file.read_bytes()
    assert [path.name for path in (tmp_path / "store").iterdir()] == [model_choice.FILE_NAME]


def test_a_damaged_copy_is_no_harm_while_the_configured_one_is_good(config, file, tmp_path):
    copy = tmp_path / "store" / model_choice.FILE_NAME
    copy.write_bytes(b"what a power cut left")
    assert choose(config).refused is None
    assert copy.read_bytes() == file.read_bytes()


def test_a_disk_that_takes_no_copy_keeps_nobody_from_listening(config, tmp_path, caplog):
    (tmp_path / "store" / model_choice.FILE_NAME).mkdir()
    assert choose(config).refused is None
    assert "no copy of the model can be kept" in caplog.text
    assert [path.name for path in (tmp_path / "store").iterdir()] == [model_choice.FILE_NAME]


def test_settings_that_contradict_a_new_model(config_file, file, model, tmp_path):
    """The bed's own onset fits the model it has, and is below the offset of the next one."""
    config = load(config_file(model=file, extra="[episodes]\nonset = 0.05\noffset = 0.01"))
    (tmp_path / "store").mkdir()
    assert choose(config).refused is None
    config = load(config_file(model=file, extra="[episodes]\nonset = 0.05"))
    with pytest.raises(ConfigError, match="above onset"):
        choose(config)


def test_only_models_signed_by_us_where_there_is_a_key(config_file, file, tmp_path):
    private, public = keys(tmp_path)
    stranger, _ = keys(tmp_path, "stranger")
    (tmp_path / "store").mkdir()
    plain = file.read_bytes()
    config = load(config_file(model=f'{file}"\npublic_key_file = "{public}'))
    with pytest.raises(ModelError, match="is not signed"):
        choose(config)
    file.write_bytes(sign(plain, private))
    assert choose(config).refused is None
    for wrong, words in ((plain, "is not signed"), (sign(plain, stranger), "not by the key")):
        file.write_bytes(wrong)
        choice = choose(config)
        assert words in str(choice.refused)
        assert choice.data == sign(plain, private)
    # What was taken without a key is not taken with one, however long it has been kept.
    (tmp_path / "store" / model_choice.FILE_NAME).write_bytes(plain)
    with pytest.raises(ModelError, match="not by the key"):
        choose(config)


def test_the_runtime_never_sees_bytes_with_another_sha256(config, file, monkeypatch):
    """A single changed byte of the network crashes or hangs it often enough."""
    seen = []
    monkeypatch.setattr(model_choice, "Classifier", seen.append)
    monkeypatch.setattr(model_choice, "try_out", lambda *_: seen.append("tried"))
    data = file.read_bytes()
    for at in (0, 12, 5000, 200_000):
        file.write_bytes(data[:at] + bytes([data[at] ^ 0x55]) + data[at + 1 :])
        with pytest.raises(ModelError, match="is damaged"):
            choose(config)
    assert seen == []


def test_a_trial_that_takes_too_long_or_too_much(file, monkeypatch):
    with pytest.raises(ModelError, match=r"does not answer within 0\.01 s"):
        model_trial.try_out(file.read_bytes(), "m", 0.01)
    # All memory that Python itself takes to start is more than that.
    code = (
        "import edge.model_trial as trial; trial._MEMORY_BYTES = 60 * 2**20;"
        "import sys; sys.exit(trial.main())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], input=file.read_bytes(), capture_output=True, check=False, timeout=60
    )
    assert done.returncode != 0
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with pytest.raises(ModelError, match="cannot be tried out: No such file"):
        model_trial.try_out(file.read_bytes(), "m", 1)


def test_the_longest_state_fits_a_message():
    stamp = {"boot_id": "b" * 32, "time": "2026-01-31T23:59:59.000Z", "mono_ms": 2**53 - 1}
    longest = {
        "status": "offline",
        "reason": "muted for 1440 min: " + "\U0001f600" * 80,  # edge.messages.Command.reason
        "bed": "\U0001f6cf" * 40,
        "microphone": "recovering",
        "model": "m" * 80,
        "software": "0.1.0.dev1",
        "stamp": stamp | {"clock_synced": False},
        "model_refused": "x" * 120,
        "v": 1,
    }
    assert len(json.dumps(longest, separators=(",", ":"), ensure_ascii=False).encode()) <= MAX_BYTES
    assert len(to_json(State(**longest | {"stamp": None}))) < MAX_BYTES


def test_the_daemon_runs_the_last_good_one_and_tells_the_hub(
    broker, make_hub, start_edge, config_file, scene, until, file
):
    hub = make_hub(broker.port)
    config = config_file(broker.port, model=file)
    good = file.read_bytes()
    first = start_edge("run", "--config", config, "--source", scene, "--repeat")
    until(lambda: hub.of("state"), 40)
    assert "model_refused" not in hub.of("state")[-1]
    first.terminate()
    first.communicate(timeout=10)
    file.write_bytes(broken_models.crashing(broken_models.renamed(good, "9.9.9")))
    second = start_edge("run", "--config", config, "--source", scene, "--repeat")
    until(lambda: "model_refused" in hub.of("state")[-1], 40)
    told = hub.of("state")[-1]
    assert (told["status"], told["model"]) == ("online", TITLE)
    assert told["model_refused"].startswith("model.tflite")
    assert CRASH in told["model_refused"]
    until(lambda: hub.of("episode"), 60)
    second.terminate()
    _, err = second.communicate(timeout=10)
    assert second.returncode == 0
    assert f"the model is refused, the last good one, {TITLE}, runs: " in err


def test_a_reload_refuses_a_bad_model_and_takes_a_good_one(
    broker, make_hub, start_edge, config_file, scene, until, file
):
    hub = make_hub(broker.port)
    good = file.read_bytes()
    process = start_edge(
        "run", "--config", config_file(broker.port, model=file), "--source", scene, "--repeat"
    )
    until(lambda: hub.of("health"), 40)
    file.write_bytes(broken_models.failing(broken_models.renamed(good, "9.9.9")))
    process.send_signal(signal.SIGHUP)
    until(lambda: "model_refused" in hub.of("state")[-1], 40)
    told = hub.of("state")[-1]
    assert told["model"] == TITLE
    assert "fails its self-test" in told["model_refused"]
    assert told["reason"] == "the configured model is refused; the one before runs on"
    heard = hub.of("health")[-1]["frames"]
    until(lambda: hub.of("health")[-1]["frames"] > heard, 40)
    file.write_bytes(broken_models.renamed(good, "1.2.3"))
    process.send_signal(signal.SIGHUP)
    until(lambda: hub.of("state")[-1]["model"] == "bedside-ser 1.2.3", 40)
    assert "model_refused" not in hub.of("state")[-1]
    process.terminate()
    _, err = process.communicate(timeout=10)
    assert process.returncode == 0
    assert len({state["stamp"]["boot_id"] for state in hub.of("state")}) == 1
    assert err.count("not reloaded, the old settings stay in force: ") == 1


def test_check_says_what_runs_instead(edge, config_file, file, tmp_path, no_sound):
    path = config_file(model=file)
    (tmp_path / "store").mkdir()
    choose(load(path))
    before = sorted((tmp_path / "store").iterdir())
    _, out, _ = edge("check", "--config", path, env=no_sound)
    assert f"ok  model         {TITLE}, run by {runtime_name()}" in out
    file.write_bytes(broken_models.of_the_future(file.read_bytes()))
    _, out, _ = edge("check", "--config", path, env=no_sound)
    words = " ".join(out.split())
    assert "!! model" in words
    assert "Didn't find op" in words
    assert f"the bed runs the last good one, {TITLE}" in words
    assert sorted((tmp_path / "store").iterdir()) == before


def test_a_model_that_was_tried_out_is_not_tried_out_again(config, monkeypatch):
    choose(config)
    tried = []
    monkeypatch.setattr(model_choice, "try_out", lambda *_: tried.append(time.time()))
    choose(config)
    assert tried == []
