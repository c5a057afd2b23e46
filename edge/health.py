"""What the device costs: processor time, memory and temperature, from /proc and /sys."""

from __future__ import annotations

import os
import resource
from dataclasses import dataclass
from pathlib import Path

_STATM = Path("/proc/self/statm")
_THERMAL = "sys/class/thermal/thermal_zone0/temp"
_ROOT = Path("/")


@dataclass(frozen=True, slots=True)
class Load:
    """A reading: share of one core in percent, resident memory in MB, degrees where known."""

    cpu_percent: float
    rss_mb: float
    temperature_c: float | None


class LoadMeter:
    """Reads the process's load; the processor's share is that since the reading before."""

    def __init__(self, now_s: float) -> None:
        self._then_s = now_s
        self._cpu_s = _cpu_seconds()

    def read(self, now_s: float) -> Load:
        """The load at `now_s`, on the same monotonic clock as at the start."""
        cpu_s = _cpu_seconds()
        elapsed = max(now_s - self._then_s, 1e-3)
        percent = max(0.0, 100 * (cpu_s - self._cpu_s) / elapsed)
        self._then_s, self._cpu_s = now_s, cpu_s
        return Load(round(percent, 1), round(_rss_mb(), 1), temperature_c())


def _cpu_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def _rss_mb() -> float:
    try:
        pages = int(_STATM.read_text(encoding="ascii").split()[1])
    except (OSError, ValueError, IndexError):  # no /proc: the highest so far is the best there is
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def temperature_c(root: Path = _ROOT) -> float | None:
    """The processor's temperature in degrees Celsius, None where it is not known."""
    try:
        degrees = int((root / _THERMAL).read_text(encoding="ascii")) / 1000
    except (OSError, ValueError):
        return None
    return degrees if -60 <= degrees <= 150 else None
