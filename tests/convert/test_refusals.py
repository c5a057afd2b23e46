"""What the command refuses before and after a network is shrunk: one sentence, and no file."""

import json
import os
import shutil
import subprocess

import numpy as np
import pytest
import soundfile

from convert import quantize as command
from convert import workers
from edge.errors import ConversionError


@pytest.fixture
def refused(capsys, networks, tmp_path):
    """Run the command in here, where nothing may be left; its status and the sentence it ends with."""

    def run(*arguments, network=networks / "conv1d.keras"):
        capsys.readouterr()
        status = command.main([str(one) for one in (network, *arguments, "--out", tmp_path / "out/m.tflite")])
        said = capsys.readouterr().err.strip().splitlines()[-1]
        assert said.startswith("bedside-quantize: ")
        assert not (tmp_path / "out").exists()
        return status, said.removeprefix("bedside-quantize: ")

    return run


def recordings(folder, *sounds):
    folder.mkdir()
    for number, sound in enumerate(sounds):
        soundfile.write(folder / f"{number}.wav", sound, 16000)
    rows = [f"{number}.wav,1,sad" for number in range(len(sounds))]
    (folder / "manifest.csv").write_text("\n".join(["path,speaker,emotion", *rows]) + "\n")
    return folder / "manifest.csv"


def test_silent_recordings(refused, tmp_path):
    manifest = recordings(tmp_path / "silent", np.zeros(48000), np.zeros(48000))
    assert refused("--calibration", manifest) == (
        65,
        "all 2 calibration recordings are silent; give recordings of speech",
    )


def test_recordings_that_are_not_speech(refused, tmp_path, small_manifest):
    noise = np.random.default_rng(0).normal(0, 0.1, 48000)
    tone = 0.3 * np.sin(2 * np.pi * 1000 * np.arange(48000) / 16000)
    manifest = recordings(tmp_path / "noise", noise, tone, noise / 10)
    speech, _ = soundfile.read(small_manifest.parent / "sad.wav")
    soundfile.write(manifest.parent / "2.wav", speech, 16000)
    status, said = refused("--calibration", manifest)
    assert status == 65
    assert said.startswith("the speech gate hears speech in 1 of 3 calibration recordings; give recordings")


def test_too_few_recordings(refused, small_manifest):
    status, said = refused("--calibration", small_manifest)
    assert status == 65
    assert said.startswith("4 calibration recordings have speech in them; give 32 or more")


def test_a_folder_of_sounds_needs_an_evaluation(refused, small_manifest):
    status, said = refused("--calibration", small_manifest.parent)
    assert (status, "give --evaluation MANIFEST as well" in said) == (65, True)


def test_an_empty_folder(refused, tmp_path):
    (tmp_path / "empty").mkdir()
    status, said = refused("--calibration", tmp_path / "empty")
    assert (status, "has no WAV, FLAC or OGG file" in said) == (66, True)


def test_labels_the_model_lacks(refused, small_manifest):
    status, said = refused("--calibration", small_manifest, "--map", "sad=weary", "--least-clips", 4)
    assert (status, "has weary" in said) == (65, True)


def test_a_missing_network_and_wrong_metadata(refused, networks, small_manifest, tmp_path):
    calibration = ("--calibration", small_manifest)
    status, said = refused(*calibration, network=tmp_path / "missing.keras")
    assert (status, "missing.keras is no file" in said) == (65, True)
    shutil.copy(networks / "conv1d.keras", tmp_path)
    status, said = refused(*calibration, network=tmp_path / "conv1d.keras")
    assert (status, "bedside-train writes beside model.keras" in said) == (66, True)
    (tmp_path / "model.json").write_text("{}")
    status, said = refused(*calibration, network=tmp_path / "conv1d.keras")
    assert (status, "name is missing" in said) == (66, True)


