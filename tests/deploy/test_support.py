"""What whoever helps from afar is sent, and what not."""

import io
import tarfile

from cards import ENTERPRISE, PASSWORD, REST, SECRET, SETTINGS, WIFI
from hypothesis import given, settings
from hypothesis import strategies as st

from deploy import cli, kept, support, toml_text
from deploy.settings import NOT_SECRET, TABLES


def pieces(file):
    with tarfile.open(file) as archive:
        return {entry.name.split("/", 1)[1]: archive.extractfile(entry).read() for entry in archive}


def test_one_file_without_secrets(make_box, tmp_path, bundles, monkeypatch, capsys):
    box = make_box(text=SETTINGS + ENTERPRISE + REST)
    box.start()
    box.write(SETTINGS + WIFI.replace("DE", "Germany"))  # refused, so its secret is still on the card
    box.start()
    out = tmp_path / "support.tar.gz"
    slow = {"microphones", "status"}  # each starts an interpreter; what is made of one, `check` shows
    few = {name: command for name, command in support._COMMANDS.items() if name not in slow}
    monkeypatch.setattr(support, "_COMMANDS", few)
    assert cli.main(["support", "--out", str(out), "--boot", str(box.boot), "--data", str(box.data)]) == 0
    assert capsys.readouterr().out.startswith(f"{out} holds ")
    found = pieces(out)
    assert {"check.txt", "journal.txt", "settings.json", "versions.txt", "disks.txt", "addresses.txt"} <= set(
        found
    )
    assert b'"ssid": "klinik' in found["settings.json"]
    assert b"(left out)" in found["settings.json"]
    assert b"WRONG SETTINGS: wifi.country is 'Germany'" in found["card-STATUS.TXT"]
    assert b'ssid = "Ward 3b"' in found["card-bedside.toml"]
    assert b"bedside-ser 0." in found["versions.txt"]
    key = (bundles["bed-12"] / "bedside-device.key").read_text().splitlines()[1]
    everything = b"".join(found.values())
    for secret in (
        SECRET,
        SECRET.replace('"', '\\"'),
        PASSWORD,
        toml_text.quoted(PASSWORD)[1:-1],
        key,
        "0123456789abcdef",
    ):
        assert secret.encode() not in everything
    assert out.stat().st_mode & 0o777 == 0o600


def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(support, "_COMMANDS", {"system": ("uname", "-a")})
    out = tmp_path / "nowhere" / "support.tar.gz"
    assert cli.main(["support", "--out", str(out), "--boot", str(tmp_path), "--data", str(tmp_path)]) == 74
    assert capsys.readouterr().err == (
        f"bedside-deploy: {out} cannot be written: No such file or directory; name another --out\n"
    )


def test_a_program_that_is_not_there_is_said():
    assert support._said(("bedside-no-such-program",)).startswith("bedside-no-such-program: ")


def test_a_secret_is_left_out_wherever_it_turns_up(box):
    box.start()
    secrets = support.secrets(kept.load(box.data))
    key = (box.root / "run/credstore/bedside-device.key").read_text()
    body = support.packed(
        {"journal": f"wifi {SECRET} failed\n{key}\n" + "0123456789abcdef" * 4}, secrets, 0.0
    )
    with tarfile.open(fileobj=io.BytesIO(body)) as archive:
        text = archive.extractfile("bedside-support/journal").read().decode()
    assert text.startswith("wifi (left out) failed\n")
    assert not [line for line in text.splitlines() if line in key.splitlines() and not line.startswith("--")]
    assert "0123456789abcdef" not in text


SECRETS = st.text(
    st.characters(min_codepoint=33, exclude_categories=("Cs", "Cc", "Zs", "Zl", "Zp")), min_size=8
)


@settings(max_examples=100, deadline=None)
@given(SECRETS)
def test_a_file_that_is_no_toml_shows_no_secret_either(secret):
    lines = [
        f"passphrase = {secret}",
        f"  Wifi.Password={secret}",
        f"# the old one: {secret}",
        f'pasphrase = "{secret}"',
        f'wifi = {{ssid = "x", passphrase = "{secret}"}}',
        f'passphrase = """\n{secret}"""',
        secret,
    ]
    for line in lines:
        text = toml_text.shown(f"[wifi]\n{line}\r\nssid = 'x' # {secret}\nport = 8883", TABLES, NOT_SECRET)
        assert secret not in text
        assert text.startswith("[wifi]\n")
        assert text.endswith("ssid = 'x' # (left out)\nport = 8883")
