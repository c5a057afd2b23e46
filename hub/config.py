"""The hub's one TOML file, read into frozen dataclasses; a wrong value is named with what is allowed."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from edge import credentials
from edge.errors import ConfigError
from edge.fields import FieldError, checked, decode
from edge.topics import name_field
from hub.accounts import INITIALS, SHOWN
from hub.alerts import Timers
from hub.delivery import Delivery, Recipient
from hub.escalation import Ladder
from hub.faults import Limits
from hub.recipients import LOOPBACK, Mail, Push

LOG_LEVELS = ("debug", "info", "warning", "error")


def _path_field() -> str | None:
    path: str | None = checked(minimum=1, maximum=4096, default=None)
    return path


def read_password(key: str, path: str | None) -> str | None:
    """The first line of the file that `key` names, None where it names none. Raises ConfigError."""
    if path is None:
        return None
    try:
        return Path(path).read_text(encoding="utf-8").splitlines()[0]
    except (OSError, UnicodeError, IndexError) as error:
        raise ConfigError(
            f"{key} is {path!r}, which holds no readable password: "
            f"{getattr(error, 'strerror', None) or 'it is empty or not text'}"
        ) from error


@dataclass(frozen=True, slots=True)
class Tls:
    """Files in PEM form for the broker's TLS listener; certificate and key only together."""

    ca: str = checked(minimum=1, maximum=4096)
    certificate: str | None = _path_field()
    key: str | None = _path_field()

    def __post_init__(self) -> None:
        """Raises ValueError where only one of certificate and key is given."""
        if (self.certificate is None) != (self.key is None):
            raise ValueError("certificate and key belong together; give both or neither")


@dataclass(frozen=True, slots=True)
class Broker:
    """Where mosquitto listens; with `start` the supervisor runs one of its own there, on loopback."""

    host: str = checked(minimum=1, maximum=253, default="127.0.0.1")
    port: int = checked(minimum=1, maximum=65535, default=1883)
    start: bool = checked(default=False)
    username: str | None = checked(minimum=1, maximum=128, default=None)
    password_file: str | None = _path_field()
    tls: Tls | None = None
    plain_text: bool = checked(default=False)
    """Without TLS over a network, where whoever is on it may read, drop and invent messages."""

    def __post_init__(self) -> None:
        """Raises ValueError where the settings contradict each other."""
        if self.tls is None and self.host not in LOOPBACK and not (self.plain_text or self.start):
            raise ValueError(
                f"host is {self.host!r} and tls is not given: whoever is on that network could read and"
                " invent messages; give tls, or set plain_text to true where the network itself is encrypted"
            )
        if self.tls is not None and self.plain_text:
            raise ValueError("plain_text is true and tls is given; leave one of them out")
        if self.start and self.host not in LOOPBACK:
            raise ValueError(
                f"start is true and host is {self.host!r}; a broker started here has no passwords "
                f"and must stay on {', '.join(LOOPBACK)}"
            )
        if self.start and self.tls is not None:
            raise ValueError("start is true and tls is given; a broker started here speaks plain MQTT")
        if self.password_file is not None and self.username is None:
            raise ValueError("password_file is given without username; give both")

    def password(self) -> str | None:
        """The first line of the password file. Raises ConfigError where it cannot be read."""
        return read_password("broker.password_file", self.password_file)


@dataclass(frozen=True, slots=True)
class Database:
    """A PostgreSQL database; without `url` the hub keeps everything in an SQLite file in its data folder."""

    url: str | None = checked(default=None)  # no limits: their error would repeat it
    password_file: str | None = _path_field()

    def __post_init__(self) -> None:
        """Raises ValueError, which never repeats the url, where it is none or holds a password."""
        if self.url is None:
            if self.password_file is not None:
                raise ValueError("password_file is given without url; an SQLite file has no password")
            return
        try:
            parts = urlsplit(self.url)
            known = parts.scheme == "postgresql" and len(parts.path) > 1
        except ValueError:
            known = False
        if not known:
            raise ValueError(
                "url is none of PostgreSQL with a database's name; write postgresql://USER@HOST/DATABASE"
            )
        if parts.password is not None or "password" in parse_qs(parts.query):
            raise ValueError("url holds a password; put it in a file and name that in password_file")

    def password(self) -> str | None:
        """The first line of the password file. Raises ConfigError where it cannot be read."""
        return read_password("database.password_file", self.password_file)


