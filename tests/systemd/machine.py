"""A machine of our own with a real systemd: systemd-nspawn over a throw-away layer above this one's root."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
UNIT = "bedside-edge.service"
CHECKOUT = Path("/opt/checkout")
"""Where the machine sees this checkout; its own /tmp is empty."""
_DROP_INS = Path("etc/systemd/system/bedside-edge.service.d")


def inside(path):
    """The same file as the machine sees it."""
    path = Path(path)
    return CHECKOUT / path.relative_to(ROOT) if path.is_relative_to(ROOT) else path


class Machine:
    """Boots in a few seconds; whatever is written in it is gone afterwards."""

    def __init__(self, folder):
        self._folder = folder
        self._nspawn = None
        self.root = folder / "root"
        subprocess.run(["mount", "-t", "tmpfs", "bedside-test", str(folder)], check=True, capture_output=True)
        try:
            for name in ("upper", "work", "root"):
                (folder / name).mkdir()
            layers = f"lowerdir=/,upperdir={folder}/upper,workdir={folder}/work"
            subprocess.run(
                ["mount", "-t", "overlay", "overlay", "-o", layers, str(self.root)],
                check=True,
                capture_output=True,
            )
            self._install()
            self._boot()
        except BaseException:
            self.close()
            raise

    def close(self):
        if self._nspawn is not None:
            # Its first process first: killed alone, systemd-nspawn would leave the machine running.
            for pid in self._machine():
                os.kill(pid, signal.SIGKILL)
            self._nspawn.send_signal(signal.SIGKILL)
            self._nspawn.communicate()
        for path in (self.root, self._folder):
            subprocess.run(["umount", "-l", str(path)], check=False, capture_output=True)

    def _install(self):
        """The shipped unit; what lies elsewhere here than on a bedside device goes into a drop-in."""
        text = (ROOT / "systemd" / UNIT).read_text(encoding="utf-8")
        self.write("etc/systemd/system/" + UNIT, text)
        # The interpreter may lie in a home folder, which the service's user may not enter.
        needed = [inside(sys.prefix), Path(sys.base_prefix)]
        for start in needed:
            for path in (start, *start.parents):
                if (self.root / path.relative_to("/")).exists():
                    (self.root / path.relative_to("/")).chmod(0o755)
        home = any(str(path).startswith(("/root", "/home")) for path in needed)
        self.python = inside(sys.prefix) / "bin" / "python"
        self.base = f"[Service]\nEnvironment=PYTHONPATH={CHECKOUT}\nRestartSec=0.3\n"
        self.base += "ProtectHome=no\n" if home else ""
        (self.root / "etc/machine-id").write_text("", encoding="ascii")

    def _boot(self):
        self._nspawn = subprocess.Popen(
            ["systemd-nspawn", "--quiet", "--boot", "-D", str(self.root), f"--machine=bed{os.getpid()}",
             f"--bind-ro={ROOT}:{CHECKOUT}", "--register=no", "--keep-unit",
             "--link-journal=no", "--", "systemd.unit=basic.target"],
            env={**os.environ, "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1"},
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
            start_new_session=True,
        )  # fmt: skip
        end = time.monotonic() + 60
        while time.monotonic() < end:
            if self._nspawn.poll() is not None:
                raise RuntimeError(f"systemd-nspawn ended: {self._nspawn.stderr.read()}")
            for pid in self._machine():
                self._pid = str(pid)
                if self.run("systemctl", "is-active", "basic.target", check=False).strip() == "active":
                    return
            time.sleep(0.2)
        raise RuntimeError("the machine does not boot within a minute")

    def _machine(self):
        """The machine's first process, once there is one."""
        children = Path(f"/proc/{self._nspawn.pid}/task/{self._nspawn.pid}/children")
        return [int(pid) for pid in children.read_text(encoding="ascii").split()] if children.exists() else []

    def run(self, *command, check=True, seconds=60):
        """What a command prints in the machine, run by its root."""
        done = subprocess.run(
            ["nsenter", "-t", self._pid, "-a", *command],
            capture_output=True,
            text=True,
            check=False,
            timeout=seconds,
        )
        if check and done.returncode:
            raise RuntimeError(f"{' '.join(command)}: {done.stdout}{done.stderr}")
        return done.stdout

    def write(self, path, text, mode=0o644):
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        file.chmod(mode)

    def configure(self, text):
        self.write("etc/bedside-ser/edge.toml", text)

    def start(self, *arguments, snippet=None, settings=""):
        """Start the service with these arguments to `bedside-edge run`; with `snippet` as code before it."""
        self.stop()
        for old in self.run("sh", "-c", "ls /var/lib/private/bedside-edge/* 2>/dev/null || true").split():
            self.run("rm", "-rf", old)
        command = f"{self.python} -P -m edge"
        if snippet is not None:
            self.write("opt/snippet.py", snippet)
            command = f"{self.python} -P /opt/snippet.py"
        words = " ".join(map(str, arguments))
        text = f"{self.base}ExecStart=\nExecStart={command} run --config /etc/bedside-ser/edge.toml {words}\n"
        self.write(str(_DROP_INS / "test.conf"), text + settings)
        self.run("systemctl", "daemon-reload")
        self.since = time.time() - 0.05
        self.run("systemctl", "start", UNIT, check=False)

    def stop(self):
        self.run("systemctl", "stop", UNIT, check=False)
        self.run("systemctl", "reset-failed", UNIT, check=False)

    def show(self, *names, unit=UNIT):
        """Properties of a service, by name."""
        lines = self.run("systemctl", "show", unit, "-p", ",".join(names)).splitlines()
        found = dict(line.split("=", 1) for line in lines)
        return found[names[0]] if len(names) == 1 else found

    def journal(self, *matches):
        """Entries since the start, oldest first, all fields of each."""
        self.run("journalctl", "--sync")
        lines = self.run("journalctl", "-o", "json", "--all", f"--since=@{self.since:.3f}", *matches)
        return [json.loads(line) for line in lines.splitlines()]

    def messages(self, *matches):
        return [str(entry.get("MESSAGE", "")) for entry in self.journal(*matches)]

    def pss_mb(self, pid=None):
        """Proportional set size of a process, the service's own by default, in MB of a million bytes."""
        lines = self.run("cat", f"/proc/{pid or self.show('MainPID')}/smaps_rollup").splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) * 1024 / 1e6
