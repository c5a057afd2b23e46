"""`bedside-deploy renew`: later certificates for the devices' own keys, sent to them before theirs end.

No card is touched and no secret travels: the authority signs the public key it knows, and the device gets the
certificate in a command signed with its own key. What a device does not answer to is kept and sent next time.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import re
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass

from deploy.provision import add_authority
from edge.credentials import borrow
from edge.errors import BedsideError, ConfigError, UnavailableError
from edge.topics import Address
from edge.utc import utc_text
from hub import commands
from hub.cli import UNITS
from hub.config import load
from hub.device_certificates import DeviceCertificates
from hub.openssl import Issued
from hub.store import open_store

WITHIN_DAYS = 30
_DAY_S = 86400.0
Send = Callable[[Address, commands.Wish], str]
"""Has the device do it, and returns in words how it is afterwards. Raises BedsideError."""


@dataclass(frozen=True, slots=True)
class Due:
    """A device to be renewed: its certificate that ends last, and whether a later one waits to be sent."""

    certificate: Issued
    is_pending: bool


def arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's own."""
    add_authority(parser)
    parser.add_argument(
        "--within", metavar="DAYS", default=f"{WITHIN_DAYS}d",
        help=f"renew what ends within so many days, such as 30d ({WITHIN_DAYS}d)",
    )  # fmt: skip
    parser.add_argument("--list", action="store_true", help="only say what ends when")


def run(options: argparse.Namespace) -> int:
    """Renew what ends soon; the exit status. Raises BedsideError."""
    within = re.fullmatch(r"(\d{1,4})d?", options.within)
    if within is None:
        raise ConfigError(f"--within is {options.within!r}; it must be a number of days, such as 30d")
    borrow(UNITS)
    settings = load(options.config)
    certificates = DeviceCertificates(options.authority)
    now = time.time()
    found = due(certificates, settings.site, now, int(within[1]))
    if options.list:
        for one in certificates.devices(settings.site):
            print(line(one, now, is_due=any(each.certificate == one for each in found)))
        return 0
    if not found:
        print(f"no device's certificate ends within {within[1]} days")
        return 0
    commands.master_key(settings)  # before anything is signed that could not be sent
    with contextlib.closing(open_store(settings)) as store:

        def send(address: Address, wish: commands.Wish) -> str:
            return commands.ask(settings, store, address, wish, time.time)

        return renew(certificates, found, send, now)


def due(certificates: DeviceCertificates, site: str, now_s: float, within_days: int) -> list[Due]:
    """Devices whose certificate ends within so many days, or who are not known to have their new one."""
    found = []
    for one in certificates.devices(site):
        is_pending = certificates.pending(one.name) is not None
        if is_pending or one.end_s - now_s < within_days * _DAY_S:
            found.append(Due(one, is_pending))
    return found


def renew(certificates: DeviceCertificates, found: list[Due], send: Send, now_s: float) -> int:
    """Tells of each device how it went; 0. Raises UnavailableError where any was not renewed."""
    failed = 0
    for one in found:
        name = one.certificate.name
        try:
            with certificates.exclusive():
                pem = certificates.pending(name) or certificates.renew(name, now_s)
            print(f"{name}: {send(_address(name), wish(pem, certificates.pending_end_s(name)))}")
            certificates.delivered(name)
        except BedsideError as error:
            failed += 1
            print(f"{name}: not renewed: {error}")
    if failed:
        raise UnavailableError(
            f"{failed} of {len(found)} devices were not renewed; give the command again when they are online,"
            " or make them a card with bedside-deploy provision --again"
        )
    return 0


def wish(pem: str, end_s: float) -> commands.Wish:
    """The command that brings a certificate."""
    return commands.Wish(
        action="renew",
        reason="the certificate ends soon",
        certificate=base64.b64encode(ssl.PEM_cert_to_DER_cert(pem)).decode(),
        certificate_ends=utc_text(end_s),
    )


def line(one: Issued, now_s: float, *, is_due: bool) -> str:
    """A device's certificate, for people."""
    days = (one.end_s - now_s) / _DAY_S
    when = f"ends on {utc_text(one.end_s)[:10]}, in {days:.0f} days" if days >= 0 else "has ended"
    return f"{one.name} {when}{': to be renewed' if is_due else ''}"


def _address(name: str) -> Address:
    site, ward, device = name.split("/")
    return Address(site, ward, device)
