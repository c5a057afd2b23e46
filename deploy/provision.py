"""`bedside-deploy provision`: settings, certificate and keys for beds' cards, out of the ward's authority.

All the beds or none: whatever fails, no file stands in its place and every certificate made is withdrawn.
"""

from __future__ import annotations

import argparse
import time
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deploy import beds, broker_list, bundle
from deploy.beds import Bed, Row
from deploy.card_folder import Card, Folders
from deploy.settings import FILE_NAME
from edge.credentials import borrow
from edge.errors import ConfigError
from edge.topics import Address
from hub import commands
from hub.authority import DAYS
from hub.cli import UNITS
from hub.config import Settings, load
from hub.device_certificates import DeviceCertificates

AUTHORITY = "/etc/bedside-ser/authority"


@dataclass(frozen=True, slots=True)
class Common:
    """What all beds of one call share."""

    hub: Settings
    template: dict[str, Any]
    files: dict[str, str]
    """Of the template: the RADIUS server's authority, where it names one."""
    days: int


def arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's own."""
    add_authority(parser)
    parser.add_argument("--ward", metavar="WARD", help="the ward, such as 3b")
    parser.add_argument("--bed", metavar="BED", help="the bed's name on the board, such as 12")
    parser.add_argument("--device", metavar="NAME", help="the box's name; without it bed-BED")
    parser.add_argument(
        "--csv", metavar="FILE", type=Path, help="many beds: ward,bed,device and keys like wifi.identity"
    )
    parser.add_argument(
        "--template", metavar="FILE", type=Path,
        help="a bedside.toml without site, ward, device and bed: what all beds share, as [hub] and [wifi]",
    )  # fmt: skip
    parser.add_argument("--hub", metavar="HOST", help="without --template: how boxes reach the hub")
    to = parser.add_mutually_exclusive_group(required=True)
    to.add_argument("--out", metavar="FOLDER", type=Path, help="a folder for each bed: FOLDER/WARD/DEVICE")
    to.add_argument("--card", metavar="FOLDER", type=Path, help="where a card's partition BEDSIDE is mounted")
    parser.add_argument(
        "--days", metavar="N", type=int, default=DAYS, help=f"certificates hold so long ({DAYS})"
    )
    parser.add_argument("--again", action="store_true", help="a box's earlier certificates are revoked")
    broker_list.arguments(parser)


def add_authority(parser: argparse.ArgumentParser) -> None:
    """Which hub's and which authority's beds."""
    parser.add_argument("--config", required=True, metavar="FILE", help="the hub's TOML file")
    parser.add_argument(
        "--authority", metavar="DIR", type=Path, default=Path(AUTHORITY),
        help=f"the folder bedside-hub authority has made ({AUTHORITY})",
    )  # fmt: skip


def run(options: argparse.Namespace) -> int:
    """Make the beds' files; the exit status. Raises BedsideError."""
    borrow(UNITS)
    hub = load(options.config)
    template, files = _template(options)
    if not 1 <= options.days <= DAYS:
        raise ConfigError(f"--days is {options.days}; it must be from 1 to {DAYS}")
    common = Common(hub, template, files, options.days)
    wanted = beds.beds(hub.site, template, _rows(options))
    to = Folders(options.out) if options.card is None else Card(options.card, again=options.again)
    certificates = DeviceCertificates(options.authority)
    with certificates.exclusive():
        replaced = provision(certificates, common, wanted, to, again=options.again, now_s=time.time())
    for bed in wanted:
        place = bed.settings
        print(f"{place.ward}/{place.device} (bed {place.bed}): {to.where(place.ward, place.device)}")
    if hub.commands.master_key_file is None:
        print("without commands.master_key_file none of them can be muted or renewed from the hub")
    if options.card is None:
        print("each folder holds secrets: copy its files to the card's partition BEDSIDE, then delete it")
    if replaced:
        print(broker_list.give(options.authority, options.broker))
    return 0


