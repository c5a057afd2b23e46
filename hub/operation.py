"""The verbs of `bedside-hub` for whoever operates it, beside those that are the hub."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from edge.errors import ConfigError
from hub import config
from hub.service import Stop
from hub.simulation import Plan

VERBS = frozenset({"backup", "check", "restore", "simulate"})


def add_verbs(verbs: Any) -> None:
    """To the command's parser."""
    _simulate(verbs)
    _verb(verbs, "check", "one screen: what is well, what is not, and what to do about it")
    verb = _verb(verbs, "backup", "the whole database into one file, also while the hub runs")
    verb.add_argument("--to", required=True, metavar="COPY", help="a file that does not exist yet")
    verb = _verb(verbs, "restore", "a backup into the place of the database; the hub must be stopped")
    verb.add_argument("--from", required=True, metavar="COPY", dest="source", help="a file backup has made")


def run(options: argparse.Namespace) -> int:
    """The verb's exit status. Raises BedsideError."""
    from hub import backup, check, simulate  # noqa: PLC0415 - no other verb needs these

    settings = config.load(options.config)
    if options.verb == "check":
        return check.main(settings)
    if options.verb == "backup":
        print(backup.backup(settings, Path(options.to)))
        return 0
    if options.verb == "restore":
        print(backup.restore(settings, Path(options.source)))
        return 0
    plan = _plan(options)
    stop = Stop()
    stop.listen()
    return simulate.run(settings, plan, stop)


def _plan(options: argparse.Namespace) -> Plan:
    plan = Plan(options.beds, options.seconds, options.rate, options.episodes, options.alerts_at_once)
    if plan.beds < 1 or plan.seconds <= 0 or plan.rate <= 0 or plan.episodes < 0:
        raise ConfigError("--beds, --seconds and --rate must be above 0, --episodes at least 0")
    return plan


def _verb(verbs: Any, name: str, text: str) -> argparse.ArgumentParser:
    verb: argparse.ArgumentParser = verbs.add_parser(name, help=text, description=text)
    verb.add_argument("--config", required=True, metavar="FILE", help="the TOML file")
    return verb


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
