"""killed_apply.py GOOD WORK: takes over copies of the box GOOD, killed before each change of a partition.

What lies in memory is gone with the power, so its changes do not count. Leaves the boxes as WORK/0, WORK/1, …
and prints before what each was killed; the last one comes to its end.
"""

import os
import shutil
import signal
import sys
from pathlib import Path

from deploy.apply import take_over

CHANGES = ("fchmod", "fsync", "mkdir", "replace", "symlink", "unlink")
MOST = 100


def take_over_until(number, box):
    """Never returns."""
    left = number

    def before(name, call):
        def counted(*arguments, **options):
            nonlocal left
            first = arguments[0]
            path = Path(os.readlink(f"/proc/self/fd/{first}") if isinstance(first, int) else first)  # noqa: PTH115
            if path.is_relative_to(box / "root"):
                return call(*arguments, **options)
            if left == 0:
                print(number, name, path, flush=True)
                os.kill(os.getpid(), signal.SIGKILL)
            left -= 1
            return call(*arguments, **options)

        return counted

    for name in CHANGES:
        setattr(os, name, before(name, getattr(os, name)))
    take_over(box / "boot", box / "data", box / "root")
    print(number, "the end", flush=True)
    os._exit(0)


def main():
    good, work = map(Path, sys.argv[1:])
    for number in range(MOST):
        box = work / str(number)
        shutil.copytree(good, box, symlinks=True)
        child = os.fork()
        if child == 0:
            take_over_until(number, box)
        if os.waitpid(child, 0)[1] == 0:
            return
    sys.exit(f"no end after {MOST} changes")


main()
