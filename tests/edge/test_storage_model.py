"""Storage against a disk that refuses, comes back and damages what it holds, in any order."""

import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path
from unittest import mock

from hypothesis import given, settings
from hypothesis import strategies as st
from samples import CLOCK, episode, summary

from edge.messages import Receipt, to_json
from edge.outbox import FILE_NAME
from edge.storage import REPAIR_EVERY_S, RETRY_S, Storage

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("append"), st.booleans()),
        st.tuples(st.just("receive"), st.integers(0, 12), st.integers(1, 12)),
        st.tuples(st.just("refuse")),
        st.tuples(st.just("accept")),
        st.tuples(st.just("damage"), st.integers(0, 5)),
        st.tuples(st.just("wait"), st.sampled_from((1.0, RETRY_S, REPAIR_EVERY_S))),
    ),
    max_size=40,
)


class Bed:
    """A storage, and what must be in it."""

    def __init__(self, folder):
        self.now, self.seq, self.held = 0.0, 0, {}
        self._path = folder / FILE_NAME
        self.box = Storage(folder, CLOCK.boot_id, now=lambda: self.now)
        self._other = sqlite3.connect(self._path, isolation_level=None)

    def append(self, is_episode):
        message = self.box.append(episode if is_episode else summary)
        self.seq += 1
        assert message.seq == self.seq
        self.held[self.seq] = to_json(message)

    def receive(self, upto, gap):
        gone = {seq for seq in self.held if seq <= upto and seq != gap}
        assert self.box.receive(Receipt(boot_id=CLOCK.boot_id, upto_seq=upto, gaps=((gap, gap),))) == len(
            gone
        )
        for seq in gone:
            del self.held[seq]

    def refuse(self):
        """A lock that somebody else holds: the real error, from SQLite itself."""
        self._other.close()  # the file may be another one by now
        self._other = sqlite3.connect(self._path, isolation_level=None, timeout=0)
        self._other.execute("BEGIN IMMEDIATE")

    def accept(self):
        if self._other.in_transaction:
            self._other.execute("ROLLBACK")

    def damage(self, which):
        """A message on the disk changes; it is lost, all others must survive."""
        if self.box.refused or self._other.in_transaction or not self.held:
            return
        seq = sorted(self.held)[which % len(self.held)]
        with closing(sqlite3.connect(self._path, isolation_level=None)) as database:
            database.execute("UPDATE outbox SET crc = crc + 1 WHERE seq = ?", (seq,))
        del self.held[seq]
        self.box.oldest(-1)  # otherwise its receipt might come before anybody looks

    def wait(self, seconds):
        self.now += seconds

    def close(self):
        self.accept()
        self._other.close()
        self.box.close()


@settings(max_examples=80)
@given(STEPS)
def test_nothing_is_lost_doubled_or_numbered_twice(steps):
    with tempfile.TemporaryDirectory() as folder, mock.patch("edge.outbox_file._BUSY_S", 0.0):
        bed = Bed(Path(folder))
        try:
            for name, *values in steps:
                getattr(bed, name)(*values)
                there = [(entry.seq, entry.body) for entry in bed.box.oldest(-1)]
                assert there == sorted(bed.held.items())
                assert len(bed.box) == len(there)
            bed.accept()
            bed.now += REPAIR_EVERY_S + RETRY_S
            assert len(bed.box) == len(bed.held)
            assert not bed.box.refused
        finally:
            bed.close()
        after = Storage(Path(folder), "f" * 32)
        assert [(entry.seq, entry.body) for entry in after.oldest(-1)] == sorted(bed.held.items())
        after.close()
