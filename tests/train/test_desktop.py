import sys

import pytest

from train import desktop


@pytest.mark.parametrize(
    ("command", "module", "name"),
    [
        (desktop.train, "train.cli", "bedside-train"),
        (desktop.quantize, "convert.quantize", "bedside-quantize"),
    ],
)
def test_without_what_a_desktop_needs_it_is_one_sentence(command, module, name, monkeypatch, capsys):
    for loaded in [one for one in sys.modules if one.partition(".")[0] in {"train", "convert"}]:
        monkeypatch.delitem(sys.modules, loaded)
    monkeypatch.setitem(sys.modules, "soundfile", None)  # as if it were not installed
    assert command() == 69
    said = capsys.readouterr().err
    assert said.startswith(f"{name}: soundfile is not installed")
    assert "pip install 'bedside-ser[train]'" in said
    assert module not in sys.modules


def test_the_command_is_run_and_its_status_is_told(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["bedside-train", "--help"])
    with pytest.raises(SystemExit) as ended:
        desktop.train()
    assert ended.value.code == 0
