"""The same files make the same card, byte for byte, whenever and wherever it is made."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import time
from pathlib import Path

HERE = Path(__file__).parents[2] / "deploy" / "image"
EPOCH = "1767323045"


def test_partitions_made_twice_are_the_same(tmp_path: Path) -> None:
    """With our layout and few files; what differs between two moments is there in one of them already."""
    made = []
    for number in (1, 2):
        root = tmp_path / "root"
        shutil.copytree(HERE, root / "data")
        shutil.copytree(HERE / "boot", root / "boot/firmware")
        subprocess.run(["find", root, "-exec", "touch", "-h", f"--date=@{EPOCH}", "{}", "+"], check=True)
        made.append(_made(root, tmp_path / f"{number}"))
        shutil.rmtree(root)
        time.sleep(2)
    assert made[0] == made[1]


def _made(root: Path, folder: Path) -> dict[str, str]:
    """SHA-256 of each image by its name."""
    folder.mkdir()
    layout = (HERE / "genimage.cfg").read_text()
    for mark, value in (("ROOT_SIZE", "60M"), ("NAME", "card"), ("HERE", str(HERE))):
        layout = layout.replace(f"@{mark}@", value)
    (folder / "genimage.cfg").write_text(layout)
    command = ["genimage", "--loglevel", "0", "--config", folder / "genimage.cfg", "--rootpath", root]
    command += ["--tmppath", folder / "tmp", "--inputpath", folder, "--outputpath", folder / "images"]
    times = {"SOURCE_DATE_EPOCH": EPOCH, "E2FSPROGS_FAKE_TIME": EPOCH, "E2FSCK_TIME": EPOCH}
    subprocess.run(command, check=True, env={**os.environ, **times})
    images = (folder / "images").iterdir()
    return {image.name: hashlib.sha256(image.read_bytes()).hexdigest() for image in images}
