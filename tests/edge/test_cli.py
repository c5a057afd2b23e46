import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from edge import __version__


def sentence(err):
    """The one sentence of an error; fails for a traceback or more than one line."""
    lines = [line for line in err.splitlines() if line]
    assert len(lines) == 1, err
    assert lines[0].startswith("bedside-edge: ")
    return lines[0]


def test_version_and_help(edge):
    assert edge("--version") == (0, f"bedside-edge {__version__}\n", "")
    status, out, _ = edge("--help")
    assert status == 0
    for verb in ("run", "analyse", "devices", "check", "meter", "model"):
        assert verb in out


@pytest.mark.parametrize("arguments", [(), ("sing",), ("run",), ("analyse",), ("model", "--loud")])
def test_wrong_arguments(edge, arguments):
    status, _, err = edge(*arguments)
    assert status == 64
    assert "Traceback" not in err


def test_model(edge, model):
    status, out, err = edge("model", model)
    assert (status, err) == (0, "")
    for word in ("labels", "window", "distress", "learnt from"):
        assert word in out


def test_analyse_for_people(edge, clips):
    status, out, err = edge("analyse", *clips[:2])
    assert (status, err) == (0, "")
    assert out.count("the whole recording") == 2
    assert "Hz" in out, "the pitch"
    assert "note:" not in out


def test_analyse_tells_of_clipping(edge, wav, voice):
    status, out, err = edge("analyse", wav("loud.wav", np.clip(voice(3) * 12, -1, 1)))
    assert (status, err) == (0, "")
    assert "stand at full scale: the microphone was too close" in out


def test_analyse_for_programs(edge, clips):
    status, out, err = edge("analyse", "--json", *clips)
    assert (status, err) == (0, "")
    lines = [json.loads(line) for line in out.splitlines()]
    wholes = [line for line in lines if line["kind"] == "recording"]
    assert [line["file"] for line in wholes] == [str(path) for path in clips]
    for line in lines:
        if line["speech"]:
            assert sum(line["probabilities"].values()) == pytest.approx(1, abs=0.01)
            assert line["emotion"] in line["probabilities"]
            assert 0 <= line["distress"] <= 1
            assert 60 <= line["f0_low_hz"] <= line["f0_median_hz"] <= line["f0_high_hz"] <= 1000
            assert 1 < line["speech_rate"] < 10
            assert 0 <= line["pause_ratio"] < 1
        else:
            assert line["probabilities"] is None
            assert line["f0_median_hz"] is None
        assert line["clipped_share"] < 0.001
        assert 0 <= line["start_s"] < line["end_s"]
    assert all(line["speech"] for line in wholes)


def test_8_bit_stereo_44_1_khz_gives_nearly_the_same(edge, wav, clips):
    import soundfile
    import soxr

    samples, _ = soundfile.read(clips[0], dtype="float32")
    loud = samples / np.abs(samples).max() * 0.9
    better = np.repeat(soxr.resample(loud, 16000, 44100)[:, None], 2, axis=1)
    path = wav("8bit.wav", better, 44100, 1)
    plain = wav("16bit.wav", loud)
    status, out, err = edge("analyse", "--json", path, plain)
    assert (status, err) == (0, "")
    lines = [json.loads(line) for line in out.splitlines()]
    found, expected = ([line for line in lines if line["file"] == str(one)] for one in (path, plain))
    assert len(found) == len(expected)
    assert found[-1]["speech"]


def bad_file(name, wav, tmp_path):
    path = tmp_path / name
    if name == "text.wav":
        path.write_text("no sound\n" * 50, encoding="utf-8")
    elif name == "empty.wav":
        path.write_bytes(b"")
    elif name == "nothing.wav":
        return wav(name, np.zeros(0))
    elif name == "folder":
        path.mkdir()
    return path


BAD = {
    "text.wav": "is no sound file",
    "empty.wav": "is empty",
    "nothing.wav": "holds no sound",
    "folder": "is a folder",
    "missing.wav": "No such file",
}


@pytest.mark.parametrize("name", BAD)
def test_analyse_goes_on_after_a_bad_file(edge, wav, tmp_path, clips, name):
    status, out, err = edge("analyse", bad_file(name, wav, tmp_path), clips[0])
    assert status == 66
    assert BAD[name] in sentence(err)
    assert out.count("the whole recording") == 1


@pytest.mark.parametrize("name", BAD)
def test_run_with_a_bad_file(edge, wav, tmp_path, config_file, name):
    status, _, err = edge(
        "run", "--config", config_file(1), "--source", bad_file(name, wav, tmp_path), "--fast"
    )
    assert status == 66
    assert BAD[name] in err
    assert "Traceback" not in err