def test_a_drop_beyond_what_is_allowed_and_the_way_out_it_names(quantize, networks, small_manifest, tmp_path):
    """int8 has no room for this network's scores, 16x8 has."""
    described = json.loads((networks / "model.json").read_text())
    policy = described["distress"]["policy"]
    own = {"temperature": 1.0, "policy": policy, "chosen_for": "tests", "causes": ["sad"]}
    (tmp_path / "model.json").write_text(json.dumps(described | {"distress": own}))
    out = tmp_path / "out/m.tflite"
    arguments = [networks / "coarse.keras", "--calibration", small_manifest, "--out", out]
    arguments += ["--metadata", tmp_path / "model.json"]
    done = quantize(*arguments, "--json", tmp_path / "out/m.json", max_drop=1)
    assert done.returncode == 65, done.stderr
    said = done.stderr.strip().splitlines()[-1]
    assert "loses 75.00 points of UAR (most in the layer " in said
    assert " on 4 recordings, more than --max-drop 1;" in said
    assert "try --fine-tune or --scheme 16x8" in said
    assert not out.parent.exists()
    done = quantize(*arguments, "--scheme", "16x8", max_drop=1)
    assert done.returncode == 0, done.stderr
    assert out.exists()


def test_pytorch_without_what_it_needs_says_what_to_install(refused, networks, small_manifest, tmp_path):
    (tmp_path / "model.json").write_text((networks / "model.json").read_text())
    (tmp_path / "net.pt2").write_bytes(b"")
    status, said = refused("--calibration", small_manifest, "--least-clips", 4, network=tmp_path / "net.pt2")
    assert status == 65
    assert said.startswith("litert_torch is not installed for ")
    assert "torch/bin/pip install 'bedside-ser[torch]', and give --torch-python torch/bin/python" in said
    arguments = ("--calibration", small_manifest, "--least-clips", 4, "--torch-python", tmp_path / "none")
    status, said = refused(*arguments, network=tmp_path / "net.pt2")
    assert (status, said.startswith(f"cannot run {tmp_path / 'none'}: No such file")) == (65, True)


@pytest.mark.parametrize(
    ("network", "asked", "said"),
    [
        (
            "conv1d.keras",
            ("--fine-tune", "--scheme", "float16"),
            "--scheme float16 computes in floating point",
        ),
        (
            "conv1d.keras",
            ("--fine-tune", "--scheme", "dynamic"),
            "--scheme dynamic computes in floating point",
        ),
        ("conv1d.keras", ("--fine-tune", "--per-tensor"), "with one scale a channel; leave --per-tensor or"),
        ("saved_model", ("--fine-tune",), "saved_model is a SavedModel, whose layers are not known; give a"),
        ("net.pt2", ("--fine-tune",), "net.pt2 is PyTorch's; give a .keras or .h5 file"),
        ("net.py:make", ("--fine-tune",), "net.py:make is PyTorch's; give a .keras or .h5 file"),
        (
            "net.pt2",
            ("--scheme", "float16"),
            "--scheme float16 is not made of PyTorch networks; use --scheme",
        ),
        ("net.py:make", ("--per-tensor",), "--per-tensor is not made of PyTorch networks; leave it out"),
        (
            "net.py",
            (),
            "net.py is no kind of network that can be converted; give FILE.py:FACTORY, where FACTORY",
        ),
        ("net.tflite", (), "can be converted; give the network it was made of: what is rounded cannot be"),
        ("net.onnx", (), "can be converted; give the network it was exported from: a Keras file, or a .pt2"),
        ("net.txt", (), "can be converted; give a .keras, .h5 or .pt2 file, a SavedModel or FILE.py:FACTORY"),
        ("net.pt2", ("--weights", __file__), "is for a module given as FILE.py:FACTORY, and "),
    ],
)
def test_what_is_not_made_of_such_a_network(
    refused, networks, small_manifest, tmp_path, network, asked, said
):
    (tmp_path / "model.json").write_text((networks / "model.json").read_text())
    for name in ("net.pt2", "net.py", "net.tflite", "net.onnx", "net.txt"):
        (tmp_path / name).write_bytes(b"")
    folder = tmp_path if network.startswith("net") else networks
    status, sentence = refused("--calibration", small_manifest, *asked, network=folder / network)
    assert (status, said in sentence) == (65, True), sentence


