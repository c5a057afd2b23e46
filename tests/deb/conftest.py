"""A Debian of our own, 13 or as RELEASE says: root, mmdebstrap and systemd-nspawn are needed."""

import functools
import hashlib
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from deploy.packages.contents import CHECKOUT
from deploy.packages.targets import RELEASES

RELEASE = RELEASES[os.environ.get("RELEASE", "trixie")]
VERSION = f"+deb{RELEASE.number}"
KEPT = CHECKOUT / ".cache" / "deb-test"
NEEDED = (
    "ca-certificates", "dbus", "init-system-helpers", "libpam-systemd", "mosquitto", "openssl", "python3",
    "python3-pyaudio", "python3-systemd", "systemd-sysv", "udev",
)  # fmt: skip


class Debian:
    """Boots in some seconds; whatever is done in it is gone afterwards."""

    def __init__(self, folder, tarball):
        self._folder = folder
        self._nspawn = None
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2g", "bedside-deb", folder], check=True)
        self.root = folder / "root"
        self.root.mkdir()
        subprocess.run(["tar", "-xf", tarball, "-C", self.root], check=True)
        unsafe = self.root / "etc/dpkg/dpkg.cfg.d/unsafe"
        unsafe.write_text("force-unsafe-io\n")

    def boot(self):
        command = ["systemd-nspawn", "--quiet", "--boot", "-D", self.root, f"--machine=deb{os.getpid()}",
                   "--private-network", "--register=no", "--keep-unit", "--link-journal=no"]  # fmt: skip
        self._nspawn = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, start_new_session=True,
            env={**os.environ, "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1"},
        )  # fmt: skip
        end = time.monotonic() + 300
        while time.monotonic() < end and self._nspawn.poll() is None:
            for pid in self._inside():
                self._pid = str(pid)
                if self.run("systemctl", "is-active", "multi-user.target", check=False).strip() == "active":
                    return
            time.sleep(0.5)
        raise RuntimeError("Debian does not boot within five minutes")

    def reboot(self):
        """As a power cut and a new start; nothing but what is on its disk stays."""
        self._kill()
        self.boot()

    def _inside(self):
        children = Path(f"/proc/{self._nspawn.pid}/task/{self._nspawn.pid}/children")
        return [int(pid) for pid in children.read_text().split()] if children.exists() else []

    def run(self, *command, check=True):
        done = subprocess.run(
            ["nsenter", "-t", self._pid, "-a", "env", "DEBIAN_FRONTEND=noninteractive", *map(str, command)],
            capture_output=True, text=True, check=False, timeout=600, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        if check and done.returncode:
            raise RuntimeError(f"{command}: {done.stdout}{done.stderr}")
        return done.stdout

    def write(self, path, text, mode=0o644):
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        file.chmod(mode)

    def install(self, package):
        shutil.copy(package, self.root / "root" / package.name)
        return self.run("dpkg", "--force-confold", "--install", f"/root/{package.name}")

    def show(self, unit, name):
        return self.run("systemctl", "show", unit, "--property", name, "--value").strip()

    def has(self, path):
        return os.path.lexists(self.root / path)

    def close(self):
        self._kill()
        subprocess.run(["umount", "-l", self._folder], check=False)

    def _kill(self):
        if self._nspawn is not None:
            for pid in self._inside():
                os.kill(pid, signal.SIGKILL)
            self._nspawn.kill()
            self._nspawn.wait()


def tarball(*more):
    """A Debian with NEEDED and these packages, made once and kept."""
    if os.geteuid() != 0 or not shutil.which("systemd-nspawn"):
        pytest.skip("booting a Debian needs root and systemd-nspawn")
    packages = ",".join(sorted({*NEEDED, *more}))
    path = KEPT / f"{RELEASE.name}-amd64-{hashlib.sha256(packages.encode()).hexdigest()[:12]}.tar"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        new = path.with_suffix(".new.tar")
        subprocess.run(
            ["mmdebstrap", "--variant=apt", "--mode=root", "--dpkgopt=force-unsafe-io",
             f"--include={packages}", '--aptopt=APT::Install-Recommends "false"',
             RELEASE.name, new, "http://deb.debian.org/debian"],
            check=True,
        )  # fmt: skip
        new.rename(path)
    return path


@pytest.fixture(scope="session")
def debian(tmp_path_factory):
    one = Debian(tmp_path_factory.mktemp("debian"), tarball("caddy"))
    try:
        one.boot()
        yield one
    finally:
        one.close()


@pytest.fixture
def cloud_debian(tmp_path):
    """Not booted yet, with cloud-init, as Raspberry Pi OS has it."""
    if RELEASE.name != "trixie":
        pytest.skip("Raspberry Pi OS has cloud-init since it is Debian 13")
    one = Debian(tmp_path, tarball("cloud-init"))
    try:
        yield one
    finally:
        one.close()


@pytest.fixture(scope="session")
def packages(tmp_path_factory):
    """The built package of a name, and the same as the next version."""
    folder = tmp_path_factory.mktemp("packages")

    @functools.cache
    def find(name):
        found = sorted((CHECKOUT / "out" / "deb").glob(f"{name}_*{VERSION}_amd64.deb"))
        if not found:
            pytest.fail(f"{name} is not built for amd64: make deb ARCH=amd64 RELEASE={RELEASE.name}")
        tree = folder / name
        subprocess.run(["dpkg-deb", "--raw-extract", found[-1], tree], check=True)
        control = tree / "DEBIAN" / "control"
        control.write_text(control.read_text().replace(VERSION, f"{VERSION}+next", 1))
        newer = folder / f"{name}_next.deb"
        subprocess.run(["dpkg-deb", "--root-owner-group", "-Znone", "--build", tree, newer], check=True)
        return found[-1], newer

    return find
