"""The ward's authority: what it makes, and what it refuses in one sentence."""

from __future__ import annotations

import contextlib
import logging
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from edge.certificates import common_name, days_left
from edge.errors import BedsideError
from hub.authority import AUTHORITY_DAYS, DAYS, RENEWABLE_DAYS, Authority
from hub.cli import main
from hub.device_certificates import DeviceCertificates

DEVICE = "clinic/3b/bed-12"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ward") / "ca"
    for words in (["new"], ["broker", "hub.clinic.example", "10.0.3.5"], ["hub"], ["device", DEVICE]):
        assert main(["authority", "--folder", str(folder), *words]) == 0
    return folder


def test_certificates_are_to_the_letter(folder: Path) -> None:
    ca, bundle = folder / "bedside-ca.crt", folder / "devices" / "clinic.3b.bed-12"
    for file, purpose in (
        (folder / "broker" / "broker.crt", "sslserver"),
        (folder / "hub" / "bedside-hub.crt", "sslclient"),
        (bundle / "bedside-device.crt", "sslclient"),
    ):
        command = ["openssl", "verify", "-x509_strict", "-crl_check", "-CRLfile", str(folder / "bedside.crl")]
        command += ["-purpose", purpose, "-CAfile", str(ca), str(file)]
        assert subprocess.run(command, check=True, capture_output=True, text=True).stdout.endswith(": OK\n")
        assert DAYS - 2 < days_left(file) <= DAYS
    assert AUTHORITY_DAYS - 2 < days_left(ca) <= AUTHORITY_DAYS
    assert common_name(bundle / "bedside-device.crt") == DEVICE
    text = subprocess.run(
        ["openssl", "x509", "-noout", "-text", "-in", str(folder / "broker" / "broker.crt")],
        check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    assert "DNS:hub.clinic.example, IP Address:10.0.3.5" in text
    assert "CA:FALSE" in text


def test_keys_are_nobody_else_s(folder: Path) -> None:
    keys = [*folder.rglob("*.key")]
    assert len(keys) == 4
    assert {key.stat().st_mode & 0o077 for key in keys} == {0}


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["new"], "holds an authority already"),
        (["hub"], "holds a certificate already"),
        (["hub", "x"], "takes no name, and was given 1"),
        (["broker"], "takes names, and was given 0"),
        (["broker", "a b"], "'a b' is neither a host's name nor an IP address"),
        (["device", "bed-12"], "write SITE/WARD/DEVICE"),
        (["device", "clinic/3b/../x"], "write SITE/WARD/DEVICE"),
        (["device", f"{'s' * 30}/{'w' * 30}/bed"], "longer than the 64 characters"),
        (["revoke", "clinic/3b/bed-13"], "no certificate has been made for"),
    ],
)
def test_what_cannot_be_is_one_sentence(
    folder: Path, capsys: pytest.CaptureFixture[str], words: list[str], sentence: str
) -> None:
    assert main(["authority", "--folder", str(folder), *words]) != 0
    told = capsys.readouterr().err
    assert re.search(re.escape(sentence), told)
    assert told.count("\n") == 1


def index(folder: Path) -> list[str]:
    """The state of each certificate that was made, V or R, and its name."""
    rows = [line.split("\t") for line in (folder / "index.txt").read_text().splitlines()]
    return [f"{row[0]} {row[5]}".replace("\\/", "/") for row in rows]


def revoked(folder: Path) -> int:
    """How many certificates the broker's own list shuts out."""
    command = ["openssl", "crl", "-noout", "-text", "-in", str(folder / "broker" / "bedside.crl")]
    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return told.count("Serial Number:")


def test_what_is_revoked_is_made_anew_and_revoked_again_with_all_of_its_name(tmp_path: Path) -> None:
    """Also a broker whose host is called as the hub is."""
    authority = Authority(tmp_path)
    authority.make()
    authority.broker(["hub"])
    authority.hub()
    authority.device(DEVICE)
    before = (tmp_path / "devices" / "clinic.3b.bed-12").rename(tmp_path / "earlier")
    authority.device(DEVICE)
    authority.revoke(DEVICE)
    assert revoked(tmp_path) == 2, "the one beside it too"
    authority.device(DEVICE)
    key = tmp_path / "devices" / "clinic.3b.bed-12" / "bedside-device.key"
    assert key.read_text() != (before / "bedside-device.key").read_text()
    authority.revoke("broker")
    assert index(tmp_path) == [
        "R /CN=hub", "V /CN=hub", *[f"R /CN={DEVICE}"] * 2, f"V /CN={DEVICE}",
    ]  # fmt: skip
    authority.broker(["hub"])
    authority.revoke("hub")
    authority.revoke("hub")  # nothing new, and no failure
    assert revoked(tmp_path) == 4
    assert index(tmp_path)[-1] == "V /CN=hub", "the broker's"


