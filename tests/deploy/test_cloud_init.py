"""What can be told of deploy/cloud-init without a machine; `make test-deb` starts one with it."""

import fnmatch
import re
import subprocess

import pytest
import yaml

from deploy.packages import build, contents
from deploy.packages.contents import CHECKOUT, EDGE
from deploy.packages.targets import RELEASES

HERE = CHECKOUT / "deploy" / "cloud-init"
TRIXIE = RELEASES["trixie"]
LINK = re.compile(r"^(?:ln -sfn|L\+) +(\S+) +(?:- - - - +)?(\S+)$", re.MULTILINE)


@pytest.fixture(scope="module")
def user_data():
    text = (HERE / "user-data").read_text()
    assert text.startswith("#cloud-config\n"), "cloud-init takes nothing else"
    return yaml.safe_load(text)


@pytest.fixture(scope="module")
def written(user_data):
    return {one["path"]: one["content"] for one in user_data["write_files"]}


@pytest.fixture(scope="module")
def script(written):
    return written["/usr/local/sbin/bedside-install"]


def test_the_shell_in_it_is_shell(user_data, script):
    for text in (script, *user_data["runcmd"]):
        subprocess.run(["sh", "-n"], input=text, check=True, text=True)
    assert "\nset -eu\n" in script


def test_units_are_ours_or_made_by_it(user_data, written, script):
    made = {path.rpartition("/")[2] for path in written}
    text = "\n".join([script, *user_data["runcmd"]])
    named = set(re.findall(r"bedside-\w+\.service", text))
    assert {"bedside-settings.service", "bedside-edge.service", "bedside-install.service"} <= named
    assert named <= {*EDGE.units, *made}


def test_paths_are_in_the_package(script):
    laid = {f"/{entry.target}" for entry in contents.entries(EDGE, TRIXIE)}
    named = set(re.findall(r"(/usr/share/\S+|/opt/\S+)", script))
    assert named
    assert named <= laid
    [pattern] = set(re.findall(r"bedside-ser-edge_\S+\.deb", script)) - {"bedside-ser-edge.deb"}
    assert fnmatch.fnmatch(f"{EDGE.name}_{build.version(TRIXIE)}_arm64.deb", pattern)


def test_links_are_those_of_the_image(script):
    image = (CHECKOUT / "systemd/image/bedside-image.tmpfiles").read_text()
    of_image = {(to, link) for link, to in LINK.findall(image)}
    assert of_image == set(LINK.findall(script))


def test_nobody_can_log_in(user_data):
    assert user_data["users"] == []
    assert user_data["ssh_pwauth"] is False


def test_network_with_a_cable_or_as_its_comments_say():
    text = (HERE / "network-config").read_text()
    assert yaml.safe_load(text)["network"]["ethernets"]["eth0"]["dhcp4"] is True
    wireless = re.sub(r"^#(?=  )", "", text, flags=re.MULTILINE)
    [access] = yaml.safe_load(wireless)["network"]["wifis"]["wlan0"]["access-points"].values()
    assert access == {"password": "write it here"}
