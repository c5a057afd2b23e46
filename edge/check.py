"""`bedside-edge check`: one screen for an installer: what is well, what is not, and what to do about it.

Nothing is changed by it: no file is made or written, nothing is published, and a daemon that runs beside
it goes on undisturbed.
"""

from __future__ import annotations

import dataclasses
import logging
import sys
from collections.abc import Callable
from pathlib import Path

from edge import check_box, check_broker, check_disk, check_sound, memory
from edge.config import Config, load_by_hand
from edge.findings import Finding, exit_status, lines, summary
from edge.renewal import Renewal
from edge.terminal import never_fail, style_of

_CHECKS: tuple[Callable[[Config], list[Finding]], ...] = (
    check_sound.microphone,
    check_box.model,
    check_broker.broker,
    check_broker.certificates,
    check_box.commands,
    check_box.clock,
    check_disk.disk,
    check_box.processor,
    check_box.memory,
)


def main(path: Path) -> int:
    """Print every finding as soon as it is made; the exit status is that of the first red one, else 0.

    Raises ConfigError where the configuration in `path` is wrong.
    """
    config = load_by_hand(path)
    shown = Renewal(config.broker, config.address, Path(config.storage.folder)).broker()
    config = dataclasses.replace(config, broker=shown)
    # What the parts would log is in our own lines.
    logging.getLogger().addHandler(logging.NullHandler())
    memory.keep_in_memory()
    never_fail(sys.stdout)
    style = style_of(sys.stdout)
    findings: list[Finding] = []
    for look in _CHECKS:
        for finding in look(config):
            findings.append(finding)
            print(*lines(finding, style), sep="\n", flush=True)
    print(*summary(findings, style), sep="\n", flush=True)
    return exit_status(findings)
