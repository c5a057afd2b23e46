"""The hub's units under a real systemd, every fence up."""

import subprocess
import time
from pathlib import Path

import httpx
import pytest
from broker_parts import Broker
from hub_service import CONFIG, DATA, PARTS, WHOLE, HubService, copy_as_instance, exposure
from machine import ROOT
from ports import free_port

HANG = """
import time
from hub import cli, ingest

gather = ingest.Ingest._gather

def hang(self):
    if self._pulse._ready:
        time.sleep(1000)
    return gather(self)

ingest.Ingest._gather = hang
cli.main()
"""


@pytest.fixture(scope="module")
def units(machine):
    one = HubService(machine)
    yield one
    one.forget()


@pytest.fixture
def service(units):
    units.lay()
    yield units
    units.forget()


def well(service):
    try:
        return httpx.get(f"http://127.0.0.1:{service.port}/healthz", timeout=2).status_code == 200
    except httpx.TransportError:
        return False


def test_exposure(tmp_path):
    for name in (WHOLE, "bedside-hub-backup.service"):
        assert exposure(ROOT / "systemd" / name) <= 1.5
    assert exposure(copy_as_instance(ROOT / "systemd" / "bedside-hub@.service", tmp_path, "web")) <= 1.5


def test_whoever_takes_anothers_place_waits_for_its_end():
    """Without an order systemd stops the one and starts the other at once: both would have the port."""
    found = 0
    for path in (ROOT / "systemd").iterdir():
        if not path.is_file():
            continue
        lines = [line.partition("=") for line in path.read_text().splitlines()]
        after = {name for key, _, names in lines if key == "After" for name in names.split()}
        conflicts = {name for key, _, names in lines if key == "Conflicts" for name in names.split()}
        assert conflicts - {"shutdown.target"} <= after, path.name  # which waits for them, not they for it
        found += len(conflicts)
    assert found >= 2


def test_whole(machine, service, make_broker, until, tmp_path, capsys):
    passwords = tmp_path / "passwords"
    subprocess.run(["mosquitto_passwd", "-c", "-b", str(passwords), "hub", "right"], check=True)
    passwords.chmod(0o644)
    broker = make_broker(f"password_file {passwords}\nallow_anonymous false\n")
    machine.write("etc/credstore/bedside-hub-broker-password", "right\n", mode=0o600)
    login = 'username = "hub"\npassword_file = "credential:bedside-hub-broker-password"'
    text = service.configure(f"port = {broker.port}\n{login}", accounts="")
    # By hand and before the first start: what root makes must be the service's own.
    code = service.hand("admin", "Amara Diallo").splitlines()[1]
    service.start(WHOLE)
    assert service.show(WHOLE, "ActiveState") == "active"
    times = service.show(WHOLE, "ExecMainStartTimestampMonotonic", "ActiveEnterTimestampMonotonic")
    start, ready = (int(times[f"{name}TimestampMonotonic"]) for name in ("ExecMainStart", "ActiveEnter"))
    assert well(service), "READY means that it works"
    assert "hears the devices of demo" in service.show(WHOLE, "StatusText")
    join = {"code": code, "password": "correct horse battery"}
    url = f"http://127.0.0.1:{service.port}/api/join"
    joined = httpx.post(url, json=join, headers={"X-Requested-With": "bedside"}, timeout=10)
    assert joined.status_code == 200, "argon2 works behind the fence"
    assert "to be put right" not in service.hand("check", check=False)
    pss = {name: machine.pss_mb(pid) for name, pid in service.children().items()}

    pid = service.show(WHOLE, "MainPID")
    machine.write(CONFIG.lstrip("/"), text.replace("[broker]", "[brokers]"))
    machine.run("systemctl", "reload", WHOLE)
    until(lambda: "not reloaded: " in service.show(WHOLE, "StatusText"), 30)  # reload has no answer
    assert any("the old settings stay in force" in one and "brokers" in one for one in machine.messages())
    assert well(service)
    old, service.port = service.port, free_port()
    machine.write(CONFIG.lstrip("/"), text.replace(f"port = {old}", f"port = {service.port}"))
    machine.run("systemctl", "reload", WHOLE)
    until(lambda: well(service), 30)
    assert service.show(WHOLE, "MainPID", "NRestarts") == {"MainPID": pid, "NRestarts": "0"}

    for child in service.children().values():
        machine.run("kill", "-KILL", child)
    until(lambda: len(service.children()) == 3 and well(service), 30)
    assert service.show(WHOLE, "NRestarts") == "0", "the supervisor does that itself"
    machine.run("systemctl", "kill", "--kill-whom=main", "-s", "KILL", WHOLE)
    until(lambda: service.show(WHOLE, "NRestarts") != "0" and well(service), 30)
    assert {one["SITE"] for one in machine.journal("PROCESS=ingest") if "SITE" in one} == {"demo"}
    assert {one["SYSLOG_IDENTIFIER"] for one in machine.journal("PROCESS=web")} == {"bedside-hub-web"}
    started = time.monotonic()
    machine.run("systemctl", "stop", WHOLE)
    took = time.monotonic() - started
    assert service.show(WHOLE, "Result") == "success"
    with capsys.disabled():
        print(f"\nstart to READY {(ready - start) / 1e6:.1f} s, stopped in {took:.2f} s, {pss} MB PSS")


