"""How long a window may take on a Raspberry Pi, reckoned from instructions counted under emulation."""

from __future__ import annotations

METHOD = (
    "Estimated, not measured on a Pi: multiply-adds, times the instructions that tflite-runtime 2.14 spent on"
    " each with the shipped recipe's network under QEMU (user mode, counted by a plugin, as that board's"
    " processor), at one instruction a cycle and the board's nominal clock, one thread. Caches and memory are"
    " not in it. tflite-runtime 2.14 leaves the dot-product instructions of a Pi 5 unused; ai-edge-litert"
    " took a third of its int8 instructions there."
)
# `make test-arm64` counts them again and fails where they differ: the median of eight windows of 26.0 million
# multiply-adds, from before the network is given a window until its scores are there.
INSTRUCTIONS = {
    "int8": {"cortex-a53": 0.4330, "cortex-a72": 0.4330, "cortex-a76": 0.4330},
    "16x8": {"cortex-a53": 4.616, "cortex-a72": 4.616, "cortex-a76": 4.616},
    "float16": {"cortex-a53": 0.5912, "cortex-a72": 0.4244, "cortex-a76": 0.3972},
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
