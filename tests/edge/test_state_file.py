"""The small file that tells other programs of the box how the daemon is."""

import os
import stat

import pytest

from edge import state_file
from edge.errors import StorageError
from edge.state_file import EVERY_S, State, StateFile

HEARS = State("healthy", muted=False, connected=True)
MUTED = State("muted", muted=True, connected=True)


def test_is_written_at_a_change_and_now_and_then(tmp_path):
    told = []

    def words():
        told.append(1)
        return f"words {len(told)}"

    file = StateFile(tmp_path)
    for now, state in ((1.0, HEARS), (1.1, HEARS), (1.2, MUTED), (1.3, MUTED), (1.2 + EVERY_S, MUTED)):
        file.tell(state, words, now)
    assert len(told) == 3
    found = state_file.load(tmp_path)
    assert (found.state, found.status, found.monotonic_s) == (MUTED, "words 3", 1.2 + EVERY_S)


def test_everybody_may_read_it(tmp_path):
    old = os.umask(0o077)
    try:
        StateFile(tmp_path).tell(HEARS, str, 0.0)
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / state_file.FILE_NAME).stat().st_mode) == 0o644


def test_nobody_asks_and_nothing_is_written():
    StateFile(None).tell(HEARS, lambda: pytest.fail("asked"), 0.0)


def test_a_disk_that_refuses_is_told_once_and_ends_nothing(tmp_path, caplog):
    file = StateFile(tmp_path / "nowhere")
    file.tell(HEARS, str, 0.0)
    file.tell(MUTED, str, 0.1)
    (entry,) = caplog.records
    assert "state.json cannot be written, so the box's light cannot tell" in entry.message


def test_reads_nothing_where_nothing_is_and_says_what_is_wrong(tmp_path):
    assert state_file.load(tmp_path) is None
    (tmp_path / state_file.FILE_NAME).write_text('{"state": 1}')
    with pytest.raises(StorageError, match="is not what the daemon writes: "):
        state_file.load(tmp_path)


@pytest.mark.parametrize(("value", "folder"), [("/run/a:/run/b", "/run/a"), ("", None)])
def test_the_folder_is_the_services_own(monkeypatch, value, folder):
    monkeypatch.setenv("RUNTIME_DIRECTORY", value)
    found = state_file.own_folder()
    assert (None if found is None else str(found)) == folder
