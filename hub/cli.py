"""The command `bedside-hub`: the whole hub under a supervisor, or one of its processes alone."""

from __future__ import annotations

import argparse
import contextlib
import importlib
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from edge.credentials import borrow
from edge.errors import BedsideError, ConfigError
from edge.fields import FieldError, decode
from edge.topics import Address
from hub import __version__, audit, config, operation, people, supervisor
from hub.accounts import ADMIN, INVITATION_S
from hub.refusals import RefusalError
from hub.service import Stop, clock, start_logging
from hub.store import open_store, wait_for_store

log = logging.getLogger(__name__)

LONGEST_NAME = 60
UNITS = ("bedside-hub.service", "bedside-hub@ingest.service")  # whose secrets a command by hand may use
BY_HAND = ("rebirth", "mute", "unmute", "forget")
"""Of edge.messages.ACTIONS; the others are for bedside-deploy."""
# Imported only in the process that needs it, like whatever else only one verb does: ingest and the alert
# engine stay small without a web server.
PROCESSES = {"ingest": "hub.ingest", "alerts": "hub.engine", "web": "hub.web", "push": "hub.push"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a verb; returns its exit status (edge.errors names them)."""
    parser = _parser()
    options = parser.parse_args(arguments)
    start_logging(options.verb, "info")
    borrow(UNITS)
    try:
        if options.verb in {"device-key", "command"}:
            return _about_a_device(options)
        if options.verb == "audit":
            return _audit(options)
        if options.verb in operation.VERBS:
            return operation.run(options)
        if options.verb == "admin":
            return _admin(options)
        return _run(options)
    except (FieldError, RefusalError) as error:
        parser.error(str(error))
    except BedsideError as error:
        print(f"bedside-hub {options.verb}: {error}", file=sys.stderr)
        return error.exit_status


def _run(options: Any) -> int:
    settings = config.load(options.config)
    start_logging(options.verb, settings.log_level, SITE=settings.site)
    stop = Stop()
    stop.listen(lambda: config.load(options.config))
    status = 0
    store = wait_for_store(settings, stop)
    if store is not None:
        with contextlib.closing(store):
            if options.verb == "run":
                store.close()  # made or upgraded here once, before three processes reach for it
                status = supervisor.run(settings, Path(options.config), stop)
            else:
                importlib.import_module(PROCESSES[options.verb]).run(settings, store, stop, clock)
    if stop.again:
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606 - the same command anew
    return status


def _about_a_device(options: Any) -> int:
    """Raises FieldError for an argument no message could hold."""
    from hub import commands  # noqa: PLC0415

    settings = config.load(options.config)
    names = {"site": settings.site, "ward": options.ward, "device": options.device}
    address = decode(Address, names)
    if options.verb == "device-key":
        print(commands.device_key(commands.master_key(settings), address))
        return 0
    given = {name: getattr(options, name) for name in ("action", "minutes", "reason")}
    wish = decode(commands.Wish, {name: value for name, value in given.items() if value is not None})
    with contextlib.closing(open_store(settings)) as store:
        print(commands.ask(settings, store, address, wish, clock))
    return 0


def _audit(options: Any) -> int:
    with (
        contextlib.closing(open_store(config.load(options.config))) as store,
        store.read() as connection,
    ):
        if options.what == "show":
            for entry in audit.latest(connection, options.count):
                print(audit.line(entry))
            return 0
        summary = audit.verify(audit.entries(connection), options.head)
    print(f"The audit log is unbroken: {summary.entries} entries. Its head is\n{summary.head}")
    if options.head is None:
        print("Keep that elsewhere: only with --head HEAD can an end that was cut off be found later.")
    return 0


def _admin(options: Any) -> int:
    name = " ".join(options.name.split())
    if not 1 <= len(name) <= LONGEST_NAME or not name.isprintable():
        raise FieldError(
            f"NAME is {options.name!r}; it must be 1 to {LONGEST_NAME} characters that can be seen"
        )
    settings = config.load(options.config)
    if not settings.accounts.required:
        raise ConfigError("accounts.required is false, so nobody logs in; set it to true first")
    with contextlib.closing(open_store(settings)) as store, store.write() as connection:
        known = people.find(connection, name)
        if known is None:
            code = people.invite(connection, name, ADMIN, (), None, clock())
        elif people.is_admin(connection, known):
            code, name = people.new_password(connection, known, None, clock())
        else:
            raise ConfigError(
                f"{name!r} has an account that is no admin's or is disabled; have an admin change it on the"
                " board, under People and tablets, or give the name of somebody new"
            )
    what = "becomes an admin" if known is None else "sets a new password"
    print(f"{name} {what} with this code, once, within {INVITATION_S / 3600:.0f} hours:\n{code}")
    print(f"Open /join#{code} on the board and choose a password.")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="bedside-hub",
        description="The ward's hub: keeps what bedside devices send, raises alerts, shows the board. "
        "A secondary aid, never a replacement for the nurse call and no diagnosis.",
    )
    parser.add_argument("--version", action="version", version=f"bedside-hub {__version__}")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    for name, text in (
        ("run", "everything under one supervisor (the usual way)"),
        ("ingest", "only ingest: broker to database, receipts to devices"),
        ("alerts", "only the alert engine"),
        ("web", "only the board"),
        ("push", "only what tells people outside"),
    ):
        verb = verbs.add_parser(name, help=text, description=text)
        verb.add_argument("--config", required=True, metavar="FILE", help="the TOML file")
    for name, text in (
        ("device-key", "print a device's key for its [commands] key_file"),
        ("command", "have a device muted, unmuted, tell its state anew or forget the bed, and wait for it"),
    ):
        verb = verbs.add_parser(name, help=text, description=text)
        verb.add_argument("--config", required=True, metavar="FILE", help="the TOML file")
        verb.add_argument("ward", metavar="WARD")
        verb.add_argument("device", metavar="DEVICE")
    verb.add_argument("action", choices=BY_HAND)
    verb.add_argument("--minutes", type=int, metavar="N", help="mute for so long; else until told otherwise")
    verb.add_argument("--reason", metavar="TEXT", help="shown on the board and in the device's journal")
    text = "a code for the first admin's account, or for an admin who forgot the password"
    verb = verbs.add_parser("admin", help=text, description=text)
    verb.add_argument("--config", required=True, metavar="FILE", help="the TOML file")
    verb.add_argument("name", metavar="NAME", help="the person's name, as nurses will see it")
    text = "show who did what, or verify that nobody has changed that"
    verb = verbs.add_parser("audit", help=text, description=text)
    verb.add_argument("what", choices=("verify", "show"))
    verb.add_argument("--config", required=True, metavar="FILE", help="the TOML file")
    verb.add_argument("--head", metavar="HASH", help="verify: a head printed earlier, still to be in the log")
    verb.add_argument("--count", type=int, default=50, metavar="N", help="show: how many of the latest")
    operation.add_verbs(verbs)
    return parser


if __name__ == "__main__":
    sys.exit(main())
