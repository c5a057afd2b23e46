"""Arrays that took long to make, kept on disk between runs."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Arrays = Mapping[str, npt.NDArray[Any]]


def made_once(file: Path | None, make: Callable[[], Arrays]) -> Arrays:
    """What `make` gives, by name; read from the .npz `file` where it is there, else kept in it."""
    if file is not None and file.exists():
        with np.load(file) as found:
            return dict(found)
    made = make()
    if file is not None:
        save(file, made)
    return made


def save(file: Path, arrays: Arrays, *, compress: bool = False) -> None:
    """Keeps the arrays as a .npz; it is whole or not there."""
    file.parent.mkdir(parents=True, exist_ok=True)
    partial = file.with_suffix(f".{os.getpid()}.npz")  # two trainings may make the same at the same time
    (np.savez_compressed if compress else np.savez)(partial, **arrays)
    partial.replace(file)
