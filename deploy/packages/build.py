"""A Debian package out of this checkout: staged in a folder of its own, then packed by dpkg-deb.

The same checkout, lock and SOURCE_DATE_EPOCH give the same bytes, on whatever machine.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import subprocess
import tempfile
from pathlib import Path

from deploy.packages import wheels
from deploy.packages.contents import CHECKOUT, Package, entries, site_packages
from deploy.packages.targets import Release
from edge import __version__

_SCRIPTS = ("preinst", "postinst", "prerm", "postrm")
_MAINTAINER = "bedside-ser maintainers <maintainers@bedside-ser.invalid>"
"""Debian's tools ask for one; put your own there when you give packages to others."""


def version(release: Release) -> str:
    """The package's version: ours, and the release it is for."""
    return f"{__version__}+deb{release.number}"


def build(package: Package, release: Release, arch: str, out: Path, cache: Path, epoch: int) -> Path:
    """Build one package and return its path. Raises subprocess.CalledProcessError, OSError."""
    fetched = wheels.download(lock_of(package, release), release, arch, cache / f"{release.name}-{arch}")
    return pack(package, release, arch, fetched, out, epoch)


def pack(package: Package, release: Release, arch: str, fetched: list[Path], out: Path, epoch: int) -> Path:
    """The package from these wheels and this checkout. Raises subprocess.CalledProcessError, OSError."""
    out.mkdir(parents=True, exist_ok=True)
    to = out / f"{package.name}_{version(release)}_{arch}.deb"
    with tempfile.TemporaryDirectory(prefix="bedside-deb-") as name:
        root = Path(name) / "root"
        root.mkdir()
        lay(package, release, root, epoch)
        for wheel in fetched:
            wheels.unpack(wheel, root / site_packages(release))
        _write_control(package, release, arch, root)
        _same_everywhere(root, epoch)
        command = [
            "dpkg-deb",
            "--root-owner-group",
            "-Zzstd",
            "-z9",
            "--threads-max=1",
            "--build",
            str(root),
            str(to),
        ]
        environment = {**os.environ, "SOURCE_DATE_EPOCH": str(epoch)}
        subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL)
    return to


def lock_of(package: Package, release: Release) -> Path:
    """The lock file: versions and hashes of every wheel."""
    return package.folder / f"lock-{release.name}.txt"


def lay(package: Package, release: Release, root: Path, epoch: int) -> None:
    """Everything but wheels and control files, into `root`."""
    for entry in entries(package, release):
        target = root / entry.target
        target.parent.mkdir(parents=True, exist_ok=True)
        if entry.link:
            target.symlink_to(entry.link)
        else:
            target.write_bytes(entry.body)
            target.chmod(entry.mode)
    documents = root / "usr/share/doc" / package.name
    documents.mkdir(parents=True, exist_ok=True)
    (documents / "copyright").write_bytes((package.folder.parent / "copyright").read_bytes())
    (documents / "changelog.gz").write_bytes(gzip.compress(_changelog(package, release, epoch), mtime=0))
    overrides = root / "usr/share/lintian/overrides" / package.name
    overrides.parent.mkdir(parents=True)
    text = (package.folder.parent / "lintian-overrides").read_text(encoding="utf-8")
    overrides.write_text(text.replace("PACKAGE", package.name), encoding="utf-8")


def control(package: Package, release: Release, arch: str, installed_kib: int) -> str:
    """The control file: the package's own fields, with what follows from release and size filled in."""
    text = (package.folder / "control").read_text(encoding="utf-8")
    fields = {
        "@VERSION@": version(release),
        "@ARCH@": arch,
        "@MAINTAINER@": _MAINTAINER,
        "@SIZE@": str(installed_kib),
        "@PYTHON@": f"python3 (>= {release.dotted}~), python3 (<< {release.next_dotted}~)",
    }
    for name, value in fields.items():
        text = text.replace(name, value)
    return text


def _write_control(package: Package, release: Release, arch: str, root: Path) -> None:
    files = sorted(path for path in root.rglob("*") if path.is_file() and not path.is_symlink())
    sums = [f"{hashlib.md5(path.read_bytes()).hexdigest()}  {path.relative_to(root)}\n" for path in files]  # noqa: S324 - what dpkg --verify reads
    size = sum(-(-path.stat().st_size // 1024) for path in files)
    folder = root / "DEBIAN"
    folder.mkdir()
    (folder / "control").write_text(control(package, release, arch, size), encoding="utf-8")
    (folder / "md5sums").write_text("".join(sums), encoding="utf-8")
    if package.conffiles:
        lines = "".join(f"/{name}\n" for name in package.conffiles)
        (folder / "conffiles").write_text(lines, encoding="utf-8")
    for name in _SCRIPTS:
        source = package.folder / name
        if source.exists():
            (folder / name).write_bytes(source.read_bytes())
            (folder / name).chmod(0o755)


def _changelog(package: Package, release: Release, epoch: int) -> bytes:
    """Debian's form of one; what changed is in git."""
    date = subprocess.run(
        ["date", "-u", "-R", f"--date=@{epoch}"], check=True, capture_output=True, text=True,
        env={**os.environ, "LC_ALL": "C"},
    ).stdout.strip()  # fmt: skip
    head = f"{package.name} ({version(release)}) {release.name}; urgency=medium"
    return f"{head}\n\n  * See the history of the source.\n\n -- {_MAINTAINER}  {date}\n".encode()


def _same_everywhere(root: Path, epoch: int) -> None:
    """Permissions and times that hang on nothing of this machine."""
    for path in (root, *root.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
        os.utime(path, (epoch, epoch), follow_symlinks=False)


def default_epoch() -> int:
    """The time of the last commit: what is packed is no younger."""
    done = subprocess.run(
        ["git", "-C", str(CHECKOUT), "log", "-1", "--format=%ct"], check=True, capture_output=True, text=True
    )
    return int(done.stdout)
