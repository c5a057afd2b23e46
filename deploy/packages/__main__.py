"""Build the Debian packages: python -m deploy.packages --arch arm64 [edge] [hub]."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

from deploy.packages.build import build, default_epoch
from deploy.packages.contents import CHECKOUT, PACKAGES
from deploy.packages.targets import ARCHITECTURES, RELEASES


def main() -> int:
    """Build what was asked for, print the packages' paths; 69 where a program or a wheel is not to be had."""
    parser = argparse.ArgumentParser(
        prog="python -m deploy.packages", description="Build the Debian packages."
    )
    parser.add_argument("packages", nargs="*", help="edge, hub; both without one")
    parser.add_argument("--arch", choices=ARCHITECTURES, default="arm64")
    parser.add_argument("--release", choices=RELEASES, default="trixie")
    parser.add_argument("--out", type=Path, default=CHECKOUT / "out" / "deb")
    parser.add_argument(
        "--cache", type=Path, default=CHECKOUT / ".cache" / "wheels", help="wheels are kept here"
    )
    options = parser.parse_args()
    unknown = [name for name in options.packages if name not in PACKAGES]
    if unknown:
        parser.error(f"there is no package {unknown[0]!r}; there are {' and '.join(PACKAGES)}")
    epoch = int(os.environ.get("SOURCE_DATE_EPOCH") or default_epoch())
    release = RELEASES[options.release]
    for name in options.packages or PACKAGES:
        try:
            made = build(PACKAGES[name], release, options.arch, options.out, options.cache, epoch)
        except (OSError, subprocess.CalledProcessError) as error:
            print(
                f"the package {name} for {release.name}, {options.arch} was not built: {error}",
                file=sys.stderr,
            )
            return 69
        print(f"{made}  {made.stat().st_size / 1e6:.1f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
