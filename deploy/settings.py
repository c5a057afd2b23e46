"""`bedside.toml`: everything an installer tells a box, checked key by key. Pure; box and hub use it alike.

A sentence about a wrong value never shows a secret: it is put onto the console and into STATUS.TXT.
"""

from __future__ import annotations

import base64
import binascii
import dataclasses
import ipaddress
import re
import zoneinfo
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from deploy import toml_text
from edge.config import Microphone
from edge.config import Panel as Pins
from edge.errors import ConfigError
from edge.fields import FieldError, checked, decode, encode, unknown_key
from edge.topics import Address, name_field

FILE_NAME = "bedside.toml"
SECRETS = (("wifi", "passphrase"), ("wifi", "password"))
"""Table and key of what is taken off the card once the box has it."""
ACT = "ACT"
_HOST = re.compile(r"(?!-)[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})*")
_HOST_WORDS = "a host's name or an IP address"
_TEXT = r"[^\x00-\x1f\x7f-\x9f\u2028\u2029]+"
_TEXT_OR_NONE = f"(?:{_TEXT})?"
_FILE_OR_NONE = r"(?:(?!\.)[A-Za-z0-9 ._-]{1,80})?"
_SSH_KINDS = (
    r"ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(?:256|384|521)|sk-(?:ssh-ed25519|ecdsa-sha2-nistp256)@openssh\.com"
)
_SSH_KEY = re.compile(rf"({_SSH_KINDS}) ([A-Za-z0-9+/]+=*)( [^\x00-\x1f\x7f]*)?")
T = TypeVar("T")


class SettingsError(ConfigError):
    """Settings with mistakes, `mistakes`: a sentence each, at most one of each table."""

    def __init__(self, mistakes: tuple[str, ...]) -> None:
        super().__init__("; ".join(mistakes))
        self.mistakes = mistakes


@dataclass(frozen=True, slots=True)
class Hub:
    """[hub]: where the ward's broker is; the box trusts it by the authority's certificate on the card."""

    host: str = checked(minimum=1, maximum=253, allowed=_HOST_WORDS)
    """A name or address that stands in the broker's certificate."""
    port: int = checked(minimum=1, maximum=65535, default=8883)

    def __post_init__(self) -> None:
        """Raises ValueError for what is no name and no address."""
        _check_host("host", self.host)


@dataclass(frozen=True, slots=True)
class Wifi:
    """[wifi]: without it the box uses only its Ethernet socket."""

    country: str = checked(pattern="[A-Z]{2}", allowed="two capital letters, such as DE")
    """ISO 3166-1 alpha-2: which channels the box may use."""
    ssid: str = checked(pattern=_TEXT, allowed="the network's name, 1 to 32 bytes of text")
    passphrase: str = ""
    """WPA-Personal: 8 to 63 characters, or 64 hexadecimal digits of the key itself."""
    identity: str = checked(pattern=_TEXT_OR_NONE, maximum=253, allowed="the box's user name", default="")
    """WPA-Enterprise: the user name at the ward's RADIUS server, with `password`."""
    password: str = ""
    anonymous_identity: str = checked(pattern=_TEXT_OR_NONE, maximum=253, allowed="a user name", default="")
    """What is said of the user before the connection is encrypted; default: `identity`."""
    ca_file: str = checked(
        pattern=_FILE_OR_NONE, allowed="the name of a file beside bedside.toml", default=""
    )
    """The authority that signed the RADIUS server's certificate, in PEM form."""
    eap: str = checked(choices=("PEAP", "TTLS"), default="PEAP")
    """PEAP with MSCHAPv2 in it, or TTLS with PAP in it."""

    def __post_init__(self) -> None:
        """Raises ValueError where the values are not those of one kind of network."""
        if len(self.ssid.encode()) > 32:
            raise ValueError(f"ssid has {len(self.ssid.encode())} bytes; a network's name has at most 32")
        if not self.identity:
            given = [key for key in ("password", "anonymous_identity", "ca_file") if getattr(self, key)]
            if given:
                raise ValueError(f"{given[0]} is given without identity; give identity too, or neither")
            if not self.passphrase:
                raise ValueError(
                    "neither passphrase nor identity is given; give passphrase, or identity and password"
                )
            _check_passphrase(self.passphrase)
        elif self.passphrase:
            raise ValueError(
                "passphrase and identity are both given; give passphrase, or identity and password"
            )
        elif not self.password:
            raise ValueError("password is missing; give the one that goes with identity")
        elif not re.fullmatch(_TEXT, self.password) or len(self.password) > 253:
            raise ValueError("password must be text of at most 253 characters without line breaks")


