import itertools
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from samples import episode, summary

from edge.errors import DamagedError, StorageError
from edge.messages import Receipt, Summary, from_json
from edge.outbox import FILE_NAME, Outbox


def seqs(outbox):
    return [(entry.boot_id, entry.seq) for entry in outbox.oldest(1000)]


@pytest.fixture
def outbox(tmp_path):
    box = Outbox(tmp_path, "a" * 32)
    yield box
    box.close()


def test_numbers_without_gaps_from_one(outbox):
    assert [outbox.append(summary).seq for _ in range(3)] == [1, 2, 3]
    assert len(outbox) == 3
    entry = outbox.oldest(1)[0]
    assert from_json(Summary, entry.body).seq == 1


def test_a_receipt_empties_all_but_its_gaps(outbox):
    for _ in range(10):
        outbox.append(summary)
    receipt = Receipt(boot_id="a" * 32, upto_seq=8, gaps=((2, 3), (5, 5)))
    assert outbox.receive(receipt) == 5
    assert [seq for _, seq in seqs(outbox)] == [2, 3, 5, 9, 10]
    assert outbox.receive(receipt) == 0


def test_a_receipt_for_another_boot_changes_nothing(outbox):
    outbox.append(summary)
    assert outbox.receive(Receipt(boot_id="b" * 32, upto_seq=8, gaps=())) == 0
    assert len(outbox) == 1


def test_receipts_of_absurd_size(outbox):
    outbox.append(summary)
    receipt = Receipt(boot_id="a" * 32, upto_seq=2**70, gaps=((1, 2**70),))
    assert outbox.receive(receipt) == 0


def test_earlier_boots_stay_and_seq_starts_anew(tmp_path):
    first = Outbox(tmp_path, "a" * 32)
    first.append(summary)
    first.append(summary)
    first.close()
    second = Outbox(tmp_path, "b" * 32)
    assert second.append(summary).seq == 1
    assert seqs(second) == [("a" * 32, 1), ("a" * 32, 2), ("b" * 32, 1)]
    assert second.receive(Receipt(boot_id="a" * 32, upto_seq=2, gaps=())) == 2
    second.close()


def test_numbers_are_not_given_twice_after_everything_is_received(tmp_path):
    box = Outbox(tmp_path, "a" * 32)
    box.append(summary)
    box.receive(Receipt(boot_id="a" * 32, upto_seq=1, gaps=()))
    assert box.append(summary).seq == 2
    assert box.last_number() == 2
    box.close()


def test_newest_episode(outbox):
    assert outbox.newest_episode() == []
    for name, phase in (("1", "onset"), ("1", "end"), ("2", "onset"), ("2", "update")):
        outbox.append(lambda seq, name=name, phase=phase: episode(seq, name * 32, phase))
        outbox.append(summary)
    assert [entry.seq for entry in outbox.newest_episode()] == [5, 7]


def test_present(outbox):
    outbox.append(summary)
    keys = [("a" * 32, 1), ("a" * 32, 2), ("b" * 32, 1)]
    assert [entry.key for entry in outbox.present(keys)] == keys[:1]
    assert outbox.present([]) == []


def test_a_failed_write_costs_no_number(outbox):
    with pytest.raises(ZeroDivisionError):
        outbox.append(lambda seq: seq / 0)
    assert outbox.append(summary).seq == 1


