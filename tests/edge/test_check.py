"""`check` as an installer sees it: a ward's real broker with TLS, a microphone, a daemon beside it."""

import contextlib
import sys
import threading
import time

import numpy as np
import pytest
from certificate_parts import HOST, Ward
from terminals import Terminal
from waiting import until

from edge import check_box, check_broker, running
from edge.config import load

MICROPHONE = '[microphone]\ndevice = "bedmic"'
NAMES = ["microphone", "model", "broker", "hub", "certificates", "clock", "disk", "processor", "memory"]


@pytest.fixture(scope="module")
def ward(tmp_path_factory):
    return Ward(tmp_path_factory.mktemp("ward") / "certificates")


@pytest.fixture
def ward_config(config_file):
    """The configuration file of a device with these certificates."""

    def write(port, files, extra=""):
        path = config_file(port, extra=extra)
        keys = "\n".join(f'{name} = "{file}"' for name, file in files.items())
        path.write_text(path.read_text().replace("[broker]", f"[broker]\n{keys}"))
        return path

    return write


def marks(out):
    """The mark of each thing looked at."""
    return {line[4:].split()[0]: line[:2] for line in out.splitlines() if line[:2] in {"ok", "--", "!!"}}


def lines_of(out, name):
    """What it says of one thing, on one line."""
    found, is_in = [], False
    for line in out.splitlines():
        is_in = line[4:18].strip() == name or (is_in and line.startswith(" " * 18))
        found += [line[18:]] if is_in else []
    return " ".join(found)


@contextlib.contextmanager
def playing(microphone, samples):
    """The samples are heard over and over meanwhile."""
    stop = threading.Event()

    def play():
        while not stop.is_set():
            microphone.play(samples)

    player = threading.Thread(target=play)
    player.start()
    try:
        yield
    finally:
        stop.set()
        player.join()