@dataclass(frozen=True, slots=True)
class Time:
    """[time]: for people who look at the box's own logs; messages carry UTC."""

    zone: str = checked(minimum=1, maximum=60, default="UTC")
    server: str = checked(maximum=253, default="")
    """An NTP server; without one, what the network says by DHCP, else Debian's."""

    def __post_init__(self) -> None:
        """Raises ValueError for a zone or a server that cannot be."""
        try:
            if self.zone != "UTC":  # which a box without any table of zones has, too
                zoneinfo.ZoneInfo(self.zone)
        except (OSError, ValueError, KeyError) as error:  # a folder, a path that leads out, none such
            raise ValueError(
                f"zone is {self.zone!r}; it must be a time zone such as Europe/Berlin"
            ) from error
        if self.server:
            _check_host("server", self.server)


@dataclass(frozen=True, slots=True)
class Panel:
    """[panel]: switch and lights of the box; GPIO numbers are BCM's."""

    mute_pin: int | None = checked(minimum=0, maximum=53, default=None)
    mute_pull_up: bool = checked(default=True)
    light_pin: int | None = checked(minimum=0, maximum=53, default=None)
    led: str = checked(
        pattern=rf"{ACT}|\d|[1-4]\d|5[0-3]",
        allowed=f'"{ACT}" or a GPIO number in quotation marks',
        default=ACT,
    )
    """The light that tells how the box is: its own green one, or one on a GPIO pin."""

    def __post_init__(self) -> None:
        """Raises ValueError for one pin with two uses."""
        pins = Pins(self.mute_pin, self.mute_pull_up, self.light_pin)
        for name in ("mute_pin", "light_pin"):
            if str(getattr(pins, name)) == self.led:
                raise ValueError(f"{name} and led are both {self.led}; they need a pin each")


@dataclass(frozen=True, slots=True)
class Support:
    """[support]: who may log in on the box. Nobody may, unless a key is listed."""

    ssh_keys: tuple[str, ...] = checked(
        maximum=8192, allowed="a public key, as in id_ed25519.pub", default=()
    )

    def __post_init__(self) -> None:
        """Raises ValueError for what is no public key in OpenSSH's form."""
        for key in self.ssh_keys:
            if not _is_ssh_key(key):
                raise ValueError(
                    f"ssh_keys has {key[:30]!r}; it must be a public key, such as the line of id_ed25519.pub"
                )


@dataclass(frozen=True, slots=True)
class Place:
    """Which bed this is."""

    site: str = name_field()
    ward: str = name_field()
    device: str = name_field()
    bed: str = checked(pattern=rf"(?=.{{1,40}}$){_TEXT}", allowed="text from 1 to 40 characters")
    """The bed's name on the board."""


@dataclass(frozen=True, slots=True)
class Settings(Place):
    """Everything an installer tells a box."""

    hub: Hub = checked()
    wifi: Wifi | None = checked(default=None)
    time: Time = checked(default=Time())
    microphone: Microphone = checked(default=Microphone())
    panel: Panel = checked(default=Panel())
    support: Support = checked(default=Support())

    @property
    def address(self) -> Address:
        """Where the device stands in the tree of topics."""
        return Address(self.site, self.ward, self.device)

    @property
    def hostname(self) -> str:
        """`bedside-` and the device, in the letters a host's name may have (RFC 1123)."""
        return f"bedside-{re.sub('[^a-z0-9-]', '-', self.device.lower())}".rstrip("-")


_TABLES: dict[str, type[Any]] = {
    "hub": Hub,
    "wifi": Wifi,
    "time": Time,
    "microphone": Microphone,
    "panel": Panel,
    "support": Support,
}
_PLACE = tuple(field.name for field in dataclasses.fields(Place))
_KEYS = (field.name for cls in _TABLES.values() for field in dataclasses.fields(cls))
NOT_SECRET = {*_PLACE, *_KEYS} - {key for _, key in SECRETS}
"""Every key anybody may see the value of."""
TABLES = tuple(_TABLES)


