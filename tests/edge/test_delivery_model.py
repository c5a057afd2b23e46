"""Outbox and delivery against a hub whose network loses, repeats, reorders and breaks."""

import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from samples import CLOCK, episode, summary

from edge.delivery import WAITING, Delivery
from edge.messages import Receipt
from edge.outbox import Outbox

STEP_S = 0.5
# What a second of a bad network does to one thing on its way.
FATES = ("arrives", "arrives", "is lost", "comes twice", "comes later")


class ModelHub:
    """What a hub must do: remember what it has, answer with the highest number and what is missing below."""

    def __init__(self):
        self.held = set()

    def take(self, entry):
        self.held.add(entry.seq)
        missing = [seq for seq in range(1, max(self.held)) if seq not in self.held]
        gaps = tuple((seq, seq) for seq in missing[:12])
        # A receipt has room for so many gaps only; it then ends before the first it cannot name.
        upto = missing[12] - 1 if len(missing) > 12 else max(self.held)
        return Receipt(boot_id=entry.boot_id, upto_seq=upto, gaps=gaps)


class Network:
    """Carries things one way, each to the fate drawn for it; after the trouble everything arrives."""

    def __init__(self, fates):
        self._fates, self._late = iter(fates), []

    def carry(self, things):
        arrived, self._late = self._late, []
        for thing in things:
            fate = next(self._fates, "arrives")
            copies = {"is lost": 0, "comes later": 0, "comes twice": 2}.get(fate, 1)
            # The newest first: out of order.
            arrived = [thing] * copies + arrived
            self._late += [thing] if fate == "comes later" else []
        return arrived


fates = st.lists(st.sampled_from(FATES), max_size=80)


@settings(max_examples=40)
@given(
    messages=st.lists(st.booleans(), min_size=1, max_size=60),
    there=fates,
    back=fates,
    breaks=st.sets(st.integers(0, 40), max_size=5),
    a_step=st.integers(1, 8),
)
def test_all_arrives_and_the_outbox_empties(messages, there, back, breaks, a_step):
    with tempfile.TemporaryDirectory() as folder:
        outbox = Outbox(Path(folder), CLOCK.boot_id)
        try:
            _exchange(outbox, list(messages), Network(there), Network(back), breaks, a_step)
        finally:
            outbox.close()


def _exchange(outbox, messages, there, back, breaks, a_step):
    hub, now, count, sent = ModelHub(), 0.0, len(messages), 0
    delivery = Delivery(outbox, now)
    for step in range(1200):
        for is_episode in messages[:a_step]:
            outbox.append(episode if is_episode else summary)
        del messages[:a_step]
        if step in breaks:  # a new connection; what was on its way may still arrive
            delivery = Delivery(outbox, now)
        due = delivery.due(now)
        sent += len(due)
        assert len(due) == len({entry.key for entry in due})
        held = {entry.seq for entry in outbox.oldest(count)}
        assert {entry.seq for entry in due} <= held  # nothing is sent that has a receipt
        receipts = [hub.take(entry) for entry in there.carry(due)]
        for receipt in back.carry(receipts):
            outbox.receive(receipt)
            delivery.on_receipt(receipt, now)
        # Never may the device forget what the hub has not got.
        left = {entry.seq for entry in outbox.oldest(count)}
        given = count - len(messages)
        assert set(range(1, given + 1)) - left <= hub.held
        if not messages and not left:
            break
        now += STEP_S
    assert hub.held == set(range(1, count + 1))
    assert len(outbox) == 0
    # Trouble is answered by repeating what was lost, not by flooding.
    assert sent <= (len(breaks) + 4) * count + 2 * WAITING + 160
