"""Devices' certificates out of the ward's authority: made for a card, made anew for the same key, withdrawn.

A device's key is made in memory and handed to whoever writes the card; the authority keeps the signing
request, which holds the public half. With that it signs a later certificate for the same key.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

from edge.certificates import days_left, validity
from edge.errors import ConfigError, StorageError
from hub import openssl
from hub.authority import BROKER, CA, CRL, DAYS, Authority, bundle_of, check_length, request_of
from hub.openssl import Issued, issued, none_in

_DAY_S = 86400.0
_PENDING = "renewed"
_KEY = ("-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:prime256v1")
_CONFIGURED = ("-config", openssl.CONFIGURATION_FILE)


@dataclass(frozen=True, slots=True)
class Bundle:
    """What a device shows the broker, each in PEM form; `serial` is the authority's name of it.

    `request` is what was signed.
    """

    serial: str
    authority: str
    certificate: str
    request: str
    key: str = field(repr=False)


class DeviceCertificates:
    """The devices of one authority. Every method raises BedsideError in one sentence."""

    def __init__(self, folder: Path) -> None:
        """Raises ConfigError where the folder holds no authority, or its key is not there."""
        if not (folder / "ca.key").exists():
            raise ConfigError(none_in(folder))
        self._folder = folder

    def exclusive(self) -> AbstractContextManager[None]:
        """Nobody else changes the authority meanwhile."""
        return openssl.exclusive(self._folder)

    @property
    def authority_file(self) -> Path:
        """The authority's own certificate."""
        return self._folder / CA

    def broker_hosts(self) -> list[str] | None:
        """The names and addresses in the broker's certificate; None where it is not kept here."""
        file = self._folder / BROKER / "broker.crt"
        if not file.exists():
            return None
        asked = ("-noout", "-ext", "subjectAltName", "-in", str(file.relative_to(self._folder)))
        words = openssl.run(self._folder, "x509", *asked).splitlines()[-1].split(",")
        return [word.strip().removeprefix("DNS:").removeprefix("IP Address:") for word in words]

    def authority_days(self, now_s: float) -> float:
        """Days until the authority itself ends."""
        return days_left(self.authority_file, now_s)

    def holding(self, name: str, now_s: float) -> list[Issued]:
        """The certificates that let the device SITE/WARD/DEVICE in, by their ends."""
        found = [one for one in issued(self._folder) if one.name == name and one.holds(now_s)]
        return sorted(found, key=lambda one: one.end_s)

    def devices(self, site: str) -> list[Issued]:
        """Each device's certificate that ends last, of those not revoked; also those that have ended."""
        last: dict[str, Issued] = {}
        for one in issued(self._folder):
            known = last.get(one.name)
            if one.name.startswith(f"{site}/") and not one.revoked and (not known or one.end_s > known.end_s):
                last[one.name] = one
        return sorted(last.values(), key=lambda one: one.name)

    def make(self, name: str, days: int = DAYS) -> Bundle:
        """A new key and its certificate; the key is nowhere but in what is returned. To be adopted."""
        check_length(name)
        key = openssl.run(self._folder, "genpkey", *_KEY)
        asked = self._asked(name, "/dev/stdin", key)
        serial, certificate = self._sign(asked, days)
        return Bundle(serial, self._read(self.authority_file), certificate, asked, key)

    def adopt(self, name: str, bundle: Bundle, replaced: Iterable[Issued] = ()) -> None:
        """The device has that bundle from now on; those it replaces let nobody in any more."""
        self._write(request_of(self._folder, name), bundle.request)
        self.delivered(name)  # what was renewed is for the key before
        serials = [one.serial for one in replaced]
        if serials:
            self.withdraw(serials)

    def renew(self, name: str, now_s: float) -> str:
        """A later certificate, in PEM form, for the key the device has; kept here until `delivered`."""
        request = self._request(name)
        holding = self.holding(name, now_s)
        if not holding:
            raise ConfigError(
                f"{name} has no certificate that still holds, so it cannot be told of a new one; make it a"
                " card with bedside-deploy provision --again"
            )
        last = holding[-1]
        shown = ("-noout", "-pubkey", "-in", f"issued/{last.serial}.pem")
        public = openssl.run(self._folder, "x509", *shown)
        if public != openssl.run(self._folder, "req", "-noout", "-pubkey", text=request):
            raise ConfigError(
                f"{name}: its signing request in {self._folder} is for another key than its certificate;"
                " make it a card with bedside-deploy provision --again"
            )
        days = min(DAYS, int(self.authority_days(now_s)))
        if now_s + days * _DAY_S <= last.end_s:
            raise ConfigError(
                f"{name} cannot be given a later end than it has: the authority in {self._folder} ends in"
                f" {days} days; make a new authority and new cards"
            )
        _, certificate = self._sign(request, days)
        self._write(self._pending(name), certificate)
        return certificate

    def pending(self, name: str) -> str | None:
        """A renewed certificate that the device is not known to have yet."""
        file = self._pending(name)
        return self._read(file) if file.exists() else None

    def pending_end_s(self, name: str) -> float:
        """When that one ends, in seconds since 1970."""
        return validity(self._pending(name)).end_s

    def delivered(self, name: str) -> None:
        """The device shows the renewed certificate."""
        self._pending(name).unlink(missing_ok=True)

    def withdraw(self, serials: Iterable[str]) -> None:
        """Shuts these certificates out, once the broker has the list."""
        for serial in serials:
            openssl.run(self._folder, "ca", *_CONFIGURED, "-batch", "-revoke", f"issued/{serial}.pem")
        openssl.run(self._folder, "ca", *_CONFIGURED, "-gencrl", "-out", CRL)

    def revoke(self, name: str) -> Path:
        """Shuts out whoever has a certificate of this name; the list the broker must be given."""
        Authority(self._folder).revoke(name)
        if "/" in name:
            self.delivered(name)
        return self._folder / CRL

    def _request(self, name: str) -> str:
        """The kept one; for a device of an earlier version one made with its key, if that lies here still."""
        kept = request_of(self._folder, name)
        if kept.exists():
            return self._read(kept)
        key = f"{bundle_of(name)}/bedside-device.key"
        if not (self._folder / key).exists():
            raise ConfigError(
                f"{name}: no signing request of it is kept in {kept.parent}; make it a card with"
                " bedside-deploy provision --again"
            )
        return self._asked(name, key)

    def _asked(self, name: str, key: str, text: str = "") -> str:
        """A signing request with the key in that file."""
        subject = ("-subj", "/CN=" + name.replace("/", r"\/"))
        return openssl.run(self._folder, "req", "-new", *_CONFIGURED, *subject, "-key", key, text=text)

    def _sign(self, request: str, days: int) -> tuple[str, str]:
        """Serial and PEM text of a new certificate."""
        sign = ("-batch", "-notext", "-days", str(days), "-extensions", "client")
        files = ("-in", "/dev/stdin", "-out", "/dev/null")
        openssl.run(self._folder, "ca", *_CONFIGURED, *sign, *files, text=request)
        serial = issued(self._folder)[-1].serial
        return serial, self._read(self._folder / "issued" / f"{serial}.pem")

    def _pending(self, name: str) -> Path:
        return self._folder / _PENDING / f"{Path(bundle_of(name)).name}.crt"

    def _read(self, file: Path) -> str:
        try:
            return file.read_text(encoding="ascii")
        except OSError as error:
            raise StorageError(f"cannot read {file}: {error.strerror}") from error

    def _write(self, file: Path, text: str) -> None:
        try:
            file.parent.mkdir(mode=0o700, exist_ok=True)
            file.write_text(text, encoding="ascii")
        except OSError as error:
            raise StorageError(f"cannot write {file}: {error.strerror}") from error