def parse(body: bytes, kept: Settings | None = None) -> Settings:
    """The settings in the bytes of a `bedside.toml`; a blank secret is the one of `kept`.

    Raises SettingsError.
    """
    try:
        text, plain = toml_text.read(FILE_NAME, body)
    except ConfigError as error:
        raise SettingsError((str(error),)) from error
    settings = _checked(plain, kept)
    for table, key in SECRETS:
        if toml_text.blanked(text, table, key) is None:
            mistake = f'{table}.{key} cannot be taken off the card as it is written; write it as {key} = "…"'
            raise SettingsError((f"{mistake} on a line of its own",))
    return settings


def without_secrets(settings: Settings) -> dict[str, Any]:
    """The settings as plain tables for other people's eyes."""
    plain: dict[str, Any] = encode(settings)
    for table, key in SECRETS:
        if plain.get(table, {}).get(key):
            plain[table][key] = "(left out)"
    return plain


def _checked(plain: dict[str, Any], kept: Settings | None) -> Settings:
    known = (*_PLACE, *_TABLES)
    mistakes = [unknown_key("", key, known) for key in plain if key not in known]
    parts: dict[str, Any] = {}
    try:
        place = decode(Place, {key: plain[key] for key in _PLACE if key in plain})
    except FieldError as error:
        mistakes.append(str(error))
    for name, cls in _TABLES.items():
        if name in plain:
            try:
                parts[name] = _table(name, cls, plain[name], kept)
            except FieldError as error:
                mistakes.append(str(error))
    if "hub" not in plain:
        mistakes.append(
            'hub.host is missing; write [hub] and below it host = "…", the name of the ward\'s hub'
        )
    if mistakes:
        raise SettingsError(tuple(mistakes))
    return Settings(**{key: getattr(place, key) for key in _PLACE}, **parts)


def _table(name: str, cls: type[T], table: object, kept: Settings | None) -> T:
    """Raises FieldError."""
    if not isinstance(table, Mapping):  # the value is not shown: it may hold a secret
        raise FieldError(f"{name} is no table; write [{name}] on a line of its own and its keys below")
    given = dict(table)
    for secret_table, key in SECRETS:
        if name == secret_table and not isinstance(given.get(key, ""), str):
            raise FieldError(f'{name}.{key} is no text; write it in quotation marks: {key} = "…"')
    if name == "wifi":
        given = _filled(given, None if kept is None else kept.wifi)
    if name == "panel" and isinstance(given.get("led"), int) and not isinstance(given["led"], bool):
        given["led"] = str(given["led"])
    return decode(cls, given, name)


def _filled(given: dict[str, Any], kept: Wifi | None) -> dict[str, Any]:
    """[wifi] with the kept secret in the place of a blank one. Raises FieldError where none is kept."""
    key, of = ("password", "identity") if given.get("identity") else ("passphrase", "ssid")
    if given.get(key) != "":
        return given
    secret = "" if kept is None or getattr(kept, of) != given.get(of) else getattr(kept, key)
    if not secret:
        raise FieldError(
            f"wifi.{key} is blank, and the box keeps none for this {of}, {str(given.get(of))[:40]!r}; write"
            f" the {key} again"
        )
    return {**given, key: secret}


def _check_passphrase(text: str) -> None:
    is_key = re.fullmatch("[0-9A-Fa-f]{64}", text)
    if not is_key and not re.fullmatch("[ -~]{8,63}", text):
        raise ValueError(
            f"passphrase has {len(text)} characters; it must have 8 to 63, of the English keyboard's (ASCII)"
        )


def _check_host(key: str, host: str) -> None:
    try:
        ipaddress.ip_address(host)
    except ValueError as error:
        if not _HOST.fullmatch(host) or len(host) > 253:
            raise ValueError(f"{key} is {host[:60]!r}; it must be {_HOST_WORDS}") from error


def _is_ssh_key(text: str) -> bool:
    match = _SSH_KEY.fullmatch(text.strip())
    if match is None:
        return False
    try:
        blob = base64.b64decode(match[2], validate=True)
    except binascii.Error:
        return False
    kind = match[1].encode()
    return blob.startswith(len(kind).to_bytes(4) + kind) and len(blob) > len(kind) + 20