def test_a_certificate_is_renewed_before_its_end_and_not_by_mistake(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = Authority(tmp_path)
    authority.make()
    monkeypatch.setattr("hub.authority.DAYS", RENEWABLE_DAYS)
    authority.hub()
    monkeypatch.undo()
    authority.hub()
    assert days_left(tmp_path / "hub" / "bedside-hub.crt") > RENEWABLE_DAYS
    with pytest.raises(BedsideError, match="holds a certificate already"):
        authority.hub()
    assert index(tmp_path) == ["V /CN=hub"] * 2


@pytest.mark.parametrize(
    "fails", ["req -config", "ca -config openssl.cnf -gencrl", "ca -config openssl.cnf -batch"]
)
def test_a_command_that_failed_is_given_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails: str
) -> None:
    real, folder = shutil.which("openssl"), tmp_path / "bin"
    folder.mkdir()
    broken = folder / "openssl"
    broken.write_text(f'#!/bin/sh\ncase "$*" in "{fails}"*) exit 1;; esac\nexec {real} "$@"\n')
    broken.chmod(0o755)
    authority = Authority(tmp_path / "ca")
    for make in (
        authority.make,
        authority.hub,
        lambda: authority.device(DEVICE),
        lambda: authority.revoke(DEVICE),
    ):
        with monkeypatch.context() as patch:
            patch.setenv("PATH", str(folder), prepend=":")
            with contextlib.suppress(BedsideError):
                make()
                continue
        make()
    assert index(tmp_path / "ca") == ["V /CN=hub", f"R /CN={DEVICE}"]
    assert [*(tmp_path / "ca").rglob("*.new*")] == []


def test_commands_given_at_once_come_one_after_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those of bedside-deploy and those of bedside-hub authority: openssl rewrites its index as a whole."""
    real, folder = shutil.which("openssl"), tmp_path / "bin"
    folder.mkdir()
    watched = folder / "openssl"
    watched.write_text(
        f"#!/bin/sh\nmkdir {tmp_path}/busy 2>/dev/null || touch {tmp_path}/overlapped\n"
        f'{real} "$@"\nstatus=$?\nrmdir {tmp_path}/busy\nexit $status\n'
    )
    watched.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder), prepend=":")
    ca = tmp_path / "ca"
    assert main(["authority", "--folder", str(ca), "new"]) == 0
    names = [f"clinic/3b/bed-{number}" for number in range(4)]
    command = [sys.executable, "-m", "hub.cli", "authority", "--folder", str(ca), "device"]
    with contextlib.ExitStack() as started:
        running = [
            started.enter_context(subprocess.Popen([*command, name], stdout=subprocess.DEVNULL))
            for name in names
        ]
        certificates = DeviceCertificates(ca)
        for number in range(4, 8):
            with certificates.exclusive():
                certificates.make(f"clinic/3b/bed-{number}")
        assert [process.wait(60) for process in running] == [0] * 4
    assert not (tmp_path / "overlapped").exists()
    assert sorted(index(ca)) == [f"V /CN=clinic/3b/bed-{number}" for number in range(8)]


def test_a_command_for_no_authority_leaves_nothing(tmp_path: Path) -> None:
    assert main(["authority", "--folder", str(tmp_path), "device", DEVICE]) == 78
    assert [*tmp_path.iterdir()] == []


def test_without_an_authority(tmp_path: Path) -> None:
    with pytest.raises(BedsideError, match="holds no authority; bedside-hub authority"):
        Authority(tmp_path).hub()


def test_no_handler_of_an_earlier_test_is_left(folder: Path) -> None:
    """The verbs above log to a standard error that pytest has closed since: tests/conftest.py."""
    assert folder.exists()
    assert not [one for one in logging.getLogger().handlers if type(one) is logging.StreamHandler]
