"""The watchdog of the network, with a clock of the test's own, and with a real gateway in another network."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from deploy import cli
from deploy.network_watchdog import REBOOT, RESTART, Box, Outage, Patience, judge, watch

USUAL = Patience(restart_s=300, reboot_s=1800)
ROOT = Path(__file__).parents[2]


class Story:
    """A box to which things happen at certain times, and what was done to it."""

    def __init__(self, connected=(), gateway=(), rebooted=False):
        self.connected, self.gateway, self.rebooted = connected, gateway, rebooted
        self.now_s = 0.0
        self.done = []

    def _during(self, spans):
        return any(begin <= self.now_s < end for begin, end in spans)

    def is_connected(self):
        return self._during(self.connected)

    def gateway_answers(self):
        return self._during(self.gateway)

    def was_rebooted(self):
        return self.rebooted

    def forget_reboot(self):
        self.rebooted = False

    def restart_network(self):
        self.done.append((RESTART, self.now_s))

    def reboot(self):
        self.rebooted = True
        self.done.append((REBOOT, self.now_s))

    def watched(self, seconds):
        def wait(step_s):
            self.now_s += step_s
            return self.now_s > seconds

        watch(self, USUAL, wait, lambda: self.now_s)
        return self.done


def test_a_network_that_is_well_is_left_alone():
    assert Story(connected=[(0, 1e9)]).watched(86_400) == []


def test_a_hub_that_is_away_is_no_reason():
    assert Story(gateway=[(0, 1e9)]).watched(86_400) == []


def test_a_dead_network_is_started_anew_ever_more_seldom_and_the_box_once():
    assert Story().watched(10_000) == [
        (RESTART, 300), (RESTART, 600), (RESTART, 1200), (REBOOT, 1800), (RESTART, 2400), (RESTART, 4800),
        (RESTART, 9600),
    ]  # fmt: skip


def test_a_box_started_anew_for_it_is_not_again_until_the_hub_has_been_there():
    assert REBOOT not in dict(Story(rebooted=True).watched(7_000))
    assert (REBOOT, 5800) not in Story(rebooted=True, connected=[(3900, 4000)]).watched(5_700)
    assert REBOOT in dict(Story(rebooted=True, connected=[(3900, 4000)]).watched(6_000))


def test_a_gateway_that_answers_begins_the_patience_anew():
    done = Story(gateway=[(250, 320)]).watched(700)
    assert done == [(RESTART, 600)]


def test_nothing_is_due_before_its_time():
    assert judge(Outage(0.0), USUAL, 299.9, may_reboot=True) == ""
    assert judge(Outage(0.0), USUAL, 300, may_reboot=True) == RESTART
    assert judge(Outage(0.0, restarts=1), USUAL, 599, may_reboot=True) == ""
    assert judge(Outage(0.0, restarts=9), USUAL, 1800, may_reboot=True) == REBOOT
    assert judge(Outage(0.0, restarts=9), USUAL, 1800, may_reboot=False) == ""


def test_a_reboot_is_remembered_on_the_card(tmp_path):
    box = Box(tmp_path / "network-reboot")
    assert not box.was_rebooted()
    (tmp_path / "network-reboot").touch()
    assert Box(tmp_path / "network-reboot").was_rebooted()
    box.forget_reboot()
    box.forget_reboot()
    assert not box.was_rebooted()


@pytest.mark.parametrize("length", ["nan", "-1", "0", "inf", "soon", "1e3", ""])
def test_a_wrong_length_of_time_is_refused_in_one_sentence(length, capsys):
    with pytest.raises(SystemExit) as ended:
        cli.main(["watch-network", f"--reboot-after={length}"])
    assert ended.value.code == 64
    assert "is no length of time; give seconds above 0, such as 300" in capsys.readouterr().err


GATEWAY = """
ip link add out type veth peer name in && ip address add 10.9.0.2/24 dev out && ip link set out up
unshare --net sleep 60 & other=$!
until [ "$(readlink /proc/$other/ns/net)" != "$(readlink /proc/$$/ns/net)" ]; do sleep 0.1; done
ip link set in netns $other && ip route add default via 10.9.0.1
ask() {
    PYTHON -c 'from pathlib import Path; from deploy.network_watchdog import Box
print(Box(Path("none")).gateway_answers())'
}
ask
nsenter -t $other -n sh -c 'ip address add 10.9.0.1/24 dev in && ip link set in up'
for attempt in 1 2 3 4 5; do [ "$(ask)" = True ] && echo True && break; done  # a cable takes a moment
ip route del default; ask
kill $other
"""


@pytest.mark.skipif(
    shutil.which("unshare") is None or shutil.which("ip") is None, reason="needs unshare and ip"
)
def test_a_gateway_is_there_when_it_tells_its_address():
    """Two machines' networks with a cable between them, where root may make such."""
    script = GATEWAY.replace("PYTHON", sys.executable)
    done = subprocess.run(
        ["unshare", "--net", "sh", "-c", script], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if "not permitted" in done.stderr.lower():
        pytest.skip("only root may make a network")
    assert done.stdout.split() == ["False", "True", "False"], done.stderr
    assert json.dumps(done.stderr).count("Traceback") == 0
