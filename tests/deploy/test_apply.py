"""A box takes over what its card says, start after start."""

import json
import os
import shutil
import stat
import subprocess
import sys

import pytest
from cards import ENTERPRISE, PASSWORD, REST, SECRET, SETTINGS, SSH_KEY, WIFI

from deploy import kept, render
from edge import config


def test_a_good_card_is_taken_over_and_its_secrets_leave_it(box, bundles, monkeypatch):
    text = box.toml
    result = box.start()
    assert (result.mistakes, result.troubles, result.exit_status) == ((), (), 0)
    assert box.status.startswith("The settings of bed 12 (clinic/3b/bed-12) are in force: all is well.\r\n")
    assert box.toml == text.replace('"se cret\\"#123"', '""')
    assert SECRET.encode() not in box.everything("boot")
    key = (bundles["bed-12"] / "bedside-device.key").read_bytes()
    assert key.splitlines()[1] not in box.everything("boot")
    assert b"0123456789abcdef" not in box.everything("boot")
    assert (box.boot / "bedside-device.key").read_text().startswith("This key is kept on the box")
    assert (box.root / "run/credstore/bedside-device.key").read_bytes() == key
    assert 'Passphrase=se cret"#123\n' in box.made("run/bedside/iwd/networks/Ward 3b.psk")
    assert box.made("run/bedside/iwd/main.conf") == "[General]\nCountry=DE\n"
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(box.root / "run/credstore"))
    read = config.load(box.root / render.EDGE)
    assert (read.device, read.bed, read.broker.host) == ("bed-12", "12", "hub.example")


def test_only_root_can_read_secrets_and_everybody_the_rest(box):
    old = os.umask(0o077)
    try:
        box.start()
    finally:
        os.umask(old)
    for path in [*box.root.rglob("*"), *box.data.rglob("*")]:
        if path.is_file():
            secret = any(word in path.read_text() for word in ("se cret", "PRIVATE KEY", "0123456789abcdef"))
            assert stat.S_IMODE(path.stat().st_mode) == (
                0o600 if secret or "credstore" in str(path) else 0o644
            )
    for name in ("run", "run/bedside", "run/bedside/iwd", "run/systemd/network"):
        assert stat.S_IMODE((box.root / name).stat().st_mode) == 0o755
    for name in ("run/credstore", "run/bedside/iwd/networks"):
        assert stat.S_IMODE((box.root / name).stat().st_mode) == 0o700


def test_the_next_start_writes_nothing_but_its_status(box):
    box.start()
    before, made = box.everything("data"), box.everything("root")
    times = {path: path.stat().st_mtime_ns for path in box.boot.iterdir() if path.name != "STATUS.TXT"}
    result = box.start()
    assert (result.mistakes, result.troubles) == ((), ())
    assert box.everything("data") == before
    assert box.everything("root") == made
    assert {path: path.stat().st_mtime_ns for path in times} == times


def test_all_settings_are_put_in_force(make_box):
    box = make_box(text=SETTINGS + ENTERPRISE + REST)
    result = box.start()
    assert (result.mistakes, result.led) == ((), "22")
    network = box.made(f"run/bedside/iwd/networks/={'klinik@süd'.encode().hex()}.8021x")
    assert network.splitlines()[:7] == [
        "[Security]",
        "EAP-Method=TTLS",
        "EAP-Identity=anonymous@clinic",
        "EAP-TTLS-CACert=embed:authority",
        "EAP-TTLS-Phase2-Method=Tunneled-PAP",
        "EAP-TTLS-Phase2-Identity=bed-12@clinic",
        "EAP-TTLS-Phase2-Password=pass word\\\\1",
    ]
    assert network.splitlines()[7:9] == ["[@pem@authority]", "-----BEGIN CERTIFICATE-----"]
    assert PASSWORD.encode() not in box.everything("boot")
    assert box.made("run/systemd/timesyncd.conf.d/bedside.conf") == "[Time]\nNTP=ntp.clinic.example\n"
    assert str((box.root / render.LOCALTIME).readlink()) == "/usr/share/zoneinfo/Europe/Berlin"
    assert box.made("run/bedside/hostname") == "bedside-bed-12\n"
    if shutil.which("ssh-keygen"):
        assert result.troubles == ()
        assert "OPENSSH PRIVATE KEY" in (box.data / "ssh/ssh_host_ed25519_key").read_text()
    else:
        assert "nobody can log in: ssh-keygen made no key" in result.troubles[0]
    assert box.made(render.SSH_KEYS) == f"{SSH_KEY}\n"


def test_what_is_left_out_is_taken_back(make_box):
    box = make_box(text=SETTINGS + WIFI + REST)
    box.start()
    box.write(SETTINGS)
    before = {str(path.relative_to(box.root)) for path in box.root.rglob("*") if path.is_file()}
    run(box)  # without a restart: what the earlier settings made is still there
    after = {str(path.relative_to(box.root)) for path in box.root.rglob("*") if path.is_file()}
    assert before - after == {
        "run/bedside/iwd/main.conf",
        "run/bedside/iwd/networks/Ward 3b.psk",
        "run/bedside/ssh/authorized_keys",
        "run/systemd/network/70-bedside-wifi.network",
        "run/systemd/timesyncd.conf.d/bedside.conf",
    }


