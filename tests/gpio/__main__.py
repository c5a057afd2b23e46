"""The pins' tests with real libgpiod on a real kernel that simulates a Raspberry Pi's chip: `make test-gpio`.

Few kernels have gpio-sim, Debian's neither. So Linux is made as a process of this machine (user-mode Linux),
out of Debian's source, with little else than that; it sees this machine's files, and may change none. Where
the running kernel has gpio-sim, as root, `pytest tests/edge/test_panel.py` does the same.
"""

from __future__ import annotations

import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
CACHE = ROOT / ".cache" / "gpio"
CONFIGURATION = Path(__file__).with_name("kernel.config")
TESTS = ("tests/edge/test_panel.py", "tests/edge/test_permission.py")
NOT_NEEDED = ("--exclude=*/Documentation/*/*", "--exclude=*/tools/testing", "--exclude=*/boot/dts",
              "--exclude=*/drm/amd/include")  # fmt: skip
"""Half of the source's bytes."""
LIMIT_S = 600
_POWER_OFF = 0x4321FEDC  # reboot(2), LINUX_REBOOT_CMD_POWER_OFF
# The first process, and the only one: nothing it mounts is seen outside.
INIT = """\
#!/bin/sh
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t configfs configfs /sys/kernel/config
mount -t devtmpfs devtmpfs /dev
mkdir /dev/shm && mount -t tmpfs tmpfs /dev/shm
export TMPDIR=/dev/shm HOME=/dev/shm PATH={path} PYTHONDONTWRITEBYTECODE=1 PYTHONPATH={root} OMP_NUM_THREADS=1
mkdir -p /sys/kernel/config/gpio-sim || echo "this kernel has no gpio-sim"
cd {root}
{python} -m pytest --color=no -p no:cacheprovider -p no:xdist {tests}
echo "tests ended with status $?"
exec {python} -c 'import ctypes; ctypes.CDLL(None).reboot({power_off})'
"""


class KernelError(Exception):
    """One sentence that says why there is no kernel."""


def main() -> int:
    """Exit status of the tests; 69 where this machine cannot make or run the kernel."""
    if platform.machine() != "x86_64":
        print("user-mode Linux runs on x86-64; run make test-gpio on such a machine", file=sys.stderr)
        return 69
    sources = sorted(Path("/usr/src").glob("linux-source-*.tar.xz"))
    if not sources:
        print("there is no /usr/src/linux-source-*.tar.xz: apt install linux-source", file=sys.stderr)
        return 69
    try:
        kernel = made(sources[-1])
    except (KernelError, subprocess.CalledProcessError) as error:
        print(f"the kernel was not made: {error}", file=sys.stderr)
        return 69
    return tested(kernel)


def made(source: Path) -> Path:
    """The kernel's program, kept in .cache by source and configuration: some minutes the first time."""
    mark = hashlib.sha256(source.name.encode() + CONFIGURATION.read_bytes()).hexdigest()[:12]
    kernel = CACHE / f"linux-{mark}"
    if kernel.exists():
        return kernel
    CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE) as name:
        print(f"==> making user-mode Linux out of {source}", flush=True)
        subprocess.run(["tar", "-xf", source, "-C", name, "--strip-components=1", *NOT_NEEDED], check=True)
        _more_interrupts(Path(name) / "arch/um/include/asm/irq.h")
        make = ("make", "-s", "-C", name, "ARCH=um")
        subprocess.run([*make, f"KCONFIG_ALLCONFIG={CONFIGURATION}", "allnoconfig"], check=True)
        subprocess.run([*make, f"-j{os.cpu_count()}", "linux"], check=True)
        shutil.copy(Path(name) / "linux", kernel)
    return kernel


def _more_interrupts(header: Path) -> None:
    """User-mode Linux takes all interrupts it knows for itself; the chip wants one for each watched pin."""
    text, count = re.subn(
        r"^(#define NR_IRQS\s+)UM_LAST_SIGNAL_IRQ$",
        r"\1(UM_LAST_SIGNAL_IRQ + 64)",
        header.read_text(),
        flags=re.MULTILINE,
    )
    if count != 1:
        raise KernelError(f"{header.name} of this Linux is not as expected; take the source of Linux 6.1")
    header.write_text(text)


def tested(kernel: Path) -> int:
    """Run the tests on it; their status."""
    init = CACHE / "init.sh"
    init.write_text(
        INIT.format(
            path=os.environ["PATH"], root=ROOT, python=sys.executable, tests=" ".join(TESTS),
            power_off=_POWER_OFF,
        )
    )  # fmt: skip
    init.chmod(0o755)
    command = [kernel, "mem=512M", "rootfstype=hostfs", "ro", "quiet", f"init={init}", "con=null",
               "con0=null,fd:1"]  # fmt: skip
    done = subprocess.run(
        command, check=False, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, timeout=LIMIT_S
    )
    told = done.stdout.decode(errors="replace").replace("\r", "")
    print(told)
    found = re.search(r"^tests ended with status (\d+)$", told, re.MULTILINE)
    if found is None:
        print("the kernel ended before the tests did", file=sys.stderr)
        return 69
    if "no gpio-sim" in told:
        print("the kernel has no gpio-sim, so nothing was tested on it", file=sys.stderr)
        return 69
    return int(found[1])


if __name__ == "__main__":
    sys.exit(main())
