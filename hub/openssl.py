"""openssl(1) in the folder of an authority: one command, and the index of what it has signed."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from edge.errors import ConfigError, StorageError, UnavailableError

CONFIGURATION_FILE, INDEX = "openssl.cnf", "index.txt"
_LOCK = "lock"

# Python 3.13 takes only what follows RFC 5280 to the letter: keyUsage on the authority, key identifiers.
CONFIGURATION = """\
# Written by bedside-hub authority, for openssl ca.
[ca]
default_ca = ward
[ward]
dir = .
database = $dir/index.txt
serial = $dir/serial
crlnumber = $dir/crlnumber
new_certs_dir = $dir/issued
certificate = $dir/bedside-ca.crt
private_key = $dir/ca.key
default_md = sha256
# A list that has run out shuts out everybody.
default_crl_days = 3650
policy = names
unique_subject = no
copy_extensions = none
[names]
commonName = supplied
[authority]
basicConstraints = critical,CA:TRUE,pathlen:0
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
[server]
basicConstraints = critical,CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = serverAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
subjectAltName = $ENV::BEDSIDE_HOSTS
[client]
basicConstraints = critical,CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = clientAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
[req]
distinguished_name = none
[none]
"""


@dataclass(frozen=True, slots=True)
class Issued:
    """A certificate the authority has signed.

    `serial` names its file in `issued`; `end_s` is its last moment, in seconds since 1970.
    """

    serial: str
    name: str
    end_s: float
    revoked: bool

    def holds(self, now_s: float) -> bool:
        """Whether it lets somebody in."""
        return not self.revoked and self.end_s > now_s


def issued(folder: Path) -> list[Issued]:
    """Every certificate in the index, oldest first. Raises ConfigError where there is none."""
    try:
        lines = (folder / INDEX).read_text(encoding="ascii").splitlines()
    except OSError as error:
        raise ConfigError(f"{none_in(folder)} ({INDEX}: {error.strerror})") from error
    # State, end, end by revocation, serial, file, subject.
    return [_issued(line.split("\t")) for line in lines]


def _issued(row: list[str]) -> Issued:
    form = "%y%m%d%H%M%SZ" if len(row[1]) == len("YYMMDDHHMMSSZ") else "%Y%m%d%H%M%SZ"
    end = datetime.strptime(row[1], form).replace(tzinfo=UTC)
    name = row[5].partition("/CN=")[2].replace("\\/", "/")
    return Issued(row[3], name, end.timestamp(), row[0] == "R")


def none_in(folder: Path) -> str:
    """What to say of a folder without an authority."""
    return f"{folder} holds no authority; bedside-hub authority new makes one"


@contextmanager
def exclusive(folder: Path) -> Iterator[None]:
    """Nobody else changes the authority meanwhile; whoever comes second waits. Raises StorageError."""
    try:
        lock = (folder / _LOCK).open("w")
    except OSError as error:
        raise StorageError(f"cannot write to {folder}: {error.strerror}") from error
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def run(folder: Path, verb: str, *arguments: str, text: str = "", hosts: str = "DNS:none") -> str:
    """What openssl prints, at work in the folder, `text` being its input. What it makes is its owner's only.

    `hosts`: the subjectAltName of a server. Raises UnavailableError without openssl, StorageError where it
    fails.
    """
    program = shutil.which("openssl")
    if program is None:
        raise UnavailableError("openssl is not installed: apt install openssl")
    done = subprocess.run(  # noqa: S603 - nothing in it comes from outside unchecked
        [program, verb, *arguments],
        cwd=folder,
        env={**os.environ, "BEDSIDE_HOSTS": hosts},
        umask=0o077,
        input=text,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise StorageError(f"openssl {verb} in {folder}: {' '.join(done.stderr.split())[-300:]}")
    return done.stdout
