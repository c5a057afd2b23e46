"""What a converted network consists of and costs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edge.fields import checked


@dataclass(frozen=True, slots=True)
class Anatomy:
    """The operators by name and version, such as `CONV_2D v3`, how often each occurs, and what they cost."""

    operators: dict[str, int] = checked()
    multiply_adds: int = checked(minimum=0)
    """Of convolutions and matrix products, for one window."""
    parameters: int = checked(minimum=0)
    """Constants but for whole numbers of 32 bits, which are biases and shapes."""
    rounded_apart: tuple[str, ...] | None = checked(default=None)
    """Operators that each runtime rounds in a way of its own; None where runtimes were left to it."""


@dataclass(frozen=True, slots=True)
class Layer:
    """What one layer loses by being quantised: the error of its output over that output's deviation."""

    name: str = checked(minimum=1)
    operator: str = checked(minimum=1)
    error: float = checked(minimum=0)


def layer_of(tensor: str, names: Sequence[str]) -> str:
    """The layer of the network, of which `names` are all in order, whose output this tensor holds.

    A tensor the converter fused of several is named after all of them, of which the last one counts; the
    network's own output is named after none. Keras adds _1 to every layer's name when the network is
    called anew with a batch of 1, as the conversion does.
    """
    for part in reversed(tensor.replace(";", "/").split("/")):
        stem = part.removesuffix("_1")
        if stem != part and stem in names:
            return stem
        if part in names:
            return part
    return names[-1] if tensor.startswith("StatefulPartitionedCall") and names else tensor
