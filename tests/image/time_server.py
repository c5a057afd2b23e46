"""A time server as a clinic has one: SNTP (RFC 4330) with this machine's clock, on the usual port."""

from __future__ import annotations

import socket
import struct
import threading
import time
from typing import Self

_PORT = 123
_FROM_1900_S = 2_208_988_800
_SERVER_VERSION_4 = 0x24
_STRATUM = 2
_LENGTH = 48


class TimeServer:
    """Answers on this machine's own 127.0.0.1 while the context lasts; the port needs root."""

    def __enter__(self) -> Self:
        self._line = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._line.bind(("127.0.0.1", _PORT))
        self._line.settimeout(0.2)
        self._is_open = True
        self._thread = threading.Thread(target=self._answer)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_open = False
        self._thread.join()
        self._line.close()

    def _answer(self) -> None:
        while self._is_open:
            try:
                asked, who = self._line.recvfrom(1024)
            except TimeoutError:
                continue
            if len(asked) >= _LENGTH:
                self._line.sendto(answer(asked, time.time()), who)


def answer(asked: bytes, now_s: float) -> bytes:
    """48 bytes; reference, originate, receive and transmit time, the second as the client sent it."""
    now = struct.pack(">II", int(now_s) + _FROM_1900_S, int(now_s % 1 * 2**32))
    head = struct.pack(">BBbbII4s", _SERVER_VERSION_4, _STRATUM, 6, -20, 0, 0, b"TEST")
    return head + now + asked[40:48] + now + now
