"""What a process asked of the kernel: runs a command under strace and reads what it wrote."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
_LINE = re.compile(r"(?P<pid>\d+) +(?P<rest>.*)")
_CALL = re.compile(
    r"(?P<name>\w+)\((?P<arguments>.*)\) += (?P<result>-?\d+|\?|0x[0-9a-f]+)(?P<more>.*)", re.DOTALL
)
_RESUMED = re.compile(r"<\.\.\. \w+ resumed>(?P<rest>.*)", re.DOTALL)
_TEXT = re.compile(r'"((?:\\x[0-9a-f]{2})*)"(\.\.\.)?')
_FD = re.compile(r"(-?\d+|AT_FDCWD)<(.*?)>(?=[,)\s}]|$)")


@dataclass(frozen=True, slots=True)
class Call:
    """One system call: its name, its arguments as strace writes them, and its result."""

    name: str
    arguments: str
    result: int
    more: str = ""
    """What strace adds to the result, such as the path of a file just opened."""

    @property
    def strings(self) -> list[bytes]:
        """The buffers and paths among the arguments, in full."""
        found = _TEXT.findall(self.arguments)
        assert not any(cut for _, cut in found), f"strace cut the data of {self.name} short"
        return [bytes.fromhex(text.replace("\\x", "")) for text, _ in found]

    @property
    def target(self) -> str:
        """The path or socket behind the first file descriptor among the arguments."""
        found = _FD.search(self.arguments)
        return _plain(found[2]) if found else ""

    @property
    def opened(self) -> str:
        """The path behind the file descriptor that is the result."""
        found = re.match(r"<(.*)>", self.more)
        return _plain(found[1]) if found else ""


def _plain(text: str) -> str:
    return re.sub(r"(?:\\x[0-9a-f]{2})+", lambda run: bytes.fromhex(run[0].replace("\\x", "")).decode(), text)


def require_strace() -> None:
    """Skips the test where tracing cannot work: no strace, or no right to trace what forbids core dumps."""
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed")
    if os.geteuid() != 0:
        pytest.skip("tracing a process that forbids core dumps needs root")
    tried = subprocess.run(
        ["strace", "-f", "-o", os.devnull, "true"], capture_output=True, text=True, check=False
    )
    if tried.returncode != 0:
        pytest.skip(f"strace may not trace here: {tried.stderr.strip()[:200]}")


def traced(command: Sequence[str], output: Path, calls: str) -> list[str]:
    """The command that runs `command` under strace: every byte of the named calls goes to `output`."""
    options = [
        "-f",
        "-yy",
        "-xx",
        "-s",
        "100000",
        "--seccomp-bpf",
        "-e",
        f"trace={calls}",
        "-e",
        "signal=none",
    ]
    return ["strace", *options, "-o", str(output), *command]


def calls(path: Path) -> Iterator[Call]:
    """The calls in a file that strace wrote, in the order in which they ended; failed ones are left out."""
    begun: dict[str, str] = {}
    with path.open(encoding="ascii") as file:
        for line in file:
            match = _LINE.match(line)
            assert match, f"strace wrote {line[:200]!r}"
            pid, rest = match["pid"], match["rest"]
            if rest.endswith("<unfinished ...>"):
                begun[pid] = rest.removesuffix("<unfinished ...>").rstrip()
                continue
            resumed = _RESUMED.match(rest)
            if resumed:
                rest = begun.pop(pid) + resumed["rest"]
            call = _CALL.match(rest)
            if call is None:
                assert rest.startswith(("+++", "---")), f"strace wrote {rest[:200]!r}"
                continue
            # A connection may be made later; whatever else failed has done nothing.
            if call["result"] == "?" or (call["result"] == "-1" and call["name"] != "connect"):
                continue
            yield Call(call["name"], call["arguments"], int(call["result"], 0), call["more"])
