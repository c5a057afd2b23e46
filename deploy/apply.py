"""`bedside-deploy apply`: the box takes over what the card says. At every start, before the network is up.

The power may go at any moment, so: a secret leaves the card only after it is on the data partition's disk;
there it changes in one step; everything else is made anew at every start. Whatever is on the card, the last
good settings are put in force.
"""

from __future__ import annotations

import argparse
import logging
import os
import socket
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from deploy import bundle, card, clock, kept, outcome, render
from deploy.kept import Kept
from deploy.outcome import Outcome
from deploy.settings import SettingsError, parse
from edge import atomic_file
from edge.errors import BedsideError, ConfigError, StorageError

log = logging.getLogger(__name__)

_KEYGEN_S = 60
_HOST_KEY = Path("ssh/ssh_host_ed25519_key")


@dataclass(frozen=True, slots=True)
class Found:
    """Good settings on the card: what is to be kept, the file as it is, the secret files still on it."""

    wanted: Kept
    body: bytes
    secret_files: dict[str, str]


def arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's own arguments."""
    parser.add_argument(
        "--boot", type=Path, default=Path("/boot/firmware"), metavar="DIR", help="the card's first partition"
    )
    parser.add_argument(
        "--data", type=Path, default=Path("/data/bedside"), metavar="DIR", help="where the box keeps settings"
    )
    parser.add_argument(
        "--root", type=Path, default=Path("/"), metavar="DIR", help="below which files are made; for tests"
    )


def run(options: argparse.Namespace) -> int:
    """Take over, tell on standard output; the exit status is 0, 78 for wrong settings, 74 for a bad disk."""
    os.umask(0o077)
    logging.basicConfig(format="%(message)s")
    result = take_over(options.boot, options.data, options.root)
    for line in outcome.lines(result):
        print(f"bedside-ser: {line}")
    return result.exit_status


def take_over(boot: Path, data: Path, root: Path) -> Outcome:
    """One whole pass; the same pass again changes nothing more."""
    mistakes: tuple[str, ...] = ()
    troubles: list[str] = []
    before = _kept(data, troubles)
    found: Found | None = None
    try:
        found = read(boot, before)
    except SettingsError as error:
        mistakes = error.mistakes
    except Exception as error:  # noqa: BLE001 - a mistake of ours must not take the last good settings away
        log.error("reading the card failed: %s", type(error).__name__)  # noqa: TRY400 - it may show a secret
        mistakes = (f"the card's settings cannot be read ({type(error).__name__}); write them anew",)
    is_safe = False
    if found is not None:
        is_safe = found.wanted == before or _try(lambda: kept.save(data, found.wanted), troubles)
    in_force = before if found is None else found.wanted
    if in_force is not None:
        _try(lambda: put_in_force(in_force, data, root), troubles)
    result = Outcome(
        bed="" if in_force is None else outcome.bed_words(in_force.settings),
        mistakes=mistakes,
        troubles=tuple(troubles),
        led=Outcome().led if in_force is None else in_force.settings.panel.led,
    )
    result = _answer(boot, found if is_safe else None, result)
    try:
        outcome.save(root, result)
    except OSError as error:
        log.error("cannot write %s: %s", root / outcome.FILE, error.strerror)  # noqa: TRY400
    return result