def tree(folder):
    return {str(path): path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


def test_all_is_well(edge, ward, make_broker, make_hub, ward_config, noisy_microphone, tmp_path):
    broker = make_broker(ward.settings())
    hub = make_hub(broker.port, tls=ward.hub_files)
    hub.tell_state()
    config = ward_config(broker.port, ward.files(), MICROPHONE)
    before = tree(tmp_path)
    with playing(noisy_microphone, np.random.default_rng(0).integers(-500, 500, 16000)):
        status, out, err = edge("check", "--config", config, env=noisy_microphone.environment)
    assert (status, err) == (0, ""), out
    assert list(marks(out)) == NAMES
    assert "!!" not in marks(out).values()
    assert out.splitlines()[-1] == "all is well"
    assert len(out.splitlines()) <= 24
    assert max(map(len, out.splitlines())) <= 80
    assert "\033" not in out
    assert "bedmic" in lines_of(out, "microphone")
    assert "dBFS, peak" in lines_of(out, "microphone")
    assert "takes us as demo/ward-1/bed-1" in lines_of(out, "broker")
    assert "TLSv1.3, answers in" in lines_of(out, "broker")
    assert "online since" in lines_of(out, "hub")
    assert lines_of(out, "certificates") == "days left: own 30, authority 30, broker 30"
    assert "no outbox yet" in lines_of(out, "disk")
    assert tree(tmp_path) == before, "it makes and changes no file"
    assert not (tmp_path / "store").exists()
    assert [plain for _, plain, _ in hub.messages if "status" not in plain] == []
    assert len(hub.messages) == 1, "nothing but the hub's own state was ever published"


def test_beside_a_running_daemon(
    start_edge, edge, ward, make_broker, make_hub, ward_config, noisy_microphone, tmp_path
):
    broker = make_broker(ward.settings())
    hub = make_hub(broker.port, tls=ward.hub_files, answers=False)
    config = ward_config(broker.port, ward.files(), MICROPHONE)
    environment = noisy_microphone.environment
    daemon = start_edge("run", "--config", config, env=environment)
    until(lambda: [state for state in hub.of("state") if state.get("microphone") == "healthy"], 30)
    states, store = len(hub.of("state")), set(tree(tmp_path))
    assert running.daemon(tmp_path / "store") == daemon.pid
    status, out, err = edge("check", "--config", config, env=environment)
    assert err == ""
    assert marks(out)["microphone"] == marks(out)["broker"] == marks(out)["disk"] == "ok"
    assert (status, marks(out)["hub"]) == (69, "!!"), "there is no state of the hub"
    assert "writable, outbox" in lines_of(out, "disk")
    assert set(tree(tmp_path)) == store
    time.sleep(1)
    assert len(hub.of("state")) == states, "the daemon has not been pushed out"
    assert daemon.poll() is None


def test_everything_is_wrong(edge, config_file, no_sound, tmp_path):
    config = config_file(1, model=tmp_path / "none.tflite")
    (tmp_path / "store").write_text("a file in the folder's place", encoding="utf-8")
    environment = {**no_sound, "PYTHONIOENCODING": "ascii"}
    status, out, err = edge("check", "--config", config, env=environment)
    assert (status, err) == (69, "")
    found = marks(out)
    assert [name for name in NAMES if found[name] == "!!"] == ["microphone", "model", "broker", "disk"]
    for name in ("microphone", "model", "broker", "disk"):
        assert " -> " in lines_of(out, name), "what to do"
    assert "plug one in" in lines_of(out, "microphone")
    assert "No such file" in lines_of(out, "model")
    assert "cannot be reached" in lines_of(out, "broker")
    assert "not known" in lines_of(out, "hub")
    assert "neither encrypted nor verified" in lines_of(out, "certificates")
    assert "name another one" in lines_of(out, "disk")
    assert out.splitlines()[-1] == "to be put right: microphone, model, broker, disk"
    assert out.isascii()
    assert max(map(len, out.splitlines())) <= 80


def test_a_microphone_that_is_muted_and_one_that_is_too_loud(edge, config_file, microphone):
    config = config_file(1, extra=MICROPHONE)
    _, out, _ = edge("check", "--config", config, env=microphone.environment)
    assert marks(out)["microphone"] == "!!"
    assert "delivers only zeros" in lines_of(out, "microphone")
    assert "-> see whether it is muted" in lines_of(out, "microphone")
    with playing(microphone, np.tile(np.repeat(np.array([32767, -32768], np.int16), 50), 160)):
        _, out, _ = edge("check", "--config", config, env=microphone.environment)
    assert marks(out)["microphone"] == "--"
    assert "too loud" in lines_of(out, "microphone")
    assert "-> turn its gain down" in lines_of(out, "microphone")


def test_the_key_of_the_hub_s_commands(config_file, tmp_path):
    assert check_box.commands(load(config_file())) == []
    (tmp_path / "key").write_text("0" * 64)
    config = load(config_file(extra='[commands]\nkey_file = "key"'))
    assert [one.kind for one in check_box.commands(config)] == ["well"]
    (tmp_path / "key").write_text("short")
    (found,) = check_box.commands(config)
    assert (found.kind, found.status) == ("red", 78)
    assert "device-key" in found.words[0] + found.remedy


def test_a_wrong_configuration_is_one_sentence(edge, config_file, tmp_path):
    for config in (tmp_path / "none.toml", config_file(1, extra="[gate]\nloudness = 3")):
        status, out, err = edge("check", "--config", config)
        assert (status, out) == (78, "")
        assert len(err.splitlines()) == 1


def words(findings):
    return [(one.kind, one.status, " ".join((*one.words, one.remedy))) for one in findings]


@pytest.mark.parametrize(("days", "sentence"), [(-1, "expired on"), (5, "expires on")])
@pytest.mark.parametrize("whose", ["own", "broker's"])
def test_certificates_that_end(ward, make_broker, ward_config, days, sentence, whose):
    own, broker = ward.device, ward.broker
    if whose == "own":
        own = ward.authority.sign(f"own{days}", "demo/ward-1/bed-1", days=days)
    else:
        broker = ward.authority.sign(f"broker{days}", "broker", days=days, host=HOST)
    port = make_broker(ward.settings(broker)).port
    config = load(ward_config(port, ward.files(own)))
    ((kind, status, told),) = words(check_broker.certificates(config))
    assert (kind, status) == ("red", 69)
    assert told.startswith(whose)
    day = time.strftime("%Y-%m-%d", time.gmtime(time.time() + days * 86400))
    assert f"{sentence} {day} renew it" in told
    (broker_line, *_) = words(check_broker.broker(config))
    assert broker_line[0] == ("well" if days > 0 else "red")


def test_the_certificate_of_another_bed(ward, make_broker, ward_config):
    other = ward.authority.sign("other", "demo/ward-1/bed-2")
    port = make_broker(ward.settings()).port
    ((kind, status, told),) = words(check_broker.certificates(load(ward_config(port, ward.files(other)))))
    assert (kind, status) == ("red", 78)
    assert "own is for demo/ward-1/bed-2, the settings are those of demo/ward-1/bed-1" in told


def test_a_broker_that_is_down(ward, make_broker, ward_config):
    broker = make_broker(ward.settings(), start=False)
    config = load(ward_config(broker.port, ward.files()))
    (down, hub) = words(check_broker.broker(config))
    assert down[:2] == ("red", 69)
    assert "cannot be reached: Connection refused see whether it runs" in down[2]
    assert hub == ("note", 0, "hub not known without the broker"[4:] + " ")
    assert words(check_broker.certificates(config))[0][2].startswith(
        "days left: own 30, authority 30, broker not known"
    )


@pytest.mark.parametrize(("status", "kind"), [("online", "well"), ("offline", "red"), (None, "red")])
def test_the_hub(ward, make_broker, make_hub, ward_config, status, kind):
    broker = make_broker(ward.settings())
    if status is not None:
        make_hub(broker.port, tls=ward.hub_files).tell_state(status)
    (_, hub) = check_broker.broker(load(ward_config(broker.port, ward.files())))
    assert hub.kind == kind
    assert hub.status == (69 if kind == "red" else 0)
    assert (status or "no hub has ever told") in hub.words[0]


def on_a_terminal(command, environment):
    """What a command writes to a terminal of its own."""
    terminal = Terminal(command, environment)
    terminal.end()
    terminal.close()
    return terminal.text


def test_colours_on_a_terminal_only(config_file, no_sound):
    command = [sys.executable, "-m", "edge", "check", "--config", str(config_file(1))]
    environment = dict(no_sound)
    environment.pop("NO_COLOR", None)
    assert "\033[31m!!\033[0m" in on_a_terminal(command, environment)
    assert "\033" not in on_a_terminal(command, {**environment, "NO_COLOR": "1"})
