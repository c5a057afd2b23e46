"""What a converted network consists of and costs."""

from __future__ import annotations

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
