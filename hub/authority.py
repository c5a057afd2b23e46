"""`bedside-hub authority`: the ward's own authority, and certificates for broker, hub and devices.

openssl(1) does the work; its folder is all there is to keep. Whoever has `ca.key` can make any device: the
folder belongs on a machine, or a stick, that is not on the ward's network.
"""

from __future__ import annotations

import ipaddress
import re
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from edge.certificates import days_left
from edge.errors import ConfigError, StorageError
from edge.fields import FieldError, decode
from edge.topics import Address
from hub import openssl
from hub.openssl import INDEX, Issued, none_in

CA, CRL = "bedside-ca.crt", "bedside.crl"
REQUESTS = "requests"
"""Devices' signing requests: public keys, no secret. With them a certificate is renewed without its key."""
BROKER = "broker"
HUB_NAME = "hub"  # the user name of the hub in the broker's access list
DAYS = 730
AUTHORITY_DAYS = 3650
RENEWABLE_DAYS = 60  # before its end; hub and devices warn 14 days before
_LONGEST_NAME = 64  # of a common name, RFC 5280
_CURVE = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
_HOST = re.compile(r"(?!-)[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})*")


class Authority:
    """The folder of an authority. Every method raises BedsideError in one sentence.

    openssl keeps its index in a file that it rewrites: whoever changes the authority holds `exclusive`.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @contextmanager
    def exclusive(self, *, is_new: bool = False) -> Iterator[None]:
        """Nobody else changes the authority meanwhile, bedside-deploy neither; whoever comes second waits.

        `is_new`: the folder is made where there is none; else ConfigError says that it holds no authority.
        """
        if is_new:
            with self._writing():
                self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        elif not (self._folder / "ca.key").exists():
            raise ConfigError(none_in(self._folder))
        with openssl.exclusive(self._folder):
            yield

    def make(self) -> str:
        """A new one, for ten years, with an empty list of revoked certificates; a sentence."""
        key = self._folder / "ca.key"
        if key.exists() and (self._folder / CRL).exists():
            raise StorageError(f"{self._folder} holds an authority already; its devices would be shut out")
        if not key.exists():
            self._begin(key)
        self._list_revoked()  # also where only this went wrong before
        return f"{self._folder} holds a new authority; keep {self._folder / 'ca.key'} off the ward's network"

    def _begin(self, key: Path) -> None:
        with self._writing():
            for folder in (self._folder, self._folder / "issued"):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._write(openssl.CONFIGURATION_FILE, openssl.CONFIGURATION)
            for name, text in ((INDEX, ""), ("serial", "1000\n"), ("crlnumber", "1000\n")):
                self._write(name, text)
        subject = ("-subj", "/CN=bedside-ser ward authority", "-days", str(AUTHORITY_DAYS))
        made = ("-keyout", "ca.key.new", "-out", CA)
        self._openssl("req", "-x509", *_CURVE, *subject, "-extensions", "authority", *made)
        with self._writing():
            (self._folder / "ca.key.new").rename(key)  # last: what failed before can be done again

    def broker(self, hosts: Sequence[str]) -> str:
        """For the broker, by all names and addresses devices and hub reach it under; a sentence."""
        names = [f"{'IP' if _is_address(host) else 'DNS'}:{host}" for host in hosts]
        bundle = self._issue(BROKER, "broker", hosts[0], "server", ",".join(names))
        return f"{bundle} is for the broker's machine"

    def hub(self) -> str:
        """For the hub; a sentence."""
        return f"{self._issue('hub', 'bedside-hub', HUB_NAME, 'client')} is for the hub's machine"

    def device(self, name: str) -> str:
        """For one device, whose name is SITE/WARD/DEVICE; a sentence."""
        bundle = self._issue(bundle_of(name), "bedside-device", name, "client")
        return f"{bundle} is for the device {name}"

    def revoke(self, name: str) -> str:
        """Shuts out whoever has a certificate of `hub`, `broker` or a device, however many; a sentence."""
        if name not in (HUB_NAME, BROKER):
            bundle_of(name)  # raises what is wrong with it
        mine = [one for one in self._issued() if self._is_of(one, name)]
        if not mine:
            raise ConfigError(f"no certificate has been made for {name!r}; see the folders in {self._folder}")
        for one in mine:
            if not one.revoked:
                self._openssl("ca", "-batch", "-revoke", f"issued/{one.serial}.pem")
        self._list_revoked()
        if (self._folder / BROKER).is_dir():
            self._copy(CRL, self._folder / BROKER)
        return (
            f"{name} is revoked: put {self._folder / CRL} in the place of the broker's and restart the broker"
        )

    def _issued(self) -> list[Issued]:
        return openssl.issued(self._folder)

    def _is_of(self, one: Issued, name: str) -> bool:
        """A broker is known by its purpose: it is named after its host, which may be called hub too."""
        if "/" in name or "/" in one.name:
            return one.name == name
        purpose = ("-noout", "-ext", "extendedKeyUsage", "-in", f"issued/{one.serial}.pem")
        is_broker = "TLS Web Server" in self._run("x509", *purpose)
        return is_broker if name == BROKER else one.name == name and not is_broker

    def _issue(self, bundle: str, file: str, name: str, kind: str, hosts: str = "DNS:none") -> Path:
        if not (self._folder / "ca.key").exists():
            raise ConfigError(none_in(self._folder))
        check_length(name)
        to = self._folder / bundle
        if self._is_in_use(to / f"{file}.crt"):
            raise StorageError(
                f"{to} holds a certificate already, for more than {RENEWABLE_DAYS} days: revoke it first,"
                " or move the folder away to make another one beside it"
            )
        with self._writing():
            to.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            new = Path(tempfile.mkdtemp(prefix=f"{to.name}.new-", dir=to.parent))
        try:
            self._sign(new.relative_to(self._folder), file, name, kind, hosts)
            for shared in (CA, CRL) if bundle == BROKER else (CA,):
                self._copy(shared, new)
            with self._writing():
                if to.exists():
                    shutil.rmtree(to)
                new.rename(to)
        finally:
            shutil.rmtree(new, ignore_errors=True)
        return to

    def _sign(self, to: Path, file: str, name: str, kind: str, hosts: str) -> None:
        subject = "/CN=" + name.replace("/", r"\/")
        key, request, signed = (str(to / f"{file}.{end}") for end in ("key", "csr", "crt"))
        self._openssl("req", "-new", *_CURVE, "-subj", subject, "-keyout", key, "-out", request)
        sign = ("-batch", "-notext", "-days", str(DAYS), "-extensions", kind)
        self._openssl("ca", *sign, "-in", request, "-out", signed, hosts=hosts)
        self._keep_request(name, self._folder / request)

    def _keep_request(self, name: str, request: Path) -> None:
        with self._writing():
            if "/" in name:
                kept = request_of(self._folder, name)
                kept.parent.mkdir(mode=0o700, exist_ok=True)
                request.rename(kept)
            else:
                request.unlink()

    def _is_in_use(self, certificate: Path) -> bool:
        """Whether a new one in its place would be a mistake: neither revoked nor soon to run out."""
        if not certificate.exists() or days_left(certificate) <= RENEWABLE_DAYS:
            return False
        said = self._run("x509", "-noout", "-serial", "-in", str(certificate.relative_to(self._folder)))
        serial = said.strip().partition("=")[2]
        return serial not in {one.serial for one in self._issued() if one.revoked}

    def _list_revoked(self) -> None:
        self._openssl("ca", "-gencrl", "-out", CRL)

    def _openssl(self, verb: str, *arguments: str, hosts: str = "DNS:none") -> None:
        self._run(verb, "-config", openssl.CONFIGURATION_FILE, *arguments, hosts=hosts)

    def _run(self, verb: str, *arguments: str, hosts: str = "DNS:none") -> str:
        return openssl.run(self._folder, verb, *arguments, hosts=hosts)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise StorageError(f"cannot write to {self._folder}: {error.strerror}") from error

    def _write(self, name: str, text: str) -> None:
        (self._folder / name).write_text(text, encoding="ascii")

    def _copy(self, name: str, to: Path) -> None:
        with self._writing():
            shutil.copyfile(self._folder / name, to / name)


def check_length(name: str) -> None:
    """Raises ConfigError for a name that no certificate can hold."""
    if len(name) > _LONGEST_NAME:
        raise ConfigError(f"{name!r} is longer than the {_LONGEST_NAME} characters a certificate may name")


def request_of(folder: Path, name: str) -> Path:
    """Where the signing request of a device is kept."""
    return folder / REQUESTS / f"{Path(bundle_of(name)).name}.csr"


def bundle_of(name: str) -> str:
    """The folder of a device's certificate below that of the authority. Raises ConfigError."""
    parts = name.split("/")
    try:
        address = decode(Address, dict(zip(("site", "ward", "device"), parts, strict=True)))
    except (ValueError, FieldError) as error:
        raise ConfigError(
            f"the device is {name!r}; write SITE/WARD/DEVICE, such as clinic/3b/bed-12"
        ) from error
    return f"devices/{address.site}.{address.ward}.{address.device}"


def _is_address(host: str) -> bool:
    """Whether it is an IP address and not a name. Raises ConfigError where it is neither."""
    try:
        ipaddress.ip_address(host)
    except ValueError as error:
        if not _HOST.fullmatch(host):
            raise ConfigError(f"{host!r} is neither a host's name nor an IP address") from error
        return False
    return True
