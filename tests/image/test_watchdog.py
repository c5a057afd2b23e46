"""A kernel that hangs is started anew by the board's watchdog, and the bed comes back."""

from __future__ import annotations

from emulated_box import WATCHDOG, Box
from hub_parts import Hub, until
from ward_view import listen


def test_a_hung_kernel_is_started_anew(box: Box, hub: Hub) -> None:
    listen(box, hub)
    box.shut_down()
    watched = Box(box.card, box.folder, sound=box.sound, more=(*box.more, *WATCHDOG))
    try:
        watched.power_on(watchdog=True)
        watched.wait_until("systemctl is-active bedside-edge")
        starts = watched.starts()
        # It would start anew by itself after a panic (panic= in cmdline.txt): take that away, and hang.
        watched.run("(sleep 1; echo 0 >/proc/sys/kernel/panic; echo c >/proc/sysrq-trigger) & true")
        until(lambda: watched.starts() > starts, 300, "the watchdog's turn")
        watched.forget_shell()
        listen(watched, hub)
    finally:
        watched.cut_power()
