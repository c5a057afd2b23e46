"""Which sequence numbers of one boot are held, as ranges, and the receipts that say so. Pure."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence

from edge.messages import Receipt

Range = tuple[int, int]
MAX_GAPS = 12  # a receipt with twelve gaps of the largest numbers stays well under 1 KiB


def add(held: Sequence[Range], numbers: Iterable[int]) -> list[Range]:
    """The ranges with the numbers added: sorted, disjoint, never touching."""
    return join(held, ((number, number) for number in numbers))


def join(held: Sequence[Range], more: Iterable[Range]) -> list[Range]:
    """Both sets of numbers as one: sorted, disjoint, never touching."""
    joined: list[Range] = []
    for first, last in sorted([*held, *more]):
        if joined and first <= joined[-1][1] + 1:
            joined[-1] = (joined[-1][0], max(joined[-1][1], last))
        else:
            joined.append((first, last))
    return joined


def size(held: Iterable[Range]) -> int:
    """How many numbers disjoint ranges have."""
    return sum(last - first + 1 for first, last in held)


def holds(held: Sequence[Range], number: int) -> bool:
    """Whether the number lies in one of the ranges."""
    return any(first <= number <= last for first, last in held)


def receipts(boot_id: str, held: Sequence[Range], arrived: Iterable[int]) -> list[Receipt]:
    """The receipts that confirm the numbers in `arrived`, all of which are held.

    One receipt as a rule. A device that dropped messages leaves gaps that nobody can fill; where there
    are too many for one receipt, each one covers a run of ranges and claims everything before it as
    missing. That is safe: a device has nothing left to resend of what was confirmed earlier.
    """
    if not held:
        return []
    blocks = [held[start : start + MAX_GAPS] for start in range(0, len(held), MAX_GAPS)]
    wanted = set(arrived)
    result = []
    for block in blocks:
        if len(blocks) > 1 and not any(first <= number <= last for number in wanted for first, last in block):
            continue
        gaps = [(1, block[0][0] - 1)] if block[0][0] > 1 else []
        gaps += [(before[1] + 1, after[0] - 1) for before, after in itertools.pairwise(block)]
        result.append(Receipt(boot_id=boot_id, upto_seq=block[-1][1], gaps=tuple(gaps)))
    return result
