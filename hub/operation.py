"""The verbs of `bedside-hub` for whoever operates it, beside those that are the hub."""

from __future__ import annotations

import argparse
import contextlib
import getpass
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from edge.errors import ConfigError
from hub import config
from hub.authority import Authority
from hub.service import Stop, clock
from hub.simulation import Plan

VERBS = frozenset({"authority", "backup", "broker-config", "check", "push-test", "restore", "simulate"})


def add_verbs(verbs: Any) -> None:
    """To the command's parser."""
    _simulate(verbs)
    _authority(verbs)
    _verb(verbs, "check", "one screen: what is well, what is not, and what to do about it")
    _verb(verbs, "push-test", "a test message to everybody outside, and what came back")
    verb = _verb(verbs, "backup", "the whole database into one file, also while the hub runs")
    verb.add_argument("--to", required=True, metavar="COPY", help="a file that does not exist yet")
    verb = _verb(verbs, "restore", "a backup into the place of the database; the hub must be stopped")
    verb.add_argument("--from", required=True, metavar="COPY", dest="source", help="a file backup has made")
    verb = _verb(verbs, "broker-config", "mosquitto's configuration and access list for this ward")
    verb.add_argument("--out", required=True, metavar="DIR", help="the folder mosquitto reads them from")


def run(options: argparse.Namespace) -> int:
    """The verb's exit status. Raises BedsideError."""
    from hub import backup, broker_files, check, simulate  # noqa: PLC0415 - no other verb needs these

    if options.verb == "authority":
        print(_certify(Authority(Path(options.folder)), options.what, options.names))
        return 0
    settings = config.load(options.config)
    if options.verb == "check":
        return check.main(settings)
    if options.verb == "backup":
        print(backup.backup(settings, Path(options.to)))
        return 0
    if options.verb == "restore":
        print(backup.restore(settings, Path(options.source)))
        return 0
    if options.verb == "broker-config":
        print(broker_files.write(settings, Path(options.out)))
        return 0
    if options.verb == "push-test":
        from hub import push  # noqa: PLC0415
        from hub.store import open_store  # noqa: PLC0415

        with contextlib.closing(open_store(settings)) as store:
            return push.test(settings, store, clock)
    plan = _plan(options)
    stop = Stop()
    stop.listen()
    return simulate.run(settings, plan, stop, _login(options))


def _certify(authority: Authority, what: str, names: Sequence[str]) -> str:
    wanted = {"new": (0, 0), "hub": (0, 0), "broker": (1, 20), "device": (1, 1), "revoke": (1, 1)}
    least, most = wanted[what]
    if not least <= len(names) <= most:
        raise ConfigError(
            f"authority {what} takes {'no name' if not most else 'one name' if most == 1 else 'names'},"
            f" and was given {len(names)}"
        )
    with authority.exclusive(is_new=what == "new"):
        if what == "new":
            return authority.make()
        if what == "hub":
            return authority.hub()
        if what == "broker":
            return authority.broker(names)
        return authority.device(names[0]) if what == "device" else authority.revoke(names[0])


def _plan(options: argparse.Namespace) -> Plan:
    plan = Plan(options.beds, options.seconds, options.rate, options.episodes, options.alerts_at_once)
    if plan.beds < 1 or plan.seconds <= 0 or plan.rate <= 0 or plan.episodes < 0:
        raise ConfigError("--beds, --seconds and --rate must be above 0, --episodes at least 0")
    return plan


def _login(options: argparse.Namespace) -> tuple[str, str] | None:
    """A name, and its password from the file or, without one, from the terminal."""
    if options.login is None:
        if options.password_file is not None:
            raise ConfigError("--password-file is given without --login; give both")
        return None
    password = config.read_password("--password-file", options.password_file)
    return options.login, password or getpass.getpass(f"Password of {options.login}: ")


def _verb(verbs: Any, name: str, text: str) -> argparse.ArgumentParser:
    verb: argparse.ArgumentParser = verbs.add_parser(name, help=text, description=text)
    verb.add_argument("--config", required=True, metavar="FILE", help="the TOML file")
    return verb


def _authority(verbs: Any) -> None:
    text = "the ward's own authority: certificates for broker, hub and devices"
    verb = verbs.add_parser("authority", help=text, description=text)
    verb.add_argument("--folder", required=True, metavar="DIR", help="all that the authority is")
    verb.add_argument("what", choices=("new", "broker", "hub", "device", "revoke"))
    help_ = "broker: its host names and addresses; device, revoke: SITE/WARD/DEVICE (revoke: or hub, broker)"
    verb.add_argument("names", nargs="*", metavar="NAME", help=help_)


def _simulate(verbs: Any) -> None:
    verb = _verb(verbs, "simulate", "many beds that are not there, to try or measure a hub not in use")
    plan = Plan(beds=0)
    verb.add_argument(
        "--beds", type=int, required=True, metavar="N", help="one connection to the broker each"
    )
    verb.add_argument("--seconds", type=float, default=plan.seconds, metavar="S", help="for so long (60)")
    verb.add_argument(
        "--rate", type=float, default=plan.rate, metavar="R", help="times the messages of real devices (1)"
    )
    verb.add_argument(
        "--episodes", type=float, default=plan.episodes, metavar="E", help="of distress a bed and hour (0.5)"
    )
    verb.add_argument(
        "--alerts-at-once", action="store_true", help="every bed begins an episode at one moment, halfway"
    )
    verb.add_argument("--login", metavar="NAME", help="watch the board as NAME, where the hub has accounts")
    verb.add_argument("--password-file", metavar="FILE", help="its first line; else the terminal is asked")