def test_one_by_one(machine, service, until, tmp_path):
    broker = Broker(tmp_path)
    service.configure(f"port = {broker.port}")
    machine.run("systemctl", "start", "--no-block", WHOLE)
    until(service.children, 20)
    machine.run("systemctl", "start", "--no-block", "bedside-hub.target")
    ingest, alerts, web, _push = PARTS
    try:
        until(lambda: "cannot be reached" in service.show(ingest, "StatusText"), 30)
        until(lambda: service.show(alerts, "ActiveState") == "active", 20)
        assert service.show(ingest, "ActiveState") == "activating", "not ready without a broker, and says so"
        assert service.show(WHOLE, "ActiveState") == "inactive", "one or the other"
        broker.start()
        until(lambda: service.show(ingest, "ActiveState") == "active", 40)
        until(lambda: well(service), 20)
        assert service.show(alerts, "StatusText") == "every alert is up to date"
        assert service.show(web, "StatusText") == f"the board is on 127.0.0.1:{service.port}"
        assert {service.show(part, "NRestarts") for part in PARTS} == {"0"}
        for part in PARTS:
            machine.run("systemctl", "kill", "--kill-whom=main", "-s", "KILL", part)
        until(lambda: {service.show(part, "NRestarts") for part in PARTS} == {"1"} and well(service), 40)
        machine.run("systemctl", "stop", "bedside-hub.target")
        assert {service.show(part, "Result") for part in PARTS} == {"success"}
        assert not well(service), "the target takes them along"
    finally:
        broker.stop()


def test_a_hung_process_is_killed_and_started_anew(machine, service, make_broker, until):
    broker = make_broker()
    service.configure(f"port = {broker.port}")
    service.lay("WatchdogSec=2\n", snippet=HANG)
    ingest = PARTS[0]
    service.start(ingest)  # waits for READY
    until(lambda: service.show(ingest, "NRestarts") != "0", 60)
    assert any("Watchdog timeout" in message for message in machine.messages())
    found = machine.run("find", "/var/lib/systemd/coredump", "-type", "f", check=False)
    assert not [line for line in found.splitlines() if "bedside" in line or "python" in line]


def test_wrong_settings_are_not_tried_again(machine, service, until):
    service.configure("prot = 1")
    service.start(WHOLE)
    until(lambda: service.show(WHOLE, "ActiveState") == "failed", 20)
    assert service.show(WHOLE, "ExecMainStatus", "NRestarts") == {"ExecMainStatus": "78", "NRestarts": "0"}


def test_backup_and_restore(machine, service, make_broker, until):
    broker = make_broker()
    service.configure(f"port = {broker.port}")
    for name in ("bedside-hub-backup.service", "bedside-hub-backup.timer"):
        machine.write(f"etc/systemd/system/{name}", (ROOT / "systemd" / name).read_text())
    start = f"{machine.python} -P -m hub.cli backup --config {CONFIG} --to ${{STATE_DIRECTORY}}/hub-1"
    text = f"{machine.base}ExecStart=\nExecStart={start}\n"
    machine.write("etc/systemd/system/bedside-hub-backup.service.d/test.conf", text)
    machine.run("systemctl", "daemon-reload")
    service.start(WHOLE)
    machine.run("systemctl", "start", "bedside-hub-backup.service")
    machine.run("systemctl", "start", "bedside-hub-backup.timer")
    assert service.show("bedside-hub-backup.timer", "ActiveState") == "active"
    copy = "/var/lib/bedside-hub-backup/hub-1"
    assert machine.run("stat", "-c", "%U %a", copy).split() == ["bedside-hub", "600"]
    with pytest.raises(RuntimeError, match="stop it first"):
        service.hand("restore", "--from", copy)
    assert well(service)
    service.stop()
    assert "is restored" in service.hand("restore", "--from", copy)
    file = f"{DATA}/hub.sqlite3"
    assert machine.run("stat", "-c", "%U %a", file).split() == ["bedside-hub", "600"], "the service's own"


def test_postgresql_through_its_socket(machine, service, make_broker, until):
    """Behind a fence with users of its own the server must still see who comes."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not found:
        pytest.skip("PostgreSQL is not installed: apt install postgresql")
    programs, data = found[-1].parent, "/var/lib/postgresql/hub"
    as_server = ("runuser", "-u", "postgres", "--")
    machine.run("install", "-d", "-o", "postgres", "/var/run/postgresql")
    machine.run(*as_server, f"{programs}/initdb", "-A", "peer", "-N", data)
    options = "-c listen_addresses= -c unix_socket_directories=/var/run/postgresql"
    machine.run(
        *as_server, f"{programs}/pg_ctl", "-D", data, "-l", f"{data}.log", "-w", "-o", options, "start"
    )
    try:
        machine.run(*as_server, "createuser", "-h", "/var/run/postgresql", "bedside-hub")
        machine.run(*as_server, "createdb", "-h", "/var/run/postgresql", "-O", "bedside-hub", "bedside")
        broker = make_broker()
        url = "postgresql://bedside-hub@/bedside?host=/var/run/postgresql"
        service.configure(f"port = {broker.port}", f'[database]\nurl = "{url}"')
        service.start(WHOLE)
        assert service.show(WHOLE, "ActiveState") == "active", machine.messages()[-10:]
        until(lambda: well(service), 20)
        assert machine.run("ls", DATA) == "", "nothing beside the server"
    finally:
        service.stop()
        machine.run(*as_server, f"{programs}/pg_ctl", "-D", data, "-m", "immediate", "stop", check=False)
