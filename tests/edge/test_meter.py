"""The meter in real pseudo-terminals, on files and on a microphone; it stores and sends nothing."""

import dataclasses
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from terminals import Terminal, plain

from edge.bed_memory import Kept
from edge.classifier import Classifier
from edge.config import Gate, load
from edge.learnt import Learnt
from edge.loudness import Loudness
from edge.meter import Listener
from edge.meter_view import Reading, screen, state_line, window_line
from edge.model_file import read
from edge.mute import Mute
from edge.pipeline import Judgement, Pipeline, WindowResult
from edge.sound_files import SoundFile
from edge.terminal import Style, cells

HIDE, SHOW = "\033[?25l", "\033[?25h"
MICROPHONE = '[microphone]\ndevice = "bedmic"'
RESULT = WindowResult(
    start_s=9.0, end_s=12.0, is_speech=True, speech_share=0.62, level_db=-31.24,
    judgement=Judgement("very sad", {"very sad": 0.7, "calm": 0.3}, 0.71),
)  # fmt: skip
READING = Reading(
    source="bedmic", state="healthy", reason="at 16000 Hz", level=Loudness(-32, -18, 0.0, is_zero=False),
    result=RESULT, score=0.65, onset=0.6, episode=None, window_s=3.0,
)  # fmt: skip
READINGS = st.builds(
    Reading,
    source=st.text(max_size=60),
    state=st.sampled_from(("healthy", "file", "lost", "muted")),
    reason=st.text(max_size=200),
    level=st.builds(Loudness, st.floats(-120, 0), st.floats(-120, 0), st.floats(0, 1)),
    result=st.sampled_from((None, RESULT, dataclasses.replace(RESULT, is_speech=False, judgement=None))),
    score=st.floats(0, 1),
    onset=st.floats(0, 1),
    episode=st.none() | st.text(max_size=120),
    window_s=st.just(3.0),
    said=st.text(max_size=200),
)


@given(READINGS, st.integers(39, 120), st.booleans())
def test_the_screen_fits_any_width(reading, width, is_utf8):
    shown = screen(reading, Style(width=width, is_utf8=is_utf8))
    assert 6 <= len(shown) <= 7
    for line in shown:
        assert cells(line) <= width
        assert line.isprintable()
        assert is_utf8 or line.isascii()


def test_the_screen_in_words():
    assert screen(READING, Style(width=60)) == [
        "bedmic: at 16000 Hz",
        "level     [#################....|.......] -32 dBFS, peak -18",
        "speech    yes, 62% of the last 3 s",
        "emotion   very sad 70%, calm 30%",
        "distress  [###################..........] 0.65, now 0.71",
        "episode   none; the mark is at 0.60",
    ]
    begun = dataclasses.replace(READING, episode="sad and loud for 9 s", score=0.3, result=None, said="hm")
    assert screen(begun, Style(width=60))[2:] == [
        "speech    not known before 3 s of sound",
        "emotion   -",
        "distress  [#########........|...........] 0.30",
        "episode   sad and loud for 9 s",
        "note      hm",
    ]


def test_lines_for_programs():
    assert window_line(READING, RESULT) == (
        "window end_s=12.0 level_db=-31.2 peak_db=-18.0 speech=yes share=0.62 emotion=very_sad"
        " probability=0.70 distress=0.71 score=0.65 episode=none"
    )
    assert state_line(READING) == "microphone state=healthy reason=at 16000 Hz"


def tree(folder):
    return {str(path): path.stat().st_mtime_ns for path in folder.rglob("*")}


def test_a_file_into_a_pipe_gives_what_the_pipeline_gives(edge, config_file, clips, model, tmp_path):
    config = config_file()
    before = tree(tmp_path)
    status, out, err = edge("meter", "--config", config, "--source", clips[0])
    assert status == 0
    assert "Traceback" not in err
    assert tree(tmp_path) == before, "it makes no file"
    first, *windows = out.splitlines()
    assert first == "microphone state=file reason=a recording is played"
    pipeline = Pipeline(Classifier(read(model)), Gate())
    with SoundFile(clips[0]) as sound:
        expected = [window for block in sound.blocks() for window in pipeline.feed(block)]
    expected += pipeline.flush()
    assert len(windows) == len(expected) > 0
    for line, window in zip(windows, expected, strict=True):
        found = dict(re.findall(r"(\w+)=(\S+)", line))
        assert line.startswith("window end_s=")
        assert found["speech"] == ("yes" if window.is_speech else "no")
        assert found["emotion"] == (window.judgement.emotion if window.judgement else "-")


def test_nothing_is_opened_for_writing_and_no_network(config_file, clips, tmp_path):
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed")
    log = tmp_path / "calls"
    calls = "trace=socket,connect,open,openat,creat,mkdir,mkdirat,rename,renameat2,memfd_create"
    command = [
        "strace",
        "-f",
        "-qq",
        "--seccomp-bpf",
        "-e",
        calls,
        "-o",
        log,
        sys.executable,
        "-B",
        "-m",
        "edge",
    ]
    command += ["meter", "--config", config_file(), "--source", clips[0]]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr
    assert "window end_s=" in done.stdout
    lines = log.read_text(errors="replace").splitlines()
    assert any(str(clips[0]) in line for line in lines), "strace has seen it"
    assert not [line for line in lines if "AF_INET" in line]
    written = [line for line in lines if re.search(r"O_WRONLY|O_RDWR|O_CREAT|creat\(|mkdir|rename", line)]
    assert [line for line in written if "/dev/null" not in line] == []


@pytest.fixture
def terminal():
    made = []

    def make(*arguments, environment=None, **size):
        command = [sys.executable, "-m", "edge", "meter", *arguments]
        made.append(Terminal(command, {**(environment or os.environ), "PYTHONUTF8": "1"}, **size))
        return made[-1]

    yield make
    for one in made:
        one.close()


