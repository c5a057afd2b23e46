"""What people outside use, real and local: a web server that answers as told, a mail server, certificates."""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


@dataclass
class Receiver:
    """A web address that takes calls; `answer` is a status, or hang, close or redirect."""

    answer: int | str = 200
    scheme: str = "http"
    port: int = 0
    requests: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    ended: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"{self.scheme}://localhost:{self.port}/hook/s3cret"

    def bodies(self, kind: str | None = None) -> list[dict[str, Any]]:
        found = [json.loads(body) for _, body in list(self.requests)]
        return [body for body in found if kind in (None, body["type"])]

    def keys(self) -> list[str]:
        return [headers["idempotency-key"] for headers, _ in list(self.requests)]


def _handler(receiver: Receiver) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            receiver.requests.append((headers, body))
            answer = receiver.answer
            if answer == "hang":
                receiver.ended.wait(40)
            elif answer == "redirect":
                self.send_response(302)
                self.send_header("Location", "https://elsewhere.example/")
                self.end_headers()
            elif isinstance(answer, int):
                self.send_response(answer)
                self.send_header("Content-Length", "0")
                self.end_headers()
            self.close_connection = True

        def log_message(self, *_arguments: object) -> None:
            """Nothing."""

    return Handler


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_arguments: object) -> None:
        """A client that goes away is part of the tests."""


@contextlib.contextmanager
def receiver(answer: int | str = 200, certificate: Path | None = None) -> Iterator[Receiver]:
    """A receiver that listens; with a certificate (and its key beside it) over HTTPS."""
    found = Receiver(answer)
    server = _Server(("127.0.0.1", 0), _handler(found))
    found.port = server.server_address[1]
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, certificate.with_suffix(".key"))
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        found.scheme = "https"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        found.ended.set()
        server.shutdown()
        server.server_close()
        thread.join(5)


def certificate(folder: Path, name: str = "localhost") -> Path:
    """A certificate for that name which vouches for itself; its key lies beside it."""
    path = folder / f"{name}.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
         "-days", "2", "-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}", "-out", path,
         "-keyout", path.with_suffix(".key")],
        check=True, capture_output=True,
    )  # fmt: skip
    return path


@contextlib.contextmanager
def mail_server(refused: str = "", certificate: Path | None = None) -> Iterator[tuple[int, list[str]]]:
    """A mail server on that port; the letters it has taken. It refuses one recipient.

    With a certificate (and its key beside it) it speaks TLS and lets anybody log in.
    """
    letters: list[str] = []
    listener = socket.create_server(("127.0.0.1", 0))
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, certificate.with_suffix(".key"))
        listener = context.wrap_socket(listener, server_side=True)
    thread = threading.Thread(target=_serve_mail, args=(listener, letters, refused), daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1], letters
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(5)


def _serve_mail(listener: socket.socket, letters: list[str], refused: str) -> None:
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        with connection, connection.makefile("rwb", buffering=0) as stream:
            _converse(stream, letters, refused)


def _converse(stream: Any, letters: list[str], refused: str) -> None:
    stream.write(b"220 mail.test\r\n")
    for line in iter(stream.readline, b""):
        verb = line[:4].upper()
        if verb == b"DATA":
            stream.write(b"354 go on\r\n")
            text = b"".join(iter(stream.readline, b".\r\n"))
            letters.append(text.decode())
        elif verb == b"QUIT":
            stream.write(b"221 bye\r\n")
            return
        elif verb == b"EHLO":
            stream.write(b"250-mail.test\r\n")
        elif verb == b"AUTH":
            stream.write(b"235 welcome\r\n")
            continue
        good = not (refused and verb == b"RCPT" and refused.encode() in line)
        words = b"250 AUTH PLAIN\r\n" if verb == b"EHLO" else b"250 well\r\n"
        stream.write(words if good else b"550 nobody of that name\r\n")


def wait_for(condition: Any, seconds: float = 15.0) -> Any:
    """The first true value of the condition, or the last false one."""
    deadline = time.monotonic() + seconds
    while not (found := condition()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return found
