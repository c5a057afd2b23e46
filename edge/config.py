"""The daemon's configuration: a TOML file, checked key by key."""

from __future__ import annotations

import dataclasses
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge.credentials import borrow, resolve
from edge.errors import ConfigError
from edge.fields import FieldError, checked, decode
from edge.topics import Address, name_field

if TYPE_CHECKING:
    from edge.manifest import EpisodePolicy  # which brings numpy, and a hub has none

UNIT = "bedside-edge.service"
DEFAULT_PORT = 1883
DEFAULT_TLS_PORT = 8883


@dataclass(frozen=True, slots=True)
class Model:
    """[model]: what listens."""

    path: str = checked(minimum=1, maximum=4096)
    """The .tflite file; relative paths start at the configuration file's folder, here and below."""
    public_key_file: str = checked(maximum=4096, default="")
    """Ed25519 keys in PEM form: only models signed by one of them are taken. Without, all are."""


@dataclass(frozen=True, slots=True)
class Microphone:
    """[microphone]: what it listens to."""

    device: str = checked(maximum=200, default="")
    """As `bedside-edge devices` names it: USB ids, an ALSA id, a path in /dev/snd or part of its name;
    empty: the system's default. Its number there works too, until the next start of the machine."""
    rate: int = checked(
        minimum=0, maximum=192000, allowed="0 (automatic) or a rate from 8000 to 192000 Hz", default=0
    )
    """Hz to open the device at; 0: 16000 where the device can, else its own."""

    def __post_init__(self) -> None:
        """Raises ValueError for a rate no voice fits into."""
        if 0 < self.rate < 8000:
            raise ValueError(f"rate is {self.rate}; it must be 0 (automatic) or from 8000 to 192000 Hz")


@dataclass(frozen=True, slots=True)
class Broker:
    """[broker]: the MQTT broker that takes the messages to the hub."""

    host: str = checked(minimum=1, maximum=253)
    port: int = checked(minimum=0, maximum=65535, allowed="a port from 1 to 65535", default=0)
    """0: 1883, with `ca_file` 8883."""
    username: str = checked(maximum=200, default="")
    password_file: str = checked(maximum=4096, default="")
    """The password is this file's first line: a file can be kept from other users' eyes."""
    ca_file: str = checked(maximum=4096, default="")
    """The authority that signed the broker's certificate; naming it turns TLS on."""
    cert_file: str = checked(maximum=4096, default="")
    key_file: str = checked(maximum=4096, default="")
    keepalive_s: int = checked(minimum=5, maximum=600, default=15)

    def __post_init__(self) -> None:
        """Raises ValueError where two values contradict each other."""
        if bool(self.cert_file) != bool(self.key_file):
            given, missing = ("cert_file", "key_file") if self.cert_file else ("key_file", "cert_file")
            raise ValueError(f"{given} is {getattr(self, given)!r} without {missing}; give both or neither")
        if self.cert_file and not self.ca_file:
            raise ValueError(f"cert_file is {self.cert_file!r} without ca_file; TLS needs ca_file")
        if self.password_file and not self.username:
            raise ValueError(f"password_file is {self.password_file!r} without username; give username too")

    @property
    def effective_port(self) -> int:
        """The port to connect to."""
        return self.port or (DEFAULT_TLS_PORT if self.ca_file else DEFAULT_PORT)


@dataclass(frozen=True, slots=True)
class Storage:
    """[storage]: what must survive a power cut."""

    folder: str = checked(minimum=1, maximum=4096)
    """Holds outbox.sqlite: messages the hub has no receipt for yet. Never sound."""
    max_mb: int = checked(minimum=8, maximum=100000, default=64)
    """More than that (1e6 bytes) it takes only to keep episodes; the oldest summaries go first."""


@dataclass(frozen=True, slots=True)
class Gate:
    """[gate]: what counts as speech."""

    min_level_db: float = checked(minimum=-100, maximum=0, default=-65.0)
    """In a frame below this level (dBFS, 250 Hz and up) no voice is heard."""
    aggressiveness: int = checked(minimum=0, maximum=3, default=2)
    """webrtcvad's mode: 0 lets most through, 3 least."""
    min_speech: float = checked(minimum=0.01, maximum=1, default=0.1)
    """The share of a window's frames in which a voice must be heard for the window to be judged."""
    min_duration_s: float = checked(minimum=0, maximum=1, default=0.06)
    """A segment in which a voice is heard for less is no speech: a click, a knock."""
    hangover_s: float = checked(minimum=0, maximum=1, default=0.24)
    """So long a segment of speech goes on after the last frame in which a voice is heard."""


@dataclass(frozen=True, slots=True)
class Sound:
    """[sound]: what is done to the sound before the model hears it."""

    normalise_level: bool = checked(default=True)
    """Bring this bed's speech to what the model learnt with: its level, or all that the model tells."""
    reduce_noise: bool = checked(default=True)
    """Take steady noise down where speech hardly stands out from it."""


