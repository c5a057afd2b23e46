import errno
import os
import sqlite3
from contextlib import closing

import pytest
from full_disk import failing_card, small_disk
from samples import CLOCK, episode, summary

from edge.messages import Receipt
from edge.outbox import FILE_NAME, Outbox
from edge.storage import MEMORY_BYTES, RETRY_S, Storage


class Time:
    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def time():
    return Time()


def seqs(box):
    return [entry.seq for entry in box.oldest(-1)]


def receipt(upto, *gaps, boot_id=CLOCK.boot_id):
    return Receipt(boot_id=boot_id, upto_seq=upto, gaps=gaps)


def until_refused(box):
    """Summaries until the disk takes no more; a full one still has room in its log."""
    for _ in range(5000):
        if box.refused:
            return
        box.append(summary)
    pytest.fail("the disk took everything")


def test_a_folder_that_cannot_be_made(tmp_path, time, caplog):
    (tmp_path / "file").write_text("in the folder's place", encoding="utf-8")
    box = Storage(tmp_path / "file" / "store", CLOCK.boot_id, now=time)
    assert box.refused
    assert [box.append(episode).seq for _ in range(3)] == [1, 2, 3]
    assert box.receive(receipt(2)) == 2
    assert [entry.seq for entry in box.newest_episode()] == [3]
    (tmp_path / "file").unlink()
    time.now += RETRY_S
    assert box.append(episode).seq == 4
    assert not box.refused
    assert seqs(box) == [3, 4]
    box.close()
    on_disk = Outbox(tmp_path / "file" / "store", "b" * 32)
    assert seqs(on_disk) == [3, 4]
    on_disk.close()
    assert [record.levelname for record in caplog.records] == ["ERROR", "WARNING"]


def test_a_full_disk(tmp_path, time, caplog):
    with small_disk(tmp_path / "disk") as disk:
        box = Storage(disk.folder, CLOCK.boot_id, now=time)
        for _ in range(20):
            box.append(episode)
        disk.fill()
        until_refused(box)
        count = len(box)
        assert seqs(box) == list(range(1, count + 1))
        assert "full" in caplog.text
        # All goes on: new messages join, receipts are taken.
        assert box.append(episode).seq == count + 1
        assert box.receive(receipt(15, (3, 4))) == 13
        assert box.receive(receipt(15, (3, 4))) == 0
        left = [3, 4, *range(16, count + 2)]
        for _ in range(3):
            time.now += RETRY_S
            assert seqs(box) == left
        assert box.refused
        disk.free()
        time.now += RETRY_S
        assert seqs(box) == left
        assert not box.refused
        assert box.moves == 2
        assert box.append(episode).seq == count + 2
        box.close()
        on_disk = Outbox(disk.folder, "b" * 32)
        assert seqs(on_disk) == [*left, count + 2]
        on_disk.close()
    words = [record.message for record in caplog.records]
    assert len(words) == 2
    assert "takes messages again" in words[1]


def test_a_disk_full_from_the_start(tmp_path, time):
    with small_disk(tmp_path / "disk") as disk:
        disk.fill()
        box = Storage(disk.folder, CLOCK.boot_id, now=time)
        assert box.refused
        assert box.append(episode).seq == 1
        disk.free()
        time.now += RETRY_S
        assert seqs(box) == [1]
        assert not box.refused
        box.close()


@pytest.mark.parametrize("state", ["closed in order", "after a power cut"])
def test_a_read_only_disk_at_the_start_what_is_on_it_is_sent(tmp_path, time, state):
    with small_disk(tmp_path / "disk") as disk:
        earlier = Outbox(disk.folder, "e" * 32)
        for _ in range(3):
            earlier.append(episode)
        if state == "after a power cut":
            kept = {path.name: path.read_bytes() for path in disk.folder.iterdir() if "shm" not in path.name}
        earlier.close()
        if state == "after a power cut":
            for name, content in kept.items():
                (disk.folder / name).write_bytes(content)
        disk.read_only(on=True)
        box = Storage(disk.folder, CLOCK.boot_id, now=time)
        assert box.refused
        assert [entry.boot_id for entry in box.oldest(-1)] == ["e" * 32] * 3
        box.append(episode)
        assert box.receive(receipt(2, boot_id="e" * 32)) == 2
        # What the hub misses may still be on the disk: it is not told that it is gone.
        assert box.gone(receipt(3, (1, 2), boot_id="e" * 32)) == ()
        disk.read_only(on=False)
        time.now += RETRY_S
        assert {entry.key for entry in box.oldest(-1)} == {("e" * 32, 3), (CLOCK.boot_id, 1)}
        assert not box.refused
        box.close()
        again = Outbox(disk.folder, "b" * 32)
        assert {entry.key for entry in again.oldest(-1)} == {("e" * 32, 3), (CLOCK.boot_id, 1)}
        again.close()


