"""How long a window may take on a Raspberry Pi, reckoned from instructions counted under emulation."""

from __future__ import annotations

METHOD = (
    "Estimated, not measured on a Pi: multiply-adds, times the instructions that tflite-runtime 2.14 spent on"
    " each with the shipped recipe's network under QEMU (user mode, counted by a plugin, as that board's"
    " processor), at one instruction a cycle and the board's nominal clock, one thread. Caches and memory are"
    " not in it. Of int8 ai-edge-litert took fewer: seven eighths on a Pi 3, three quarters on a Pi 4, two"
    " fifths with the dot product of a Pi 5."
)
# `make test-arm64` counts them again and fails where they differ: the median of eight windows of 58.6 million
# multiply-adds, from before the network is given a window until its scores are there.
INSTRUCTIONS = {
    "int8": {"cortex-a53": 0.6601, "cortex-a72": 0.6601, "cortex-a76": 0.6601},
    "16x8": {"cortex-a53": 6.510, "cortex-a72": 6.510, "cortex-a76": 6.510},
    "float16": {"cortex-a53": 0.6040, "cortex-a72": 0.4316, "cortex-a76": 0.4117},
}
_BOARDS = {
    "Pi Zero 2 W": ("cortex-a53", 1.0e9),
    "Pi 3B+": ("cortex-a53", 1.4e9),
    "Pi 4": ("cortex-a72", 1.5e9),
    "Pi 5": ("cortex-a76", 2.4e9),
}


def estimate(scheme: str, multiply_adds: int) -> dict[str, float]:
    """Milliseconds a window by board; nothing of a scheme whose instructions nobody has counted."""
    counted = INSTRUCTIONS.get(scheme)
    if counted is None:
        return {}
    return {
        board: round(multiply_adds * counted[processor] / clock * 1000, 2)
        for board, (processor, clock) in _BOARDS.items()
    }
