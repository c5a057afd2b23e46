"""hub/README.md done literally in a Debian: from the package to a hub with a bed, and a backup back."""

import re
import shutil

import pytest

from deploy.packages.contents import CHECKOUT

GUIDE = (CHECKOUT / "hub" / "README.md").read_text(encoding="utf-8")
ENVIRONMENT = "/opt/bedside-ser/.venv/bin/python"
# What a box does first: it shows its certificate, and waits for the broker's word.
CONNECT = """
import sys, threading, paho.mqtt.client as mqtt
told, words = threading.Event(), []
def connected(client, data, flags, code, properties):
    words.append(str(code)); told.set()
bed = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
bed.on_connect = connected
folder = sys.argv[1]
bed.tls_set(f"{folder}/bedside-ca.crt", f"{folder}/bedside-device.crt", f"{folder}/bedside-device.key")
bed.connect("hub.clinic.example", 8883); bed.loop_start()
told.wait(20); print(*words)
"""
ASK = """
import ssl, urllib.request
anyone = ssl._create_unverified_context()
print(urllib.request.urlopen("https://hub.clinic.example/join", context=anyone).status)
"""


def section():
    start = GUIDE.index("### A hub on a fresh Debian machine")
    return GUIDE[start : GUIDE.index("\n### ", start + 1)]


def blocks(kind=""):
    """The blocks of one kind, in order: shell commands have no name."""
    found = re.findall(r"^( *)```(\w*)\n(.*?)^\1```$", section(), re.MULTILINE | re.DOTALL)
    return [
        re.sub(rf"^{indent}", "", text, flags=re.MULTILINE) for indent, name, text in found if name == kind
    ]


def test_the_guide_is_what_this_test_does():
    shell = blocks()
    assert len(shell) == 8
    assert [block.split()[0] for block in shell] == [
        "apt", "bedside-hub", "systemctl", "systemctl", "bedside-deploy", "systemctl", "systemctl",
        "cp",
    ]  # fmt: skip


@pytest.mark.timeout(1800)
def test_a_hub_by_the_guide(debian, packages):
    package, _ = packages("bedside-ser-hub")
    install, certificates, start, proxy, first_bed, backup, restore, anew = blocks()
    [caddyfile] = blocks("caddyfile")
    # The guide names Debian 13's package; Debian 12's is called after it.
    [release] = re.findall(r"\+deb\d+", package.name)
    install = install.replace("+deb13", release)

    def do(block):
        return debian.run("sh", "-ec", block)

    debian.write("etc/hosts", "127.0.0.1 localhost hub.clinic.example\n")
    (debian.root / "mnt/stick").mkdir(exist_ok=True)
    [named] = re.findall(r"\./(\S+\.deb)", install)
    assert named == package.name
    shutil.copy(package, debian.root / "root" / package.name)
    do(f"cd /root && {install.replace('apt install', 'apt-get install --yes')}")
    do(certificates)
    admin_and_check = start.splitlines()
    do(admin_and_check[0])
    assert "becomes an admin with this code" in do(admin_and_check[1])
    found = debian.run("sh", "-c", admin_and_check[2], check=False)
    red = [line for line in found.splitlines() if line.startswith("!!")]
    assert not red, found

    debian.write("etc/caddy/Caddyfile", caddyfile)
    debian.run("systemctl", "start", "caddy")
    do(proxy)
    assert debian.run(ENVIRONMENT, "-c", ASK).strip() == "200"

    assert "3b/bed-12" in do(first_bed)
    bed = "/root/cards/3b/bed-12"
    made = set(debian.run("ls", bed).split())
    assert made == {"bedside.toml", "bedside-ca.crt", "bedside-device.crt", "bedside-device.key",
                    "bedside-command.key"}  # fmt: skip
    assert debian.run(ENVIRONMENT, "-c", CONNECT, bed).strip() == "Success"

    revoke = (
        "bedside-deploy",
        "revoke",
        "--config",
        "/etc/bedside-ser/hub.toml",
        "--authority",
        "/mnt/stick/ca",
    )
    assert "is cut off and let in no more" in debian.run(*revoke, "3b/bed-12")
    assert "Success" not in debian.run(ENVIRONMENT, "-c", CONNECT, bed)

    copy = do(backup).strip()
    assert re.fullmatch(r"hub-\d{8}T\d{6}Z", copy)
    debian.run("bedside-hub", "admin", "--config", "/etc/bedside-ser/hub.toml", "Ben Ortiz")
    do(re.sub(r"hub-\d+T\d+Z", copy, restore))
    told = debian.run("bedside-hub", "audit", "show", "--config", "/etc/bedside-ser/hub.toml")
    assert "Amara Diallo" in told
    assert "Ben Ortiz" not in told, "made after the copy"
    assert debian.show("bedside-hub.service", "ActiveState") == "active"

    kept = ("/etc/bedside-ser/hub.toml", "/etc/credstore/bedside-hub-command.key",
            f"/var/lib/bedside-hub-backup/{copy}")  # fmt: skip
    debian.run("mkdir", "/mnt/stick/copy")
    debian.run("cp", *kept, "/mnt/stick/copy")
    debian.run("dpkg", "--purge", "bedside-ser-hub")
    assert not debian.has("var/lib/bedside-hub")
    do(f"cd /root && {install.replace('apt install', 'apt-get install --yes')}")
    do(re.sub(r"hub-\d+T\d+Z", copy, anew))
    assert debian.show("bedside-hub.service", "ActiveState") == "active"
    assert "Amara Diallo" in debian.run(
        "bedside-hub", "audit", "show", "--config", "/etc/bedside-ser/hub.toml"
    )
    assert debian.run(ENVIRONMENT, "-c", ASK).strip() == "200"
    debian.run("dpkg", "--purge", "bedside-ser-hub")