def test_a_card_that_fails_during_the_run(tmp_path, time, caplog):
    with failing_card(tmp_path / "card") as card:
        box = Storage(card.folder, CLOCK.boot_id, now=time)
        for _ in range(5):
            box.append(episode)
        card.fail()
        assert box.receive(receipt(2)) == 2
        assert not box.refused
        assert box.append(episode).seq == 6  # the first that notices
        assert box.refused
        time.now += RETRY_S
        assert seqs(box) == [3, 4, 5, 6]
        card.unmount()  # nothing holds it any more
        assert card.mount()
        time.now += RETRY_S
        assert seqs(box) == [3, 4, 5, 6]
        assert not box.refused
        box.close()
        again = Outbox(card.folder, "b" * 32)
        assert seqs(again) == [3, 4, 5, 6]
        again.close()
    assert [record.levelname for record in caplog.records] == ["ERROR", "WARNING"]


def test_a_disk_of_earlier_starts_that_comes_late(tmp_path, time):
    """Nothing could be read at the start; numbers there and here are the same, and none is lost."""
    store = tmp_path / "store"
    store.write_text("not mounted yet", encoding="utf-8")
    box = Storage(store, CLOCK.boot_id, now=time)
    for _ in range(2):
        box.append(episode)
    store.unlink()
    earlier = Outbox(store, "e" * 32)
    for _ in range(3):
        earlier.append(episode)
    earlier.close()
    time.now += RETRY_S
    assert [entry.boot_id for entry in box.oldest(-1)] == ["e" * 32] * 3 + [CLOCK.boot_id] * 2
    box.close()


def test_another_disk_comes_back(tmp_path, time):
    """What was read from the old one is still wanted."""
    box = Storage(tmp_path, CLOCK.boot_id, now=time)
    for _ in range(3):
        box.append(episode)
    box._leave(_refusal())
    for path in tmp_path.iterdir():
        path.unlink()
    time.now += RETRY_S
    assert seqs(box) == [1, 2, 3]
    assert not box.refused
    box.close()
    on_disk = Outbox(tmp_path, "b" * 32)
    assert seqs(on_disk) == [1, 2, 3]
    on_disk.close()


def test_a_database_somebody_else_holds(tmp_path, time, monkeypatch):
    monkeypatch.setattr("edge.outbox_file._BUSY_S", 0.1)
    box = Storage(tmp_path, CLOCK.boot_id, now=time)
    box.append(episode)
    with closing(sqlite3.connect(tmp_path / FILE_NAME, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert box.append(episode).seq == 2
        assert box.refused
        time.now += RETRY_S
        assert seqs(box) == [1, 2]
    time.now += RETRY_S
    assert seqs(box) == [1, 2]
    assert not box.refused
    box.close()


def test_memory_has_a_bound_and_keeps_every_episode(tmp_path, time):
    earlier = Outbox(tmp_path, "e" * 32)
    earlier._database.execute("PRAGMA synchronous = OFF")
    with earlier._writing():
        for seq in range(1, 25_001):
            message = episode(seq, boot_id="e" * 32) if seq % 100 == 1 else summary(seq)
            earlier._insert(_entry(message))
    earlier.close()
    (tmp_path / "file").write_text("", encoding="utf-8")
    box = Storage(tmp_path, CLOCK.boot_id, now=time)
    box._leave(_refusal())
    held = box.oldest(-1)
    assert sum(entry.kind == "episode" for entry in held) == 250
    assert held[-1].seq == 25_000
    assert MEMORY_BYTES / 4 < sum(len(entry.body) for entry in held) < MEMORY_BYTES / 2
    box.receive(receipt(25_000, boot_id="e" * 32))
    time.now += RETRY_S
    # What had no room is still there, and is sent now.
    assert len(box) == 25_000 - len(held)
    box.close()


def test_what_no_disk_took_is_said_at_the_end(tmp_path, time, caplog):
    (tmp_path / "file").write_text("", encoding="utf-8")
    box = Storage(tmp_path / "file", CLOCK.boot_id, now=time)
    box.append(episode)
    box.close()
    assert "1 messages are lost" in caplog.text


def _entry(message):
    from edge.entry import Entry
    from edge.messages import to_json

    name = getattr(message, "episode", None)
    return Entry(message.seq, "e" * 32, message.seq, message.kind, to_json(message), name)


def _refusal():
    from edge.errors import StorageError

    return StorageError(f"cannot write: {os.strerror(errno.EIO)}")
