"""`bedside-deploy status`: which settings are in force, what is wrong with new ones, how the daemon is."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from deploy import led, outcome
from deploy.led_service import DAEMON
from edge import state_file
from edge.errors import StorageError


def arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's own arguments."""
    parser.add_argument(
        "--root", type=Path, default=Path("/"), metavar="DIR", help="below which files are; for tests"
    )


def run(options: argparse.Namespace) -> int:
    """Print; the exit status is that of `apply` at the last start, 69 where the daemon does not run."""
    found = outcome.load(options.root)
    if found is None:
        raise StorageError(
            "the settings have not been looked at since this box was started; see systemctl status"
            " bedside-settings"
        )
    print(*outcome.lines(found), sep="\n")
    shown = state_file.load(options.root / DAEMON)
    if shown is None or led.is_stale(shown, time.monotonic()):
        print("The daemon does not run; see systemctl status bedside-edge.")
        return found.exit_status or 69
    print(shown.status)
    return found.exit_status
