"""Both packages in a real Debian: installed, upgraded, removed, purged. `make test-deb`."""

import time

import pytest

from deploy.packages.contents import CHECKOUT, EDGE

EDGE_UNIT = "bedside-edge.service"
HUB_UNIT = "bedside-hub.service"
TRACES = ("opt/bedside-ser", "etc/bedside-ser", "var/lib/private/bedside-edge", "var/lib/bedside-hub",
          "usr/bin/bedside-edge", "usr/bin/bedside-hub", "usr/bin/bedside-deploy")  # fmt: skip


def until(condition, seconds=120):
    end = time.monotonic() + seconds
    while not (found := condition()):
        if time.monotonic() > end:
            pytest.fail("it did not happen in time")
        time.sleep(0.5)
    return found


@pytest.mark.timeout(1800)
def test_edge(debian, packages):
    first, second = packages("bedside-ser-edge")
    debian.install(first)
    assert debian.run("systemctl", "is-enabled", EDGE_UNIT).strip() == "enabled"
    assert debian.show(EDGE_UNIT, "ActiveState") == "inactive", "no settings yet"
    for unit in EDGE.units:
        assert debian.show(unit, "LoadState") == "loaded"

    scene = "root/scene.wav"
    (debian.root / scene).write_bytes((CHECKOUT / "tests/data/scene.wav").read_bytes())
    judged = debian.run(
        "bedside-edge", "analyse", f"/{scene}", "--model", "/opt/bedside-ser/model/bedside-ser.tflite"
    )
    assert "fearful" in judged
    assert "bedside-deploy" in debian.run("bedside-deploy", "--version")

    # The locked wheel runs on this release's Python; the machine has no Raspberry Pi's pins, and it says so.
    light = "from edge.pins import Light; Light(27, user='test')"
    refused = debian.run("sh", "-c", f'/opt/bedside-ser/.venv/bin/python -c "{light}" 2>&1', check=False)
    assert "GPIO 27 cannot be used: this machine has no Raspberry Pi's pins" in refused

    example = (debian.root / "usr/share/doc/bedside-ser-edge/edge.toml.example").read_text()
    lines = [line for line in example.splitlines() if "credential:" not in line]
    settings = "\n".join(lines).replace("hub.clinic.example", "127.0.0.1")
    debian.write("etc/bedside-ser/edge.toml", settings)
    debian.run("systemctl", "start", EDGE_UNIT)
    assert debian.show(EDGE_UNIT, "ActiveState") == "active"
    pid = debian.show(EDGE_UNIT, "MainPID")

    debian.install(second)
    until(lambda: debian.show(EDGE_UNIT, "ActiveState") == "active")
    assert debian.show(EDGE_UNIT, "MainPID") != pid, "the new version runs"
    assert (debian.root / "etc/bedside-ser/edge.toml").read_text() == settings
    debian.run("systemctl", "disable", "--now", EDGE_UNIT)
    debian.install(second)
    assert debian.run("systemctl", "is-enabled", EDGE_UNIT, check=False).strip() == "disabled"

    debian.run("dpkg", "--remove", "bedside-ser-edge")
    assert debian.has("etc/bedside-ser/edge.toml")
    assert not debian.has("opt/bedside-ser")
    assert not debian.has(f"usr/lib/systemd/system/{EDGE_UNIT}")
    debian.run("dpkg", "--purge", "bedside-ser-edge")
    assert [path for path in TRACES if debian.has(path)] == []


@pytest.mark.timeout(1800)
def test_hub(debian, packages):
    first, second = packages("bedside-ser-hub")
    debian.install(first)
    for unit in (HUB_UNIT, "bedside-hub-backup.timer", "bedside-renew.timer", "bedside-broker-reload.path"):
        assert debian.run("systemctl", "is-enabled", unit).strip() == "enabled"
    assert debian.show(HUB_UNIT, "ActiveState") == "inactive", "no certificates yet"
    assert debian.show("mosquitto.service", "ActiveState") == "inactive", "Debian's open broker has given way"

    authority = ("bedside-hub", "authority", "--folder", "/root/ca")
    for words in (("new",), ("broker", "localhost", "127.0.0.1"), ("hub",)):
        debian.run(*authority, *words)
    debian.run("sh", "-c", "install -m 600 /root/ca/hub/* /etc/credstore/")
    debian.run("sh", "-c", "install -m 640 -g mosquitto /root/ca/broker/* /etc/bedside-ser/broker/")
    debian.run("systemctl", "start", "mosquitto", HUB_UNIT, "bedside-hub-backup.timer")
    assert debian.show(HUB_UNIT, "ActiveState") == "active", "broker and all processes do their work"
    pid = debian.show(HUB_UNIT, "MainPID")

    changed = (debian.root / "etc/bedside-ser/hub.toml").read_text() + "# ours\n"
    debian.write("etc/bedside-ser/hub.toml", changed)
    debian.install(second)
    until(lambda: debian.show(HUB_UNIT, "ActiveState") == "active")
    assert debian.show(HUB_UNIT, "MainPID") != pid
    assert (debian.root / "etc/bedside-ser/hub.toml").read_text() == changed
    debian.run("systemctl", "start", "bedside-hub-backup.service")
    assert debian.run("ls", "/var/lib/bedside-hub-backup").startswith("hub-")

    debian.run("dpkg", "--remove", "bedside-ser-hub")
    assert debian.has("var/lib/bedside-hub/hub.sqlite3")
    assert not debian.has("opt/bedside-ser")
    debian.run("dpkg", "--purge", "bedside-ser-hub")
    assert [path for path in TRACES if debian.has(path)] == []
