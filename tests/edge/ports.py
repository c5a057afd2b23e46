"""Ports that tests may listen on."""

import random
import socket
from pathlib import Path

_system = random.SystemRandom()  # two test processes that hypothesis gave the same seed must not meet


def free_port() -> int:
    """A port nobody listens on now and the kernel hands to nobody by itself.

    One of those it hands out could go to anybody's outgoing connection while a server that a test
    stops and starts again is away.
    """
    range_of_the_kernel = Path("/proc/sys/net/ipv4/ip_local_port_range").read_text(encoding="ascii")
    end = int(range_of_the_kernel.split()[0])
    while True:
        port = _system.randrange(10_000, end)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
