"""Which commands are obeyed: signed with the device's key, for this start, in time, and once."""

from __future__ import annotations

import dataclasses
import hashlib
import hmac
import json

from edge.errors import MessageError
from edge.fields import encode
from edge.messages import Command

_LONGEST_MS = 600_000
"""No command may be valid for longer from now on: its id is forgotten some time."""
_REMEMBERED = 1000


def canonical(topic: str, command: Command) -> bytes:
    """What is signed: the topic, a line break, and JSON of every field but the signature, keys in order."""
    plain = encode(command)
    del plain["signature"]
    text = json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return f"{topic}\n{text}".encode()


def sign(key: bytes, topic: str, command: Command) -> Command:
    """The command with its HMAC-SHA256 (RFC 2104) in it."""
    signature = hmac.new(key, canonical(topic, command), hashlib.sha256).hexdigest()
    return dataclasses.replace(command, signature=signature)


class Gatekeeper:
    """Lets a command through, or says why not. Pure: the device's own time line is a parameter."""

    def __init__(self, key: bytes | None, topic: str, boot_id: str) -> None:
        """`topic`: the device's topic for commands; without a key none is obeyed."""
        self._key, self._topic, self._boot_id = key, topic, boot_id
        self._obeyed: dict[str, int] = {}

    def check(self, command: Command, mono_ms: int) -> None:
        """Returns where the command is to be obeyed, now and never again. Raises MessageError."""
        if not self._key:
            raise MessageError("a command is refused: [commands] key_file is not configured")
        expected = sign(self._key, self._topic, command).signature
        if not hmac.compare_digest(expected, command.signature):
            raise MessageError("a command is refused: its signature is not of this device's key")
        if command.boot_id != self._boot_id:
            raise MessageError("a command is refused: it is meant for another start of the daemon")
        if command.expires_ms <= mono_ms:
            raise MessageError(f"a command is refused: it expired {mono_ms - command.expires_ms} ms ago")
        if command.expires_ms > mono_ms + _LONGEST_MS:
            raise MessageError("a command is refused: it is valid for more than 10 minutes")
        self._forget(mono_ms)
        if command.id in self._obeyed:
            raise MessageError("a command is refused: it has been obeyed already")
        if len(self._obeyed) >= _REMEMBERED:  # forgetting one would let it be replayed
            raise MessageError(f"a command is refused: {_REMEMBERED} came within 10 minutes")
        self._obeyed[command.id] = command.expires_ms

    def _forget(self, mono_ms: int) -> None:
        for name in [name for name, expires_ms in self._obeyed.items() if expires_ms <= mono_ms]:
            del self._obeyed[name]