@dataclass(frozen=True, slots=True)
class Commands:
    """Whether devices can be muted from here."""

    master_key_file: str | None = _path_field()
    """Its first line is the key of which each device's own is made (hub.commands)."""


@dataclass(frozen=True, slots=True)
class Web:
    """Where the board is served; host 0.0.0.0 opens it to the ward's network."""

    host: str = checked(minimum=1, maximum=253, default="127.0.0.1")
    port: int = checked(minimum=1, maximum=65535, default=8080)
    https: bool = checked(default=False)
    """Browsers reach the board over HTTPS only, through a proxy before it."""
    url: str | None = checked(
        pattern=r"https?://[^\s]+", allowed="an address like https://HOST/", default=None
    )
    """How people outside reach the board: the link in what is sent to them."""


@dataclass(frozen=True, slots=True)
class Accounts:
    """Whether everybody logs in; without that, whoever reaches the board may answer in any name."""

    required: bool = checked(default=True)


@dataclass(frozen=True, slots=True)
class Tablets:
    """What a ward's shared tablet asks for before an action, and shows."""

    pin_s: float = checked(minimum=0, maximum=600, default=60)
    """Whoever has given a PIN needs none again for so long."""
    nameless: bool = checked(default=True)
    """An alert may be accepted by somebody who gives no PIN; the board says so."""
    patients: str = checked(choices=SHOWN, default=INITIALS)
    """What a tablet shows of a patient's name."""


@dataclass(frozen=True, slots=True)
class Patients:
    """Whether names of patients are kept, where nobody logs in."""

    without_accounts: bool = checked(default=False)


@dataclass(frozen=True, slots=True)
class Keep:
    """How long is kept what grows with every minute (hub.pruning)."""

    days: float = checked(minimum=31, maximum=36500, default=400)


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything the hub is told; paths are relative to the folder the command runs in."""

    site: str = name_field()
    data: str = checked(minimum=1, maximum=4096, default="bedside-hub-data")
    nurses: tuple[str, ...] = checked(minimum=1, maximum=60, default=())
    log_level: str = checked(choices=LOG_LEVELS, default="info")
    broker: Broker = field(default_factory=Broker)
    web: Web = field(default_factory=Web)
    timers: Timers = field(default_factory=Timers)
    faults: Limits = field(default_factory=Limits)
    ladder: Ladder = field(default_factory=Ladder)
    commands: Commands = field(default_factory=Commands)
    database: Database = field(default_factory=Database)
    accounts: Accounts = field(default_factory=Accounts)
    tablets: Tablets = field(default_factory=Tablets)
    patients: Patients = field(default_factory=Patients)
    keep: Keep = field(default_factory=Keep)
    delivery: Delivery = field(default_factory=Delivery)
    push: tuple[Push, ...] = ()
    mail: tuple[Mail, ...] = ()

    def __post_init__(self) -> None:
        """Raises ValueError where two recipients could not be told apart."""
        for kind, found in (("push", self.push), ("mail", self.mail)):
            names = [one.name for one in found]
            twice = sorted({name for name in names if names.count(name) > 1})
            if twice:
                raise ValueError(f"{kind}: two have the name {twice[0]!r}; give each one its own")

    @property
    def recipients(self) -> tuple[Recipient, ...]:
        """Everybody outside who is told of calls."""
        return (*(one.recipient for one in self.push), *(one.recipient for one in self.mail))

    @property
    def sqlite_file(self) -> Path:
        """Where the embedded database is, unless `database.url` names another."""
        return Path(self.data) / "hub.sqlite3"


def load(path: str | Path) -> Settings:
    """The settings in a TOML file. Raises ConfigError in one sentence, whatever the file holds."""
    try:
        data = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"cannot read the configuration file {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not TOML: {error}") from error
    data = _with_credentials(data)
    try:
        settings = decode(Settings, data)
    except FieldError as error:
        raise ConfigError(f"{path}: {error}") from error
    settings.broker.password()
    settings.database.password()
    for push in settings.push:
        push.secret()
        push.token()
    for mail in settings.mail:
        mail.password()
    return settings


def _with_credentials(value: Any) -> Any:
    """The same, with the path of the file in the place of each `credential:NAME`."""
    if isinstance(value, dict):
        return {key: _with_credentials(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_with_credentials(item) for item in value]
    if isinstance(value, str) and value.startswith(credentials.PREFIX):
        return credentials.resolve(value, Path())
    return value
