"""A disk that is really full or read-only: a small file system of our own."""

import contextlib
import os
import shutil
import subprocess

import pytest


class SmallDisk:
    """A tmpfs mounted at `folder`; needs root."""

    def __init__(self, folder, megabytes):
        self.folder = folder
        folder.mkdir()
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "bedside-test", str(folder)],
            check=False,
            capture_output=True,
            text=True,
        )
        if mounted.returncode:
            pytest.skip(f"no file system can be mounted here: {mounted.stderr.strip()}")

    def fill(self):
        """Leave not a byte."""
        with (self.folder / "filler").open("wb", buffering=0) as file, contextlib.suppress(OSError):
            while True:
                file.write(bytes(4096))

    def free(self):
        (self.folder / "filler").unlink()

    def read_only(self, *, on):
        """For everybody who opens a file from now on; those who write keep it from being so."""
        subprocess.run(
            ["mount", "-o", f"remount,{'ro' if on else 'rw'}", str(self.folder)], check=True, timeout=10
        )

    def unmount(self):
        subprocess.run(["umount", "-l", str(self.folder)], check=True)


@contextlib.contextmanager
def small_disk(folder, megabytes=6):
    if os.geteuid() != 0:
        pytest.skip("only root may mount a file system")
    disk = SmallDisk(folder, megabytes)
    try:
        yield disk
    finally:
        disk.unmount()


class Card:
    """An ext4 file system that can fail as one on a worn card does: read-only from one moment to the next."""

    def __init__(self, folder):
        self.folder, self._image = folder, folder.with_name("card.img")
        folder.mkdir()
        with self._image.open("wb") as file:
            file.truncate(16 << 20)
        made = shutil.which("mkfs.ext4") and subprocess.run(
            ["mkfs.ext4", "-q", str(self._image)], check=False, capture_output=True
        )
        if not made or made.returncode or not self.mount():
            pytest.skip("no ext4 can be made and mounted from a file here")

    def mount(self):
        command = ["mount", "-o", "loop", str(self._image), str(self.folder)]
        return subprocess.run(command, check=False, capture_output=True).returncode == 0

    def fail(self):
        subprocess.run(["mount", "-o", "remount,abort", str(self.folder)], check=True)

    def unmount(self):
        subprocess.run(["umount", str(self.folder)], check=False, capture_output=True)


@contextlib.contextmanager
def failing_card(folder):
    if os.geteuid() != 0:
        pytest.skip("only root may mount a file system")
    card = Card(folder)
    try:
        yield card
    finally:
        card.unmount()
