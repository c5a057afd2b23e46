"""TLS towards the broker: the context, and in one sentence why there is none."""

from __future__ import annotations

import contextlib
import select
import ssl
import time
from typing import Any

from edge.certificates import validity
from edge.config import Broker
from edge.errors import ConfigError, UnavailableError

_VERDICT_S = 0.5
# What X509_verify_cert(3) calls them.
_NOT_YET_VALID, _EXPIRED, _WRONG_NAME, _WRONG_ADDRESS = 9, 10, 62, 64
# What the broker's alert says of our certificate (RFC 8446, 6.2), by a part of OpenSSL's name for it.
_ALERTS = {
    "CERTIFICATE_EXPIRED": "it has expired",
    "CERTIFICATE_REVOKED": "it has been revoked",
    "CERTIFICATE_UNKNOWN": "it is not accepted",
    "UNKNOWN_CA": "its authority is not the broker's",
    "BAD_CERTIFICATE": "it is damaged or not for a client",
    "UNSUPPORTED_CERTIFICATE": "it is not for a client",
}


class Socket(ssl.SSLSocket):
    """Keeps what paho throws away: the alert with which the broker ends a connection.

    Under TLS 1.3 a client's certificate is judged only after the client's own handshake is over.
    """

    failure: ssl.SSLError | None = None

    def recv(self, buflen: int = 1024, flags: int = 0) -> bytes:
        """As ssl.SSLSocket.recv."""
        try:
            return super().recv(buflen, flags)
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise
        except ssl.SSLError as error:
            self.failure = error
            raise

    def do_handshake(self, block: bool = False) -> None:  # noqa: FBT001, FBT002 - the method of the base
        """As ssl.SSLSocket.do_handshake, but a failed one leaves nothing open."""
        try:
            super().do_handshake(block)
            if self.version() == "TLSv1.3":
                self._await_verdict()
        except BaseException:
            self.close()
            raise

    def _await_verdict(self) -> None:
        """Read the broker's alert, if it sends one, before we say anything.

        To what we would have said a closed socket answers with a reset, and that may outrun the alert.
        A broker that takes our certificate says so with session tickets, which are no data yet.
        """
        select.select([self], [], [], _VERDICT_S)
        self.setblocking(False)
        with contextlib.suppress(ssl.SSLWantReadError):
            self.recv(1)


def context(broker: Broker) -> ssl.SSLContext:
    """For connections to the broker, which only `ca_file` may vouch for.

    Raises UnavailableError where a file is not there, not readable or not what it should be.
    """
    try:
        made = ssl.create_default_context(cafile=broker.ca_file)
    except OSError as error:
        raise UnavailableError(f"broker.ca_file {broker.ca_file} {_file_problem(error)}") from error
    if broker.cert_file:
        try:
            # The empty password: a key that wants one must not stop the daemon with a question.
            made.load_cert_chain(broker.cert_file, broker.key_file, password="")
        except OSError as error:
            names = f"broker.cert_file {broker.cert_file} with key_file {broker.key_file}"
            raise UnavailableError(f"{names} {_file_problem(error)}") from error
    made.sslsocket_class = Socket
    return made


def _file_problem(error: OSError) -> str:
    if isinstance(error, ssl.SSLError):
        reason = (error.reason or "unknown form").lower().replace("_", " ")
        return f"cannot be used: {reason}; PEM form is needed, and the certificate's own key without password"
    return f"cannot be read: {error.strerror}; the daemon's user must be able to read it"


def why_no_handshake(error: ssl.SSLError, broker: Broker, name: str) -> str:
    """Why there is no TLS with the broker called `name`."""
    if not isinstance(error, ssl.SSLCertVerificationError):
        return why_refused(error, broker, name) or (
            f"no TLS with the broker {name}: {(error.reason or str(error)).lower().replace('_', ' ')};"
            " see whether this is the broker's port for TLS"
        )
    what = f"the certificate of the broker {name}"
    clock = f"this box's clock says {time.strftime('%Y-%m-%d')}"
    if error.verify_code == _EXPIRED:
        return f"{what} has expired; renew it ({clock})"
    if error.verify_code == _NOT_YET_VALID:
        return f"{what} is not valid yet; see whether the time is right ({clock})"
    if error.verify_code in {_WRONG_NAME, _WRONG_ADDRESS}:
        return f"{what} is for another name; broker.host must be a name in it"
    return f"{what} is not trusted: {error.verify_message}; check broker.ca_file {broker.ca_file}"


def why_refused(error: Any, broker: Broker, name: str) -> str | None:
    """What the broker holds against our own certificate, as far as it or the certificate tells."""
    what = f"the broker {name} refuses broker.cert_file {broker.cert_file}"
    reason = str(getattr(error, "reason", None) or "").upper().replace(" ", "_")
    if "CERTIFICATE_REQUIRED" in reason or ("HANDSHAKE_FAILURE" in reason and not broker.cert_file):
        return f"the broker {name} asks for a certificate; give broker.cert_file and broker.key_file"
    for part, words in _ALERTS.items():
        if part in reason:
            return f"{what}: {words}; renew it with the ward's authority"
    return f"{what}: it has expired; renew it with the ward's authority" if _has_expired(broker) else None


def _has_expired(broker: Broker) -> bool:
    try:
        return bool(broker.cert_file) and validity(broker.cert_file).end_s < time.time()
    except ConfigError:
        return False