@dataclass(frozen=True, slots=True)
class Episodes:
    """[episodes]: this bed's exceptions from the model's own episode policy."""

    smoothing: float | None = checked(minimum=0, maximum=0.95, default=None)
    onset: float | None = checked(minimum=0.05, maximum=0.99, default=None)
    offset: float | None = checked(minimum=0.01, maximum=0.99, default=None)
    count: int | None = checked(minimum=1, maximum=30, default=None)
    among: int | None = checked(minimum=1, maximum=60, default=None)
    hold_off_s: float | None = checked(minimum=2, maximum=120, default=None)
    min_duration_s: float | None = checked(minimum=0, maximum=60, default=None)
    repeat_s: float | None = checked(minimum=0, maximum=300, default=None)

    def policy(self, base: EpisodePolicy) -> EpisodePolicy:
        """The model's policy with the exceptions put in. Raises ConfigError where both contradict."""
        given = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        try:
            return dataclasses.replace(
                base, **{name: value for name, value in given.items() if value is not None}
            )
        except ValueError as error:
            raise ConfigError(
                f"episodes: {error}, once put into the model's own policy; change or remove one of the two"
            ) from error


@dataclass(frozen=True, slots=True)
class Commands:
    """[commands]: whether the hub may mute this device."""

    key_file: str = checked(maximum=4096, default="")
    """The device's key, as `bedside-hub device-key` prints it; without one no command is obeyed."""


@dataclass(frozen=True, slots=True)
class Panel:
    """[panel]: a switch and a light on the box, by their GPIO numbers (BCM), not those of the header."""

    mute_pin: int | None = checked(minimum=0, maximum=53, default=None)
    """A latching switch: while it is closed nobody listens."""
    mute_pull_up: bool = checked(default=True)
    """True: the switch closes to ground; false: to 3.3 V."""
    light_pin: int | None = checked(minimum=0, maximum=53, default=None)
    """Shines exactly while the microphone is open."""

    def __post_init__(self) -> None:
        """Raises ValueError for one pin with two uses."""
        if self.mute_pin is not None and self.mute_pin == self.light_pin:
            raise ValueError(f"mute_pin and light_pin are both {self.mute_pin}; they need a pin each")


@dataclass(frozen=True, slots=True)
class Config:
    """Everything one bedside device is told."""

    site: str = name_field()
    ward: str = name_field()
    device: str = name_field()
    bed: str = checked(minimum=1, maximum=40)
    model: Model = checked()
    broker: Broker = checked()
    storage: Storage = checked()
    microphone: Microphone = checked(default=Microphone())
    gate: Gate = checked(default=Gate())
    sound: Sound = checked(default=Sound())
    episodes: Episodes = checked(default=Episodes())
    commands: Commands = checked(default=Commands())
    panel: Panel = checked(default=Panel())

    @property
    def address(self) -> Address:
        """Where the device stands in the tree of topics."""
        return Address(self.site, self.ward, self.device)


_PATHS = {
    "model": ("path", "public_key_file"),
    "broker": ("password_file", "ca_file", "cert_file", "key_file"),
    "storage": ("folder",),
    "commands": ("key_file",),
}


def load(path: Path) -> Config:
    """The configuration in the file `path`, its paths made absolute. Raises ConfigError."""
    try:
        plain = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"cannot read the configuration {path}: {error.strerror}") from error
    except ValueError as error:  # no UTF-8, or no TOML
        raise ConfigError(f"{path} is no valid TOML: {error}") from error
    try:
        config = decode(Config, plain)
    except FieldError as error:
        raise ConfigError(f"{path}: {error}") from error
    config = _absolute(config, path.absolute().parent)
    for key in _PATHS["broker"]:
        _check_readable(getattr(config.broker, key), f"{path}: broker.{key}")
    _check_readable(config.model.public_key_file, f"{path}: model.public_key_file")
    _check_readable(config.commands.key_file, f"{path}: commands.key_file")
    return config


def load_by_hand(path: Path, root: Path = Path("/")) -> Config:
    """The same for a command started beside the service: a `credential:` is the service's."""
    borrow([UNIT], root)
    return load(path)


def _absolute(config: Config, folder: Path) -> Config:
    for section, keys in _PATHS.items():
        table: Any = getattr(config, section)
        paths = {key: resolve(getattr(table, key), folder) for key in keys if getattr(table, key)}
        config = dataclasses.replace(config, **{section: dataclasses.replace(table, **paths)})
    return config


def _check_readable(file: str, where: str) -> None:
    if not file:
        return
    try:
        with Path(file).open("rb"):
            pass
    except OSError as error:
        raise ConfigError(f"{where} is {file!r}; it must be a readable file ({error.strerror})") from error
