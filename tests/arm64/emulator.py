"""Runs a Debian's Python as a Raspberry Pi's processor would, under QEMU, counting instructions.

Emulated times mean nothing, and nothing here tells any.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from tests.arm64.userland import EMULATOR, UserlandError, made, program

ROOT = Path(__file__).parents[2]
SOURCE = Path(__file__).with_name("instructions.c")
_LIMIT_S = 3600
_PI_3 = "fp asimd evtstrm crc32 cpuid"
_PI_5 = "fp asimd evtstrm aes pmull sha1 sha2 crc32 atomics fphp asimdhp cpuid asimdrdm lrcpc dcpop asimddp"


@dataclass(frozen=True, slots=True)
class Processor:
    """One as QEMU names it, and what Linux tells of it in /proc/cpuinfo on a Raspberry Pi."""

    name: str
    part: str
    features: str

    @property
    def cpuinfo(self) -> str:
        """One core's worth of /proc/cpuinfo."""
        return (
            f"processor\t: 0\nBogoMIPS\t: 108.00\nFeatures\t: {self.features}\nCPU implementer\t: 0x41\n"
            f"CPU architecture: 8\nCPU variant\t: 0x0\nCPU part\t: {self.part}\nCPU revision\t: 0\n\n"
        )


PROCESSORS = (
    Processor("cortex-a53", "0xd03", _PI_3),  # Pi 3, Pi Zero 2 W
    Processor("cortex-a72", "0xd08", _PI_3),  # Pi 4
    Processor("cortex-a76", "0xd0b", _PI_5),  # Pi 5
)


@dataclass(frozen=True, slots=True)
class Emulator:
    """QEMU and the plugin that counts, both in `folder`."""

    folder: Path

    @classmethod
    def made(cls) -> Emulator:
        """Fetched and compiled where they are not there yet. Raises UserlandError."""
        folder = made(EMULATOR)
        plugin = folder / "instructions.so"
        if not plugin.exists() or plugin.stat().st_mtime < SOURCE.stat().st_mtime:
            command = ["gcc", "-O2", "-shared", "-fPIC", "-fvisibility=hidden", "-o", plugin, SOURCE]
            done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
            if done.returncode:
                raise UserlandError(
                    f"gcc cannot compile {SOURCE.name}: {' '.join(done.stderr.split())[:300]}"
                )
        return cls(folder)

    def run(self, processor: Processor, userland: Path, arguments: Sequence[object]) -> tuple[str, list[int]]:
        """Standard output of that userland's Python, and what the plugin counted.

        The counts are those between the first and the second time the program asks for its parent's process
        id, the third and the fourth, and so on. Raises UserlandError where the program fails.
        """
        _pose_as(processor, userland / "root")
        log = self.folder / "counts.txt"
        log.write_text("")
        done = subprocess.run(
            list(map(str, [*self._command(processor, userland, log), *arguments])),
            capture_output=True,
            text=True,
            timeout=_LIMIT_S,
            check=False,
            cwd=ROOT,
            env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"},
        )
        if done.returncode:
            raise UserlandError(
                f"{userland.name} as {processor.name} failed at {' '.join(map(str, arguments))}:"
                f" {' '.join(done.stderr.split())[-500:]}"
            )
        counts = list(map(int, log.read_text().split()))
        return done.stdout, [after - before for before, after in list(pairwise(counts))[::2]]

    def _command(self, processor: Processor, userland: Path, log: Path) -> list[object]:
        guest = userland / "root"
        (python,) = (guest / "usr/bin").glob("python3.*")
        variables = {
            "PYTHONHOME": guest / "usr",
            "PYTHONPATH": f"{ROOT}:{userland / 'site'}",
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONHASHSEED": "0",  # the same program each time
            "OPENBLAS_NUM_THREADS": "1",
        }
        return [
            *program(self.folder, "qemu-aarch64"),
            *("-plugin", self.folder / "instructions.so", "-d", "plugin", "-D", log),
            *("-cpu", processor.name, "-L", guest),
            *(word for name, value in variables.items() for word in ("-E", f"{name}={value}")),
            python,
        ]


def _pose_as(processor: Processor, root: Path) -> None:
    """Files that QEMU shows the program in place of the host's: XNNPACK chooses its kernels by them.

    With those of an x86-64 host ai-edge-litert crashes.
    """
    system = root / "sys/devices/system/cpu"
    for folder in (root / "proc", system):
        folder.mkdir(parents=True, exist_ok=True)
    (root / "proc/cpuinfo").write_text(processor.cpuinfo)
    for name in ("possible", "present"):
        (system / name).write_text("0\n")
