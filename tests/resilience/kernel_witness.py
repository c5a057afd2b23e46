"""Where a traced daemon sent bytes, and whether that is a place it may send them to."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from strace import Call

SENDS = ("write", "pwrite64", "writev", "pwritev", "pwritev2", "sendto", "sendmsg", "sendmmsg")
# Each of these could carry or make something the calls above do not show.
OTHER_WAYS = (
    "splice", "tee", "vmsplice", "sendfile", "copy_file_range", "process_vm_writev", "io_uring_setup",
    "shmget", "msgsnd", "mq_timedsend", "ptrace", "link", "linkat", "rename", "renameat", "renameat2",
    "symlink", "symlinkat", "mknod", "mknodat",
)  # fmt: skip
MAKES = ("open", "openat", "creat", "memfd_create", "mkdir", "mkdirat")
_STORED = r"(outbox\.sqlite(-wal|-shm|-journal)?|(bed|mute)\.(json|new))"
CALLS = ",".join((*SENDS, *OTHER_WAYS, *MAKES, "mmap", "connect", "socketpair", "accept", "accept4"))


@dataclass(slots=True)
class Account:
    """Everything a process sent, by place; and every place it should not have used."""

    sent: dict[str, bytearray] = field(default_factory=lambda: defaultdict(bytearray))
    forbidden: set[str] = field(default_factory=set)

    def bytes_to(self, *kinds: str) -> int:
        """How many bytes went to the places of these kinds."""
        return sum(len(data) for place, data in self.sent.items() if place.split(" ")[0] in kinds)


@dataclass(frozen=True, slots=True)
class Places:
    """Where a daemon may write to: its storage, its log, its broker, its microphone's sound server."""

    storage: Path
    log: Path
    broker_port: int
    sound_server: str
    """The path of the sound server's socket; empty where there is none."""
    witness: Path
    """The test's own file; left out of the account."""

    def kind(self, place: str) -> str | None:
        """What a file or socket is to the daemon; None where it has no business there."""
        patterns = {
            "storage": rf"{re.escape(str(self.storage))}/{_STORED}",
            "log": re.escape(str(self.log)),
            "broker": rf"TCP 127\.0\.0\.1:{self.broker_port}",
            # PulseAudio's memory, shared with its client; Debian's PortAudio looks for JACK, whose library
            # keeps an empty database in memory.
            "sound-server": rf"UNIX {re.escape(self.sound_server)}|/memfd:pulseaudio|/dev/shm/jack_db-\d+/.*",
            "itself": r"itself|pipe:\[\d+\]|anon_inode:\[eventfd\]",
            "nowhere": r"/dev/null<char 1:3>",
        }
        return next((kind for kind, pattern in patterns.items() if re.fullmatch(pattern, place)), None)


class Sockets:
    """What is at the other end of a process's sockets; strace names them by what it knew at first sight."""

    def __init__(self, traced: Iterable[Call]) -> None:
        self._ends: dict[str, str] = {}
        for call in traced:
            if call.name == "connect":
                self._ends[_key(call.target)] = _peer(call)
            elif call.name == "socketpair":
                self._ends |= dict.fromkeys(re.findall(r"\d+(?=->|\])", call.arguments), "itself")
            elif call.name in {"accept", "accept4"}:
                # Who connects to a socket it listens on itself: paho makes a pair of sockets like that.
                here, there = call.opened.removeprefix("TCP:[").removesuffix("]").split("->")
                self._ends |= {f"TCP:[{name}]": "itself" for name in (f"{there}->{here}", f"{here}->{there}")}

    def name(self, target: str) -> str:
        """A place as a file's path, `TCP` or `UNIX` and the server's address, or `itself`."""
        plain = target.removesuffix("(deleted)")
        connected = re.fullmatch(r"TCP:\[.*->(.*)\]", plain)
        return self._ends.get(_key(plain)) or (f"TCP {connected[1]}" if connected else plain)


def _key(target: str) -> str:
    """A Unix socket by its own number; any other as strace names it."""
    found = re.match(r"UNIX[-A-Z]*:\[(\d+)", target)
    return found[1] if found else target


def _peer(call: Call) -> str:
    if "AF_UNIX" in call.arguments:
        return f"UNIX {call.strings[0].decode()}"
    port = re.search(r"sin6?_port=htons\((\d+)\)", call.arguments)
    return f"TCP {call.strings[0].decode()}:{port[1]}" if port else call.arguments


def account(traced: Iterable[Call], places: Places) -> Account:
    """Adds up a trace."""
    traced = list(traced)
    found, sockets = Account(), Sockets(traced)
    for call in traced:
        place = sockets.name(call.target)
        if call.name.startswith("rename"):
            # One stored file in place of another moves no byte anywhere else.
            for path in call.strings:
                _check(found, path.decode(), places, "renames")
        elif call.name in OTHER_WAYS:
            found.forbidden.add(f"{call.name} {place}")
        elif call.name in SENDS and place != str(places.witness):
            found.sent[f"{_check(found, place, places, 'writes to')} {place}"] += b"".join(call.strings)
        elif call.name == "mmap" and "MAP_SHARED" in call.arguments and "PROT_WRITE" in call.arguments:
            # Without a file nobody but a child could see it, and children are traced.
            _check(found, place or "itself", places, "shares")
        elif call.name in MAKES:
            _make(found, call, places)
    return found


def _make(found: Account, call: Call, places: Places) -> None:
    if call.name in {"open", "openat", "creat"}:
        writes = re.search(r"O_WRONLY|O_RDWR|O_CREAT", call.arguments) or call.name == "creat"
        if writes and call.opened != str(places.witness):
            _check(found, call.opened, places, "opens for writing")
    elif call.name == "memfd_create":
        _check(found, f"/memfd:{call.strings[0].decode()}", places, "makes")
    else:
        found.forbidden.add(f"makes {call.strings[0].decode()}")


def _check(found: Account, place: str, places: Places, what: str) -> str | None:
    kind = places.kind(place)
    if kind is None:
        found.forbidden.add(f"{what} {place}")
    return kind
