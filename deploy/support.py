"""`bedside-deploy support`: one file for whoever helps from afar, without sound and without secrets.

What goes in is named here, piece by piece: nothing out of the daemon's storage folder, no file of sound, no
key. As a second net every secret the box knows is looked for in every piece and left out.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterable, Mapping
from importlib import metadata
from pathlib import Path

from deploy import card, kept, toml_text
from deploy.bundle import SECRET
from deploy.kept import Kept
from deploy.settings import FILE_NAME, NOT_SECRET, SECRETS, TABLES, without_secrets
from edge import __version__, atomic_file
from edge.errors import BedsideError, StorageError

_COMMAND_S = 90
_LONGEST = 8_000_000
_LEFT_OUT = "(left out)"
_UNITS = ("bedside-edge", "bedside-settings", "bedside-led")
_COMMANDS: Mapping[str, tuple[str, ...]] = {
    "check": (sys.executable, "-P", "-m", "edge", "check", "--config", "/etc/bedside-ser/edge.toml"),
    "microphones": (sys.executable, "-P", "-m", "edge", "devices"),
    "status": (sys.executable, "-P", "-m", "deploy", "status"),
    "journal": (
        "journalctl", "--no-pager", "-o", "short-iso-precise", "-n", "20000",
        *(f"--unit={unit}" for unit in _UNITS),
    ),
    "journal-of-earlier-starts": ("cat", "/data/journal/kept.1.log", "/data/journal/kept.log"),
    "kernel": ("journalctl", "--no-pager", "-o", "short-iso", "-k", "-n", "2000"),
    "warnings": ("journalctl", "--no-pager", "-o", "short-iso", "-b", "-p", "warning", "-n", "2000"),
    "units": ("systemctl", "--no-pager", "--full", "status", *_UNITS, "systemd-networkd", "iwd"),
    "failed-units": ("systemctl", "--no-pager", "--failed"),
    "clock": ("timedatectl", "show-timesync", "--all"),
    "disks": ("df", "-h"),
    "mounts": ("findmnt", "--real"),
    "storage-folder": ("ls", "-lL", "/var/lib/bedside-edge/"),
    "addresses": ("ip", "-brief", "address"),
    "routes": ("ip", "route"),
    "links": ("networkctl", "--no-pager", "status", "--all"),
    "names": ("resolvectl", "--no-pager", "status"),
    "wifi": ("timeout", "5", "iwctl", "station", "list"),  # without iwd it waits for half a minute
    "usb": ("lsusb",),
    "memory": ("free", "-m"),
    "system": ("uname", "-a"),
    "packages": ("dpkg-query", "-W", "bedside-ser-*", "linux-image-*", "raspi-firmware", "iwd", "systemd"),
    "power": ("vcgencmd", "get_throttled"),
}  # fmt: skip


def arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's own arguments."""
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="a .tar.gz to be made")
    parser.add_argument(
        "--boot", type=Path, default=Path("/boot/firmware"), metavar="DIR", help="the card's first partition"
    )
    parser.add_argument(
        "--data", type=Path, default=Path("/data/bedside"), metavar="DIR", help="where the box keeps settings"
    )


def run(options: argparse.Namespace) -> int:
    """Make the file. Raises StorageError where it cannot be written."""
    try:
        known = kept.load(options.data)
        trouble = "none are kept" if known is None else ""
    except StorageError as error:
        known, trouble = None, str(error)
    pieces = {"versions.txt": _versions()}
    for name, command in _COMMANDS.items():
        pieces[f"{name}.txt"] = _said(command)
    pieces["settings.json"] = (
        trouble if known is None else json.dumps(without_secrets(known.settings), indent=2)
    )
    pieces |= _of_card(options.boot)
    body = packed(pieces, secrets(known), time.time())
    try:
        atomic_file.write(options.out, body, mode=0o600)
    except OSError as error:
        raise StorageError(
            f"{options.out} cannot be written: {error.strerror}; name another --out"
        ) from error
    print(f"{options.out} holds {len(pieces)} files, {len(body) // 1000} kB, without sound and secrets")
    return 0


def secrets(known: Kept | None) -> list[str]:
    """Every secret the box keeps, as it may stand in a text; longest first."""
    if known is None:
        return []
    found: list[str] = []
    if known.settings.wifi is not None:
        found += [getattr(known.settings.wifi, key) for _, key in SECRETS]
    for name in SECRET:
        found += [line for line in known.files.get(name, "").splitlines() if not line.startswith("-----")]
    forms = {form for secret in found if secret for form in (secret, toml_text.quoted(secret)[1:-1])}
    return sorted(forms, key=len, reverse=True)


def packed(pieces: Mapping[str, str], without: Iterable[str], now_s: float) -> bytes:
    """The .tar.gz of these texts, by name, with each string of `without` left out."""
    out = io.BytesIO()
    without = list(without)
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for name, text in sorted(pieces.items()):
            clean = text
            for secret in without:
                clean = clean.replace(secret, _LEFT_OUT)
            body = clean[-_LONGEST:].encode("utf-8", "replace")
            entry = tarfile.TarInfo(f"bedside-support/{name}")
            entry.size, entry.mtime, entry.mode = len(body), int(now_s), 0o644
            archive.addfile(entry, io.BytesIO(body))
    return out.getvalue()


def _said(command: tuple[str, ...]) -> str:
    """What a command prints; in place of that, why it cannot."""
    try:
        done = subprocess.run(  # noqa: S603 - named above
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
            timeout=_COMMAND_S,
            env={**os.environ, "LC_ALL": "C.UTF-8", "SYSTEMD_COLORS": "0"},
        )
    except (OSError, subprocess.SubprocessError) as error:
        return f"{command[0]}: {error}\n"
    return f"{done.stdout.decode('utf-8', 'replace')}\n(exit status {done.returncode})\n"


def _versions() -> str:
    names = ("bedside-ser", "numpy", "tflite-runtime", "ai-edge-litert", "PyAudio", "paho-mqtt", "PyNaCl")
    lines = [f"bedside-ser {__version__}", f"python {sys.version}"]
    for name in names:
        try:
            lines.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            continue
    try:
        lines.append(Path("/etc/os-release").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        lines.append("no /etc/os-release")
    return "\n".join(lines)


def _of_card(boot: Path) -> dict[str, str]:
    """The installer's file without its secrets, the answer to it, and what else lies on the card, by name."""
    pieces = {}
    try:
        text = card.settings_body(boot).decode("utf-8", "replace")
        pieces[f"card-{FILE_NAME}"] = toml_text.shown(text, TABLES, NOT_SECRET)
    except BedsideError as error:
        pieces[f"card-{FILE_NAME}"] = str(error)
    try:
        pieces[f"card-{card.STATUS}"] = (boot / card.STATUS).read_text(encoding="utf-8", errors="replace")
        found = sorted(boot.iterdir())
        pieces["card-files.txt"] = "\n".join(f"{path.name} {path.lstat().st_size}" for path in found)
    except OSError as error:
        pieces["card-files.txt"] = f"{boot}: {error.strerror}"
    return pieces