def provision(
    certificates: DeviceCertificates,
    common: Common,
    wanted: Sequence[Bed],
    to: Folders | Card,
    *,
    again: bool,
    now_s: float,
) -> int:
    """Make all of it or nothing; how many earlier certificates were revoked. Raises BedsideError."""
    check(certificates, common, wanted, to, again=again, now_s=now_s)
    made = []
    try:
        for bed in wanted:
            one = certificates.make(bed.name, common.days)
            made.append((bed, one))
            place = bed.settings
            files = {
                bundle.CA: one.authority,
                bundle.CERTIFICATE: one.certificate,
                bundle.KEY: one.key,
                **_command_key(common.hub, place.address),
                **common.files,
                FILE_NAME: bed.text,
            }
            beds.refuse([f"{bed.where}{mistake}" for mistake in bundle.mistakes(files, place)], 1)
            to.put(place.ward, place.device, files)
        to.commit()
    except BaseException:
        to.roll_back()
        certificates.withdraw(one.serial for _, one in made)
        raise
    replaced = 0
    for bed, one in made:
        earlier = [old for old in certificates.holding(bed.name, now_s) if old.serial != one.serial]
        certificates.adopt(bed.name, one, earlier)
        replaced += len(earlier)
    return replaced


def check(
    certificates: DeviceCertificates,
    common: Common,
    wanted: Sequence[Bed],
    to: Folders | Card,
    *,
    again: bool,
    now_s: float,
) -> None:
    """Raises ConfigError that tells of every bed for which nothing can be made."""
    left = certificates.authority_days(now_s)
    if left < common.days:
        raise ConfigError(
            f"the authority {certificates.authority_file} ends in {left:.0f} days, before a certificate of"
            f" {common.days} days would; make a new authority, or give --days {max(1, int(left))}"
        )
    hosts = certificates.broker_hosts()
    in_the_way = to.check([(bed.settings.ward, bed.settings.device) for bed in wanted])
    mistakes = []
    for bed, obstacle in zip(wanted, in_the_way, strict=True):
        host = bed.settings.hub.host
        if obstacle:
            mistakes.append(f"{bed.where}{obstacle}")
        if hosts is not None and host not in hosts:
            mistakes.append(
                f"{bed.where}hub.host is {host!r}, and the broker's certificate is for {', '.join(hosts)};"
                " give one of these"
            )
        if not again and certificates.holding(bed.name, now_s):
            mistakes.append(
                f"{bed.where}{bed.name} has a certificate already; --again revokes that one and makes another"
            )
    beds.refuse(mistakes, len(wanted))


def _rows(options: argparse.Namespace) -> list[Row]:
    one = [name for name in ("ward", "bed", "device") if getattr(options, name) is not None]
    if options.csv is not None:
        if one:
            raise ConfigError(f"--csv and --{one[0]} are both given; give one or the other")
        return beds.read_csv(options.csv)
    for name in ("ward", "bed"):
        if name not in one:
            raise ConfigError(f"--{name} is missing; give --ward and --bed, or --csv for many beds")
    return [Row(options.ward, options.bed, options.device or beds.device_of(options.bed))]


def _template(options: argparse.Namespace) -> tuple[dict[str, Any], dict[str, str]]:
    """Its tables, and the files beside it that they name."""
    path: Path | None = options.template
    if path is None:
        if options.hub is None:
            raise ConfigError("neither --template nor --hub is given; say where boxes find the hub")
        return {"hub": {"host": options.hub}}, {}
    try:
        plain = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise ConfigError(f"cannot read the template {path}: {error.strerror}") from error
    except ValueError as error:
        raise ConfigError(f"the template {path} is no valid TOML: {error}") from error
    for name in ("site", "ward", "device", "bed"):
        if name in plain:
            raise ConfigError(
                f"the template {path} names {name}, which differs from bed to bed; leave it out"
            )
    if options.hub is not None:
        hub = plain.get("hub", {})
        plain["hub"] = {**(hub if isinstance(hub, dict) else {}), "host": options.hub}
    wifi = plain.get("wifi")
    beside = wifi.get("ca_file") if isinstance(wifi, dict) else None
    if not isinstance(beside, str) or not beside or "/" in beside:
        return plain, {}
    try:
        return plain, {beside: (path.parent / beside).read_text(encoding="utf-8")}
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"wifi.ca_file is {beside!r}, which cannot be read beside {path}; put it there"
        ) from error


def _command_key(hub: Settings, address: Address) -> dict[str, str]:
    if hub.commands.master_key_file is None:
        return {}
    return {bundle.COMMAND_KEY: commands.device_key(commands.master_key(hub), address) + "\n"}
