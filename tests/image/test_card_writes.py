"""A card wears out: what an ordinary day writes to it is measured, and little."""

from __future__ import annotations

import threading
import time
from collections import Counter

from emulated_box import Box
from hub_parts import Hub
from scenes import recording
from virtual_microphone import VirtualMicrophone
from ward_view import close_all, listen

MEASURED_S = 900
LIMIT_MB = 50
_DAY_S = 86_400
_SECTOR = 512


def test_a_day_writes_no_more_than_a_card_bears(box: Box, hub: Hub, microphone: VirtualMicrophone) -> None:
    """With somebody speaking in every half minute; an alert comes on top of it, with about ten messages."""
    listen(box, hub)
    time.sleep(60)  # what a start writes is over
    is_over = threading.Event()
    patient = threading.Thread(target=_live, args=(microphone, is_over))
    patient.start()
    before, began, by_program = _written(box), time.monotonic(), _by_program(box)
    time.sleep(MEASURED_S)
    box.run("sync")
    written, took = _written(box) - before, time.monotonic() - began
    is_over.set()
    patient.join(120)
    a_day = written * _DAY_S / took / 1e6
    print(f"{written / 1e6:.2f} MB in {took:.0f} s, {a_day:.1f} MB a day")
    print("bytes written by each program:", _by_program(box) - by_program)
    close_all(hub)
    assert a_day <= LIMIT_MB


def _live(microphone: VirtualMicrophone, is_over: threading.Event) -> None:
    while not is_over.wait(30):
        microphone.play(recording("neutral"))


def _by_program(box: Box) -> Counter[str]:
    """Bytes each running program has had written so far (proc_pid_io(5)), without the file system's own."""
    one = 'echo $(cat $p/comm) $(sed -n "s/^write_bytes: //p" $p/io)'
    command = f"for p in /proc/[0-9]*; do {one}; done 2>/dev/null"
    found: Counter[str] = Counter()
    for line in box.run(command).splitlines():
        name, _, count = line.rpartition(" ")
        if count.isdigit():
            found[name] += int(count)
    return found


def _written(box: Box) -> int:
    """Bytes written to the card since the start, as the kernel counts them (Documentation/block/stat.rst)."""
    return int(box.run("awk '{print $7}' /sys/block/vda/stat")) * _SECTOR
