"""Ranges of held numbers, and receipts that never confirm what is not held."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from edge.messages import MAX_BYTES, Receipt, to_json
from hub.sequences import add, holds, receipts

BOOT = "0" * 32
numbers = st.sets(st.integers(1, 400), min_size=1)


def confirmed(receipt: Receipt) -> set[int]:
    gaps = {n for first, last in receipt.gaps for n in range(first, last + 1)}
    return set(range(1, receipt.upto_seq + 1)) - gaps


def test_one_receipt_names_every_gap() -> None:
    held = add([], [1, 2, 5, 9])
    assert held == [(1, 2), (5, 5), (9, 9)]
    assert receipts(BOOT, held, [5]) == [Receipt(boot_id=BOOT, upto_seq=9, gaps=((3, 4), (6, 8)))]


def test_a_boot_whose_first_numbers_never_came() -> None:
    assert receipts(BOOT, [(4, 6)], [5]) == [Receipt(boot_id=BOOT, upto_seq=6, gaps=((1, 3),))]


@given(numbers, numbers)
def test_ranges_hold_exactly_what_was_added(first: set[int], second: set[int]) -> None:
    held = add(add([], first), second)
    assert {n for n in range(402) if holds(held, n)} == first | second
    assert held == add(add([], second), first)
    assert all(before[1] + 1 < after[0] for before, after in itertools.pairwise(held))


@given(numbers, st.data())
def test_receipts_confirm_what_arrived_and_nothing_that_is_not_held(
    all_held: set[int], data: st.DataObject
) -> None:
    arrived = data.draw(st.sets(st.sampled_from(sorted(all_held)), min_size=1))
    found = receipts(BOOT, add([], all_held), arrived)
    told = set().union(*(confirmed(receipt) for receipt in found))
    assert arrived <= told <= all_held


def test_the_largest_receipt_fits_the_wire() -> None:
    top = 2**53
    held = add([], [top - 2 * n for n in range(400)])
    for receipt in receipts(BOOT, held, [top]):
        assert len(to_json(receipt)) <= MAX_BYTES
