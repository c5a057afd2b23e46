"""Wheels of a lock file, unpacked for another machine than this one: nothing in them is run here."""

from __future__ import annotations

import fnmatch
import subprocess
import sys
import zipfile
from pathlib import Path, PurePosixPath

from deploy.packages.targets import Release, wheel_platforms

LEFT_OUT = (
    "*/tests/*",  # numpy's own alone are 9 MB
    "numpy/_core/include/*",
    "numpy/f2py/*",
    "numpy/_core/lib/*",
    "*.pyi",
    "ai_edge_litert/libLiteRtWebGpuAccelerator.so",  # 17 MB, loaded only where a GPU is asked for
    "ai_edge_litert/vendors/*",  # other makers' accelerators
    "ai_edge_litert/tools/*",
    "*.dist-info/RECORD",  # it would name what is left out
)
"""Files that no program of ours uses."""


def download(lock: Path, release: Release, arch: str, to: Path) -> list[Path]:
    """The locked wheels, in `to`; what is there and has the right hash is not fetched again.

    Raises subprocess.CalledProcessError, with pip's own words on standard error.
    """
    to.mkdir(parents=True, exist_ok=True)
    platforms = [f"--platform={tag}" for tag in wheel_platforms(release, arch)]
    command = [
        sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps",
        "--require-hashes", "--only-binary=:all:", f"--python-version={release.dotted}", *platforms,
        f"--dest={to}", f"--find-links={to}", "--requirement", str(lock),
    ]  # fmt: skip
    subprocess.run(command, check=True)
    wanted = _names(lock)
    return sorted(wheel for wheel in to.glob("*.whl") if wheel.name.split("-")[0].lower() in wanted)


def unpack(wheel: Path, to: Path) -> None:
    """Lay a wheel's files into a site-packages folder, without those of LEFT_OUT and without commands."""
    with zipfile.ZipFile(wheel) as archive:
        for member in archive.infolist():
            name = member.filename
            if member.is_dir() or any(fnmatch.fnmatchcase(name, pattern) for pattern in LEFT_OUT):
                continue
            parts = PurePosixPath(name).parts
            if parts[0].endswith(".data"):
                if parts[1] not in {"purelib", "platlib"}:
                    continue
                parts = parts[2:]
            target = to.joinpath(*parts)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(archive.read(member))


def _names(lock: Path) -> set[str]:
    """The locked projects, written as wheels write them."""
    lines = (line for line in lock.read_text(encoding="utf-8").splitlines() if line and line[0] not in " #-")
    return {line.split("==")[0].strip().lower().replace("-", "_").replace(".", "_") for line in lines}
