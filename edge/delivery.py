"""What to send next, and what to send again. Pure but for the outbox; the clock is a parameter.

New messages go at once. After an outage the newest episode goes first, the rest at a bounded rate.
What has no receipt in time goes again.
"""

from __future__ import annotations

from edge.entry import Entry, Key
from edge.messages import Receipt
from edge.storage import AnyOutbox

RATE = 100.0
"""Messages a second, at most, of the backlog and of repeats."""
WAITING = 50
"""So many messages without receipt, and the backlog waits; also the most sent again at once."""
FIRST_WAIT_S, LONGEST_WAIT_S = 10.0, 30.0
_GAP_WAIT_S = 2.0  # a gap may be a message that is still on its way


class Delivery:
    """The order of sending over one connection to the broker."""

    def __init__(self, outbox: AnyOutbox, now: float) -> None:
        self._outbox = outbox
        self._sent: dict[Key, float] = {}  # when, for what has no receipt yet
        self._first = outbox.newest_episode()
        self._backlog_end = self._live = outbox.last_number()
        self._backlog = 0  # the last number of the backlog sent
        self._wait_s = FIRST_WAIT_S
        self._next_repeat = now + FIRST_WAIT_S
        self._heard = False  # a receipt since the last repeat
        self._allowance, self._allowed_at = 1.0, now

    @property
    def waiting(self) -> int:
        """Messages sent that have no receipt yet."""
        return len(self._sent)

    def due(self, now: float) -> list[Entry]:
        """What to send at `now`, in order; taken for sent from then on."""
        self._allowance = min(float(WAITING), self._allowance + (now - self._allowed_at) * RATE)
        self._allowed_at = now
        entries, self._first = self._first, []
        entries = entries + self._new() + self._repeats(now)
        entries += self._more_backlog({entry.key for entry in entries})
        self._sent.update((entry.key, now) for entry in entries)
        return entries

    def on_receipt(self, receipt: Receipt, now: float) -> None:
        """The hub has answered: forget what it has, hurry what it misses."""
        self._heard = True
        self._wait_s = FIRST_WAIT_S
        for key, sent in list(self._sent.items()):
            if receipt.confirms(*key):
                del self._sent[key]
            elif receipt.misses(*key) and now - sent >= _GAP_WAIT_S:
                self._sent[key] = now - self._wait_s  # due at once
                self._next_repeat = now

    def _new(self) -> list[Entry]:
        entries = self._outbox.oldest(limit=10 * WAITING, after=self._live)
        if entries:
            self._live = entries[-1].number
        return entries

    def _repeats(self, now: float) -> list[Entry]:
        if now < self._next_repeat:
            return []
        due = sorted((sent, key) for key, sent in self._sent.items() if sent + self._wait_s <= now)
        newest = [
            entry for entry in self._outbox.newest_episode() if (self._sent.get(entry.key), entry.key) in due
        ]
        keys = [key for _, key in due[:WAITING]]
        entries = newest + [entry for entry in self._outbox.present(keys) if entry not in newest]
        for key in set(keys) - {entry.key for entry in entries}:
            del self._sent[key]  # gone from the outbox meanwhile
        if not entries:
            return []
        # Nobody may be there: knock ever less often, until a receipt comes.
        self._wait_s = FIRST_WAIT_S if self._heard else min(2 * self._wait_s, LONGEST_WAIT_S)
        self._next_repeat = now + (WAITING / RATE if self._heard else self._wait_s)
        self._heard = False
        return entries

    def _more_backlog(self, taken: set[Key]) -> list[Entry]:
        room = min(int(self._allowance), WAITING - len(self._sent) - len(taken))
        if room <= 0 or self._backlog >= self._backlog_end:
            return []
        entries = [
            entry
            for entry in self._outbox.oldest(room, after=self._backlog)
            if entry.number <= self._backlog_end
        ]
        self._backlog = entries[-1].number if entries else self._backlog_end
        self._allowance -= len(entries)
        return [entry for entry in entries if entry.key not in self._sent and entry.key not in taken]
