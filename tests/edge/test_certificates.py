"""Certificates made by the real openssl."""

import contextlib
import os
import ssl
import subprocess
import time
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.certificates import Expiry, common_name, days_left, parse, validity
from edge.errors import ConfigError


@pytest.fixture
def certificate(tmp_path):
    def make(days, name="a"):
        file = tmp_path / f"{name}.crt"
        subject = ["-subj", "/CN=bed-1", "-keyout", str(tmp_path / f"{name}.key"), "-out", str(file)]
        kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", str(days)]
        subprocess.run(["openssl", "req", "-x509", *kind, *subject], check=True, capture_output=True)
        return file

    return make


# 2050 and later is written in another form.
@pytest.mark.parametrize("days", [1, 30, 3650, 20000])
def test_days_left_is_what_openssl_was_told(certificate, days):
    file = certificate(days)
    assert days_left(file) == pytest.approx(days, abs=0.1)
    assert days_left(file, time.time() + (days + 2) * 86400) == pytest.approx(-2, abs=0.1)
    assert validity(file).begin_s == pytest.approx(time.time(), abs=120)


def test_agrees_with_openssl_to_the_second(certificate):
    file = certificate(30)
    command = ["openssl", "x509", "-in", str(file), "-noout", "-enddate"]
    out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    end = datetime.strptime(out.strip(), "notAfter=%b %d %H:%M:%S %Y GMT").replace(tzinfo=UTC)
    assert validity(file).end_s == end.timestamp()


def test_of_a_chain_the_first_to_expire_counts(certificate, tmp_path):
    chain = tmp_path / "chain.crt"
    chain.write_text(certificate(300).read_text() + certificate(5, "b").read_text())
    assert days_left(chain) == pytest.approx(5, abs=0.1)


def test_what_is_no_certificate_is_named(tmp_path):
    file = tmp_path / "x"
    with pytest.raises(ConfigError, match="No such file"):
        days_left(file)
    file.write_text("nothing")
    with pytest.raises(ConfigError, match="holds no certificate"):
        days_left(file)
    file.write_text(ssl.DER_cert_to_PEM_cert(b"\x30\x03abc"))
    with pytest.raises(ConfigError, match="damaged"):
        days_left(file)


@given(st.binary(max_size=80))
def test_any_bytes_give_an_answer_or_a_valueerror(data):
    with contextlib.suppress(ValueError):
        parse(data)


def test_the_first_to_expire_is_looked_for_once_an_hour(certificate):
    now = [0.0]
    authority, own = certificate(300), certificate(20, "own")
    expiry = Expiry(lambda: (str(authority), str(own), ""), lambda: now[0])
    assert expiry.days() == pytest.approx(20, abs=0.1)
    certificate(100, "own")
    now[0] = 3599.0
    assert expiry.days() == pytest.approx(20, abs=0.1)
    now[0] = 3600.0
    assert expiry.days() == pytest.approx(100, abs=0.1)
    own.unlink()
    now[0] = 7200.0
    assert expiry.days() is None


def test_without_tls_nothing_expires():
    assert Expiry(lambda: ("", "")).days() is None


def test_the_name_in_a_certificate(certificate, tmp_path):
    assert common_name(certificate(1)) == "bed-1"
    long = tmp_path / "long.crt"
    subject = ["-subj", "/O=Klinik Süd/CN=klinik\\/3b\\/bed-12/OU=x", "-utf8", "-keyout", os.devnull]
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
    subprocess.run([*command, "-nodes", *subject, "-out", str(long)], check=True, capture_output=True)
    assert common_name(long) == "klinik/3b/bed-12"
    subprocess.run(
        [*command, "-nodes", "-subj", "/O=none", "-keyout", os.devnull, "-out", str(long)],
        check=True,
        capture_output=True,
    )
    assert common_name(long) is None