def read(boot: Path, before: Kept | None) -> Found:
    """The settings on the card with what belongs to them; what is blank or missing there is as it was before.

    Raises SettingsError.
    """
    try:
        body = card.settings_body(boot)
    except ConfigError as error:
        raise SettingsError((str(error),)) from error
    settings = parse(body, None if before is None else before.settings)
    old = {} if before is None else dict(before.files)
    is_moved = before is not None and before.settings.address != settings.address
    files: dict[str, str] = {}
    on_card: dict[str, str] = {}
    mistakes: list[str] = []
    for name in bundle.names(settings):
        try:
            one = card.file(boot, name)
        except ConfigError as error:
            mistakes.append(str(error))
            continue
        if one is not None and one.text is not None:
            files[name] = one.text
            if name in bundle.SECRET:
                on_card[name] = one.text
        elif name in old:
            if not (is_moved and name == bundle.COMMAND_KEY):  # that was the other device's
                files[name] = old[name]
        elif one is not None and name == bundle.KEY:
            mistakes.append(f"{name} says that the box keeps the key, but this box has none; copy it again")
    if not mistakes:
        mistakes = bundle.mistakes(files, settings)
    if mistakes:
        raise SettingsError(tuple(mistakes))
    return Found(Kept(settings, files), body, on_card)


def put_in_force(in_force: Kept, data: Path, root: Path) -> None:
    """Make the files programs read, and remove those of other settings. Raises StorageError."""
    made = render.render(in_force)
    settings = in_force.settings
    try:
        for pattern in render.OURS:
            for path in root.glob(pattern):
                if str(path.relative_to(root)) not in {one.path for one in made}:
                    path.unlink()
        for one in made:
            path = root / one.path
            _make_folder(path.parent, secret=one.mode == 0o600)
            atomic_file.write(path, one.text.encode(), mode=one.mode)
        _link(root / render.LOCALTIME, f"/usr/share/zoneinfo/{settings.time.zone}")
        if settings.support.ssh_keys:
            _make_host_key(data / _HOST_KEY)
        if root == Path("/"):
            socket.sethostname(settings.hostname)
            clock.catch_up(bundle.begin_s(in_force.files))
    except OSError as error:
        name = f" {error.filename}" if error.filename else ""
        raise StorageError(f"the settings cannot be put in force: {error.strerror}{name}") from error


def _kept(data: Path, troubles: list[str]) -> Kept | None:
    try:
        return kept.load(data)
    except StorageError as error:
        troubles.append(str(error))
        return None


def _answer(boot: Path, found: Found | None, result: Outcome) -> Outcome:
    """On the card: secrets taken off where they are kept safely, and STATUS.TXT."""
    troubles = list(result.troubles)
    with card.writable(boot):
        if found is not None:
            _try(lambda: card.blank_secrets(boot, found.body, found.secret_files), troubles)
        result = Outcome(result.bed, result.mistakes, tuple(troubles), result.led)
        text = outcome.status_text(result, datetime.now(UTC))
        _try(lambda: card.tell(boot, text), troubles)
    return Outcome(result.bed, result.mistakes, tuple(troubles), result.led)


def _try(step: Callable[[], None], troubles: list[str]) -> bool:
    try:
        step()
    except BedsideError as error:
        troubles.append(str(error))
        return False
    return True


def _make_folder(path: Path, *, secret: bool) -> None:
    """With its parents, open to all but for those that hold secrets, whatever the umask."""
    if path.is_dir():
        return
    _make_folder(path.parent, secret=False)
    path.mkdir()
    path.chmod(0o700 if secret else 0o755)


def _link(path: Path, target: str) -> None:
    new = path.with_suffix(".new")
    new.unlink(missing_ok=True)
    new.symlink_to(target)
    new.replace(path)


def _make_host_key(path: Path) -> None:
    """The box's own key for SSH, once, on the data partition. Raises StorageError."""
    if path.exists():
        return
    _make_folder(path.parent, secret=True)
    new = path.with_suffix(".new")
    new.unlink(missing_ok=True)
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", str(new)]
    try:
        subprocess.run(  # noqa: S603 - nothing in it comes from outside
            command, check=True, stdin=subprocess.DEVNULL, capture_output=True, timeout=_KEYGEN_S
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise StorageError(f"nobody can log in: ssh-keygen made no key in {path.parent}: {error}") from error
    atomic_file.sync(new)
    new.with_suffix(".new.pub").replace(path.with_suffix(".pub"))
    new.replace(path)
    atomic_file.sync(path.parent)