def test_several_threads(outbox):
    threads = [threading.Thread(target=lambda: [outbox.append(summary) for _ in range(20)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(seq for _, seq in seqs(outbox)) == list(range(1, 81))


@pytest.mark.parametrize("content", [b"no database at all" * 100, b"SQLite format 3\0" + b"\xff" * 5000])
def test_no_database(tmp_path, content):
    (tmp_path / FILE_NAME).write_bytes(content)
    with pytest.raises(DamagedError, match=r"outbox.sqlite is damaged: file is not a database"):
        Outbox(tmp_path, "a" * 32)


def test_a_file_in_the_folders_place(tmp_path):
    (tmp_path / "store").write_text("", encoding="utf-8")
    with pytest.raises(StorageError, match="storage"):
        Outbox(tmp_path / "store", "a" * 32)


def test_it_is_durable(outbox, tmp_path):
    outbox.append(summary)
    assert outbox._database.execute("PRAGMA synchronous").fetchone() == (2,)
    assert outbox._database.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    other = sqlite3.connect(tmp_path / FILE_NAME)
    assert other.execute("SELECT count(*) FROM outbox").fetchone() == (1,)
    other.close()


def test_what_is_received_leaves_the_disk_with_the_next_message(outbox, tmp_path):
    """A card wears out by every write; a summary a minute is one a minute, not two."""
    other = sqlite3.connect(tmp_path / FILE_NAME)
    for _ in range(3):
        outbox.append(summary)
    assert outbox.receive(Receipt(boot_id="a" * 32, upto_seq=3, gaps=((2, 2),))) == 2
    assert len(outbox) == 1
    assert other.execute("SELECT seq FROM outbox").fetchall() == [(1,), (2,), (3,)]
    outbox.append(summary)
    assert other.execute("SELECT seq FROM outbox").fetchall() == [(2,), (4,)]
    outbox.receive(Receipt(boot_id="a" * 32, upto_seq=4, gaps=()))
    outbox.close()
    assert other.execute("SELECT seq FROM outbox").fetchall() == []
    other.close()


def test_a_process_that_is_killed_has_what_was_received_once_more(outbox, tmp_path):
    outbox.append(summary)
    outbox.receive(Receipt(boot_id="a" * 32, upto_seq=1, gaps=()))
    outbox.abandon()
    again = Outbox(tmp_path, "b" * 32)
    assert [entry.key for entry in again.oldest(-1)] == [("a" * 32, 1)]
    again.close()


@given(
    st.lists(
        st.one_of(
            st.just(("append",)),
            st.just(("restart",)),
            st.tuples(
                st.just("receive"),
                st.integers(0, 3),
                st.integers(0, 12),
                st.lists(st.tuples(st.integers(1, 10), st.integers(0, 4)), max_size=3),
            ),
        ),
        max_size=30,
    )
)
def test_holds_exactly_what_has_no_receipt(steps):
    with tempfile.TemporaryDirectory() as folder:
        boots = [f"{n:032x}" for n in range(40)]
        rows, boot, seq = [], 0, 0
        box = Outbox(Path(folder), boots[boot])
        box._database.execute("PRAGMA synchronous = OFF")
        for step in steps:
            if step[0] == "append":
                seq += 1
                rows.append((boots[boot], seq))
                assert box.append(summary).seq == seq
            elif step[0] == "restart":
                box.close()
                boot, seq = boot + 1, 0
                box = Outbox(Path(folder), boots[boot])
                box._database.execute("PRAGMA synchronous = OFF")
            else:
                _, number, upto, spans = step
                gaps = tuple((first, first + length) for first, length in spans)
                box.receive(Receipt(boot_id=boots[number], upto_seq=upto, gaps=gaps))
                rows = [
                    (name, n)
                    for name, n in rows
                    if name != boots[number] or n > upto or any(a <= n <= b for a, b in gaps)
                ]
            assert seqs(box) == rows
        box.close()


CHILD = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from edge.outbox import Outbox
from edge.messages import Summary
from edge.clock import Clock, new_id
clock = Clock()
box = Outbox(Path(sys.argv[1]), clock.boot_id)
def build(seq):
    return Summary(id=new_id(), seq=seq, seconds=60.0, speech_s=0.0, emotions={}, distress_mean=0.0,
                   distress_peak=0.0, level_mean_db=-90.0, level_peak_db=-90.0, stamp=clock.stamp())
while True:
    print(clock.boot_id, box.append(build).seq, flush=True)
"""


def test_kill_in_the_middle_loses_nothing_that_was_appended(tmp_path, root):
    expected = set()
    for round_number in range(5):
        process = subprocess.Popen(
            [sys.executable, "-c", CHILD, str(tmp_path), str(root)], stdout=subprocess.PIPE, text=True
        )
        lines = list(itertools.islice(process.stdout, 5 + 17 * round_number))
        os.kill(process.pid, signal.SIGKILL)
        lines += process.stdout.readlines()
        process.wait()
        process.stdout.close()
        expected |= {
            (boot, int(seq)) for boot, seq in (line.split() for line in lines if line.endswith("\n"))
        }
    box = Outbox(tmp_path, "f" * 32)
    held = set(seqs(box))
    for boot in {boot for boot, _ in held}:
        numbers = sorted(seq for name, seq in held if name == boot)
        assert numbers == list(range(1, len(numbers) + 1))
    assert expected <= held
    assert len(held) <= len(expected) + 5  # at most the one being told of when each was killed
    box.close()


def test_a_full_outbox_gives_up_the_oldest_summaries_and_never_an_episode(tmp_path, caplog):
    bound = 12 * 10**5
    box = Outbox(tmp_path, "a" * 32, bound)
    box._database.execute("PRAGMA synchronous = OFF")
    box.append(episode)
    for _ in range(3000):
        box.append(summary)
        assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= bound + 10**5
    assert box.dropped > 0
    held = [seq for _, seq in ((entry.boot_id, entry.seq) for entry in box.oldest(5000))]
    assert held == [1, *range(box.dropped + 2, 3002)]
    assert caplog.text.count("has reached its bound") == 1
    receipt = Receipt(boot_id="a" * 32, upto_seq=3001, gaps=((1, 3000),))
    assert box.gone(receipt) == ((2, box.dropped + 1),)
    box.close()


def test_episodes_alone_grow_beyond_the_bound(tmp_path):
    box = Outbox(tmp_path, "a" * 32, 1)
    for _ in range(20):
        box.append(episode)
    assert len(box) == 20
    assert box.dropped == 0
    box.close()


def test_what_is_gone_is_told_only_of_what_was_numbered(outbox):
    for _ in range(5):
        outbox.append(summary)
    outbox.receive(Receipt(boot_id="a" * 32, upto_seq=4, gaps=((3, 3),)))
    asks = Receipt(boot_id="a" * 32, upto_seq=9, gaps=((1, 1), (3, 4), (5, 8)))
    assert outbox.gone(asks) == ((1, 1), (4, 4))
    assert outbox.gone(Receipt(boot_id="b" * 32, upto_seq=9, gaps=((2, 3),))) == ((2, 3),)
    assert outbox.gone(Receipt(boot_id="a" * 32, upto_seq=9, gaps=())) == ()


def test_the_log_is_from_the_start_as_long_as_it_becomes(outbox, tmp_path):
    """One that grows has a card's file system write its own tables with every message."""
    log = tmp_path / f"{FILE_NAME}-wal"
    length = log.stat().st_size
    for seq in range(1, 200):
        outbox.append(summary)
        outbox.receive(Receipt(boot_id="a" * 32, upto_seq=seq, gaps=()))
    assert log.stat().st_size == length
    assert outbox._database.execute("PRAGMA synchronous").fetchone() == (2,)
