"""What of Debian a test needs, unpacked in .cache: no root, nothing installed, kept between runs."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.convert.runtimes import CACHE, LITERT, pinned

KEYS = "/usr/share/keyrings/debian-archive-keyring.gpg"
_SUITES = {"bookworm", "trixie", "forky", "oldoldstable", "oldstable", "stable", "testing", "sid"}
_LIMIT_S = 1800
# State of its own, so that the machine's packages stay as they are and nobody needs to be root.
_APT = """\
Dir::State "{folder}/state";
Dir::State::status "{folder}/status";
Dir::Cache "{folder}/cache";
Dir::Etc::sourcelist "{folder}/sources.list";
Dir::Etc::sourceparts "-";
APT::Architecture "{architecture}";
APT::Architectures {{ "{architecture}"; }};
APT::Install-Recommends "false";
APT::Sandbox::User "root";
Acquire::Languages "none";
"""


class UserlandError(Exception):
    """One sentence that says what is missing here and what to do."""


@dataclass(frozen=True, slots=True)
class Userland:
    """Packages of one Debian release for one architecture with all they depend on, and wheels beside them."""

    name: str
    suite: str
    architecture: str
    packages: tuple[str, ...]
    python: str = ""
    """Version of the Python in `packages`, such as 3.11, where wheels are wanted."""
    glibc: int = 0
    """Minor version of the release's glibc 2: it runs wheels made for this one and older."""
    wheels: tuple[str, ...] = ()


_WHEELS = ("numpy", "paho-mqtt", "webrtcvad-wheels")  # those that bedside-edge needs for recordings
DEBIAN_12 = Userland(
    name="Debian 12",
    suite="bookworm",
    architecture="arm64",
    packages=("python3.11-minimal", "libpython3.11-stdlib", "libstdc++6"),
    python="3.11",
    glibc=36,
    wheels=("tflite-runtime", *_WHEELS),
)
DEBIAN_13 = Userland(
    name="Debian 13",
    suite="trixie",
    architecture="arm64",
    packages=("python3.13-minimal", "libpython3.13-stdlib", "libstdc++6"),
    python="3.13",
    glibc=41,
    wheels=(LITERT, *_WHEELS),
)
EMULATOR = Userland(
    # Plugins are left out of qemu-user-static, and of every QEMU for user mode in Debian 13.
    name="QEMU of Debian 12",
    suite="bookworm",
    architecture="amd64",
    packages=("qemu-user",),
)


def made(wanted: Userland) -> Path:
    """The folder with `root`, where the packages are unpacked, and `site`, where the wheels are.

    Raises UserlandError where something cannot be had.
    """
    pins = pinned(wanted.wheels, wanted.python)
    digest = hashlib.sha256(repr((wanted, pins)).encode()).hexdigest()[:12]
    folder = CACHE / "arm64" / f"{wanted.suite}-{wanted.architecture}-{digest}"
    if folder.exists():
        return folder
    print(f"==> Fetching {wanted.name}, {wanted.architecture}, into {folder}", flush=True)
    making = folder.with_name(f"{folder.name}.{os.getpid()}")
    making.mkdir(parents=True)
    try:
        _unpack(wanted, making)
        if pins:
            _install(wanted, pins, making / "site")
        making.rename(folder)
    finally:
        shutil.rmtree(making, ignore_errors=True)
    return folder


def program(folder: Path, name: str, more: Sequence[str] = ()) -> list[object]:
    """How to begin the command of a program in `folder`/root, whatever this machine's libraries are.

    `more` names folders below usr/lib/x86_64-linux-gnu that hold libraries too.
    """
    root = folder / "root"
    usual = [root / place / "x86_64-linux-gnu" for place in ("lib", "usr/lib")]
    libraries = [*usual, *(usual[1] / place for place in more)]
    loader = root / "lib64/ld-linux-x86-64.so.2"
    return [loader, "--library-path", ":".join(map(str, libraries)), root / "usr/bin" / name]


def _unpack(wanted: Userland, folder: Path) -> None:
    apt, root = folder / "apt", folder / "root"
    for name in ("state", "cache"):
        (apt / name).mkdir(parents=True)
    (apt / "status").touch()
    (apt / "sources.list").write_text(f"deb [signed-by={KEYS}] {mirror()} {wanted.suite} main\n")
    (apt / "apt.conf").write_text(_APT.format(folder=apt, architecture=wanted.architecture))
    environment = os.environ | {"APT_CONFIG": str(apt / "apt.conf"), "LC_ALL": "C"}
    _run(["apt-get", "--quiet", "update"], environment)
    _run(["apt-get", "--quiet", "--yes", "--download-only", "install", *wanted.packages], environment)
    for package in sorted((apt / "cache/archives").glob("*.deb")):
        _run(["dpkg-deb", "--extract", package, root])
    if not (root / "lib").exists():  # base-files has this link, and is not needed otherwise
        (root / "lib").symlink_to("usr/lib")
    shutil.rmtree(apt)


def mirror() -> str:
    """Where this machine has Debian's packages from; DEBIAN_MIRROR says otherwise."""
    if "DEBIAN_MIRROR" in os.environ:
        return os.environ["DEBIAN_MIRROR"]
    listed = _run(
        ["apt-get", "indextargets", "--format", "$(RELEASE) $(ORIGIN) $(REPO_URI)", "Created-By: Packages"]
    )
    for line in listed.splitlines():
        suite, origin, address = line.split(" ", 2)
        if suite in _SUITES and origin == "Debian":
            return address
    raise UserlandError(
        "apt knows no mirror of Debian here; run apt-get update as root, or name one: DEBIAN_MIRROR=ADDRESS"
    )


def _install(wanted: Userland, pins: Sequence[str], site: Path) -> None:
    """The wheels as that release's own pip would choose them."""
    newest_first = [f"manylinux_2_{minor}_aarch64" for minor in range(wanted.glibc, 16, -1)]
    platforms = [word for tag in (*newest_first, "manylinux2014_aarch64") for word in ("--platform", tag)]
    how = ["--quiet", "--no-deps", "--only-binary=:all:", "--implementation", "cp", "--target", site]
    _run([sys.executable, "-m", "pip", "install", *how, "--python-version", wanted.python, *platforms, *pins])


def _run(command: Sequence[object], environment: dict[str, str] | None = None) -> str:
    words = list(map(str, command))
    try:
        done = subprocess.run(
            words, capture_output=True, text=True, timeout=_LIMIT_S, check=False, env=environment
        )
    except FileNotFoundError as error:
        raise UserlandError(f"{words[0]} is not here; this test needs Debian") from error
    if done.returncode:
        said = " ".join((done.stderr or done.stdout).split())[-500:]
        raise UserlandError(f"{' '.join(words[:2])} failed: {said}; see to that and try again")
    return done.stdout
