"""The box as `check` sees it: a board's own files, disks, outboxes and the processes that hold them."""

import os

import pytest
from outbox_parts import held_outbox
from samples import episode, summary
from test_sound_cards import HDMI, STICK, build

from edge import check_box, check_disk, check_sound, running
from edge.config import Microphone, load, load_by_hand
from edge.errors import ConfigError
from edge.outbox import Outbox

BOOT = "b" * 32


@pytest.fixture
def config(config_file):
    return load(config_file())


def board(root, flags, degrees=48.3):
    firmware = root / "sys/devices/platform/soc/soc:firmware"
    firmware.mkdir(parents=True)
    (firmware / "get_throttled").write_text(f"{flags:x}\n")
    heat = root / "sys/class/thermal/thermal_zone0"
    heat.mkdir(parents=True)
    (heat / "temp").write_text(f"{degrees * 1000:.0f}\n")
    (root / "proc").mkdir()
    (root / "proc/loadavg").write_text("0.30 0.25 0.20 1/100 4711\n")
    return root


@pytest.mark.parametrize(
    ("flags", "degrees", "kind", "words", "remedy"),
    [
        (0, 48.3, "well", "48 C, power supply well", ""),
        (0x50000, 48.3, "note", "lately: the supply voltage is too low, slowed down", "power supply"),
        (0x50005, 48.3, "red", "the supply voltage is too low, slowed down: load", "power supply"),
        (0x80008, 79, "red", "slowed down by heat: load", "heat sink"),
        (0, 81, "red", "too hot: load", "heat sink"),
    ],
)
def test_what_a_raspberry_pi_says_of_its_supply(config, tmp_path, flags, degrees, kind, words, remedy):
    (found,) = check_box.processor(config, board(tmp_path / "pi", flags, degrees))
    assert found.kind == kind
    assert words in " ".join(found.words)
    assert remedy in found.remedy
    assert found.status == (69 if kind == "red" else 0)


def test_a_newer_kernel_tells_of_the_supply_elsewhere(config, tmp_path):
    sensor = tmp_path / "sys/class/hwmon/hwmon1"
    sensor.mkdir(parents=True)
    (sensor / "name").write_text("rpi_volt\n")
    (sensor / "in0_lcrit_alarm").write_text("0\n")
    assert "power supply well" in check_box.processor(config, tmp_path)[0].words[0]
    (sensor / "in0_lcrit_alarm").write_text("1\n")
    (found,) = check_box.processor(config, tmp_path)
    assert (found.kind, found.status) == ("red", 69)
    assert found.words[0].startswith("the supply voltage is too low: ")


def test_a_box_without_such_files(config, tmp_path):
    (found,) = check_box.processor(config, tmp_path)
    assert (found.kind, found.words) == ("well", (f"{os.cpu_count()} cores",))
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/loadavg").write_text("900.5 1 1 1/100 4711\n")
    (found,) = check_box.processor(config, tmp_path)
    assert (found.kind, found.words) == ("note", (f"load 900.50 on {os.cpu_count()} cores",))
    assert "top" in found.remedy
    assert check_box.memory(config, tmp_path)[0].kind == "note"
    (real,) = check_box.memory(config)
    assert real.kind == "well"
    assert "MB free" in real.words[0]


def test_little_memory(config, tmp_path):
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/meminfo").write_text("MemTotal:  900000 kB\nMemFree: 1 kB\nMemAvailable:  40000 kB\n")
    (found,) = check_box.memory(config, tmp_path)
    assert (found.kind, found.words) == ("red", ("41 of 922 MB free",))
    assert "top" in found.remedy