def run(box):
    places = ["--boot", str(box.boot), "--data", str(box.data), "--root", str(box.root)]
    command = [sys.executable, "-m", "deploy", "apply", *places]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def test_a_mistake_leaves_the_last_good_settings_in_force(box):
    box.start()
    good, before = box.everything("data"), box.made(render.EDGE)
    box.write(box.toml.replace('"3b"', '"3 b"').replace('"DE"', '"Germany"'))
    done = run(box)
    assert done.returncode == 78
    lines = done.stdout.splitlines()
    assert lines[0].startswith("bedside-ser: WRONG SETTINGS: ward is '3 b'; it must be")
    assert lines[1].startswith("bedside-ser: WRONG SETTINGS: wifi.country is 'Germany'; it must be two")
    assert (
        lines[2] == "bedside-ser: The last good settings, those of bed 12 (clinic/3b/bed-12), stay in force."
    )
    assert [f"bedside-ser: {line}" for line in box.status.split("\r\n")[:3]] == lines
    assert (box.everything("data"), box.made(render.EDGE)) == (good, before)
    assert json.loads(box.made("run/bedside/settings.json"))["mistakes"]
    assert box.start().bed == "bed 12 (clinic/3b/bed-12)"


def test_a_first_mistake_leaves_no_settings(make_box):
    box = make_box(text=SETTINGS.replace("hub.example", "hub example"))
    result = box.start()
    assert (result.bed, result.exit_status) == ("", 78)
    assert "This box has no settings yet and does not listen.\r\n" in box.status
    assert not (box.root / render.EDGE).exists()
    assert not (box.data / "settings").exists()


def test_a_corrected_card_counts_at_the_next_start(make_box):
    box = make_box(text=SETTINGS.replace("hub.example", "hub example") + WIFI)
    box.start()
    assert SECRET in box.toml.replace("\\", "")
    box.write(SETTINGS + WIFI)
    assert box.start().exit_status == 0
    assert SECRET not in box.toml.replace("\\", "")


