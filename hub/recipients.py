"""`[[push]]` and `[[mail]]`: who outside the ward is told, as the hub's TOML file names them."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from edge.errors import ConfigError
from edge.fields import checked
from hub.delivery import MAIL, PUSH, Recipient
from hub.escalation import LEVELS

LOOPBACK = ("127.0.0.1", "::1", "localhost")
SHORTEST_SECRET = 16  # bytes
FROM_LEVELS = LEVELS[1:]


def _path_field() -> str | None:
    path: str | None = checked(minimum=1, maximum=4096, default=None)
    return path


def first_line(key: str, path: str) -> str:
    """What a file with a secret holds. Raises ConfigError where it cannot be read."""
    try:
        return Path(path).read_text(encoding="utf-8").splitlines()[0].strip()
    except (OSError, UnicodeError, IndexError) as error:
        raise ConfigError(
            f"{key} is {path!r}, which cannot be used: "
            f"{getattr(error, 'strerror', None) or 'it is empty or not text'}"
        ) from error


@dataclass(frozen=True, slots=True)
class Push:
    """A web address that takes calls; what is posted there is in hub.webhook."""

    name: str = checked(minimum=1, maximum=60)
    url: str = checked(minimum=1, maximum=2048)
    format: str = checked(choices=("json", "ntfy"), default="json")
    secret_file: str | None = _path_field()
    """Its first line is the base64 of the key that signs each message."""
    token_file: str | None = _path_field()
    """Its first line is sent as a bearer token."""
    ca: str | None = _path_field()
    wards: tuple[str, ...] = checked(minimum=1, maximum=64, default=())
    from_level: str = checked(choices=FROM_LEVELS, default="lead")
    technical: bool = checked(default=True)
    follow_up: bool = checked(default=True)

    def __post_init__(self) -> None:
        """Raises ValueError, which never repeats the address: it may be a secret itself."""
        try:
            parts = urlsplit(self.url)
            host, port = parts.hostname, parts.port
        except ValueError:
            host, port = None, None
        if not host or port == 0 or parts.scheme not in ("https", "http"):
            raise ValueError(f"url of {self.name!r} is no web address; write https://HOST/PATH")
        if parts.scheme == "http" and host not in LOOPBACK:
            raise ValueError(f"url of {self.name!r} is not encrypted; write https://, http only to localhost")
        if parts.username is not None or parts.password is not None:
            raise ValueError(f"url of {self.name!r} holds a password; put a token into token_file instead")

    @property
    def host(self) -> str:
        """What may be said of the address."""
        return str(urlsplit(self.url).hostname)

    @property
    def recipient(self) -> Recipient:
        """Who it is to hub.delivery."""
        return _recipient(PUSH, self)

    def secret(self) -> bytes | None:
        """The key that signs. Raises ConfigError where it is none."""
        if self.secret_file is None:
            return None
        text = first_line(f"push.secret_file of {self.name!r}", self.secret_file).removeprefix("whsec_")
        try:
            secret = base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError):
            secret = b""
        if len(secret) < SHORTEST_SECRET:
            raise ConfigError(
                f"push.secret_file of {self.name!r} holds no base64 of {SHORTEST_SECRET} or more bytes; "
                "make one with: openssl rand -base64 32"
            )
        return secret

    def token(self) -> str | None:
        """The bearer token. Raises ConfigError where it cannot be read."""
        if self.token_file is None:
            return None
        token = first_line(f"push.token_file of {self.name!r}", self.token_file)
        if not token.isascii() or not token.isprintable() or " " in token:
            raise ConfigError(
                f"push.token_file of {self.name!r} holds no token: its first line has other signs"
            )
        return token


@dataclass(frozen=True, slots=True)
class Mail:
    """Addresses that take calls by mail, through a server that accepts mail from us."""

    name: str = checked(minimum=1, maximum=60)
    host: str = checked(minimum=1, maximum=253)
    sender: str = checked(pattern=r"[^@\s<>]+@[^@\s<>]+", allowed="an address like hub@example.org")
    to: tuple[str, ...] = checked(pattern=r"[^@\s<>]+@[^@\s<>]+", allowed="an address like lead@example.org")
    port: int = checked(minimum=1, maximum=65535, default=587)
    tls: str = checked(choices=("starttls", "tls", "none"), default="starttls")
    username: str | None = checked(minimum=1, maximum=128, default=None)
    password_file: str | None = _path_field()
    ca: str | None = _path_field()
    wards: tuple[str, ...] = checked(minimum=1, maximum=64, default=())
    from_level: str = checked(choices=FROM_LEVELS, default="lead")
    technical: bool = checked(default=True)
    follow_up: bool = checked(default=True)

    def __post_init__(self) -> None:
        """Raises ValueError where the settings contradict each other."""
        if not self.to:
            raise ValueError(f"to of {self.name!r} is empty; name at least one address")
        if (self.username is None) != (self.password_file is None):
            raise ValueError(
                f"username and password_file of {self.name!r} belong together; give both or neither"
            )
        if self.tls == "none" and (self.username is not None or self.host not in LOOPBACK):
            raise ValueError(
                f"tls of {self.name!r} is none; that is for a server on this machine, without password"
            )

    @property
    def recipient(self) -> Recipient:
        """Who it is to hub.delivery."""
        return _recipient(MAIL, self)

    def password(self) -> str | None:
        """Raises ConfigError where it cannot be read."""
        if self.password_file is None:
            return None
        return first_line(f"mail.password_file of {self.name!r}", self.password_file)


def _recipient(channel: str, one: Push | Mail) -> Recipient:
    level = LEVELS.index(one.from_level)
    return Recipient(channel, one.name, one.wards, level, one.technical, one.follow_up)
