"""A real pseudo-terminal of a given size, with a command in it."""

import contextlib
import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time

from waiting import until


class Terminal:
    """What the command writes is in `text`."""

    def __init__(self, command, environment, columns=80, rows=24):
        self._ours, theirs = pty.openpty()
        self.resize(columns, rows)
        modes = termios.tcgetattr(theirs)
        modes[3] |= termios.NOFLSH  # or Ctrl-C would throw away what has been written and not been read yet
        termios.tcsetattr(theirs, termios.TCSANOW, modes)
        self.text = ""
        # Its own terminal, so that Ctrl-C reaches it.
        self.process = subprocess.Popen(
            ["setsid", "--ctty", *map(str, command)],
            stdin=theirs, stdout=theirs, stderr=theirs, env={**environment, "TERM": "xterm"},
        )  # fmt: skip
        os.close(theirs)

    def resize(self, columns, rows):
        fcntl.ioctl(self._ours, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def read(self):
        """Takes what is there; false once the command has closed its end."""
        with contextlib.suppress(OSError):  # Linux's way to say so
            if not select.select([self._ours], [], [], 0.05)[0]:
                return True
            if more := os.read(self._ours, 65536):
                self.text += more.decode(errors="replace")
                return True
        return False

    def await_text(self, pattern, seconds=20.0):
        """Until something that matches has been written."""

        def found():
            self.read()
            return re.search(pattern, self.text)

        return until(found, seconds)

    def type(self, keys):
        os.write(self._ours, keys)

    def end(self, seconds=20.0):
        """Reads on until the command ends; its exit status."""
        limit = time.monotonic() + seconds
        while self.read() and time.monotonic() < limit:
            pass
        return self.process.wait(seconds)

    def hang_up(self):
        """The terminal is gone."""
        if self._ours is not None:
            os.close(self._ours)
            self._ours = None

    def close(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
        self.hang_up()


def plain(text):
    """Without colours."""
    return re.sub(r"\033\[\d*m", "", text)
