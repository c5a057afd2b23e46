"""A box: QEMU with a Raspberry Pi 3's processor and memory, started from a card as its firmware would.

There is no Raspberry Pi in it: board, sound card and network card are QEMU's own, and the firmware's part,
fetching kernel and initrd from the card's first partition, is done here. Times mean nothing.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import time
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from card import Card
from hub_parts import until
from ports import free_port

from tests.arm64.userland import Userland, made, program

QEMU = Userland(
    name="QEMU of Debian 13",
    suite="trixie",
    architecture="amd64",
    packages=("qemu-system-arm", "qemu-system-gui", "libpulse0"),  # the second has PulseAudio's line to it
)
PROCESSOR = "cortex-a53"
"""Of Raspberry Pi 3 and Zero 2 W; what runs there runs on the later ones."""
MEGABYTES = 512
HOST = "10.0.2.2"
"""Where the box reaches this machine's 127.0.0.1."""
WATCHDOG = ("-device", "i6300esb", "-action", "watchdog=reset")
SOCKETS = ("socket-1", "socket-2", "socket-3")
MICROPHONE = {"driver": "virtio-sound-pci", "id": "microphone", "audiodev": "sound", "bus": SOCKETS[0]}
"""A sound card that can be pulled while the box runs, and put into another socket: not into the same one,
where QEMU presses the slot's button once more than the kernel expects."""
_BOOT_S = 420
_PARAMETERS = "console=ttyAMA0 systemd.debug_shell=hvc0"
_CUT = "cut"


class Box:
    """One box with one card; `power_on` and `cut_power` as often as wanted."""

    def __init__(
        self, card: Card, folder: Path, *, sound: Mapping[str, str] | None = None, more: Sequence[str] = ()
    ) -> None:
        """`sound` is the environment in which PulseAudio is reached; without it the box has no sound card."""
        self.card = card
        self.console = folder / "console.log"
        """What the box has said on its serial console since it was made."""
        self.folder = folder
        self.sound = sound
        self.more = tuple(more)
        self.ssh_port = free_port()
        """On this machine's 127.0.0.1: the box's port 22."""
        self._free_sockets: list[str] = []
        self._process: subprocess.Popen[bytes] | None = None
        self._shell: Shell | None = None
        self._monitor: Monitor | None = None

    @property
    def is_on(self) -> bool:
        """Whether it has power."""
        return self._process is not None

    def power_on(self, *, watchdog: bool = False) -> None:
        """Start it; returns at once. Without `watchdog` nobody minds if this machine is slow for a while."""
        said = self.card.read("cmdline.txt").strip()
        kernel, initrd = (self.card.take(name, self.folder) for name in ("vmlinuz", "initrd.img"))
        parameters = f"{said} {_PARAMETERS}{'' if watchdog else ' systemd.watchdog_sec=0'}"
        for name in ("shell", "monitor"):
            (self.folder / name).unlink(missing_ok=True)
        own = made(QEMU)
        command = [
            *program(own, "qemu-system-aarch64", more=["pulseaudio"]),
            *("-L", own / "root/usr/share/qemu", "-nodefaults"),
            *("-M", "virt", "-cpu", PROCESSOR, "-m", str(MEGABYTES), "-smp", "2", "-display", "none"),
            *("-kernel", kernel, "-initrd", initrd, "-append", parameters),
            *("-drive", f"if=none,id=card,format=raw,file={self.card.path}"),
            *("-device", "virtio-blk-pci,drive=card,romfile="),
            *(
                "-netdev",
                f"user,id=net,hostfwd=tcp:127.0.0.1:{self.ssh_port}-:22",
                "-device",
                "virtio-net-pci,netdev=net,id=cable,romfile=",
            ),
            *("-chardev", f"file,id=console,path={self.console},append=on", "-serial", "chardev:console"),
            *("-chardev", f"socket,id=shell,path={self.folder}/shell,server=on,wait=off"),
            *("-device", "virtio-serial-pci", "-device", "virtconsole,chardev=shell"),
            *("-qmp", f"unix:{self.folder}/monitor,server=on,wait=off"),
            *(
                word
                for name in SOCKETS
                for word in ("-device", f"pcie-root-port,id={name},chassis={name[-1]}")
            ),
            *(self._microphone() if self.sound is not None else ()),
            *self.more,
        ]
        modules = str(own / "root/usr/lib/x86_64-linux-gnu/qemu")
        with (self.folder / "qemu.log").open("ab") as log:
            self._process = subprocess.Popen(
                list(map(str, command)), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env={**os.environ, **(self.sound or {}), "QEMU_MODULE_DIR": modules},
            )  # fmt: skip
        until(lambda: (self.folder / "monitor").exists() or self._has_ended(), 60, "QEMU's start")
        self._monitor = Monitor(self.folder / "monitor")
        self._shell = None
        self._free_sockets = list(SOCKETS[1:])

    def _has_ended(self) -> bool:
        assert self._process is not None
        log = (self.folder / "qemu.log").read_text()
        assert self._process.poll() is None, f"QEMU ended with {self._process.returncode}: {log}"
        return False

    def _microphone(self) -> list[str]:
        sound = f"pa,id=sound,server={(self.sound or {})['PULSE_SERVER']},in.name=bed.monitor"
        return ["-audiodev", sound, "-device", json.dumps(MICROPHONE)]

    def run(self, command: str, seconds: float = 120) -> str:
        """What a command says in the box's own shell, as root; waits for the shell to be there."""
        status, said = self.try_run(command, seconds)
        assert status == 0, f"{command} ended with {status}: {said}"
        return said

    def try_run(self, command: str, seconds: float = 120) -> tuple[int, str]:
        """The same with the command's exit status."""
        if self._shell is None:
            self._shell = Shell(self.folder / "shell")
        return self._shell.run(command, seconds)

    def wait_until(self, command: str, seconds: float = _BOOT_S) -> None:
        """Until a command in the box succeeds."""
        deadline = time.monotonic() + seconds
        while True:
            status, said = self.try_run(command, seconds)
            if status == 0:
                return
            assert time.monotonic() < deadline, f"{command} failed for {seconds:g} s: {said}\n{self.tail()}"
            time.sleep(1)

    def wait_for_start(self) -> None:
        """Until systemd has started everything."""
        self.wait_until("systemctl is-active multi-user.target")

    def tail(self) -> str:
        """The end of what it said on its console, for whoever reads a failure."""
        text = re.sub(r"\x1b\[[0-9;:?]*[A-Za-z]", "", self.console.read_text(errors="replace"))
        return "\n".join(text.splitlines()[-15:])

    def monitor(self, command: str, **arguments: Any) -> Any:
        """A command of QEMU's machine protocol."""
        assert self._monitor is not None
        return self._monitor.ask(command, **arguments)

    def cable(self, *, is_plugged: bool) -> None:
        """Pull the network cable, or put it back."""
        self.monitor("set_link", name="cable", up=is_plugged)

    def microphone(self, *, is_plugged: bool) -> None:
        """Pull the sound card, or put it into the next socket, as many times as there are sockets."""
        if is_plugged:
            socket_name, *self._free_sockets = self._free_sockets
            self.monitor("device_add", **{**MICROPHONE, "bus": socket_name})
        else:
            self.monitor("device_del", id=MICROPHONE["id"])
            until(lambda: not self._has_microphone(), 60, "the end of the sound card")

    def _has_microphone(self) -> bool:
        listed = self.monitor("qom-list", path="/machine/peripheral")
        return MICROPHONE["id"] in {one["name"] for one in listed}

    def cut_power(self) -> None:
        """From one moment to the next; what was only in memory is gone."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._forget()

    def shut_down(self) -> None:
        """As a person who has time would."""
        assert self._process is not None
        self.monitor("system_powerdown")
        self._process.wait(180)
        self._forget()

    def starts(self) -> int:
        """How often its kernel has begun."""
        return self.console.read_bytes().count(b"Booting Linux")

    def forget_shell(self) -> None:
        """It has started anew: its shell is another one."""
        if self._shell is not None:
            self._shell.close()
            self._shell = None

    def _forget(self) -> None:
        for line in (self._shell, self._monitor):
            if line is not None:
                line.close()
        self._process = self._shell = self._monitor = None

    @contextlib.contextmanager
    def held(self) -> Any:
        """Stopped in its tracks, between two instructions."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._process.send_signal(signal.SIGCONT)