def test_a_key_that_signs_nothing_is_told_before_anything_is_converted(
    refused, networks, small_manifest, tmp_path
):
    public = tmp_path / "key.pub"
    key = subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519"], check=True, capture_output=True)
    made = subprocess.run(["openssl", "pkey", "-pubout"], check=True, capture_output=True, input=key.stdout)
    public.write_bytes(made.stdout)
    given = ("--calibration", small_manifest, "--sign", public)
    status, said = refused(*given, network=networks / "truncated_conv1d.keras")
    assert status == 78
    assert said.startswith(f"{public} is no Ed25519 key in PEM form without a password; make one with ")


@pytest.mark.parametrize("epochs", ["0", "-1", "many", "10001"])
def test_epochs_that_are_none(capsys, epochs):
    with pytest.raises(SystemExit) as left:
        command.main(["m.keras", "--calibration", "m.csv", f"--fine-tune={epochs}"])
    assert left.value.code == 2
    assert f"{epochs} is no number of epochs; give 1 to 10000" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("--max-drop=nan", "nan is no number of points; give one such as 1.5"),
        ("--max-drop=some", "some is no number of points; give one such as 1.5"),
        ("--clips=0", "0 is no number of recordings; give 1 or more"),
        ("--least-clips=-1", "-1 is no number of recordings; give 1 or more"),
    ],
)
def test_numbers_that_are_none(capsys, option, said):
    with pytest.raises(SystemExit) as left:
        command.main(["m.keras", "--calibration", "m.csv", option])
    assert left.value.code == 2
    assert said in capsys.readouterr().err


def test_emotions_that_the_network_does_not_know(refused, networks, small_manifest, tmp_path):
    rows = [f"{small_manifest.parent / 'sad.wav'},{number},new-{number}" for number in range(7)]
    (tmp_path / "new.csv").write_text("\n".join(["path,speaker,emotion", *rows]) + "\n")
    status, said = refused("--calibration", tmp_path / "new.csv")
    assert status == 65
    assert "the manifest has new-0, new-1, new-2, new-3, new-4 and 2 more, the model knows angry, " in said
    assert said.endswith(", or give recordings of these emotions alone with --evaluation")


def test_files_that_cannot_be_written_leave_none_behind(tmp_path):
    (tmp_path / "there").mkdir()
    with pytest.raises(ConversionError, match=r"cannot write .*there: Is a directory; choose another place"):
        command._publish({tmp_path / "new/folder/m.tflite": b"a", tmp_path / "there": b"b"})
    assert list(tmp_path.rglob("*")) == [tmp_path / "there"]
    command._publish({tmp_path / "new/m.tflite": b"a", tmp_path / "m.json": b"b"})
    assert sorted(tmp_path.rglob("*.*")) == [tmp_path / "m.json", tmp_path / "new/m.tflite"]


def worker(folder, monkeypatch, body):
    (folder / "broken_worker.py").write_text(f"import os, sys\n{body}\n")
    monkeypatch.setenv("PYTHONPATH", f"{folder}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    with pytest.raises(ConversionError) as refusal:
        workers.run("broken_worker")
    return str(refusal.value)


def test_a_crash_of_the_converter(tmp_path, monkeypatch):
    said = worker(tmp_path, monkeypatch, "os.kill(os.getpid(), 11)")
    assert said.startswith(
        "broken_worker crashed on this model (SIGSEGV): an operator in it is not supported"
    )


def test_a_traceback_of_the_converter(tmp_path, monkeypatch):
    said = worker(tmp_path, monkeypatch, "raise ValueError('no such axis')")
    assert said.startswith("broken_worker failed on this model (ValueError: no such axis); replace unusual")


def test_a_refusal_is_passed_on(tmp_path, monkeypatch):
    assert (
        worker(tmp_path, monkeypatch, "print('this is why', file=sys.stderr); sys.exit(65)") == "this is why"
    )
