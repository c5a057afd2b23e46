"""Mute of the whole daemon: by command, over a restart, at a damaged file; what leaves the box meanwhile."""

import json
import signal
import time
import uuid

import numpy as np
import pytest
from broker_parts import ADDRESS

from edge.commands import sign
from edge.messages import Command, to_json
from edge.sound_files import SoundFile

KEY = "0123456789abcdef" * 4


@pytest.fixture
def bed(broker, make_hub, start_edge, config_file, tmp_path):
    """A hub, and a way to start the daemon with the device's key."""
    (tmp_path / "command.key").write_text(KEY + "\n")

    class Bed:
        hub = make_hub(broker.port)
        config = config_file(broker.port, '[commands]\nkey_file = "command.key"')

        def start(self, *arguments):
            return start_edge("run", "--config", self.config, *arguments)

        def ask(self, action, minutes=0, reason="visitors", key=KEY):
            stamp = self.hub.of("state")[-1]["stamp"]
            plain = Command(
                id=uuid.uuid4().hex,
                boot_id=stamp["boot_id"],
                expires_ms=stamp["mono_ms"] + 60_000,
                action=action,
                minutes=minutes,
                reason=reason,
            )
            topic = ADDRESS.topic("command")
            self.hub.publish(topic, to_json(sign(key.encode(), topic, plain)))

        def last(self):
            states = self.hub.of("state")
            return (states[-1]["microphone"], states[-1]["reason"]) if states else None

    return Bed()


def heard(bed):
    return sum(len(bed.hub.of(kind)) for kind in ("emotion", "episode"))


def test_mute_ends_the_episode_at_once_and_nothing_is_heard_until_unmute(bed, scene, until):
    process = bed.start("--source", scene, "--repeat")
    until(lambda: bed.hub.of("episode"), 60)
    bed.ask("mute", 30)
    until(lambda: bed.last() == ("muted", "muted for 30 min: visitors"))
    until(lambda: bed.hub.of("episode")[-1]["phase"] == "end", 30)
    assert bed.hub.of("episode")[-1]["reason"].startswith("muted while ")
    before = heard(bed)
    time.sleep(3)
    assert heard(bed) == before
    bed.ask("rebirth")
    until(lambda: sum(state["reason"].startswith("muted") for state in bed.hub.of("state")) == 2)
    bed.ask("unmute")
    until(lambda: bed.last() == ("file", "visitors"))
    until(lambda: heard(bed) > before, 20)
    process.terminate()
    _, err = process.communicate(timeout=10)
    assert process.returncode == 0, err
    assert "obeying the hub's command to mute: visitors" in err


def test_a_forged_command_is_refused(bed, scene, until):
    process = bed.start("--source", scene, "--repeat")
    until(lambda: bed.hub.of("emotion"), 30)
    bed.ask("mute", key="f" * 64)
    time.sleep(1)
    assert bed.last()[0] == "file"
    process.terminate()
    _, err = process.communicate(timeout=10)
    assert "its signature is not of this device's key" in err


def test_muted_over_a_reload_and_a_kill_the_microphone_stays_closed(bed, noisy_microphone, until, tmp_path):
    """As the sound server sees it, from outside."""
    microphone = noisy_microphone
    text = bed.config.read_text()
    bed.config.write_text(text + '[microphone]\ndevice = "bedmic"\n')
    process = bed.start()
    until(lambda: (bed.last() or "")[0:1] == ("healthy",), 20)
    bed.ask("mute")
    until(lambda: bed.last() == ("muted", "muted: visitors"))
    until(lambda: microphone.listeners() == 0)
    bed.config.write_text(text + '[microphone]\ndevice = "bedmic"\nrate = 16000\n')
    told = len(bed.hub.of("state"))
    process.send_signal(signal.SIGHUP)
    until(lambda: len(bed.hub.of("state")) > told)
    assert bed.last() == ("muted", "muted: visitors")
    killed = bed.hub.of("state")[-1]["stamp"]["boot_id"]
    process.kill()
    process.communicate()
    process = bed.start()
    until(lambda: bed.hub.of("state")[-1]["stamp"]["boot_id"] != killed, 60)
    for _ in range(20):
        assert microphone.listeners() == 0
        time.sleep(0.1)
    assert bed.last() == ("muted", "muted: visitors")
    bed.ask("unmute")
    until(lambda: bed.last()[0] == "healthy", 20)
    assert microphone.listeners() == 1
    assert not (tmp_path / "store" / "mute.json").exists()
    process.terminate()
    process.communicate(timeout=10)
    assert process.returncode == 0


def test_a_damaged_file_means_muted_and_says_what_to_do(bed, scene, until, tmp_path):
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "mute.json").write_bytes(b"\x00" * 20)
    process = bed.start("--source", scene, "--repeat")
    until(lambda: bed.last() and bed.last()[0] == "muted", 20)
    assert "cannot be read" in bed.last()[1]
    bed.ask("unmute")
    until(lambda: bed.last()[0] == "file")
    process.terminate()
    _, err = process.communicate(timeout=10)
    assert "muted until told otherwise" in err


def test_a_panel_that_cannot_be_had_is_a_wrong_configuration(edge, config_file):
    config = config_file(1, "[panel]\nlight_pin = 17\n")
    status, _, err = edge("run", "--config", config)
    assert status == 78
    assert "the pins of [panel] cannot be used" in err
    assert "Traceback" not in err


def test_what_a_bed_taught_outlives_the_daemon_not_the_patient(bed, microphone, scene, until, tmp_path):
    bed.config.write_text(bed.config.read_text() + '[microphone]\ndevice = "bedmic"\n')
    file = tmp_path / "store" / "bed.json"
    with SoundFile(scene) as sound:
        samples = np.concatenate(list(sound.blocks()))
    process = bed.start()
    until(lambda: (bed.last() or "")[0:1] == ("healthy",), 20)
    microphone.play(samples[16000 * 17 : 16000 * 22])
    until(lambda: bed.hub.of("emotion"), 15)
    process.terminate()
    process.communicate(timeout=10)
    kept = json.loads(file.read_text())
    assert kept["microphone"] == "bedmic"
    assert kept["learnt"]["windows"] >= 1
    process = bed.start()
    until(lambda: bed.last()[0] == "healthy" and bed.hub.of("state")[-1]["status"] == "online", 20)
    bed.ask("forget", reason="another patient")
    until(lambda: bed.last()[1] == "another patient")
    until(lambda: not file.exists())
    process.terminate()
    process.communicate(timeout=10)
    assert process.returncode == 0
