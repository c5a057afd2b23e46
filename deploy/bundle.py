"""The files beside `bedside.toml`: certificates and keys, and whether they belong together."""

from __future__ import annotations

import os
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from deploy.settings import Settings
from edge.certificates import common_name, validity
from edge.errors import ConfigError

CA, CERTIFICATE, KEY = "bedside-ca.crt", "bedside-device.crt", "bedside-device.key"
COMMAND_KEY = "bedside-command.key"
NEEDED = (CA, CERTIFICATE, KEY)
SECRET = (KEY, COMMAND_KEY)
"""What is taken off the card once the box has it."""
_SHORTEST_COMMAND_KEY = 32
_AGAIN = "copy the files of this bed as `bedside-deploy provision` made them"


def names(settings: Settings) -> tuple[str, ...]:
    """The files these settings go with."""
    wifi = settings.wifi.ca_file if settings.wifi is not None else ""
    return (*NEEDED, COMMAND_KEY, *([wifi] if wifi else []))


def mistakes(files: Mapping[str, str], settings: Settings) -> list[str]:
    """What is wrong with the files, by name, or how they fit each other; a sentence each, none with a secret.

    Dates are not looked at: a box that starts has no clock yet.
    """
    found = [f"{name} is missing; {_AGAIN}" for name in NEEDED if name not in files]
    wifi = settings.wifi.ca_file if settings.wifi is not None else ""
    if wifi and wifi not in files:
        found.append(f"{wifi}, which wifi.ca_file names, is missing; copy it beside bedside.toml")
    unreadable = [
        words
        for name in (CA, CERTIFICATE, *([wifi] if wifi else []))
        if name in files and (words := _certificate_mistake(name, files[name]))
    ]
    found += unreadable
    if CERTIFICATE in files and not unreadable:
        found += _pair_mistakes(files, settings)
    if COMMAND_KEY in files and len(files[COMMAND_KEY].split("\n")[0].strip()) < _SHORTEST_COMMAND_KEY:
        found.append(f"{COMMAND_KEY} is no key; it must be what `bedside-hub device-key` prints")
    return found


def begin_s(files: Mapping[str, str]) -> float:
    """From when on authority and certificate hold, in seconds since 1970. Raises ConfigError."""
    begins = []
    for name in (CA, CERTIFICATE):
        with _file(files[name]) as path:
            begins.append(validity(path).begin_s)
    return max(begins)


def _certificate_mistake(name: str, text: str) -> str | None:
    try:
        with _file(text) as path:
            validity(path)
        ssl.create_default_context(cadata=text)
    except (ConfigError, ssl.SSLError, ValueError):  # whose words tell of a path that is ours alone
        return f"{name} holds no whole certificate in PEM form; {_AGAIN}"
    return None


def _pair_mistakes(files: Mapping[str, str], settings: Settings) -> list[str]:
    wanted = settings.address.name
    with _file(files[CERTIFICATE]) as certificate:
        try:
            name = common_name(certificate)
        except ConfigError:
            return [f"{CERTIFICATE} holds no whole certificate in PEM form; {_AGAIN}"]
        if name != wanted:
            mistake = f"{CERTIFICATE} is for {name!r}, the settings are those of {wanted!r}"
            return [f"{mistake}; {_AGAIN}, or correct site, ward and device"]
        if KEY not in files:
            return []
        try:
            with _file(files[KEY]) as key:
                # A key with a password of its own would be asked for at the console, for ever.
                ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_cert_chain(certificate, key, password="")
        except (ssl.SSLError, ValueError, OSError):
            return [f"{KEY} is no key in PEM form that belongs to {CERTIFICATE}; {_AGAIN}"]
    return []


@contextmanager
def _file(text: str) -> Iterator[str]:
    """A path to the text for as long as needed, in memory alone: openssl takes keys from files only."""
    descriptor = os.memfd_create("bedside")
    try:
        os.write(descriptor, text.encode())
        yield f"/proc/self/fd/{descriptor}"
    finally:
        os.close(descriptor)
