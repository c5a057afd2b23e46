"""Beside an image: a manifest for Raspberry Pi Imager, and a CycloneDX list of what is in it (SBOM)."""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import sys
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

_DEVICES = ("pi3-64bit", "pi4-64bit", "pi5-64bit")


def main() -> int:
    """Write NAME.imager.json and NAME.cdx.json beside NAME.img.xz and NAME.packages.txt."""
    parser = argparse.ArgumentParser(description="Write the manifest and the SBOM of an image.")
    for option in ("--image", "--out", "--lock"):
        parser.add_argument(option, type=Path, required=True)
    for option in ("--name", "--url"):
        parser.add_argument(option, required=True)
    options = parser.parse_args()
    made = datetime.fromtimestamp(int(os.environ["SOURCE_DATE_EPOCH"]), UTC)
    packed = options.out / f"{options.name}.img.xz"
    packages = (options.out / f"{options.name}.packages.txt").read_text(encoding="utf-8")
    told = manifest(options.name, options.url, made, _measured(options.image), _measured(packed))
    _write(options.out / f"{options.name}.imager.json", told)
    lock = options.lock.read_text(encoding="utf-8")
    _write(options.out / f"{options.name}.cdx.json", sbom(options.name, made, packages, lock))
    return 0


def manifest(
    name: str, url: str, made: datetime, image: tuple[int, str], packed: tuple[int, str]
) -> dict[str, Any]:
    """What Raspberry Pi Imager reads with --repo; `image` and `packed` are bytes and SHA-256.

    There is no `init_format`: Imager's own customisation does nothing here, a bed is set up by bedside.toml.
    """
    entry = {
        "name": name,
        "description": "A bed that listens for distress; set up by bedside.toml on the card",
        "url": url,
        "release_date": made.date().isoformat(),
        "extract_size": image[0],
        "extract_sha256": image[1],
        "image_download_size": packed[0],
        "image_download_sha256": packed[1],
        "devices": list(_DEVICES),
        "init_format": "none",
    }
    return {"os_list": [entry]}


def sbom(name: str, made: datetime, packages: str, lock: str) -> dict[str, Any]:
    """CycloneDX 1.6: Debian's packages (name, version, architecture, by tabs) and the lock's wheels."""
    rows = [line.split("\t") for line in packages.splitlines()]
    found = [
        {
            "type": "library",
            "name": package,
            "version": version,
            "purl": f"pkg:deb/debian/{package}@{_quoted(version)}?arch={arch}&distro=trixie",
        }
        for package, version, arch in rows
    ]
    found += [
        {"type": "library", "name": wheel, "version": version, "purl": f"pkg:pypi/{wheel}@{version}"}
        for wheel, version in re.findall(r"^([a-z0-9._-]+)==(\S+)", lock, re.MULTILINE)
    ]
    serial = uuid.uuid5(uuid.NAMESPACE_URL, f"{name} {made.isoformat()} {packages} {lock}")
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{serial}",
        "version": 1,
        "metadata": {
            "timestamp": made.isoformat().replace("+00:00", "Z"),
            "component": {"type": "operating-system", "name": "bedside-ser image", "version": name},
        },
        "components": found,
    }


def _quoted(version: str) -> str:
    return version.replace("+", "%2B").replace(":", "%3A")


def _measured(path: Path) -> tuple[int, str]:
    with path.open("rb") as file:
        return path.stat().st_size, hashlib.file_digest(file, "sha256").hexdigest()


def _write(path: Path, value: dict[str, Any]) -> None:
    path.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
