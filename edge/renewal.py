"""The device's own certificate: the installed one, or a later one for the same key that the hub has sent.

The later one lies in the storage folder. It is believed no further than the installed one: each time it must
be signed by the device's authority, be for the device's key and name, hold now and end later. Where it does
not, the installed one is shown.
"""

from __future__ import annotations

import base64
import binascii
import dataclasses
import logging
import ssl
import threading
from pathlib import Path

from edge import atomic_file
from edge.certificates import common_name, validity
from edge.config import Broker
from edge.errors import BedsideError, ConfigError, MessageError, StorageError
from edge.topics import Address
from edge.utc import utc_text

log = logging.getLogger(__name__)

FILE_NAME = "renewed-device.crt"
_TRIAL = "renewed-device.trial"
_STEPS = 10  # of a handshake, each way; TLS takes three


class Renewal:
    """Which certificate the device shows the broker. Any thread may ask."""

    def __init__(self, broker: Broker, address: Address, folder: Path) -> None:
        """`folder` is that of the storage, where a renewed certificate is kept."""
        self._settings, self._folder = broker, folder
        self._name = address.name
        self._lock = threading.Lock()
        self._told: str | None = None
        self._shown: str | None = None
        self.ends: str | None = None
        """When the renewed certificate ends that was shown last; None: it was the installed."""
        self.is_newer = False
        """Whether a certificate has come since `broker` was asked last."""

    @property
    def file(self) -> str:
        """The certificate that was shown last, or would be now; empty where the device has none."""
        return self._shown or self._settings.cert_file

    def broker(self) -> Broker:
        """The settings for the next connection, with the certificate to be shown."""
        with self._lock:
            self.is_newer = False
            self._shown = self._choose()
            is_renewed = self._shown != self._settings.cert_file
            self.ends = utc_text(validity(self._shown).end_s) if is_renewed else None
            return dataclasses.replace(self._settings, cert_file=self._shown)

    def take(self, certificate: str) -> str:
        """Keep a renewed certificate, DER in base64, to be shown from the next connection on; in words.

        Raises MessageError for one that is not for this device, StorageError where the disk refuses it.
        """
        if not self._settings.cert_file:
            raise MessageError("this device has no certificate; it has nothing to renew")
        try:
            pem = ssl.DER_cert_to_PEM_cert(base64.b64decode(certificate, validate=True)).encode()
        except binascii.Error as error:
            raise MessageError(f"the certificate is not base64: {error}") from error
        trial, kept = self._folder / _TRIAL, self._folder / FILE_NAME
        with self._lock:
            try:
                if not kept.exists() or kept.read_bytes() != pem:
                    trial.write_bytes(pem)
                    self._prove(trial)
                    self._must_end_later(trial, self._choose())
                    atomic_file.write(kept, pem)
                    self.is_newer = True
                return f"certificate renewed until {_day(kept)}"
            except ConfigError as error:
                raise MessageError(str(error)) from error
            except OSError as error:
                raise StorageError(f"cannot keep the renewed certificate {kept}: {error.strerror}") from error
            finally:
                _remove(trial)

    def _choose(self) -> str:
        """The file of the certificate to be shown."""
        kept = self._folder / FILE_NAME
        installed = self._settings.cert_file
        try:
            if not installed or not kept.exists():
                return installed
            self._prove(kept)
            self._must_end_later(kept, installed)
        except (BedsideError, OSError) as error:
            if str(error) != self._told:  # once, however often we connect
                log.warning("the renewed certificate %s is left aside: %s", kept, error)
            self._told = str(error)
            return installed
        return str(kept)

    def _prove(self, file: Path) -> None:
        """Raises MessageError or ConfigError unless our authority has made it for us, and it holds."""
        prove(str(file), self._settings.key_file, self._settings.ca_file)
        name = common_name(file)
        if name != self._name:
            raise MessageError(f"it is for {name}, and this device is {self._name}")

    def _must_end_later(self, file: Path, than: str) -> None:
        if validity(file).end_s <= validity(than).end_s:
            raise MessageError(f"it ends on {_day(file)}, no later than the one in use")


def prove(certificate: str, key: str, authority: str) -> None:
    """Raises MessageError unless `authority` vouches for the client that has this certificate and key.

    By a handshake within this process: it is the whole judgement a broker makes, and needs no other library.
    Raises ConfigError where a file cannot be used.
    """
    try:
        judge = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        judge.verify_mode = ssl.CERT_REQUIRED
        judge.load_verify_locations(authority)
        client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
        for context in (judge, client):
            context.load_cert_chain(certificate, key, password="")
    except ssl.SSLError as error:
        reason = (error.reason or "unknown form").lower().replace("_", " ")
        raise MessageError(f"it does not go with this device's key: {reason}") from error
    except OSError as error:
        raise ConfigError(f"certificate, key or authority cannot be read: {error.strerror}") from error
    to_judge, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    sides = [
        client.wrap_bio(to_client, to_judge),
        judge.wrap_bio(to_judge, to_client, server_side=True),
    ]
    try:
        for _ in range(_STEPS):
            for side in tuple(sides):
                try:
                    side.do_handshake()
                    sides.remove(side)
                except ssl.SSLWantReadError:
                    continue
            if not sides:
                return
    except ssl.SSLCertVerificationError as error:
        raise MessageError(f"it is not vouched for: {error.verify_message}") from error
    except ssl.SSLError as error:
        raise MessageError(f"it is not vouched for: {error.reason}") from error
    raise MessageError("it is not vouched for: no handshake comes about")


def _day(file: Path) -> str:
    return utc_text(validity(file).end_s)[:10]


def _remove(file: Path) -> None:
    try:
        file.unlink(missing_ok=True)
    except OSError:
        return  # a disk that refuses has been told of
