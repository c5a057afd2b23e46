import random
import shutil
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from samples import CLOCK, episode, summary

from edge import salvage
from edge.entry import PAGE_BYTES, TABLE
from edge.errors import DamagedError, StorageError
from edge.outbox import FILE_NAME, Outbox
from edge.storage import Storage

OLD_PAGE = 4096


def fill(folder, count=60, boot_id=CLOCK.boot_id, page=PAGE_BYTES):
    """An outbox of `count` messages, closed in order; what is in it."""
    with closing(sqlite3.connect(folder / FILE_NAME, isolation_level=None)) as database:
        database.execute(f"PRAGMA page_size = {page}")
        database.execute("PRAGMA journal_mode = WAL")
        database.execute(TABLE)
    box = Outbox(folder, boot_id)
    box._database.execute("PRAGMA synchronous = OFF")
    for number in range(count):
        box.append(summary if number % 3 else lambda seq: episode(seq, f"{seq:032x}"))
    entries = box.oldest(-1)
    box.close()
    return entries


@pytest.fixture(scope="module", params=[PAGE_BYTES, OLD_PAGE])
def filled(tmp_path_factory, request):
    """One as it is made now, and one that an earlier version has made."""
    folder = tmp_path_factory.mktemp("filled")
    return folder, fill(folder, page=request.param)


def page_of(content):
    return int.from_bytes(content[16:18], "big")


def damaged(filled, folder, change):
    """A copy of the filled outbox after `change`, and what was in it."""
    path = folder / FILE_NAME
    content = bytearray((filled[0] / FILE_NAME).read_bytes())
    path.write_bytes(change(content))
    return path, filled[1]


def zeros(content, start, end):
    content[start:end] = bytes(end - start)
    return content


