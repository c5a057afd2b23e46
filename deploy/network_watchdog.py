"""`bedside-deploy watch-network`: a network that has died in the box itself is brought back.

A hub or a broker that is away is no reason for anything: messages wait on the card. But a Wi-Fi chip that no
longer answers comes back only if its programs are started anew, or the box.
"""

from __future__ import annotations

import argparse
import json
import logging
import socket
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from edge import state_file
from edge.errors import StorageError
from edge.stop import Stop

log = logging.getLogger(__name__)

RESTART, REBOOT = "restart", "reboot"
NETWORK_UNITS = ("systemd-networkd.service", "iwd.service")
_DAEMON = Path("/run/bedside-edge")
_LOOK_EVERY_S = 30.0
_ANSWER_S = 3.0
_COMMAND_S = 90
_DISCARD_PORT = 9
_THERE = {"REACHABLE", "DELAY", "PROBE", "STALE", "PERMANENT"}
"""States of a neighbour that has answered (ip-neighbour(8))."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long the box may be without its hub and its gateway, in seconds, before something is done."""

    restart_s: float = 300.0
    """The programs of the network are started anew; again after twice as long, four times, and so on."""
    reboot_s: float = 1800.0
    """The box is started anew; once, until the hub has been there again."""


@dataclass(frozen=True, slots=True)
class Outage:
    """What has been done since the hub was last there."""

    since_s: float
    restarts: int = 0


def judge(outage: Outage, patience: Patience, now_s: float, *, may_reboot: bool) -> str:
    """RESTART, REBOOT, or nothing: what is due in an outage in which the gateway does not answer either."""
    lasted_s = now_s - outage.since_s
    if may_reboot and lasted_s >= patience.reboot_s:
        return REBOOT
    return RESTART if lasted_s >= patience.restart_s * 2**outage.restarts else ""


def arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's own."""
    usual = Patience()
    parser.add_argument(
        "--restart-after", type=_seconds, default=usual.restart_s, metavar="S",
        help=f"start the network's programs anew after so many seconds ({usual.restart_s:g})",
    )  # fmt: skip
    parser.add_argument(
        "--reboot-after", type=_seconds, default=usual.reboot_s, metavar="S",
        help=f"start the box anew after so many seconds ({usual.reboot_s:g})",
    )  # fmt: skip
    parser.add_argument(
        "--data", type=Path, default=Path("/data/bedside"), metavar="DIR",
        help="where the box remembers that it was started anew for this",
    )  # fmt: skip


def _seconds(text: str) -> float:
    seconds = float(text) if text.replace(".", "", 1).isdecimal() else 0.0
    if seconds <= 0:
        raise argparse.ArgumentTypeError(f"{text} is no length of time; give seconds above 0, such as 300")
    return seconds


def run(options: argparse.Namespace) -> int:
    """Until SIGTERM or SIGINT."""
    logging.basicConfig(format="%(message)s", level=logging.INFO)
    stop = Stop()
    stop.take_signals()
    box = Box(options.data / "network-reboot")
    watch(box, Patience(options.restart_after, options.reboot_after), stop.wait)
    return 0


def watch(
    box: Box, patience: Patience, wait: Callable[[float], bool], now: Callable[[], float] = time.monotonic
) -> None:
    """Look every half minute until `wait`, given seconds, says that it is time to stop."""
    outage = Outage(now())
    while not wait(_LOOK_EVERY_S):
        if box.is_connected():
            outage = Outage(now())
            box.forget_reboot()
        elif due := judge(outage, patience, now(), may_reboot=not box.was_rebooted()):
            minutes = (now() - outage.since_s) / 60
            if box.gateway_answers():
                # The network is well; whatever is away is away elsewhere.
                outage = Outage(now())
            elif due == REBOOT:
                log.warning("no hub and no gateway for %.0f minutes: the box is started anew", minutes)
                box.reboot()
            else:
                log.warning("no hub and no gateway for %.0f minutes: the network is started anew", minutes)
                box.restart_network()
                outage = Outage(outage.since_s, outage.restarts + 1)


class Box:
    """This machine, as far as its network goes."""

    def __init__(self, reboot_mark: Path) -> None:
        """`reboot_mark`: a file on the data partition; it is there from a reboot until the hub is."""
        self._mark = reboot_mark

    def is_connected(self) -> bool:
        """Whether the daemon is connected to the hub's broker."""
        try:
            shown = state_file.load(_DAEMON)
        except StorageError:
            return False
        return shown is not None and shown.state.connected

    def gateway_answers(self) -> bool:
        """Whether the next machine on the way out answers; False where there is no way out."""
        routes = json.loads(_output("ip", "-json", "route", "show", "default") or "[]")
        gateways = {route["gateway"] for route in routes if "gateway" in route}
        return any(_is_there(gateway) for gateway in gateways)

    def was_rebooted(self) -> bool:
        """Whether a reboot for this has been tried since the hub was last there."""
        return self._mark.exists()

    def forget_reboot(self) -> None:
        """The hub is there: the next outage may have one again."""
        self._mark.unlink(missing_ok=True)

    def restart_network(self) -> None:
        """Start what makes the network anew; what does not run stays so."""
        _output("systemctl", "try-restart", *NETWORK_UNITS)

    def reboot(self) -> None:
        """Start the machine anew, unless that cannot be remembered: it would go on for ever."""
        try:
            self._mark.touch()
        except OSError as error:
            log.error("%s cannot be written, so the box is not started anew: %s", self._mark, error.strerror)  # noqa: TRY400
            return
        _output("systemctl", "reboot")


def _is_there(gateway: str) -> bool:
    """Ask the neighbour for its address on the wire, by sending it something, and look whether it told."""
    family = socket.AF_INET6 if ":" in gateway else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as line:
        try:
            line.sendto(b"", (gateway, _DISCARD_PORT))
        except OSError:
            return False
    time.sleep(_ANSWER_S)
    known = json.loads(_output("ip", "-json", "neighbour", "show", gateway) or "[]")
    return any(_THERE & set(one.get("state", ())) for one in known)


def _output(*command: str) -> str:
    """What a command says; nothing where it fails, which is logged."""
    try:
        done = subprocess.run(  # noqa: S603 - nothing in it comes from outside
            command, check=True, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_COMMAND_S
        )
    except subprocess.CalledProcessError as error:
        log.error("%s failed: %s", " ".join(command), " ".join(error.stderr.split()))  # noqa: TRY400
        return ""
    except (OSError, subprocess.SubprocessError) as error:
        log.error("%s failed: %s", " ".join(command), error)  # noqa: TRY400
        return ""
    return done.stdout
