"""The ward's authority: what it makes, and what it refuses in one sentence."""

from __future__ import annotations

import logging
import re
import subprocess
from pathlib import Path

import pytest

from edge.certificates import common_name, days_left
from edge.errors import BedsideError
from hub.authority import AUTHORITY_DAYS, DAYS, Authority
from hub.cli import main

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


def test_without_an_authority(tmp_path: Path) -> None:
    with pytest.raises(BedsideError, match="holds no authority; bedside-hub authority"):
        Authority(tmp_path).hub()


def test_no_handler_of_an_earlier_test_is_left(folder: Path) -> None:
    """The verbs above log to a standard error that pytest has closed since: tests/conftest.py."""
    assert folder.exists()
    assert not [one for one in logging.getLogger().handlers if type(one) is logging.StreamHandler]
