"""The hub's commands: those signed with the device's key, for this start, in time, are obeyed, once."""

from __future__ import annotations

import dataclasses
import hashlib
import hmac
import json
import logging
from collections.abc import Callable
from pathlib import Path

from edge.errors import ConfigError, MessageError, StorageError
from edge.fields import encode
from edge.messages import Command
from edge.mute import Mute

log = logging.getLogger(__name__)

_LONGEST_MS = 600_000
"""No command may be valid for longer from now on: its id is forgotten some time."""
_REMEMBERED = 1000
_REFUSALS_EVERY_S = 10.0
_SHORTEST_KEY = 32
REFUSED = "certificate refused: "
"""Begins the reason of the state that answers a renewal that is not for this device."""


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
        """Returns where the command is to be obeyed, now and never again. Raises MessageError, saying why."""
        if not self._key:
            raise MessageError("[commands] key_file is not configured")
        expected = sign(self._key, self._topic, command).signature
        if not hmac.compare_digest(expected, command.signature):
            raise MessageError("its signature is not of this device's key")
        if command.boot_id != self._boot_id:
            raise MessageError("it is meant for another start of the daemon")
        if command.expires_ms <= mono_ms:
            raise MessageError(f"it expired {mono_ms - command.expires_ms} ms ago")
        if command.expires_ms > mono_ms + _LONGEST_MS:
            raise MessageError("it is valid for more than 10 minutes")
        self._forget(mono_ms)
        if command.id in self._obeyed:
            raise MessageError("it has been obeyed already")
        if len(self._obeyed) >= _REMEMBERED:  # forgetting one would let it be replayed
            raise MessageError(f"{_REMEMBERED} came within 10 minutes")
        self._obeyed[command.id] = command.expires_ms

    def _forget(self, mono_ms: int) -> None:
        for name in [name for name, expires_ms in self._obeyed.items() if expires_ms <= mono_ms]:
            del self._obeyed[name]


class CommandDesk:
    """Does what commands ask for that the gatekeeper lets through; called in the publisher's thread."""

    def __init__(
        self,
        gatekeeper: Gatekeeper,
        mute: Mute,
        forget: Callable[[], None],
        uptime_s: Callable[[], float],
        renew: Callable[[str], str],
    ) -> None:
        """`forget` drops what was learnt of the voice at this bed; `renew` takes a certificate.

        `uptime_s` is the time line of the device's stamps (edge.clock.Clock).
        """
        self._gatekeeper, self._mute = gatekeeper, mute
        self._forget, self._uptime_s, self._renew = forget, uptime_s, renew
        self._told_s = -_REFUSALS_EVERY_S
        self._untold = 0

    def take(self, command: Command) -> str | None:
        """Obey, and return why the device's state is to be told anew; None, and a log line, where refused."""
        now_s = self._uptime_s()
        try:
            self._gatekeeper.check(command, int(now_s * 1000))
        except MessageError as error:
            self._refuse(str(error), now_s)
            return None
        log.info("obeying the hub's command to %s: %s", command.action, command.reason)
        done = command.reason
        try:
            if command.action == "mute":
                self._mute.order(command.reason, command.minutes)
            elif command.action == "unmute":
                self._mute.lift()
            elif command.action == "forget":
                self._forget()
            elif command.action == "renew":
                done = self._renewed(command)
        except StorageError as error:
            log.error("%s", error)  # noqa: TRY400 - one sentence says it
        # Also where nothing has changed: whoever asked waits for the answer.
        return self._mute.words or done

    def _renewed(self, command: Command) -> str:
        """In words. Raises StorageError."""
        try:
            done = self._renew(command.certificate or "")
        except MessageError as error:
            log.error("%s%s", REFUSED, error)  # noqa: TRY400 - one sentence says it
            return f"{REFUSED}{error}"
        log.info("%s", done)
        return done

    def _refuse(self, why: str, now_s: float) -> None:
        """Whoever floods us with forgeries shall not flood the journal."""
        if now_s - self._told_s < _REFUSALS_EVERY_S:
            self._untold += 1
            return
        more = f"; {self._untold} more were refused since this was last said" if self._untold else ""
        log.warning("a command is refused: %s%s", why, more)
        self._told_s, self._untold = now_s, 0


def read_key(setting: str, file: str, remedy: str) -> bytes:
    """A key for signing: the first line of `file`, which `setting` names. Raises ConfigError."""
    try:
        key = Path(file).read_bytes().split(b"\n")[0].strip()
    except OSError as error:
        raise ConfigError(
            f"{setting} is {file!r}, which cannot be read: {error.strerror}; {remedy}"
        ) from error
    if len(key) < _SHORTEST_KEY:
        raise ConfigError(
            f"{setting} is {file!r}, whose first line has {len(key)} characters; at least"
            f" {_SHORTEST_KEY} are needed; {remedy}"
        )
    return key


def device_key(file: str) -> bytes | None:
    """The device's key out of `commands.key_file`; None where no file is named. Raises ConfigError."""
    return read_key("commands.key_file", file, "`bedside-hub device-key` prints one") if file else None
