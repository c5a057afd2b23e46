"""A box with a card in it, as three folders."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from deploy.apply import take_over


@dataclass
class Box:
    """The partitions of a card in a box."""

    folder: Path

    @property
    def boot(self):
        return self.folder / "boot"

    @property
    def data(self):
        return self.folder / "data"

    @property
    def root(self):
        return self.folder / "root"

    def write(self, text, name="bedside.toml"):
        (self.boot / name).write_bytes(text.encode() if isinstance(text, str) else text)

    def start(self):
        """The box is switched on: what is in memory is gone, the settings are taken over."""
        shutil.rmtree(self.root, ignore_errors=True)
        self.root.mkdir()
        return take_over(self.boot, self.data, self.root)

    @property
    def toml(self):
        return (self.boot / "bedside.toml").read_text(encoding="utf-8")

    @property
    def status(self):
        return (self.boot / "STATUS.TXT").read_bytes().decode()

    def made(self, path):
        return (self.root / path).read_text(encoding="utf-8")

    def everything(self, folder):
        """The bytes of all files below, names included."""
        files = sorted(path for path in (self.folder / folder).rglob("*") if path.is_file())
        return b"".join(path.name.encode() + path.read_bytes() for path in files)
