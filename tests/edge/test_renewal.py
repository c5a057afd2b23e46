"""A later certificate for the device's own key: believed only where the broker would believe it, too."""

import base64
import ssl
from pathlib import Path

import pytest
from certificate_parts import Authority

from edge.certificates import days_left
from edge.config import Broker
from edge.errors import MessageError, StorageError
from edge.renewal import FILE_NAME, Renewal, prove
from edge.topics import Address

ADDRESS = Address("demo", "ward-1", "bed-1")
NAME = "demo/ward-1/bed-1"


class Box:
    """A device with a certificate of 10 days, and its authority."""

    def __init__(self, tmp_path):
        self.authority = Authority(tmp_path)
        self.cert, self.key = self.authority.sign("device", NAME, days=10)
        self.storage = tmp_path / "storage"
        self.storage.mkdir()
        self.settings = Broker(
            host="h", ca_file=str(self.authority.file), cert_file=self.cert, key_file=self.key
        )

    def renewal(self):
        return Renewal(self.settings, ADDRESS, self.storage)

    def sign(self, name="later", subject=NAME, days=700, key=None, authority=None):
        """A certificate for the device's key, as it comes in a command."""
        cert, _ = (authority or self.authority).sign(name, subject, days, key=key or self.key)
        return base64.b64encode(ssl.PEM_cert_to_DER_cert(Path(cert).read_text())).decode()


@pytest.fixture
def box(tmp_path):
    return Box(tmp_path)


def test_a_later_certificate_is_shown_from_the_next_connection_on_and_after_a_restart(box):
    renewal = box.renewal()
    assert renewal.broker() == box.settings
    assert renewal.ends is None
    later = box.sign()
    assert renewal.take(later).startswith("certificate renewed until 20")
    assert renewal.is_newer
    for one in (renewal, box.renewal()):
        broker = one.broker()
        assert not one.is_newer
        assert broker.cert_file == one.file == str(box.storage / FILE_NAME)
        assert 698 < days_left(broker.cert_file) <= 700
        assert one.ends
    assert renewal.take(later).startswith("certificate renewed until"), "the answer was lost: the same again"
    assert not renewal.is_newer
    assert [file.name for file in box.storage.iterdir()] == [FILE_NAME]


def test_what_is_not_for_this_device_is_refused_and_leaves_nothing(box, tmp_path):
    (tmp_path / "other").mkdir()
    stranger = Authority(tmp_path / "other")
    _, other_key = box.authority.sign("other", NAME)
    renewal = box.renewal()
    for certificate, words in (
        (box.sign(authority=stranger), "not vouched for: unable to get local issuer"),
        (box.sign(key=other_key), "does not go with this device's key: key values mismatch"),
        (
            box.sign(subject="demo/ward-1/bed-2"),
            "it is for demo/ward-1/bed-2, and this device is demo/ward-1/bed-1",
        ),
        (box.sign(days=9), "no later than the one in use"),
        (box.sign(days=-1), "not vouched for: certificate has expired"),
        ("AAAA" * 100, "does not go with this device's key"),
        ("A", "not base64"),
    ):
        with pytest.raises(MessageError, match=words):
            renewal.take(certificate)
        assert renewal.broker() == box.settings
        assert [*box.storage.iterdir()] == []
    renewal.take(box.sign(days=500))
    with pytest.raises(MessageError, match="no later than the one in use"):
        renewal.take(box.sign(days=400))


@pytest.mark.parametrize(
    "body", [b"", b"rubbish", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]
)
def test_a_kept_one_that_is_broken_is_left_aside_and_said_once(box, caplog, body):
    renewal = box.renewal()
    renewal.take(box.sign())
    (box.storage / FILE_NAME).write_bytes(body)
    for _ in range(3):
        assert renewal.broker() == box.settings
    assert caplog.text.count("is left aside") == 1
    assert renewal.ends is None
    renewal.take(box.sign("again"))
    assert renewal.broker() != box.settings


def test_a_new_card_has_the_last_word(box):
    """Its key is another one, and the renewed certificate was for the one before."""
    box.renewal().take(box.sign())
    cert, key = box.authority.sign("new", NAME, days=5)
    new = Broker(host="h", ca_file=str(box.authority.file), cert_file=cert, key_file=key)
    assert Renewal(new, ADDRESS, box.storage).broker() == new


def test_a_disk_that_refuses_keeps_the_old_one(box):
    renewal = Renewal(box.settings, ADDRESS, box.storage / "missing")
    with pytest.raises(StorageError, match="cannot keep the renewed certificate"):
        renewal.take(box.sign())
    assert renewal.broker() == box.settings


def test_a_device_without_a_certificate_has_nothing_to_renew(box):
    renewal = Renewal(Broker(host="h"), ADDRESS, box.storage)
    with pytest.raises(MessageError, match="nothing to renew"):
        renewal.take(box.sign())
    assert renewal.broker() == Broker(host="h")


def test_what_proves_is_a_whole_handshake(box, tmp_path):
    prove(box.cert, box.key, str(box.authority.file))
    cert, key = box.authority.sign("server", NAME, host="DNS:x")
    prove(cert, key, str(box.authority.file))
    (tmp_path / "other").mkdir()
    with pytest.raises(MessageError, match="not vouched for"):
        prove(cert, key, str(Authority(tmp_path / "other").file))
