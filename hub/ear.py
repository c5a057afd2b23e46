"""Hears what the supervisor's processes tell of themselves, in the protocol of sd_notify(3)."""

from __future__ import annotations

import contextlib
import secrets
import socket
import struct

_LONGEST = 4096
_CREDENTIALS = struct.Struct("iII")  # struct ucred of unix(7): process, user, group


class Ear:
    """A socket whose `name` goes into a process's NOTIFY_SOCKET."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        # The kernel tells who speaks: anybody on this machine may write to the socket.
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        name = f"bedside-hub-{secrets.token_hex(8)}"
        self._socket.bind(f"\0{name}")
        self.name = f"@{name}"

    def take(self) -> list[tuple[int, dict[str, str]]]:
        """What has been told since: the process, and its words such as READY=1 by name."""
        found = []
        with contextlib.suppress(BlockingIOError):
            while True:
                data, ancillary, _, _ = self._socket.recvmsg(
                    _LONGEST, socket.CMSG_SPACE(_CREDENTIALS.size), socket.MSG_DONTWAIT
                )
                for level, kind, value in ancillary:
                    if level == socket.SOL_SOCKET and kind == socket.SCM_CREDENTIALS:
                        lines = data.decode("utf-8", "replace").splitlines()
                        words = dict(line.split("=", 1) for line in lines if "=" in line)
                        found.append((_CREDENTIALS.unpack(value[: _CREDENTIALS.size])[0], words))
        return found

    def close(self) -> None:
        """Nobody is heard any more."""
        self._socket.close()
