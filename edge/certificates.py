"""From when until when certificates hold: enough of DER (X.690) and X.509 (RFC 5280) to read just that."""

from __future__ import annotations

import re
import ssl
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from edge.errors import ConfigError

_DAY_S = 86400.0
_LOOK_EVERY_S = 3600.0
_SEQUENCE, _VERSION, _UTC_TIME, _GENERALIZED_TIME = 0x30, 0xA0, 0x17, 0x18
_COMMON_NAME = b"\x55\x04\x03"  # 2.5.4.3
_PEM = re.compile(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Validity:
    """A certificate's first and last moment, in seconds since 1970."""

    begin_s: float
    end_s: float


def days_left(cert_file: str | Path, now_s: float | None = None) -> float:
    """Days until the first of the certificates in a PEM file expires, negative where it has.

    `now_s`: seconds since 1970, now by default. Raises ConfigError where there is none to read.
    """
    return (validity(cert_file).end_s - (time.time() if now_s is None else now_s)) / _DAY_S


class Expiry:
    """How long a set of certificates holds, read from its files once an hour, at once from others."""

    def __init__(
        self, files: Callable[[], Iterable[str]], monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        """`files` names them; empty names are left out."""
        self._files, self._monotonic = files, monotonic
        self._read: tuple[str, ...] = ()
        self._next_s = monotonic()
        self._days: float | None = None

    def days(self) -> float | None:
        """Days until the first of them expires; None without any, or where one cannot be read."""
        now = self._monotonic()
        files = tuple(file for file in self._files() if file)
        if files and (now >= self._next_s or files != self._read):
            self._next_s, self._read = now + _LOOK_EVERY_S, files
            try:
                self._days = min(days_left(file) for file in files)
            except ConfigError:
                self._days = None
        return self._days


def validity(cert_file: str | Path) -> Validity:
    """When the certificates in a PEM file hold all together. Raises ConfigError where there is none to read.

    In the file of a chain the first to expire counts.
    """
    try:
        found = _PEM.findall(Path(cert_file).read_text(encoding="ascii", errors="replace"))
        each = [parse(ssl.PEM_cert_to_DER_cert(pem)) for pem in found]
    except OSError as error:
        raise ConfigError(f"cannot read the certificate {cert_file}: {error.strerror}") from error
    except ValueError as error:
        raise ConfigError(f"{cert_file} holds a damaged certificate: {error}") from error
    if not each:
        raise ConfigError(f"{cert_file} holds no certificate; it must be a file in PEM form")
    return Validity(max(one.begin_s for one in each), min(one.end_s for one in each))


def common_name(cert_file: str | Path) -> str | None:
    """The name in the first certificate of a PEM file, None where it has none. Raises ConfigError."""
    validity(cert_file)  # raises what must be said of the file
    first = _PEM.findall(Path(cert_file).read_text(encoding="ascii", errors="replace"))[0]
    try:
        return _name_in(_element(_after_issuer(ssl.PEM_cert_to_DER_cert(first))[1])[1])
    except ValueError as error:
        raise ConfigError(f"{cert_file} holds a damaged certificate: {error}") from error


def _name_in(subject: bytes) -> str | None:
    while subject:  # a set of one pair or more each
        _, pairs, subject = _element(subject)
        while pairs:
            _, pair, pairs = _element(pairs)
            _, kind, value = _element(pair)
            if kind == _COMMON_NAME:
                return _element(value)[1].decode("utf-8", "replace")
    return None


def parse(der: bytes) -> Validity:
    """When a certificate in DER form holds. Raises ValueError where it is none."""
    times, _ = _after_issuer(der)
    first, begin, rest = _element(times)
    second, end, _ = _element(rest)
    return Validity(_seconds(first, begin), _seconds(second, end))


def _after_issuer(der: bytes) -> tuple[bytes, bytes]:
    """The two times of a certificate in DER form, and what follows them."""
    tag, certificate, _ = _element(der)
    _, body, _ = _element(certificate)
    if tag != _SEQUENCE:
        raise ValueError("it is no X.509 certificate")
    tag, _, rest = _element(body)
    skipped = 3 if tag == _VERSION else 2  # (version,) serial number, signature algorithm, issuer
    for _ in range(skipped):
        _, _, rest = _element(rest)
    _, times, rest = _element(rest)
    return times, rest


def _element(data: bytes) -> tuple[int, bytes, bytes]:
    """The tag and content of the first element, and what follows it."""
    if len(data) < 2:
        raise ValueError("it ends too early")
    tag, length, start = data[0], data[1], 2
    if length >= 0x80:
        start += length & 0x7F
        length = int.from_bytes(data[2:start])
    if start + length > len(data):
        raise ValueError("it ends too early")
    return tag, data[start : start + length], data[start + length :]


def _seconds(tag: int, content: bytes) -> float:
    text = content.decode("ascii")
    if tag == _UTC_TIME:  # two digits of the year: RFC 5280 says 1950 to 2049
        text = ("19" if text >= "50" else "20") + text
    elif tag != _GENERALIZED_TIME:
        raise ValueError("it is no X.509 certificate")
    return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC).timestamp()
