"""What the commands of box and card have in common: how they end, and how they refuse wrong arguments."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable

from edge.errors import BedsideError

_EX_USAGE = 64
_INTERRUPTED = 130  # as a shell says it: 128 and the number of SIGINT


class Parser(argparse.ArgumentParser):
    """Ends with 64 (EX_USAGE) on wrong arguments; argparse's own 2 says nothing."""

    def error(self, message: str) -> None:  # type: ignore[override]  # it never returns either
        """Says how the command is called and what is wrong, and ends it."""
        self.print_usage(sys.stderr)
        self.exit(_EX_USAGE, f"{self.prog}: {message}\n")


def end(name: str, work: Callable[[], int]) -> int:
    """Do a command's work; its exit status, or that of the BedsideError it ends with, told in one line."""
    try:
        status = work()
        sys.stdout.flush()
    except BedsideError as error:
        print(f"{name}: {error}", file=sys.stderr)
        return error.exit_status
    except KeyboardInterrupt:
        return _INTERRUPTED
    except BrokenPipeError:  # whoever read our output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return status
