"""What the packages are built for: Debian's releases and architectures. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Release:
    """A Debian release: `number` marks the package's version, `python` is its one Python, `glibc` a minor."""

    name: str
    number: int
    python: tuple[int, int]
    glibc: int

    @property
    def dotted(self) -> str:
        """The Python's version, such as 3.13."""
        return f"{self.python[0]}.{self.python[1]}"

    @property
    def next_dotted(self) -> str:
        """The first Python the package does not run with."""
        return f"{self.python[0]}.{self.python[1] + 1}"


RELEASES = {
    "trixie": Release("trixie", 13, (3, 13), 41),
    "bookworm": Release("bookworm", 12, (3, 11), 36),
}
ARCHITECTURES = {"amd64": "x86_64", "arm64": "aarch64"}
"""Debian's name of an architecture, and the kernel's, which wheels carry."""
_OLDEST_GLIBC = 17


def wheel_platforms(release: Release, arch: str) -> list[str]:
    """The platform tags of the wheels that run there, newest first; glibc 2.17 is older than any wheel's."""
    machine = ARCHITECTURES[arch]
    minors = range(release.glibc, _OLDEST_GLIBC - 1, -1)
    return [f"manylinux_2_{minor}_{machine}" for minor in minors] + [f"manylinux2014_{machine}"]