def test_a_new_secret_takes_the_kept_ones_place(box):
    box.start()
    box.write(box.toml.replace('passphrase = ""', 'passphrase = "another one"'))
    assert box.start().exit_status == 0
    assert "Passphrase=another one\n" in box.made("run/bedside/iwd/networks/Ward 3b.psk")
    assert 'passphrase = ""  # on the note' in box.toml
    assert b"se cret" not in box.everything("data")


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        (lambda box: (box.boot / "bedside.toml").unlink(), "there is no bedside.toml on the card; copy"),
        (
            lambda box: (box.boot / "bedside.toml").rename(box.boot / "bedside.toml.txt"),
            "the settings are called bedside.toml.txt; rename the file to bedside.toml",
        ),
        (
            lambda box: ((box.boot / "bedside.toml").unlink(), (box.boot / "bedside.toml").mkdir()),
            "bedside.toml on the card is a folder; it must be a file",
        ),
        (lambda box: box.write(b"x" * 10_000_000), "bedside.toml has 10000000 bytes, at most 65536 can be"),
        (lambda box: box.write(b""), "bedside.toml is empty"),
        (lambda box: box.write(b"", "bedside-device.key"), "bedside-device.key is empty; copy the right"),
        (lambda box: box.write(b"\xff\xfe", "bedside-device.crt"), "bedside-device.crt is no text; copy the"),
        (lambda box: box.write("no", "bedside-ca.crt"), "bedside-ca.crt holds no whole certificate in PEM"),
        (
            lambda box: box.write((box.boot / "bedside-ca.crt").read_text()[:300], "bedside-ca.crt"),
            "bedside-ca.crt holds no whole certificate in PEM",
        ),
        (lambda box: box.write("key", "bedside-device.key"), "bedside-device.key is no key in PEM form that"),
        (lambda box: box.write("short", "bedside-command.key"), "bedside-command.key is no key; it must be"),
        (lambda box: shutil.rmtree(box.boot), "the card's first partition cannot be read"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("first", [True, False])
def test_a_spoilt_card_is_one_sentence_and_takes_nothing_away(box, spoil, expected, first):
    if not first:
        box.start()
    before = box.everything("data")
    spoil(box)
    result = box.start()
    assert any(sentence.startswith(expected) for sentence in result.mistakes), result.mistakes
    assert box.everything("data") == before
    assert (box.root / render.EDGE).exists() != first


@pytest.mark.parametrize("name", ["bedside-ca.crt", "bedside-device.crt", "bedside-device.key"])
def test_a_missing_file_is_as_kept_or_named(make_box, name):
    box = make_box()
    (box.boot / name).unlink()
    assert box.start().mistakes[0].startswith(f"{name} is missing; copy the files of this bed")
    box = make_box("second")
    box.start()
    (box.boot / name).unlink()
    assert box.start().exit_status == 0
    assert (box.root / "run/credstore" / name).exists()


def test_a_note_is_no_key_for_a_box_that_has_none(make_box, bundles):
    box, other = make_box(), make_box("other")
    box.start()
    shutil.copyfile(box.boot / "bedside-device.key", other.boot / "bedside-device.key")
    (sentence,) = other.start().mistakes
    assert (
        sentence == "bedside-device.key says that the box keeps the key, but this box has none; copy it again"
    )


def test_another_beds_bundle_is_refused(make_box, bundles):
    box = make_box(device="bed-13")
    (sentence,) = box.start().mistakes
    assert (
        "bedside-device.crt is for 'clinic/3b/bed-13', the settings are those of 'clinic/3b/bed-12'"
        in sentence
    )
    box = make_box("mixed")
    shutil.copyfile(bundles["bed-13"] / "bedside-device.key", box.boot / "bedside-device.key")
    (sentence,) = box.start().mistakes
    assert "bedside-device.key is no key in PEM form that belongs to bedside-device.crt" in sentence


def test_a_box_that_moves_to_another_bed_keeps_its_wifi_and_not_its_command_key(box, bundles):
    box.start()
    for name in ("bedside-device.crt", "bedside-device.key"):
        shutil.copyfile(bundles["bed-13"] / name, box.boot / name)
    box.write(box.toml.replace("bed-12", "bed-13"))
    result = box.start()
    assert (result.exit_status, result.bed) == (0, "bed 12 (clinic/3b/bed-13)")
    assert "Passphrase=se cret" in box.made("run/bedside/iwd/networks/Ward 3b.psk")
    assert not (box.root / "run/credstore/bedside-command.key").exists()
    assert "command" not in box.made(render.EDGE)


def test_windows_line_ends_and_byte_order_marks_in_every_file(make_box, bundles):
    box = make_box(text="\ufeff" + (SETTINGS + WIFI).replace("\n", "\r\n"))
    for path in box.boot.glob("bedside-*"):
        box.write("\ufeff" + path.read_text().replace("\n", "\r\n"), path.name)
    assert box.start().exit_status == 0
    key = (bundles["bed-12"] / "bedside-device.key").read_bytes()
    assert (box.root / "run/credstore/bedside-device.key").read_bytes() == key
    assert box.toml.startswith("\ufeff# Bed 12, by the window")
    assert (box.boot / "bedside.toml").read_bytes().count(b"\r\n") == box.toml.count("\n")


def test_a_data_partition_that_refuses_loses_no_secret(box):
    box.data.rmdir()
    box.data.write_text("no folder")
    before = box.everything("boot")
    result = box.start()
    assert result.exit_status == 74
    assert all("settings" in trouble for trouble in result.troubles)
    (box.boot / "STATUS.TXT").unlink()
    assert box.everything("boot") == before
    assert "Passphrase=se cret" in box.made("run/bedside/iwd/networks/Ward 3b.psk")  # until the power goes


def test_kept_settings_that_are_damaged_are_set_aside(box):
    box.start()
    file = box.data / "settings/kept.json"
    file.write_bytes(file.read_bytes()[:100])
    result = box.start()
    assert "wifi.passphrase is blank, and the box keeps none" in result.mistakes[0]
    assert (box.data / "settings/damaged.json").stat().st_size == 100
    assert kept.load(box.data) is None


def test_a_card_that_cannot_be_written_is_told_and_used(box):
    (box.boot / "STATUS.new").mkdir()  # as good as a write protection: root may write anywhere
    (box.boot / "bedside.new").mkdir()
    result = box.start()
    assert result.exit_status == 74
    assert result.troubles[0].startswith(
        "the card cannot be written (Is a directory), so secrets still stand"
    )
    assert result.troubles[1].startswith("STATUS.TXT cannot be written to the card")
    assert (box.root / render.EDGE).exists()
    (box.boot / "STATUS.new").rmdir()
    (box.boot / "bedside.new").rmdir()
    assert box.start().exit_status == 0
    assert SECRET not in box.toml.replace("\\", "")


@pytest.fixture
def read_only_card(box):
    """The same card mounted read-only, as the image does it."""
    files = {path.name: path.read_bytes() for path in box.boot.iterdir()}
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "bedside-test", str(box.boot)], capture_output=True, text=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"nothing can be mounted here: {mounted.stderr.strip()}")
    try:
        for name, body in files.items():
            (box.boot / name).write_bytes(body)
        subprocess.run(["mount", "-o", "remount,ro", str(box.boot)], check=True)
        yield box
    finally:
        subprocess.run(["umount", str(box.boot)], check=True)


def test_a_card_that_is_mounted_read_only_is_so_again_afterwards(read_only_card):
    result = read_only_card.start()
    assert (result.mistakes, result.troubles) == ((), ())
    assert SECRET not in read_only_card.toml.replace("\\", "")
    assert "all is well" in read_only_card.status
    with pytest.raises(OSError, match="Read-only file system"):
        read_only_card.write("", "STATUS.TXT")
