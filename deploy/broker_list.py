"""The list of revoked certificates, into the broker's folder, whole: mosquitto must be able to read it."""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path

from edge import atomic_file
from edge.errors import ConfigError, StorageError
from hub import broker_files
from hub.authority import CA, CRL


def arguments(parser: argparse.ArgumentParser) -> None:
    """Where the broker's files are."""
    parser.add_argument(
        "--broker", metavar="DIR", type=Path, default=Path(broker_files.FOLDER),
        help=f"the broker's folder on this machine ({broker_files.FOLDER})",
    )  # fmt: skip


def give(authority: Path, broker: Path) -> str:
    """Put the authority's list in place of the broker's; a sentence. Raises BedsideError.

    mosquitto refuses to start with a list it cannot use and shuts everybody out with another authority's:
    neither gets there.
    """
    listed = authority / CRL
    if not broker.is_dir():
        return (
            f"there is no {broker} on this machine: put {listed} into that folder on the broker's, where"
            " bedside-broker-reload.path takes it over"
        )
    try:
        if (broker / CA).read_bytes() != (authority / CA).read_bytes():
            raise ConfigError(
                f"the broker in {broker} trusts another authority than {authority};"
                " give --authority or --broker"
            )
        _replace(broker / CRL, listed.read_bytes())
    except OSError as error:
        raise StorageError(
            f"cannot put {listed} into {broker}: {error.strerror}; do it by hand, the broker lets in whoever"
            " was revoked until then"
        ) from error
    return f"the broker has the list: {broker / CRL}"


def _replace(path: Path, body: bytes) -> None:
    """Under its name no less than all of it is ever seen, and by everybody: it holds no secret."""
    descriptor, name = tempfile.mkstemp(prefix=".bedside.crl-", dir=path.parent)
    new = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(body)
            file.flush()
            os.fsync(file.fileno())
        new.chmod(0o644)
        new.replace(path)
    except OSError:
        new.unlink(missing_ok=True)
        raise
    atomic_file.sync(path.parent)