def test_analyse_a_file_cut_short(edge, tmp_path, clips):
    path = tmp_path / "cut.wav"
    path.write_bytes(clips[0].read_bytes()[:60_000])
    status, out, err = edge("analyse", path)
    assert status == 66
    assert "is cut short: 1.9 of" in sentence(err)
    assert "the whole recording" in out


def bad_model(name, tmp_path, model):
    path = tmp_path / f"{name}.tflite"
    data = model.read_bytes()
    with zipfile.ZipFile(model) as members:
        bare = data[: min(member.header_offset for member in members.infolist())]
        manifest = members.read("manifest.json").replace(b'"window"', b'"widow"')
        labels = members.read("labels.txt")
    if name == "text":
        path.write_text("hello", encoding="utf-8")
    elif name == "bare":
        path.write_bytes(bare)
    elif name == "damaged":
        path.write_bytes(data[:1000] + bytes([data[1000] ^ 1]) + data[1001:])
    elif name == "wrong":
        path.write_bytes(bare)
        with zipfile.ZipFile(path, "a") as members:
            members.writestr("manifest.json", manifest)
            members.writestr("labels.txt", labels)
    return path


BAD_MODELS = {
    "missing": "No such file",
    "text": "is no TFLite model",
    "bare": "carries no manifest",
    "damaged": "is damaged",
    "wrong": "widow",
}


@pytest.mark.parametrize("name", BAD_MODELS)
def test_models_that_are_none(edge, tmp_path, model, clips, config_file, name):
    path = bad_model(name, tmp_path, model)
    for arguments in (
        ("model", path),
        ("analyse", "--model", path, clips[0]),
        ("run", "--config", config_file(1, model=path), "--source", clips[0], "--fast"),
    ):
        status, _, err = edge(*arguments)
        assert status == 65
        assert BAD_MODELS[name] in sentence(err)


def test_unknown_configuration_key(edge, config_file):
    status, _, err = edge("run", "--config", config_file(1, extra="[gate]\nloudness = 3"))
    assert status == 78
    assert "unknown key gate.loudness; allowed here: min_level_db" in sentence(err)


def test_settings_that_contradict_the_model(edge, config_file, clips):
    config = config_file(1, extra="[episodes]\noffset = 0.9")
    status, _, err = edge("run", "--config", config, "--source", clips[0])
    assert status == 78
    assert "offset 0.9 is above onset" in sentence(err)


def test_sources_that_contradict_each_other(edge, config_file, clips):
    status, _, err = edge("run", "--config", config_file(1), "--source", "mic", clips[0])
    assert status == 78
    assert "both mic and files" in sentence(err)
    assert edge("run", "--config", config_file(1), "--fast")[0] == 78


def test_no_microphone(edge, config_file, no_sound):
    status, _, err = edge("devices", env=no_sound)
    assert status == 69
    assert "there is no microphone" in sentence(err)


def test_runs_without_a_microphone_and_says_so(start_edge, config_file, no_sound, until):
    process = start_edge("run", "--config", config_file(1), env=no_sound)
    lines = []
    until(lambda: lines.append(process.stderr.readline()) or "there is no microphone" in lines[-1])
    process.terminate()
    _, rest = process.communicate(timeout=10)
    assert process.returncode == 0
    err = "".join(lines) + rest
    assert "Traceback" not in err
    assert "ALSA" not in err


def test_devices(edge, microphone):
    status, out, err = edge("devices", env=microphone.environment)
    assert (status, err) == (0, "")
    assert 'device = "bedmic"' in out


def test_unwritable_storage_is_no_reason_to_end(edge, config_file, clips, tmp_path):
    (tmp_path / "store").write_text("a file in the folder's place", encoding="utf-8")
    status, _, err = edge("run", "--config", config_file(1), "--source", clips[0], "--fast")
    assert status == 0
    assert "cannot open" in err
    assert "messages are in memory" in err
    assert "Traceback" not in err


def test_a_reader_that_has_seen_enough(root, clips):
    command = f"python -m edge analyse --json {' '.join(map(str, clips))} | head -1; echo ${{PIPESTATUS[0]}}"
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    result = subprocess.run(
        ["bash", "-c", command], cwd=root, env=environment, capture_output=True, text=True, check=True
    )
    assert result.stderr == ""
    assert result.stdout.splitlines()[-1] == "0"
