"""A mistake in bedside.toml: one clear line wherever somebody may look, and the last good settings stay."""

from __future__ import annotations

import json
from pathlib import Path

from emulated_box import Box
from hub_parts import Hub
from ward_view import listen


def test_a_mistake_is_told_and_the_bed_goes_on(box: Box, hub: Hub, tmp_path: Path) -> None:
    listen(box, hub)
    box.shut_down()
    good = box.card.read("bedside.toml")
    box.card.write("bedside.toml", good.replace("host =", "hosst ="), tmp_path)
    said_before = len(box.console.read_bytes())

    listen(box, hub)
    line = next(line for line in box.run("cat /boot/firmware/STATUS.TXT").splitlines() if "WRONG" in line)
    assert "hosst" in line
    assert "host" in line.replace("hosst", "")
    assert "stay in force" in box.run("cat /boot/firmware/STATUS.TXT")
    assert line in box.console.read_bytes()[said_before:].decode(errors="replace").replace("\r", "")
    outcome = json.loads(box.run("cat /run/bedside/settings.json"))
    assert outcome["mistakes"], "what the light's service tells"
    last_words = " messages wait for the hub"
    assert last_words in box.run("cat /data/journal/kept.log"), "what the daemon said when it was ended"

    box.shut_down()
    assert "hosst" in box.card.read("STATUS.TXT"), "to be read on any computer"
    box.card.write("bedside.toml", good, tmp_path)
    listen(box, hub)
    assert "all is well" in box.run("cat /boot/firmware/STATUS.TXT")