class Shell:
    """A root shell on the virtual console `systemd.debug_shell` names."""

    def __init__(self, path: Path) -> None:
        self._line = socket.socket(socket.AF_UNIX)
        self._line.connect(str(path))
        self._line.settimeout(2)
        self._got = b""
        self._begin()

    def _begin(self) -> None:
        """Ask until somebody answers: the shell is not there before the box has started so far."""
        deadline = time.monotonic() + _BOOT_S
        mark = uuid.uuid4().hex
        while mark.encode() not in self._got:
            assert time.monotonic() < deadline, f"the box has no shell after {_BOOT_S} s"
            self._line.sendall(f"exec sh\nstty -echo; PS1=; echo {mark[:9]}''{mark[9:]}\n".encode())
            end = time.monotonic() + 5
            while time.monotonic() < end and mark.encode() not in self._got:
                self._receive()
        self._line.sendall(b"stty -echo; PS1=; PS2=; export TERM=dumb SYSTEMD_PAGER=cat SYSTEMD_COLORS=0\n")

    def _receive(self) -> None:
        with contextlib.suppress(TimeoutError):
            self._got += self._line.recv(65536)

    def run(self, command: str, seconds: float) -> tuple[int, str]:
        """Exit status and what it said."""
        mark = uuid.uuid4().hex
        self._got = b""
        line = f"echo; echo {_CUT}{mark}; ( {command}\n) </dev/null 2>&1; s=$?; echo; echo {mark}:$s\n"
        self._line.sendall(line.encode())
        deadline = time.monotonic() + seconds
        while (found := re.search(rf"\n{mark}:(\d+)".encode(), self._got)) is None:
            late = f"{command} is not done after {seconds:g} s: {self._got!r}"
            assert time.monotonic() < deadline, late
            self._receive()
        said = self._got[: found.start()].decode(errors="replace").replace("\r", "")
        return int(found[1]), said.split(f"{_CUT}{mark}\n", 1)[-1].strip()

    def close(self) -> None:
        self._line.close()


class Monitor:
    """QEMU's machine protocol (QMP): a line of JSON there, a line of JSON back, events in between."""

    def __init__(self, path: Path) -> None:
        self._line = socket.socket(socket.AF_UNIX)
        self._line.settimeout(60)
        until(lambda: self._line.connect_ex(str(path)) == 0, 30, "QEMU's monitor")
        self._file = self._line.makefile("rwb")
        self._file.readline()
        self.ask("qmp_capabilities")

    def ask(self, command: str, **arguments: Any) -> Any:
        self._file.write(json.dumps({"execute": command, "arguments": arguments}).encode() + b"\n")
        self._file.flush()
        while True:
            answer = json.loads(self._file.readline())
            assert "error" not in answer, f"{command}: {answer['error']}"
            if "return" in answer:
                return answer["return"]

    def close(self) -> None:
        self._file.close()
        self._line.close()
