"""An outbox that another process has open, as the daemon's is."""

import contextlib
import subprocess
import sys
from pathlib import Path

HOLD = """
import sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from samples import episode, summary
from edge.outbox import Outbox

outbox = Outbox(Path(sys.argv[1]), "b" * 32)
outbox.append(summary)
outbox.append(episode)
print("open", flush=True)
time.sleep(1000)
"""


@contextlib.contextmanager
def held_outbox(folder):
    """The process that has the outbox in `folder` open, with two messages in it; killed at the end."""
    command = [sys.executable, "-c", HOLD, str(folder), str(Path(__file__).parent)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]
    ) as process:
        try:
            assert process.stdout.readline() == "open\n"
            yield process.pid
        finally:
            process.kill()
