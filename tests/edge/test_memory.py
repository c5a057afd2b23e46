import subprocess
import sys

CODE = """
from pathlib import Path
from edge.memory import keep_in_memory
import resource
print(keep_in_memory())
print(resource.getrlimit(resource.RLIMIT_CORE))
print(bytes(10_000_000)[0])  # memory can be had all the same
print([line for line in Path("/proc/self/status").read_text().splitlines() if "VmLck" in line][0].split()[1])
"""


def run(before=""):
    code = f"import logging\nlogging.basicConfig()\n{before}\n{CODE}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.split("\n"), done.stderr


def test_no_core_and_locked_where_allowed():
    (locked, core, _, kilobytes, _), err = run()
    assert core == "(0, 0)"
    assert (int(kilobytes) > 0) == (locked == "True")
    assert ("memory cannot be locked" in err) == (locked == "False")


def test_a_limit_on_locking_is_said_and_harms_nothing():
    lower = "import resource\nresource.setrlimit(resource.RLIMIT_MEMLOCK, (65536, 65536))\n"
    drop = "import os\nos.setgroups([])\nos.setgid(65534)\nos.setuid(65534)\n" if _is_root() else ""
    (locked, core, zero, kilobytes, _), err = run(lower + "import edge.memory\n" + drop)
    assert (locked, core, zero, kilobytes) == ("False", "(0, 0)", "0", "0")
    assert "raise the limit (LimitMEMLOCK=infinity in the unit)" in err


def _is_root():
    import os

    return os.geteuid() == 0
