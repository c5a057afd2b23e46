"""The command `bedside-deploy`: a box sets itself up from its card; the hub makes cards ready.

Each verb has a module of its own, imported only when it is asked for: a box never loads what only the hub
needs. Such a module has `arguments(parser)`, which adds the verb's own, and `run(options)`, which returns
the exit status or raises a BedsideError.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence

from edge import __version__
from edge.command_line import Parser, end
from edge.errors import ConfigError

VERBS = {
    "apply": ("deploy.apply", "on the box: take over what bedside.toml on the card says"),
    "status": ("deploy.status", "on the box: which settings are in force, and what is wrong with new ones"),
    "support": ("deploy.support", "on the box: one file for whoever helps, without sound and secrets"),
    "led": ("deploy.led_service", "on the box: show by the light on it how it is"),
    "watch-network": ("deploy.network_watchdog", "on the box: bring back a network that has died in it"),
    "provision": ("deploy.provision", "at the hub: make settings and certificates for a bed's card"),
    "renew": ("deploy.renew", "at the hub: make a bed's certificate anew before it ends"),
    "revoke": ("deploy.revoke", "at the hub: shut out a box that was lost or stolen"),
}
"""Module and help text of each verb."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit status is 0, 64 for wrong arguments, or that of a class in edge.errors."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    verb = next((word for word in given if not word.startswith("-")), "")

    def work() -> int:
        options = _parser(verb).parse_args(given)
        status: int = options.run(options)
        return status

    return end("bedside-deploy", work)


def _parser(asked: str) -> argparse.ArgumentParser:
    """Knows every verb, and the arguments of the one asked for. Raises ConfigError."""
    parser = Parser(prog="bedside-deploy", description="From a blank card to a bed that is listened to.")
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    verbs = parser.add_subparsers(title="verbs", required=True, metavar="VERB", dest="verb")
    for verb, (name, words) in VERBS.items():
        one = verbs.add_parser(verb, help=words, description=f"{words[0].upper()}{words[1:]}.")
        if verb == asked:
            try:
                module = importlib.import_module(name)
            except ModuleNotFoundError as error:
                place = words.split(":")[0]
                raise ConfigError(
                    f"{verb!r} cannot be done here, where {error.name} is not installed; do it {place}"
                ) from error
            module.arguments(one)
            one.set_defaults(run=module.run)
    return parser
