"""What `bedside-edge check` looks at: the model, and the box it runs on."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import re
import time
from pathlib import Path

import numpy as np

from edge import model_choice
from edge.classifier import runtime_name
from edge.clock import clock_synced
from edge.commands import device_key
from edge.config import Config
from edge.errors import BedsideError, ConfigError, UnavailableError
from edge.findings import Finding, note, red, well
from edge.health import temperature_c

ROOT = Path("/")
_LEAST_MEMORY_MB = 80
_HOT_C = 80  # a Pi slows itself down from here on
_THROTTLED = "sys/devices/platform/soc*/soc*:firmware/get_throttled"
# Bits of vcgencmd get_throttled: https://www.raspberrypi.com/documentation/computers/os.html#get_throttled
_NOW = {0: "the supply voltage is too low", 1: "slowed down", 2: "slowed down", 3: "slowed down by heat"}
_LATELY = 16  # the same bits, so much further up: it has been so since somebody last asked
_HWMON, _HWMON_NAME = "sys/class/hwmon/hwmon*", "rpi_volt"  # where newer kernels tell of the supply
_SUPPLY = "use the power supply made for this board, and a short, thick cable"
_COOLER = "give it air or a heat sink"


def model(config: Config) -> list[Finding]:
    """It is there, whole, ours, goes with the settings, runs, and is fast enough on this box."""
    try:
        classifier = model_choice.configured(config, model_choice.START_LIMIT_S).classifier
        training = classifier.manifest.training
        window = np.zeros((training.window.frames, training.front_end.coefficients), np.float32)
        classifier.judge(window)  # the first one takes longer
        start = time.perf_counter()
        classifier.judge(window)
        took_s = time.perf_counter() - start
    except BedsideError as error:
        return [_refused(error, config)]
    hop_s = training.window.hop_frames * training.front_end.hop_length / training.front_end.sample_rate
    words = f"judges a window in {1000 * took_s:.1f} ms, one comes every {1000 * hop_s:.0f} ms"
    if took_s > hop_s:
        return [red("model", UnavailableError(words), "this box is too slow or too busy for the model")]
    signed = ["signed by a key this device knows"] if config.model.public_key_file else []
    return [well("model", f"{classifier.manifest.title}, run by {runtime_name()}", words, *signed)]


def _refused(error: BedsideError, config: Config) -> Finding:
    """What is wrong with the model, and what the bed runs instead."""
    found = red("model", error, "copy the model again")
    kept = model_choice.kept(config)
    if kept is None:
        return found
    runs = f"the bed runs the last good one, {kept.classifier.manifest.title}"
    return dataclasses.replace(found, words=(*found.words, runs))


def commands(config: Config) -> list[Finding]:
    """The key by which the hub may mute this bed, where there is one."""
    try:
        key = device_key(config.commands.key_file)
    except ConfigError as error:
        return [red("commands", error, "copy the key again")]
    return [well("commands", "the hub may mute this bed: there is a key")] if key else []


def clock(_: Config) -> list[Finding]:
    """No fault where it is not synchronised: messages say so, and their order does not depend on it."""
    now = time.strftime("%Y-%m-%d %H:%M:%S %Z")
    if clock_synced():
        return [well("clock", f"synchronised, {now}")]
    remedy = "if the time is wrong, name a time server in /etc/systemd/timesyncd.conf"
    return [note("clock", f"not synchronised, {now}", remedy=remedy)]


def processor(_: Config, root: Path = ROOT) -> list[Finding]:
    """Load, heat, and what the board's own watch over its supply says, where it has one."""
    cores, load = os.cpu_count() or 1, _load(root)
    words = [f"{cores} cores" if load is None else f"load {load:.2f} on {cores} cores"]
    degrees, flags = temperature_c(root), _throttled(root)
    if degrees is not None:
        words.append(f"{degrees:.0f} C")
    now = [what for bit, what in _NOW.items() if flags is not None and flags & 1 << bit]
    earlier = [what for bit, what in _NOW.items() if flags is not None and flags & 1 << (bit + _LATELY)]
    if now:
        remedy = _SUPPLY if now[0] == _NOW[0] else _COOLER
        return [red("processor", UnavailableError(f"{_list(now)}: {', '.join(words)}"), remedy)]
    if degrees is not None and degrees >= _HOT_C:
        return [red("processor", UnavailableError(f"too hot: {', '.join(words)}"), _COOLER)]
    if earlier:
        remedy = _SUPPLY if earlier[0] == _NOW[0] else _COOLER
        return [note("processor", ", ".join(words), f"lately: {_list(earlier)}", remedy=remedy)]
    if flags is not None:
        words.append("power supply well")
    if load is not None and load > 2 * cores:
        return [note("processor", ", ".join(words), remedy="see with `top` what else runs here")]
    return [well("processor", ", ".join(words))]


def memory(_: Config, root: Path = ROOT) -> list[Finding]:
    """What is free, buffers that can be given up included."""
    found = dict(
        re.findall(r"^(MemTotal|MemAvailable): *(\d+) kB", _text(root / "proc/meminfo"), re.MULTILINE)
    )
    if len(found) < 2:
        return [note("memory", "not known: this system has no /proc/meminfo")]
    free_mb, total_mb = (int(found[name]) * 1024 / 1e6 for name in ("MemAvailable", "MemTotal"))
    words = f"{free_mb:.0f} of {total_mb:.0f} MB free"
    if free_mb < _LEAST_MEMORY_MB:
        remedy = f"see with `top` what else runs here; {_LEAST_MEMORY_MB} MB are needed"
        return [red("memory", UnavailableError(words), remedy)]
    return [well("memory", words)]


def _load(root: Path) -> float | None:
    """Processes that ran or wanted to, on average of the last minute."""
    try:
        return float(_text(root / "proc/loadavg").split()[0])
    except (ValueError, IndexError):
        return None


def _throttled(root: Path) -> int | None:
    """The flags of the board's own watch; None where it has none."""
    found = [_text(file) for file in root.glob(_THROTTLED)]
    # 1 there: the supply's voltage is too low.
    ours = [one for one in root.glob(_HWMON) if _text(one / "name").strip() == _HWMON_NAME]
    found += [_text(one / "in0_lcrit_alarm") for one in ours]
    flags = None
    for text in found:
        with contextlib.suppress(ValueError):
            flags = (flags or 0) | int(text.strip(), 16)
    return flags


def _list(words: list[str]) -> str:
    return ", ".join(dict.fromkeys(words))


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="ascii", errors="replace")
    except OSError:
        return ""