def files(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_no_folder_yet(config, tmp_path):
    (found,) = check_disk.disk(config)
    assert found.kind == "well"
    assert found.words[1] == "the first start makes it, no outbox yet"
    assert not (tmp_path / "store").exists()


def fill(folder):
    outbox = Outbox(folder, BOOT)
    outbox.append(summary)
    outbox.append(episode)
    return outbox


def test_an_outbox_that_was_closed_in_order(config, tmp_path):
    fill(tmp_path / "store").close()
    before = files(tmp_path / "store")
    (found,) = check_disk.disk(config)
    assert found.words[1].endswith("2 messages wait for the hub")
    assert files(tmp_path / "store") == before
    assert running.daemon(tmp_path / "store") is None


def test_an_outbox_in_use_and_one_that_was_killed(config, tmp_path):
    folder = tmp_path / "store"
    with held_outbox(folder) as process:
        before = files(folder)
        (found,) = check_disk.disk(config)
        assert found.words[1].endswith("2 messages wait for the hub")
        assert running.daemon(folder) == process
    assert before.keys() == {f"outbox.sqlite{end}" for end in ("", "-shm", "-wal")}
    (found,) = check_disk.disk(config)
    assert found.words[1].endswith("2 messages wait for the hub")
    assert running.daemon(folder) is None
    assert files(folder).keys() == before.keys()
    for end in ("", "-wal"):
        assert files(folder)[f"outbox.sqlite{end}"] == before[f"outbox.sqlite{end}"]
    (folder / "outbox.sqlite-shm").unlink()
    (found,) = check_disk.disk(config)
    assert found.kind == "well"
    assert files(folder).keys() == {"outbox.sqlite", "outbox.sqlite-wal"}
    again = Outbox(folder, BOOT)
    assert len(again) == 2, "what was there is there still"
    again.close()


def test_an_outbox_that_is_none(config, tmp_path):
    (tmp_path / "store").mkdir()
    (tmp_path / "store/outbox.sqlite").write_text("no database" * 100)
    (found,) = check_disk.disk(config)
    assert (found.kind, found.status) == ("red", 74)
    assert "file is not a database" in found.words[0]
    (tmp_path / "store/outbox.sqlite").write_bytes(b"")  # as after a power cut
    (found,) = check_disk.disk(config)
    assert found.words[1] == "writable, no outbox yet"


def test_a_folder_that_is_a_file(config, tmp_path):
    (tmp_path / "store").write_text("a file in the folder's place")
    (found,) = check_disk.disk(config)
    assert (found.kind, found.status) == ("red", 74)
    assert "[storage] folder" in found.words[0]
    assert "name another one" in found.remedy


def test_a_folder_we_may_not_write_and_one_we_may_not_see(config, tmp_path, monkeypatch):
    (tmp_path / "store").mkdir()
    monkeypatch.setattr(os, "access", lambda _, mode: not mode & os.W_OK)  # root may always
    (found,) = check_disk.disk(config)
    assert (found.kind, found.status) == ("red", 74)
    assert "as root" in found.remedy
    monkeypatch.setattr(os, "access", lambda *_: False)
    (found,) = check_disk.disk(config)
    assert found.kind == "note"
    assert "is hidden from" in found.words[0]


def test_who_holds_the_microphone(tmp_path):
    root, stick = build(tmp_path / "machine", (HDMI, STICK)), Microphone("0d8c:0014")
    assert not check_sound.is_held_by(4700, stick, root)
    (root / "proc/asound/card1/pcm0c/sub0/status").write_text("state: RUNNING\nowner_pid   : 4711\n")
    assert not check_sound.is_held_by(4700, stick, root)
    (root / "proc/4700/task/4711").mkdir(parents=True)  # ALSA names the thread that opened it
    assert check_sound.is_held_by(4700, stick, root)
    assert check_sound.is_held_by(4700, Microphone(), root)
    assert not check_sound.is_held_by(4700, Microphone("0d8c:9999"), root)
    found = check_sound.in_use("USB PnP", 4700)
    assert found.kind == "well"
    assert "in use by the running service" in found.words[0]


def test_the_service_s_credentials_are_found_by_hand(config_file, tmp_path, monkeypatch):
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", "")  # to be put back at the end
    monkeypatch.delenv("CREDENTIALS_DIRECTORY")
    file = config_file()
    login = 'username = "bed-1"\npassword_file = "credential:secret"'
    file.write_text(file.read_text().replace("[broker]", f"[broker]\n{login}"))
    with pytest.raises(ConfigError, match="needs a service"):
        load_by_hand(file, tmp_path)
    store = tmp_path / "etc/credstore"
    store.mkdir(parents=True)
    (store / "secret").write_text("word")
    assert load_by_hand(file, tmp_path).broker.password_file == str(store / "secret")
