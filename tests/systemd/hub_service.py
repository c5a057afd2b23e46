"""The hub's units in a machine of our own."""

import subprocess
import time
from pathlib import Path

from machine import CHECKOUT, ROOT
from ports import free_port

WHOLE = "bedside-hub.service"
PARTS = tuple(f"bedside-hub@{name}.service" for name in ("ingest", "alerts", "web", "push"))
CONFIG = "/etc/bedside-ser/hub.toml"
DATA = "/var/lib/bedside-hub"
_VERBS = {WHOLE: "run", "bedside-hub@.service": "%i"}


class HubService:
    """The shipped units, started as an administrator does; `settings` goes into a drop-in."""

    def __init__(self, machine):
        self.machine = machine
        self.port = free_port()
        self.since = time.time()
        for unit in (*_VERBS, "bedside-hub.target"):
            machine.write(f"etc/systemd/system/{unit}", (ROOT / "systemd" / unit).read_text())
        users = (ROOT / "systemd" / "bedside-hub.sysusers").read_text()
        machine.write("etc/sysusers.d/bedside-hub.conf", users)
        machine.run("systemd-sysusers")

    def configure(self, broker="", more="", accounts="required = false"):
        text = (
            f'site = "demo"\ndata = "{DATA}"\n[web]\nport = {self.port}\n[accounts]\n{accounts}\n'
            f"[broker]\n{broker}\n{more}\n"
        )
        self.machine.write(CONFIG.lstrip("/"), text)
        return text

    def lay(self, settings="", snippet=None):
        """What lies elsewhere here than on a hub of a ward."""
        program = "-m hub.cli"
        if snippet is not None:
            self.machine.write("opt/hub_snippet.py", snippet)
            program = "/opt/hub_snippet.py"
        for unit, verb in _VERBS.items():
            start = f"{self.machine.python} -P {program} {verb} --config {CONFIG}"
            text = f"{self.machine.base}ExecStart=\nExecStart={start}\n{settings}"
            self.machine.write(f"etc/systemd/system/{unit}.d/test.conf", text)
        self.machine.run("systemctl", "daemon-reload")
        self.machine.since = time.time() - 0.05

    def start(self, *units):
        self.machine.run("systemctl", "start", *units, check=False)

    def stop(self):
        units = (WHOLE, "bedside-hub.target", *PARTS)
        self.machine.run("systemctl", "stop", *units, check=False)
        self.machine.run("systemctl", "reset-failed", *units, check=False)

    def forget(self):
        """As if it had never run."""
        self.stop()
        self.machine.run("rm", "-rf", DATA)

    def show(self, unit, *names):
        return self.machine.show(*names, unit=unit)

    def hand(self, *words, check=True):
        """What `bedside-hub` prints, run by root beside the service."""
        environment = ["env", f"PYTHONPATH={CHECKOUT}", "PYTHONDONTWRITEBYTECODE=1"]
        command = [self.machine.python, "-P", "-m", "hub.cli", words[0], "--config", CONFIG, *words[1:]]
        return self.machine.run(*environment, *map(str, command), check=check)

    def children(self):
        """Process numbers of the supervisor's children by their verb."""
        pid = self.show(WHOLE, "MainPID")
        found = {}
        for child in self.machine.run("cat", f"/proc/{pid}/task/{pid}/children", check=False).split():
            words = self.machine.run("cat", f"/proc/{child}/cmdline", check=False).split("\0")
            if "--config" in words:  # else it is ending
                found[words[words.index("--config") - 1]] = child
        return found


def exposure(path):
    """What `systemd-analyze security` says of a unit that is not installed."""
    text = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--no-pager", str(path)],
        check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    return float(text.rsplit("exposure level for ", 1)[1].split(": ", 1)[1].split()[0])


def copy_as_instance(template: Path, folder: Path, instance: str) -> Path:
    """A template's text under the name of an instance, which is what can be judged."""
    to = folder / template.name.replace("@.", f"@{instance}.")
    to.write_text(template.read_text())
    return to
