"""How the desktop's commands begin: a device or hub has them too, but not what they need."""

from __future__ import annotations

import sys
from importlib import import_module


def train() -> int:
    """`bedside-train`."""
    return _run("bedside-train", "train.cli")


def quantize() -> int:
    """`bedside-quantize`."""
    return _run("bedside-quantize", "convert.quantize")


def _run(name: str, module: str) -> int:
    try:
        main = import_module(module).main
    except ModuleNotFoundError as error:
        print(
            f"{name}: {error.name} is not installed, which a desktop needs to train and convert:"
            " pip install 'bedside-ser[train]'",
            file=sys.stderr,
        )
        return 69  # EX_UNAVAILABLE
    status: int = main()
    return status
