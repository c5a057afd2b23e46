"""The shipped unit under a real systemd, every fence up."""

import re
import subprocess
import time

from machine import CHECKOUT, ROOT, UNIT

SCENE = CHECKOUT / "tests" / "data" / "scene.wav"

HANG = """
import time
from edge import cli
from edge.pipeline import Pipeline

feed, start = Pipeline.feed, time.monotonic()

def hang(self, samples, position=None):
    if time.monotonic() - start > 3:
        time.sleep(1000)
    return feed(self, samples, position)

Pipeline.feed = hang
cli.main()
"""


def test_exposure():
    text = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", str(ROOT / "systemd" / UNIT)],
        check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    level = float(re.search(r"exposure level for \S+: ([\d.]+)", text).group(1))
    assert level <= 2.0


def system_calls(group):
    """What systemd means by a group such as @clock, groups within it included."""
    listed = subprocess.run(
        ["systemd-analyze", "--no-pager", "syscall-filter", group], check=True, capture_output=True, text=True
    ).stdout
    words = [
        line.strip() for line in listed.splitlines()[1:] if line.strip() and not line.strip().startswith("#")
    ]
    nested = [system_calls(word) if word.startswith("@") else {word} for word in words]
    return set().union(*nested)


def test_the_fence_lets_the_clock_be_asked_and_not_set():
    """Line by line, as systemd.exec(5) says: the first makes the list, others add to it or take from it."""
    allowed = set()
    for line in (ROOT / "systemd" / UNIT).read_text().splitlines():
        if line.startswith("SystemCallFilter="):
            value = line.split("=", 1)[1]
            words = value.removeprefix("~").split()
            calls = {call for word in words for call in (system_calls(word) if word[0] == "@" else {word})}
            allowed = allowed - calls if value.startswith("~") else allowed | calls
    # Of these, C libraries call the one or the other.
    assert {"adjtimex", "clock_adjtime"} <= allowed
    assert not {"clock_settime", "settimeofday", "reboot", "mount"} & allowed


def test_listens_and_tells_behind_its_fence(machine, configure, hub, until, capsys):
    configure(hub.port)
    machine.start("--source", SCENE)
    assert machine.show("ActiveState") == "active"
    until(lambda: hub.of("state"), 20)
    assert (
        "a recording is played; connected"
        in until(lambda: [status] if "connected" in (status := machine.show("StatusText")) else None)[0]
    )
    times = machine.show("ExecMainStartTimestampMonotonic", "ActiveEnterTimestampMonotonic")
    start, ready = (int(times[f"{name}TimestampMonotonic"]) for name in ("ExecMainStart", "ActiveEnter"))
    onset = until(lambda: hub.of("episode"), 60)[0]
    pss = machine.pss_mb()
    with capsys.disabled():
        print(f"\nstart to READY {(ready - start) / 1e6:.2f} s, {pss:.1f} MB PSS", end=" ")
    assert pss <= 60
    entries = machine.journal(f"EPISODE={onset['episode']}")
    assert any("onset" in entry["MESSAGE"] for entry in entries)
    assert {entry["DEVICE"] for entry in entries} == {"bed-1"}
    assert {entry["BED"] for entry in entries} == {"Bed 1"}
    assert {entry["STATE"] for entry in entries} == {"file"}
    started = time.monotonic()
    machine.run("systemctl", "stop", UNIT)
    with capsys.disabled():
        print(f"stopped in {time.monotonic() - started:.2f} s", end=" ")
    assert machine.show("Result") == "success"
    ends = [message for message in hub.of("episode") if message["phase"] == "end"]
    assert ends[-1]["reason"].startswith("stopped while ")
    until(lambda: hub.of("state")[-1]["status"] == "offline")


def test_without_a_microphone_it_is_ready_and_says_so(machine, configure, hub, until):
    configure(hub.port)
    machine.start()
    assert machine.show("ActiveState") == "active"
    until(lambda: hub.of("state") and hub.of("state")[-1]["microphone"] == "lost", 20)
    assert hub.of("state")[-1]["status"] == "online"
    assert any("microphone" in entry["MESSAGE"] for entry in machine.journal("STATE=lost"))
    assert machine.show("NRestarts") == "0"


def test_reload(machine, configure, hub, until):
    text = configure(hub.port)
    machine.start("--source", SCENE, "--repeat")
    until(lambda: hub.of("state"), 20)
    pid = machine.show("MainPID")
    machine.configure(text.replace('"Bed 1"', '"Bed 1, window"'))
    machine.run("systemctl", "reload", UNIT)
    until(lambda: hub.of("state")[-1]["bed"] == "Bed 1, window")
    machine.configure(text.replace("port", "prot"))
    machine.run("systemctl", "reload", UNIT)
    until(lambda: "broker.prot" in machine.show("StatusText"))
    assert any("not reloaded, the old settings stay in force" in one for one in machine.messages())
    assert machine.show("ActiveState", "MainPID") == {"ActiveState": "active", "MainPID": pid}
    assert {message["status"] for message in hub.of("state")} == {"online"}


def test_stacks_into_the_journal(machine, configure, until):
    configure(1)
    machine.start("--source", SCENE, "--repeat")
    machine.run("systemctl", "kill", "--kill-whom=main", "-s", "USR1", UNIT)
    until(lambda: any("daemon.py" in message for message in machine.messages()))
    assert any("publisher.py" in message for message in machine.messages())
    assert machine.show("ActiveState") == "active"


def test_a_hung_pipeline_is_killed_and_started_anew(machine, configure, until):
    configure(1)
    machine.start("--source", SCENE, "--repeat", snippet=HANG, settings="WatchdogSec=7\n")
    assert machine.show("ActiveState") == "active"
    pid = machine.show("MainPID")
    until(lambda: machine.show("NRestarts") != "0", 40)
    until(lambda: machine.show("MainPID") not in {"0", pid}, 10)
    assert any("Watchdog timeout" in message for message in machine.messages())
    machine.stop()
    folders = ("/var/lib/private/bedside-edge", "/var/lib/systemd/coredump")
    found = machine.run("find", *folders, "-type", "f", check=False)
    names = {line.rsplit("/", 1)[1] for line in found.splitlines()}
    assert names
    assert all(name.startswith(("outbox.sqlite", "mute", "last-good.tflite")) for name in names)


def test_killed_and_started_anew(machine, configure, hub, until):
    configure(hub.port)
    machine.start("--source", SCENE, "--repeat")
    until(lambda: hub.of("state"), 20)
    machine.run("systemctl", "kill", "--kill-whom=main", "-s", "KILL", UNIT)
    until(lambda: len({message["stamp"]["boot_id"] for message in hub.of("state")}) == 2, 20)


def test_credentials(machine, configure, guarded_broker, until):
    port, login = guarded_broker
    configure(port, broker=login)
    machine.start("--source", SCENE, "--repeat")
    until(lambda: "; connected" in machine.show("StatusText"), 20)
    configure(port, broker=login.replace("broker-password", "other"))
    machine.start("--source", SCENE)
    until(lambda: machine.show("ActiveState") == "failed")
    assert machine.show("ExecMainStatus") == "78"
    assert any("bedside-other'; it must be a readable file" in message for message in machine.messages())
