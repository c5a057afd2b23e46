"""Cards for beds: all of them or none, keys nowhere but on them, every refusal by its line."""

import os
import stat
import subprocess

import pytest
from provision_parts import HOST, MASTER, Office, make_authority

from deploy import bundle, card_folder, settings
from edge.certificates import common_name, days_left
from edge.topics import Address
from hub import authority as hub_authority
from hub.commands import device_key

ONE = ("--ward", "3b", "--bed", "12", "--hub", HOST)
NAMES = sorted([bundle.CA, bundle.CERTIFICATE, bundle.KEY, bundle.COMMAND_KEY, settings.FILE_NAME])
TEMPLATE = f"""
[hub]
host = "{HOST}"
[wifi]
country = "DE"
ssid = "ward"
identity = "nobody"
password = "not this one"
ca_file = "radius.pem"
[time]
zone = "Europe/Berlin"
"""


@pytest.fixture
def office(tmp_path, made_once):
    return Office(tmp_path, made_once("authority", make_authority))


def files(folder):
    return sorted(one.name for one in folder.iterdir())


def text(folder):
    return {one.name: one.read_text() for one in folder.iterdir()}


def test_one_bed_s_folder_is_what_the_box_takes(office, tmp_path, capsys):
    assert office.run("provision", *ONE, "--out", tmp_path / "out") == 0
    bed = tmp_path / "out" / "3b" / "bed-12"
    assert files(bed) == NAMES
    found = settings.parse((bed / settings.FILE_NAME).read_bytes())
    assert (found.address, found.bed, found.hub.host) == (Address("clinic", "3b", "bed-12"), "12", HOST)
    assert bundle.mistakes(text(bed), found) == []
    assert common_name(bed / bundle.CERTIFICATE) == "clinic/3b/bed-12"
    assert days_left(bed / bundle.CERTIFICATE) > 728
    assert (bed / bundle.COMMAND_KEY).read_text().strip() == device_key(MASTER.encode(), found.address)
    command = ["openssl", "verify", "-x509_strict", "-purpose", "sslclient", "-CAfile", bed / bundle.CA]
    subprocess.run([*command, bed / bundle.CERTIFICATE], check=True, capture_output=True)
    for path in bed.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert office.private_keys() == [bed / bundle.KEY], "and nowhere else"
    told = "".join(capsys.readouterr())
    assert "PRIVATE KEY" not in told
    assert MASTER not in told
    assert device_key(MASTER.encode(), found.address) not in told


def test_without_a_master_key_there_is_none_for_commands_and_it_is_said(office, tmp_path, capsys):
    office.configure(more="")
    assert office.run("provision", *ONE, "--out", tmp_path / "out") == 0
    assert files(tmp_path / "out" / "3b" / "bed-12") == [name for name in NAMES if name != bundle.COMMAND_KEY]
    assert "cannot" not in (told := capsys.readouterr().out) or "none of them can be muted" in told


@pytest.mark.parametrize(
    "head", ["ward,bed,device,wifi.identity,wifi.password,panel.mute_pin", "\ufeffward;bed;device"]
)
def test_many_beds_by_csv_each_with_its_own_exceptions(office, tmp_path, head):
    (tmp_path / "t.toml").write_text(TEMPLATE)
    radius = (office.authority / "bedside-ca.crt").read_text()
    (tmp_path / "radius.pem").write_text(radius)
    lines = [head]
    for bed in ("1", "2", "Bed 3"):
        more = [f"box-{bed}".replace(" ", ""), f"secret {bed}", "17"] if "identity" in head else []
        lines.append((";" if ";" in head else ",").join(["3b", bed, "", *more]))
    (tmp_path / "beds.csv").write_text("\r\n".join(lines) + "\r\n", newline="")
    words = ("--csv", tmp_path / "beds.csv", "--template", tmp_path / "t.toml", "--out", tmp_path / "out")
    assert office.run("provision", *words) == 0
    assert files(tmp_path / "out" / "3b") == ["bed-1", "bed-2", "bed-3"]
    for device, bed in (("bed-1", "1"), ("bed-2", "2"), ("bed-3", "Bed 3")):
        folder = tmp_path / "out" / "3b" / device
        assert (folder / "radius.pem").read_text() == radius
        found = settings.parse((folder / settings.FILE_NAME).read_bytes())
        assert (found.bed, found.time.zone) == (bed, "Europe/Berlin")
        own = "identity" in head
        assert found.wifi.password == (f"secret {bed}" if own else "not this one")
        assert found.panel.mute_pin == (17 if own else None)
    assert (
        len({(tmp_path / "out/3b" / one / bundle.KEY).read_text() for one in ("bed-1", "bed-2", "bed-3")})
        == 3
    )
    assert files(tmp_path / "out") == ["3b"]


