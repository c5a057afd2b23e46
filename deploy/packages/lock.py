"""Write the lock files anew: python -m deploy.packages.lock. Needs uv, which resolves for other machines.

Versions are those of constraints.txt, hashes the registry's, of all wheels of a version: one lock file
serves both architectures. What Debian has as packages of its own is not locked; see `FROM_DEBIAN`.
"""

from __future__ import annotations

import configparser
import subprocess
import sys

from deploy.packages.build import lock_of
from deploy.packages.contents import CHECKOUT, HUB, PACKAGES, Package
from deploy.packages.targets import RELEASES, Release

FROM_DEBIAN = {"PyAudio", "systemd-python"}
"""They have no wheels: Debian's own, seen through --system-site-packages."""
EXTRAS = {"edge": ("edge", "gpio"), "hub": ("hub",)}
"""Of setup.cfg, by package."""
NOT_ASKED_FOR = (
    "backports-strenum", "flatbuffers", "ml-dtypes", "protobuf", "pycparser", "setuptools", "tqdm",
    "typing-extensions",
)  # fmt: skip
"""What the TFLite runtime and cffi name as needed and an interpreter never imports: 30 MB on a box's card."""
_HEAD = "# Made by `python -m deploy.packages.lock` from setup.cfg and constraints.txt. Do not edit.\n"


def main() -> int:
    """Lock every package for every release; the status is uv's."""
    for package in PACKAGES.values():
        for release in RELEASES.values():
            _lock(package, release)
            print(lock_of(package, release))
    return 0


def requirements(package: Package) -> str:
    """The extras of setup.cfg that the package stands for, without what Debian has."""
    settings = configparser.ConfigParser()
    settings.read(CHECKOUT / "setup.cfg", encoding="utf-8")
    extras = settings["options.extras_require"]
    lines = [line for name in EXTRAS[package.short] for line in extras[name].split("\n")]
    if package is not HUB:
        lines += settings["options"]["install_requires"].split("\n")
    wanted = sorted(line.strip() for line in lines if line.strip())
    return "".join(f"{line}\n" for line in wanted if line not in FROM_DEBIAN)


def _lock(package: Package, release: Release) -> None:
    left_out = [] if package is HUB else [f"--no-emit-package={name}" for name in NOT_ASKED_FOR]
    command = [
        "uv", "pip", "compile", "-", "--quiet", "--generate-hashes", "--no-header", "--no-annotate",
        "--only-binary=:all:", "--constraints=constraints.txt", f"--python-version={release.dotted}",
        f"--python-platform=aarch64-manylinux_2_{min(release.glibc, 40)}", *left_out,
    ]  # fmt: skip
    done = subprocess.run(
        command, check=True, cwd=CHECKOUT, input=requirements(package), stdout=subprocess.PIPE, text=True
    )
    lock_of(package, release).write_text(_HEAD + done.stdout, encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