def one_page_of_messages(content):
    # The table's last leaf page: it holds the newest messages.
    page = page_of(content)
    pages = [at for at in range(0, len(content), page) if content[at] == 0x0D]
    return zeros(content, pages[len(pages) // 2], pages[len(pages) // 2] + page)


DAMAGE = {
    "a first page of zeros": (lambda content: zeros(content, 0, page_of(content)), 60),
    "an empty file": (lambda content: b"", 0),
    "a header of zeros": (lambda content: zeros(content, 0, 100), 60),
    "random rubbish": (lambda content: random.Random(1).randbytes(len(content)), 0),
    "no database": (lambda content: b"no database at all" * 100, 0),
    "a header and rubbish": (lambda content: b"SQLite format 3\0" + b"\xff" * 5000, 0),
    "cut in the middle": (lambda content: content[: len(content) // 2], 10),
    "one page lost": (one_page_of_messages, 30),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_a_damaged_outbox_is_set_aside_and_what_can_be_read_is_saved(filled, tmp_path, caplog, name):
    change, at_least = DAMAGE[name]
    path, entries = damaged(filled, tmp_path, change)
    box = Storage(tmp_path, "b" * 32)
    saved = box.oldest(-1)
    assert not box.refused
    assert len(saved) >= at_least
    assert [entry for entry in entries if entry in saved] == saved  # none made up, none out of order
    assert box.append(lambda seq: episode(seq, boot_id="b" * 32)).seq == 1
    box.close()
    if name != "an empty file":  # which SQLite takes for a new one, and nothing was in it
        [message] = [record.message for record in caplog.records if record.levelname == "ERROR"]
        assert "is damaged" in message
        assert f"kept as outbox.corrupt-1.sqlite, and {len(saved)} messages have been saved" in message
        assert (tmp_path / "outbox.corrupt-1.sqlite").stat().st_size > 0
    again = Outbox(tmp_path, "c" * 32)
    assert len(again) == len(saved) + 1
    again.close()
    assert path.exists()


def test_another_table_is_set_aside(tmp_path, caplog):
    with closing(sqlite3.connect(tmp_path / FILE_NAME)) as database:
        database.execute("CREATE TABLE outbox (something TEXT)")
        database.execute("INSERT INTO outbox VALUES ('else')")
        database.commit()
    box = Storage(tmp_path, CLOCK.boot_id)
    assert len(box) == 0
    box.close()
    assert "holds no table of ours" in caplog.text


def test_the_table_of_an_earlier_version_is_taken_over(filled, tmp_path):
    shutil.copy(filled[0] / FILE_NAME, tmp_path)
    with closing(sqlite3.connect(tmp_path / FILE_NAME)) as database:
        database.execute("ALTER TABLE outbox DROP COLUMN crc")
        database.commit()
    box = Storage(tmp_path, "b" * 32)
    assert box.oldest(-1) == filled[1]
    box.close()


def test_at_most_two_are_kept(tmp_path):
    for content in (b"first" * 100, b"second" * 100, b"third" * 100):
        (tmp_path / FILE_NAME).write_bytes(content)
        Storage(tmp_path, CLOCK.boot_id).close()
    kept = sorted(path.name for path in tmp_path.iterdir())
    assert kept == ["outbox.corrupt-1.sqlite", "outbox.corrupt-2.sqlite", FILE_NAME]
    assert (tmp_path / kept[0]).read_bytes().startswith(b"third")


@pytest.mark.parametrize("stage", ["before the first rename", "between the renames"])
def test_a_power_cut_while_it_is_set_aside(filled, tmp_path, stage):
    shutil.copy(filled[0] / FILE_NAME, tmp_path / "outbox.salvaged.sqlite")
    (tmp_path / f"{FILE_NAME}-wal").write_bytes(b"the damaged one's")
    if stage == "before the first rename":
        (tmp_path / FILE_NAME).write_bytes(b"damaged" * 1000)
    box = Storage(tmp_path, "b" * 32)
    assert len(box) == (0 if stage == "before the first rename" else len(filled[1]))
    box.close()
    assert not (tmp_path / "outbox.salvaged.sqlite").exists()


def test_damage_during_the_run(tmp_path, caplog):
    """A message is not as it was written, which SQLite cannot see."""
    box = Storage(tmp_path, CLOCK.boot_id)
    for _ in range(5):
        box.append(episode)
    with closing(sqlite3.connect(tmp_path / FILE_NAME)) as database:
        mad = "CAST(replace(CAST(body AS TEXT), 'sad', 'mad') AS BLOB)"
        database.execute(f"UPDATE outbox SET body = {mad} WHERE seq = 2")  # noqa: S608
        database.commit()
    assert [entry.seq for entry in box.oldest(10)] == [1, 3, 4, 5]
    assert box.append(episode).seq == 6
    assert box.moves == 1
    assert "message 2 is not as it was written" in caplog.text
    assert not box.refused
    box.close()


def test_pages_lost_during_the_run(tmp_path, caplog):
    box = Storage(tmp_path, CLOCK.boot_id)
    database = box._box._database
    database.execute("PRAGMA cache_size = 1")  # read from the disk each time
    database.execute("PRAGMA synchronous = OFF")
    for _ in range(60):
        box.append(episode)
    database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    size = (tmp_path / FILE_NAME).stat().st_size
    with (tmp_path / FILE_NAME).open("r+b") as file:
        file.seek(PAGE_BYTES)
        file.write(random.Random(2).randbytes(size - PAGE_BYTES))
    assert box.oldest(10) == []
    assert box.append(episode).seq == 61
    assert [entry.seq for entry in box.newest_episode()] == [61]
    box.close()
    assert "and 0 messages have been saved" in caplog.text


def test_damage_too_often_is_a_disk_that_refuses(tmp_path, caplog):
    now = 0.0
    box = Storage(tmp_path, CLOCK.boot_id, now=lambda: now)
    for round_number in range(3):
        box.append(episode)
        with closing(sqlite3.connect(tmp_path / FILE_NAME)) as database:
            database.execute("UPDATE outbox SET crc = 0 WHERE seq = (SELECT max(seq) FROM outbox)")
            database.commit()
        box.oldest(10)
        assert box.refused == (round_number > 0)
        now += 31.0
    assert box.append(episode).seq == 4
    assert caplog.text.count("is kept as") == 1
    now += 600.0
    assert [entry.seq for entry in box.oldest(10)] == [3, 4]
    assert not box.refused
    box.close()
    assert caplog.text.count("is kept as") == 2


@settings(max_examples=150)
@given(st.data())
def test_whatever_bytes_are_flipped_it_starts_and_makes_nothing_up(filled, data):
    content = bytearray((filled[0] / FILE_NAME).read_bytes())
    place = st.tuples(st.integers(0, len(content) - 1), st.integers(1, 255))
    places = data.draw(st.lists(place, min_size=1, max_size=40))
    if data.draw(st.booleans()):  # near each other, as on a card
        page = page_of(content)
        places = [(places[0][0] // page * page + at % page, value) for at, value in places]
    for at, value in places:
        content[at] ^= value
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / FILE_NAME
        path.write_bytes(content)
        there = {entry.key: entry for entry in filled[1]}
        for entry in salvage.entries(path):
            assert there[entry.key] == entry
        box = Storage(Path(folder), "b" * 32)
        assert not box.refused
        for entry in box.oldest(-1):
            assert there[entry.key] == entry
        seq = box.append(lambda seq: episode(seq, boot_id="b" * 32)).seq
        assert ("b" * 32, seq) in {entry.key for entry in box.oldest(-1)}
        box.close()


@settings(max_examples=80)
@given(st.data())
def test_a_flipped_log_makes_nothing_up(open_one, data):
    files, entries = open_one
    there = {entry.key: entry for entry in entries}
    with tempfile.TemporaryDirectory() as folder:
        for name, content in files.items():
            changed = bytearray(content)
            for at in data.draw(st.lists(st.integers(0, len(content) - 1), max_size=10)):
                changed[at] ^= data.draw(st.integers(1, 255))
            (Path(folder) / name).write_bytes(changed)
        box = Storage(Path(folder), "b" * 32)
        assert not box.refused
        for entry in box.oldest(-1):
            assert there[entry.key] == entry
        assert box.append(lambda seq: episode(seq, boot_id="b" * 32)).seq == 1
        box.close()


@pytest.fixture(scope="module")
def open_one(tmp_path_factory):
    """Database and log of an outbox that was never closed, and what is in it."""
    folder = tmp_path_factory.mktemp("open")
    fill(folder, 20)
    box = Outbox(folder, "d" * 32)
    for _ in range(20):
        box.append(lambda seq: episode(seq, boot_id="d" * 32))
    files = {path.name: path.read_bytes() for path in folder.iterdir() if "shm" not in path.name}
    entries = box.oldest(-1)
    box.close()
    assert len(files) == 2
    return files, entries


def test_the_outbox_itself_refuses_a_damaged_file(filled, tmp_path):
    damaged(filled, tmp_path, one_page_of_messages)
    with pytest.raises(DamagedError, match="is damaged"):
        Outbox(tmp_path, "b" * 32)


def test_what_is_closed_is_not_repaired(tmp_path):
    box = Storage(tmp_path, CLOCK.boot_id)
    box.close()
    with pytest.raises(StorageError, match="closed"):
        box.append(episode)
    assert [path.name for path in tmp_path.iterdir()] == [FILE_NAME]
