"""What can be told of the image without building it."""

import configparser
import json
import re
import subprocess
from datetime import UTC, datetime

import pytest

from deploy import render
from deploy.image import lists
from deploy.packages.contents import CHECKOUT

HERE = CHECKOUT / "deploy" / "image"
SCRIPTS = [*HERE.glob("*.sh"), *HERE.glob("overlay/usr/lib/bedside-ser/*"),
           *HERE.glob("overlay/etc/initramfs-tools/scripts/*/*")]  # fmt: skip
MADE = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_scripts_are_shell(script):
    subprocess.run(["sh", "-n", script], check=True)
    assert script.stat().st_mode & 0o111


def test_no_file_of_the_image_hides_one_made_from_the_settings():
    """A drop-in in /etc hides one of the same name in /run (systemd.conf(5))."""
    hidden = {path.removeprefix("run/") for path in render.OURS if path.startswith("run/systemd/")}
    assert hidden
    ours = {str(path.relative_to(HERE / "overlay/etc")) for path in HERE.glob("overlay/etc/systemd/**/*")}
    assert ours & hidden == set()


def mounts():
    lines = (HERE / "overlay/etc/fstab").read_text().splitlines()
    return {row[1]: row for row in (line.split() for line in lines if not line.startswith("#"))}


def test_a_card_that_lost_a_partition_still_starts_and_the_root_is_not_written_to():
    for place, row in mounts().items():
        assert len(row) == 6
        options = row[3].split(",")
        assert ("ro" in options) == (place in {"/", "/boot/firmware"})
        assert place == "/" or "nofail" in options
    assert not any(row[2] == "swap" for row in mounts().values())


def test_partitions_are_named_as_the_card_numbers_them():
    layout = (HERE / "genimage.cfg").read_text()
    [signature] = re.findall(r"disk-signature = 0x(\w+)", layout)
    order = re.findall(r"partition \w+ \{.*?image = \"(\w+)", layout, re.DOTALL)
    ours = {name: f"PARTUUID={signature}-{number:02}" for number, name in enumerate(order, start=1)}
    places = {"boot": "/boot/firmware", "root": "/", "data": "/data"}
    assert {name: mounts()[place][0] for name, place in places.items()} == ours
    assert f"root={ours['root']} ro " in (HERE / "boot/cmdline.txt").read_text()
    grown = ours["data"].removeprefix("PARTUUID=")
    assert f"/dev/disk/by-partuuid/{grown})" in (HERE / "overlay/usr/lib/bedside-ser/grow-data").read_text()
    unit = (HERE / "overlay/usr/lib/systemd/system/bedside-grow-data.service").read_text()
    escaped = grown.replace("-", r"\x2d")
    assert unit.count(rf"dev-disk-by\x2dpartuuid-{escaped}") == 3


def test_what_is_bound_from_the_data_partition_is_made_with_the_image():
    text = (HERE / "install.sh").read_text()
    for row in mounts().values():
        if "bind" in row[3].split(","):
            assert f'"$root{row[0]}"' in text


def test_the_firmware_starts_what_is_laid():
    config = configparser.ConfigParser(allow_no_value=True)
    config.read_string("[first]\n" + (HERE / "boot/config.txt").read_text())
    laid = (HERE / "boot-files.sh").read_text()
    assert f'"$boot/{config["first"]["kernel"]}"' in laid
    [initramfs] = [key.split()[1] for key in config["first"] if key.startswith("initramfs ")]
    assert f'"$boot/{initramfs}"' in laid


def test_no_password_and_no_open_port_is_put_in():
    text = "".join(path.read_text() for path in (HERE / "overlay").rglob("*") if path.is_file())
    assert not re.search(r"passwd|chpasswd|ListenStream|PasswordAuthentication yes", text)
    assert "passwd --quiet --lock root" in (HERE / "install.sh").read_text()
    assert re.search(r"^LLMNR=no\nMulticastDNS=no$", text, re.MULTILINE)


def test_manifest_for_the_imager():
    told = lists.manifest("bedside-ser-1", "https://example/x.img.xz", MADE, (10, "aa"), (5, "bb"))
    [entry] = json.loads(json.dumps(told))["os_list"]
    assert (entry["extract_size"], entry["extract_sha256"]) == (10, "aa")
    assert (entry["image_download_size"], entry["image_download_sha256"]) == (5, "bb")
    assert entry["release_date"] == "2026-01-02"


def test_sbom_names_debian_packages_and_wheels_and_is_the_same_twice():
    packages = "libc6\t2.41-12+deb13u4\tarm64\niwd\t3.8-2\tarm64\n"
    lock = "# head\nnumpy==2.4.6 \\\n    --hash=sha256:00\n"
    told = lists.sbom("bedside-ser-1", MADE, packages, lock)
    assert [part["purl"] for part in told["components"]] == [
        "pkg:deb/debian/libc6@2.41-12%2Bdeb13u4?arch=arm64&distro=trixie",
        "pkg:deb/debian/iwd@3.8-2?arch=arm64&distro=trixie",
        "pkg:pypi/numpy@2.4.6",
    ]
    assert told == lists.sbom("bedside-ser-1", MADE, packages, lock)
    assert told["serialNumber"] != lists.sbom("bedside-ser-2", MADE, packages, lock)["serialNumber"]
