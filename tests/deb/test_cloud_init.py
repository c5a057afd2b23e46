"""deploy/cloud-init in a Debian 13 with its cloud-init, configured and seeded as in Raspberry Pi OS."""

import hashlib
import shutil
import time

import pytest

from deploy.packages.contents import CHECKOUT
from hub.authority import Authority

# As they are in Raspberry Pi OS: /etc/cloud/cloud.cfg.d/99_raspberry-pi.cfg, and meta-data on the card.
CONFIGURATION = """\
datasource_list: [ NoCloud, None ]
datasource:
  NoCloud:
    seedfrom: file:///boot/firmware
ssh_deletekeys: false
ssh_genkeytypes: []
"""
META_DATA = "dsmode: local\ninstance_id: rpios-image\n"
SETTINGS = 'site = "clinic"\nward = "3b"\ndevice = "bed-12"\nbed = "12"\n[hub]\nhost = "127.0.0.1"\n'
BOOT = "boot/firmware"
NEEDED = ("bedside-ca.crt", "bedside-device.crt", "bedside-device.key")


@pytest.fixture
def card(cloud_debian, tmp_path_factory):
    """A Debian with a card's first partition as the guide says, but for the package."""
    ca = tmp_path_factory.mktemp("ca")
    authority = Authority(ca)
    authority.make()
    authority.device("clinic/3b/bed-12")
    cloud_debian.write("etc/cloud/cloud.cfg.d/99_raspberry-pi.cfg", CONFIGURATION)
    cloud_debian.write(f"{BOOT}/meta-data", META_DATA)
    cloud_debian.write(f"{BOOT}/bedside.toml", SETTINGS)
    for name in NEEDED:
        shutil.copy(ca / "devices/clinic.3b.bed-12" / name, cloud_debian.root / BOOT / name)
    for name in ("user-data", "network-config"):
        shutil.copy(CHECKOUT / "deploy/cloud-init" / name, cloud_debian.root / BOOT / name)
    return cloud_debian


def built():
    found = sorted((CHECKOUT / "out" / "deb").glob("bedside-ser-edge_*+deb13_amd64.deb"))
    if not found:
        pytest.fail("bedside-ser-edge is not built for amd64: make deb ARCH=amd64")
    return found[-1]


def until(condition, told, seconds=180):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            pytest.fail(told())
        time.sleep(0.5)


def story(machine):
    return machine.run("journalctl", "-b", "--no-pager", "-n", "80", check=False)


def status(machine):
    path = machine.root / BOOT / "STATUS.TXT"
    return path.read_text() if path.exists() else ""


@pytest.mark.timeout(1800)
def test_a_stock_system_becomes_a_bed_at_its_first_start(card):
    card.boot()
    until(lambda: "is not on the card; copy it there" in status(card), lambda: story(card))
    schema = card.run("cloud-init", "schema", "--config-file", f"/{BOOT}/user-data")
    assert "Valid schema" in schema
    network = ("cloud-init", "schema", "--schema-type", "network-config", "--config-file")
    assert "Valid schema" in card.run(*network, f"/{BOOT}/network-config")

    shutil.copy(built(), card.root / BOOT)
    until(lambda: card.show("bedside-edge.service", "ActiveState") == "active", lambda: story(card))
    assert "The settings of bed 12 (clinic/3b/bed-12) are in force: all is well." in status(card)
    assert 'bed = "12"' in card.run("cat", "/etc/bedside-ser/edge.toml")
    key = card.root / BOOT / "bedside-device.key"
    assert "PRIVATE" not in key.read_text(), "the box has it now"
    assert card.run("hostname").strip() == "bedside-bed-12"
    for unit in ("bedside-settings", "bedside-led", "bedside-edge"):
        assert card.run("systemctl", "is-enabled", f"{unit}.service").strip() == "enabled"
    until(lambda: card.has("var/lib/bedside-installed"), lambda: story(card))
    assert "gpio" in card.show("bedside-edge.service", "SupplementaryGroups")
    people = [line.split(":") for line in (card.root / "etc/passwd").read_text().splitlines()]
    assert not [row[0] for row in people if 1000 <= int(row[2]) < 60000], "nobody can log in"
    assert "failed" not in card.run("cloud-init", "status", "--long", check=False)

    card.reboot()
    until(lambda: card.show("bedside-edge.service", "ActiveState") == "active", lambda: story(card))
    assert card.show("bedside-install.service", "ConditionResult") == "no", "done once"


@pytest.mark.timeout(1800)
def test_the_package_from_an_address(card):
    """Refused where its sha256 is another one."""
    card.write("srv/package.deb", "not the one")
    wrong, right = hashlib.sha256(b"another").hexdigest(), hashlib.sha256(built().read_bytes()).hexdigest()
    user_data = card.root / BOOT / "user-data"
    text = user_data.read_text().replace('URL=""', 'URL="http://127.0.0.1:8000/package.deb"')
    user_data.write_text(text.replace('SHA256=""', f'SHA256="{wrong}"'))
    card.boot()
    serve = ("python3", "-m", "http.server", "--bind", "127.0.0.1", "--directory", "/srv", "8000")
    card.run("systemd-run", "--quiet", *serve)
    until(lambda: "or has another sha256 than user-data says" in status(card), lambda: story(card))
    shutil.copy(built(), card.root / "srv/package.deb")
    card.write("etc/default/bedside-install", f'URL="http://127.0.0.1:8000/package.deb"\nSHA256="{right}"\n')
    until(lambda: card.show("bedside-edge.service", "ActiveState") == "active", lambda: story(card))
    assert "all is well" in status(card)