def test_every_bad_row_is_named_by_its_line_and_nothing_is_made(office, tmp_path, capsys):
    assert office.run("provision", *ONE, "--out", tmp_path / "out") == 0
    rows = ["ward,bed,device", "3b,1,", "3b,1,other", "3b,2,bed 2", "3b,12,", "", ",4,x", "3b,5,bed-1"]
    (tmp_path / "beds.csv").write_text("\n".join(rows) + "\n")
    before = office.index()
    assert (
        office.run("provision", "--csv", tmp_path / "beds.csv", "--hub", HOST, "--out", tmp_path / "b") == 78
    )
    told = capsys.readouterr().err
    assert "nothing was made, because of 4 mistakes in 6 beds" in told
    for words in (
        "line 3: bed '1' of ward '3b' is that of line 2 already",
        "line 4: device is 'bed 2'; it must be 1 to 40 letters",
        "line 7: ward is ''",
        "line 8: device 'bed-1' of ward '3b' is that of line 2 already",
    ):
        assert words in told
    (tmp_path / "beds.csv").write_text("ward,bed\n3b,1\n3b,12\n")
    assert (
        office.run("provision", "--csv", tmp_path / "beds.csv", "--hub", HOST, "--out", tmp_path / "b") == 78
    )
    assert "line 3: clinic/3b/bed-12 has a certificate already; --again" in capsys.readouterr().err
    assert office.index() == before
    assert not (tmp_path / "b").exists()


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "has no column ward"),
        (b"ward,bed\n", "names no bed"),
        (b"ward,bed,colour\n3b,1,red\n", "line 1: unknown key colour"),
        (b"ward,bed,bed\n3b,1,2\n", "line 1: the column bed stands there twice"),
        (b"ward,bed\n3b,1,2\n", "line 2: it has 3 columns and the first line 2"),
        (b"ward,bed,wifi.sid\n3b,1,x\n", "unknown key wifi.sid, perhaps ssid is meant"),
        (b"ward,bed\n3b,B\xe4r\n", "not in UTF-8; save it as CSV UTF-8"),
        (b'ward,bed\n3b,"1\n', "line 2"),
    ],
)
def test_a_file_that_is_no_list_of_beds(office, tmp_path, capsys, body, words):
    (tmp_path / "beds.csv").write_bytes(body)
    assert (
        office.run("provision", "--csv", tmp_path / "beds.csv", "--hub", HOST, "--out", tmp_path / "b") == 78
    )
    assert words in capsys.readouterr().err
    assert not (tmp_path / "b").exists()


def test_again_revokes_the_certificate_before_and_tells_the_broker(office, tmp_path, capsys):
    assert office.run("provision", *ONE, "--out", tmp_path / "a") == 0
    assert office.run("provision", *ONE, "--out", tmp_path / "b") == 78
    assert "has a certificate already; --again" in capsys.readouterr().err
    assert office.run("provision", *ONE, "--out", tmp_path / "a", "--again") == 78
    assert "is there already; move it away" in capsys.readouterr().err
    assert office.index() == ["V clinic/3b/bed-12"]
    assert office.run("provision", *ONE, "--out", tmp_path / "b", "--again") == 0
    assert office.index() == ["R clinic/3b/bed-12", "V clinic/3b/bed-12"]
    check = ["openssl", "verify", "-crl_check", "-CRLfile", office.broker / "bedside.crl"]
    check += ["-CAfile", office.broker / "bedside-ca.crt"]
    for folder, held in (("a", False), ("b", True)):
        file = tmp_path / folder / "3b" / "bed-12" / bundle.CERTIFICATE
        assert (subprocess.run([*check, file], capture_output=True, check=False).returncode == 0) is held


@pytest.mark.parametrize("fails", ["at the second certificate", "at the second folder", "at the last rename"])
def test_what_fails_halfway_leaves_nothing_behind(office, tmp_path, monkeypatch, fails, capsys):
    """And is given again."""
    (tmp_path / "beds.csv").write_text("ward,bed\n3b,1\n3b,2\n")
    words = ("--csv", tmp_path / "beds.csv", "--hub", HOST, "--out", tmp_path / "out")
    with monkeypatch.context() as patch:
        if fails == "at the second certificate":
            broken = tmp_path / "bin"
            broken.mkdir()
            real = subprocess.run(
                ["which", "openssl"], capture_output=True, text=True, check=True
            ).stdout.strip()
            count = tmp_path / "count"
            second = f"echo >>{count}; [ $(wc -l <{count}) -lt 2 ] || exit 1"
            script = f'#!/bin/sh\nif [ "$1" = genpkey ]; then {second}; fi\n'
            (broken / "openssl").write_text(f'{script}exec {real} "$@"\n')
            (broken / "openssl").chmod(0o755)
            patch.setenv("PATH", str(broken), prepend=":")
        elif fails == "at the second folder":
            write = card_folder._write

            def full(path, body):
                if path.parent.name == "bed-2":
                    raise OSError(28, "No space left on device")
                write(path, body)

            patch.setattr(card_folder, "_write", full)
        else:
            sync = card_folder.atomic_file.sync

            def lost(path):
                if path.name == "3b" and path.parent.name == "out" and (path / "bed-2").exists():
                    raise OSError(5, "Input/output error")
                sync(path)

            patch.setattr(card_folder.atomic_file, "sync", lost)
        assert office.run("provision", *words) == 74
    assert office.private_keys() == []
    assert not [*(tmp_path / "out").rglob("bed-*")]
    assert all(line.startswith("R ") for line in office.index())
    assert office.run("provision", *words) == 0
    assert files(tmp_path / "out" / "3b") == ["bed-1", "bed-2"]


