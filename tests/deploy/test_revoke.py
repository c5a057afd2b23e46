"""Revocation: the broker's list, whole and the right one, and a broker that is seen to have taken it over."""

import shutil
import subprocess
import threading

import pytest
from provision_parts import index_of

from deploy import cli, revoke

from hub_parts import until  # isort: skip
from ward_parts import Client, folder_of, make_ward, refused  # isort: skip

LOST, OTHER = "clinic/3b/bed-12", "clinic/3b/bed-13"
PATIENCE_S = 120  # on a busy machine
pytestmark = pytest.mark.timeout(900)


@pytest.fixture
def ward(tmp_path):
    ward = make_ward(tmp_path / "ward", LOST, OTHER)
    ward.broker.start()
    yield ward
    ward.broker.stop()


class Watcher:
    """Restarts the broker when its list changes, as bedside-broker-reload.path does under systemd."""

    def __init__(self, ward):
        self._ward, self._list = ward, ward.folder / "etc" / "bedside.crl"
        self._seen = self._list.read_bytes()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self):
        self._thread.start()

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()

    def _run(self):
        while not self._stop.wait(0.1):
            if self._list.read_bytes() != self._seen:
                self._seen = self._list.read_bytes()
                self._ward.broker.stop()
                self._ward.broker.start()


def run(ward, device, authority=None, broker=None):
    """The exit status."""
    words = ["revoke", "--config", ward.folder / "hub.toml", "--authority", authority or ward.folder / "ca"]
    words += ["--broker", broker or ward.folder / "etc", device]
    return cli.main(list(map(str, words)))


def test_a_lost_box_is_cut_off_and_refused_and_the_others_come_back(ward, capsys):
    with Client(ward, folder_of(LOST)) as lost, Client(ward, folder_of(OTHER)) as other, Watcher(ward):
        assert run(ward, "3b/bed-12") == 0
        told = capsys.readouterr().out
        assert told.endswith(
            "the broker has been restarted: clinic/3b/bed-12 is cut off and let in no more\n"
        )
        until(lambda: not lost.client.is_connected(), PATIENCE_S, "the end of its connection")
        until(other.client.is_connected, PATIENCE_S, "the other one's return")
        assert refused(ward, folder_of(LOST))
        assert not refused(ward, folder_of(OTHER))
        assert not lost.client.is_connected()
        assert run(ward, "3b/bed-12") == 0, "once more, and no failure"
    assert index_of(ward.folder / "ca", LOST) == ["R"]
    command = ["openssl", "verify", "-crl_check", "-CAfile", "bedside-ca.crt", "-CRLfile", "bedside.crl"]
    etc = ward.folder / "etc"
    subprocess.run([*command, "broker.crt"], cwd=etc, check=True, capture_output=True)
    assert (etc / "bedside.crl").stat().st_mode & 0o777 == 0o644
    assert not [*etc.glob(".bedside.crl*")]


def test_a_broker_that_is_not_restarted_is_not_believed(ward, monkeypatch, capsys):
    monkeypatch.setattr(revoke, "CUT_OFF_S", 2.0)
    assert run(ward, "3b/bed-12") == 69
    told = capsys.readouterr()
    assert "clinic/3b/bed-12 is revoked" in told.out
    assert "was not restarted within 2 s, and whoever was revoked may still be connected" in told.err


def test_who_was_stolen_is_revoked_also_where_the_broker_is_down_or_elsewhere(ward, capsys, tmp_path):
    ward.broker.stop()
    assert run(ward, "3b/bed-12") == 69
    assert "could not be reached, so nobody knows whether it has the list" in capsys.readouterr().err
    assert (ward.folder / "etc" / "bedside.crl").read_bytes() == (
        ward.folder / "ca" / "bedside.crl"
    ).read_bytes()
    ward.broker.start()
    assert refused(ward, folder_of(LOST))
    assert run(ward, "3b/bed-13", broker=tmp_path / "none") == 69
    assert "there is no" in capsys.readouterr().err
    assert index_of(ward.folder / "ca", OTHER) == ["R"]


def test_another_authority_s_list_would_shut_out_everybody(ward, capsys, tmp_path):
    other = make_ward(tmp_path / "other", LOST)
    before = (ward.folder / "etc" / "bedside.crl").read_bytes()
    assert run(ward, "3b/bed-12", authority=other.folder / "ca") == 78
    assert "trusts another authority than" in capsys.readouterr().err
    assert (ward.folder / "etc" / "bedside.crl").read_bytes() == before


@pytest.mark.parametrize(
    ("device", "sentence"),
    [
        ("bed-12", "write WARD/DEVICE, such as 3b/bed-12"),
        ("3b/bed-99", "no certificate has been made for 'clinic/3b/bed-99'"),
    ],
)
def test_who_is_not_there_is_one_sentence(ward, capsys, device, sentence):
    shutil.copy(ward.folder / "ca" / "bedside.crl", before := ward.folder / "before")
    assert run(ward, device) == 78
    told = capsys.readouterr().err
    assert sentence in told
    assert told.count("\n") == 1
    assert (ward.folder / "etc" / "bedside.crl").read_bytes() == before.read_bytes()