def draws(text):
    """The lines of each time the screen was drawn."""
    body = text[text.index(HIDE) + len(HIDE) :].replace("^C", "").replace("^Z", "")  # echoes
    return [
        [line.removesuffix("\033[K") for line in one.split("\r\n")]
        for one in re.split(r"\033\[\d+A\r|\033\[2J\033\[H", body.replace("\033[J", ""))
    ]


@pytest.mark.parametrize("columns", [80, 40])
def test_a_terminal_and_ctrl_c(terminal, config_file, scene, columns):
    meter = terminal("--config", config_file(), "--source", scene, columns=columns)
    meter.type(b"\x1a")  # Ctrl-Z does nothing
    meter.await_text(r"speech    \S*yes")
    meter.type(b"\x03")
    assert meter.end() == 0
    assert meter.text.count(HIDE) == meter.text.count(SHOW) == 1
    assert meter.text.endswith(SHOW)
    shown = draws(meter.text)
    assert len(shown) > 15, "several times a second"
    for lines in shown[:-1]:
        assert [plain(line)[:10].strip() for line in lines[1:6]] == [
            "level", "speech", "emotion", "distress", "episode",
        ]  # fmt: skip
        assert max(cells(plain(line)) for line in lines) < columns
    assert "\033[32m" in meter.text, "colours"
    assert "Traceback" not in meter.text


def test_it_follows_the_terminal_and_wants_no_colours(terminal, config_file, scene):
    environment = {**os.environ, "NO_COLOR": "1"}
    meter = terminal("--config", config_file(), "--source", scene, environment=environment)
    meter.await_text("level")
    meter.resize(60, 4)
    meter.await_text("\033\\[2J")
    meter.await_text("\033\\[2A\r.*\n.*\n", 20)  # three lines of four
    meter.type(b"\x03")
    assert meter.end() == 0
    assert re.search(r"\033\[\d*m", meter.text) is None
    after = draws(meter.text[: meter.text.rindex("\033[J")])[-2]
    assert len(after) == 3
    assert max(map(len, after)) < 60


def test_the_end_of_the_terminal_is_the_end(terminal, config_file, scene):
    meter = terminal("--config", config_file(), "--source", scene)
    meter.await_text("level")
    meter.process.send_signal(signal.SIGHUP)
    assert meter.end() == 0
    assert meter.text.endswith(SHOW)
    other = terminal("--config", config_file(), "--source", scene)
    other.await_text("level")
    other.hang_up()
    other.process.wait(20)


def test_the_microphone_muted_meanwhile(terminal, config_file, noisy_microphone, clips, tmp_path, until):
    import soundfile

    samples, _ = soundfile.read(clips[0], dtype="int16")
    store = tmp_path / "store"
    store.mkdir()
    (store / "bed.json").write_text("{}")
    before = tree(store)
    meter = terminal(
        "--config", config_file(extra=MICROPHONE), environment=noisy_microphone.environment, rows=30
    )
    meter.await_text("bedmic: ")
    player = threading.Thread(target=noisy_microphone.play, args=(samples,))
    player.start()
    meter.await_text(r"speech    \S*yes", 40)
    player.join()
    assert noisy_microphone.listeners() == 1
    Mute(store, time.monotonic).order("visit", 0)
    meter.await_text("bedmic: muted: visit")
    until(lambda: noisy_microphone.listeners() == 0)
    length = len(meter.text)
    Mute(store, time.monotonic).lift()
    until(lambda: noisy_microphone.listeners() == 1)
    meter.await_text("bedmic: (?!muted)")
    assert len(meter.text) > length
    meter.type(b"\x03")
    assert meter.end() == 0
    assert tree(store) == before, "what the daemon has learnt is read, not written"


def test_a_muted_bed_is_not_listened_to(edge, config_file, noisy_microphone, tmp_path):
    (tmp_path / "store").mkdir()
    Mute(tmp_path / "store", time.monotonic).order("visit", 12)
    config, environment = config_file(extra=MICROPHONE), noisy_microphone.environment
    status, out, err = edge("meter", "--config", config, env=environment)
    assert (status, out) == (69, "")
    assert "the meter may not listen: muted for 12 min: visit" in err
    status, out, err = edge("check", "--config", config, env=environment)
    assert "--  microphone    not listened to: muted for 12 min: visit" in out


def test_bad_input_is_one_sentence(edge, config_file, tmp_path, clips):
    for config, file, expected in [
        (lambda: tmp_path / "none.toml", clips[0], 78),
        (config_file, tmp_path / "none.wav", 66),
        (lambda: config_file(extra="[episodes]\noffset = 0.9"), clips[0], 78),
    ]:
        status, out, err = edge("meter", "--config", config(), "--source", file)
        assert (status, out) == (expected, "")
        assert [line[:14] for line in err.splitlines()[-1:]] == ["bedside-edge: "]
        assert "Traceback" not in err


def test_it_begins_with_what_the_daemon_has_learnt(config_file, model, tmp_path):
    classifier, config = Classifier(read(model)), load(config_file(extra=MICROPHONE))
    (tmp_path / "store").mkdir()
    ordinary = classifier.manifest.training.normalisation
    mean, deviation = (tuple(np.round(values, 2).tolist()) for values in (ordinary.mean, ordinary.deviation))
    learnt = Learnt(mean, deviation, 100)
    kept = Kept("bedmic", classifier.manifest.title, learnt)
    (tmp_path / "store/bed.json").write_text(json.dumps(dataclasses.asdict(kept)))
    listener = Listener(config, classifier)
    listener.recall_bed(config)
    assert listener._pipeline.bed.learnt == learnt