def test_a_certificate_never_outlasts_its_authority(office, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(hub_authority, "AUTHORITY_DAYS", 400)
    other = tmp_path / "other"
    hub_authority.Authority(other).make()
    office.authority = other
    assert office.run("provision", *ONE, "--out", tmp_path / "out") == 78
    assert (
        "ends in 400 days, before a certificate of 730 days would; make a new authority, or give --days"
        in (capsys.readouterr().err)
    )
    assert office.run("provision", *ONE, "--out", tmp_path / "out", "--days", "399") == 0
    assert 398 < days_left(tmp_path / "out/3b/bed-12" / bundle.CERTIFICATE) <= 399


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--ward", "3b", "--hub", HOST), "--bed is missing"),
        (("--ward", "3b", "--bed", "1"), "neither --template nor --hub is given"),
        (("--ward", "3b", "--bed", "1", "--hub", "elsewhere"), "the broker's certificate is for hub."),
        (("--ward", "3b", "--bed", "1", "--hub", HOST, "--days", "731"), "--days is 731; it must be from 1"),
        (("--ward", "3/b", "--bed", "1", "--hub", HOST), "ward is '3/b'"),
        (("--ward", "w" * 30, "--bed", "1", "--device", "d" * 30, "--hub", HOST), "longer than the 64"),
        (("--csv", "beds.csv", "--ward", "3b", "--hub", HOST), "--csv and --ward are both given"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_one_sentence(office, tmp_path, capsys, words, sentence):
    assert office.run("provision", *words, "--out", tmp_path / "out") == 78
    told = capsys.readouterr().err
    assert sentence in told
    assert told.count("\n") == 1
    assert office.private_keys() == []
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("template", "sentence"),
    [
        ('device = "bed-1"\n[hub]\nhost = "x"\n', "names device, which differs from bed to bed"),
        (TEMPLATE, "wifi.ca_file is 'radius.pem', which cannot be read beside"),
        ("hub = 5\n", "hub is no table"),
        ("[hub\n", "is no valid TOML"),
        ('[wifi]\ncountry = "DE"\nssid = "s"\npassphrase = "hunter2"\n', "has 7 characters"),
    ],
)  # fmt: skip
def test_a_template_that_is_wrong(office, tmp_path, capsys, template, sentence):
    (tmp_path / "t.toml").write_text(template)
    words = ("--ward", "3b", "--bed", "1", "--template", tmp_path / "t.toml", "--out", tmp_path / "out")
    assert office.run("provision", *words) == 78
    told = capsys.readouterr().err
    assert sentence in told
    assert "hunter2" not in told


def test_straight_onto_a_card(office, tmp_path, capsys):
    card = tmp_path / "card"
    card.mkdir()
    assert office.run("provision", *ONE, "--card", card) == 78
    assert "is no card of a box: it has no config.txt" in capsys.readouterr().err
    for name in ("config.txt", "cmdline.txt", "STATUS.TXT"):
        (card / name).write_text("the image's")
    assert office.run("provision", *ONE, "--card", card) == 0
    assert files(card) == sorted([*NAMES, "config.txt", "cmdline.txt", "STATUS.TXT"])
    found = settings.parse((card / settings.FILE_NAME).read_bytes())
    assert bundle.mistakes(text(card), found) == []
    assert office.private_keys() == [card / bundle.KEY]
    other = ("--ward", "3b", "--bed", "13", "--hub", HOST, "--card", card)
    assert office.run("provision", *other) == 78
    assert "holds the key of another bed, which no box has taken yet" in capsys.readouterr().err
    (card / bundle.KEY).write_text("This key is kept on the box and is no longer on this card.\n")
    assert office.run("provision", *other) == 0
    assert settings.parse((card / settings.FILE_NAME).read_bytes()).bed == "13"


def test_a_card_that_takes_no_more_is_left_as_it_was(office, tmp_path, capsys):
    card = tmp_path / "card"
    card.mkdir()
    if os.geteuid() != 0:
        pytest.skip("mounting a small card needs root")
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=16k", "card", str(card)], capture_output=True, check=False
    )
    if done.returncode:
        pytest.skip("no file system can be mounted here")
    try:
        for name in ("config.txt", "cmdline.txt"):
            (card / name).write_text("the image's")
        assert office.run("provision", *ONE, "--card", card) == 74
        assert "No space left on device" in capsys.readouterr().err
        assert files(card) == ["cmdline.txt", "config.txt"]
        assert office.index() == ["R clinic/3b/bed-12"]
    finally:
        subprocess.run(["umount", str(card)], check=True)
