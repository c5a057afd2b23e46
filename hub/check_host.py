"""What `bedside-hub check` looks at: the machine the hub is on: disk, secrets, services, clock."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from edge.clock import clock_synced
from edge.errors import BedsideError, ConfigError, StorageError, UnavailableError
from edge.findings import Finding, note, red, well
from hub import commands
from hub.config import Settings

LEAST_FREE_MB = 500
WHOLE = "bedside-hub.service"
PARTS = tuple(f"bedside-hub@{name}.service" for name in ("ingest", "alerts", "web", "push"))
_OTHERS = 0o007
_SYSTEMCTL_S = 5.0
_ASKED = "Id,LoadState,UnitFileState,ActiveState,StatusText"


def disk(settings: Settings) -> list[Finding]:
    """Room for the embedded database."""
    if settings.database.url is not None:
        return []
    folder = Path(settings.data).absolute()
    try:
        there = next(one for one in (folder, *folder.parents) if one.exists())
        free_mb = shutil.disk_usage(there).free / 1e6
    except OSError as error:
        words = f"{folder} cannot be looked at: {error.strerror}"
        return [red("disk", StorageError(words), "run this as root")]
    if free_mb < LEAST_FREE_MB:
        little = StorageError(f"only {free_mb:.0f} MB free in {folder}")
        return [red("disk", little, f"free some, at least {LEAST_FREE_MB} MB")]
    return [well("disk", f"{free_mb:.0f} MB free in {folder}")]


def secrets(settings: Settings) -> list[Finding]:
    """Whether anybody else on this machine can read a password or a key."""
    found, count = [], 0
    for key, path in _secrets(settings):
        try:
            mode = Path(path).stat().st_mode
        except OSError as error:
            words = f"{key} is {path}, which cannot be looked at: {error.strerror}"
            found.append(red("secrets", ConfigError(words), "run this as root, or correct the path"))
            continue
        count += 1
        if mode & _OTHERS:
            words = f"{key} is {path}, which every user of this machine may use (mode {mode & 0o777:o})"
            found.append(red("secrets", ConfigError(words), f"chmod 600 {path}"))
    if not found and not count:
        return [note("secrets", "none in files")]
    return found or [well("secrets", f"{count} in files no other user may read")]


def _secrets(settings: Settings) -> Iterator[tuple[str, str]]:
    tls = settings.broker.tls
    for key, path in (
        ("broker.password_file", settings.broker.password_file),
        ("broker.tls.key", None if tls is None else tls.key),
        ("database.password_file", settings.database.password_file),
        ("commands.master_key_file", settings.commands.master_key_file),
        *((f"push.secret_file of {push.name!r}", push.secret_file) for push in settings.push),
        *((f"push.token_file of {push.name!r}", push.token_file) for push in settings.push),
        *((f"mail.password_file of {mail.name!r}", mail.password_file) for mail in settings.mail),
    ):
        if path is not None:
            yield key, path


def units(_settings: Settings) -> list[Finding]:
    """What systemd says of the hub's services, where there are any."""
    states = _states((WHOLE, *PARTS))
    installed = [unit for unit in states.values() if unit["LoadState"] == "loaded"]
    if not installed:
        return [note("units", "the hub is no service here: nobody starts it with the machine")]
    active = {name for name, unit in states.items() if unit["ActiveState"] == "active"}
    wanted = (WHOLE,) if WHOLE in active or not active else PARTS
    found = []
    for name in wanted:
        unit = states[name]
        if name not in active:
            words = f"{name} is {unit['ActiveState']}{_status(unit)}"
            if unit["ActiveState"] == "inactive" and unit["UnitFileState"] != "enabled":
                found.append(note("units", words, remedy="systemctl enable --now bedside-hub starts it"))
            else:
                found.append(red("units", UnavailableError(words), f"journalctl -u {name} says why"))
    return found or [well("units", *(f"{name} is active{_status(states[name])}" for name in wanted))]


def _states(names: tuple[str, ...]) -> dict[str, dict[str, str]]:
    """Properties of each unit by name; none where systemd does not run."""
    if not Path("/run/systemd/system").is_dir():
        return {}
    try:
        told = subprocess.run(  # noqa: S603 - nothing in it comes from outside
            ["systemctl", "show", f"--property={_ASKED}", *names],  # noqa: S607 - where it is, the system knows
            capture_output=True,
            text=True,
            timeout=_SYSTEMCTL_S,
            check=False,
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return {}
    blocks = [
        dict(line.split("=", 1) for line in block.splitlines()) for block in told.split("\n\n") if block
    ]
    return {block["Id"]: block for block in blocks if "Id" in block}


def _status(unit: dict[str, str]) -> str:
    return f": {unit['StatusText']}" if unit["StatusText"] else ""


def command_key(settings: Settings) -> list[Finding]:
    """Whether devices can be muted from here."""
    if settings.commands.master_key_file is None:
        return [note("commands", "no commands.master_key_file: devices cannot be muted from here")]
    try:
        commands.master_key(settings)
    except BedsideError as error:
        return [red("commands", error, "openssl rand -hex 32 makes one")]
    return [well("commands", "the master key can be read")]


def clock(_settings: Settings) -> list[Finding]:
    """Whether alerts carry the right time."""
    if clock_synced():
        return [well("clock", "synchronised")]
    words = "not synchronised: times on the board may be wrong"
    return [note("clock", words, remedy="see timedatectl; a time server must be in reach")]
