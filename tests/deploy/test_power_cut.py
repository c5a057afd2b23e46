"""The power goes at any moment of taking over a card: no secret is lost, and the next start is a good one.

The real code is killed before each change it makes to a partition. A kill leaves the kernel's memory alone
and a power cut does not, so a trace of the program's calls is looked at too: what was not synced may be
missing, in any order.
"""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from box import Box
from cards import SECRET

sys.path.insert(0, str(Path(__file__).parents[1] / "resilience"))  # strace.py

from strace import calls, require_strace, traced

CALLS = "openat,write,pwrite64,rename,renameat,renameat2,unlink,unlinkat,mkdir,mkdirat,fsync,ftruncate"
OTHERS_PHRASE = "quite different"


def command(box):
    places = ["--boot", str(box.boot), "--data", str(box.data), "--root", str(box.root)]
    return [sys.executable, "-m", "deploy", "apply", *places]


@pytest.fixture(params=["first card", "new secrets"])
def changed(request, make_box, bundles):
    """Makes boxes with a card to be taken over, and says which passphrases are right afterwards."""

    def make(name):
        box = make_box(f"{request.param}-{name}")
        if request.param == "new secrets":
            box.start()
            box.write(box.toml.replace('passphrase = ""', f'passphrase = "{OTHERS_PHRASE}"'))
            box.write(box.toml.replace("bed-12", "bed-13"))
            for file in ("bedside-device.crt", "bedside-device.key"):
                shutil.copyfile(bundles["bed-13"] / file, box.boot / file)
        return box

    make.box = Box
    make.phrase = OTHERS_PHRASE if request.param == "new secrets" else SECRET
    make.device = "bed-13" if request.param == "new secrets" else "bed-12"
    return make


def judge(box, phrase, device, bundles):
    """The next start is good, all secrets are where they belong, none is left on the card."""
    result = box.start()
    assert (result.mistakes, result.troubles) == ((), ())
    assert result.bed.endswith(f"/{device})")
    assert f"Passphrase={phrase}\n" in box.made("run/bedside/iwd/networks/Ward 3b.psk")
    key = (bundles[device] / "bedside-device.key").read_bytes()
    assert (box.root / "run/credstore/bedside-device.key").read_bytes() == key
    assert (box.root / "run/credstore/bedside-device.crt").read_bytes() == (
        bundles[device] / "bedside-device.crt"
    ).read_bytes()
    card = {path.name: path.read_bytes() for path in box.boot.iterdir()}
    assert not [name for name, body in card.items() if phrase.encode() in body or key.splitlines()[1] in body]
    assert card["bedside.toml"].count(b"#") == 3  # comments are there still


def test_killed_before_any_change_of_a_partition(changed, bundles, tmp_path):
    work = tmp_path / "work"
    work.mkdir()
    program = Path(__file__).parent / "killed_apply.py"
    done = subprocess.run(
        [sys.executable, program, changed("good").folder, work],
        capture_output=True, text=True, check=True, timeout=240,
    )  # fmt: skip
    before = [line.split(" ", 1)[1] for line in done.stdout.splitlines()]
    assert before[-1] == "the end"
    replaced = [Path(line.split()[-1]) for line in before if line.startswith("replace ")]
    assert [path.parent.name for path in replaced] == ["settings", *["boot"] * (len(replaced) - 1)]
    assert len(replaced) >= 4
    for number in range(len(before)):
        box = changed.box(work / str(number))
        judge(box, changed.phrase, changed.device, bundles)


def test_a_secret_leaves_the_card_only_after_it_is_on_the_other_disk(changed, tmp_path):
    """The kept settings are written, synced, named, and their folder synced, before the card is touched."""
    require_strace()
    box, trace = changed("traced"), tmp_path / "trace"
    subprocess.run(traced(command(box), trace, CALLS), check=True, capture_output=True)
    done = []
    for call in calls(trace):
        path = call.opened if call.name == "openat" else call.target
        if call.name.startswith("rename"):
            path = call.strings[-1].decode()
        writes = call.name != "openat" or "O_CREAT" in call.arguments or "O_TRUNC" in call.arguments
        places = [place for place in (box.data, box.boot) if writes and Path(path).is_relative_to(place)]
        done += [(place.name, call.name, str(Path(path).relative_to(place))) for place in places]
    first = next(number for number, step in enumerate(done) if step[0] == "boot")
    kept = [
        step[1:]
        for step in done[:first]
        if step[2] in ("settings", "settings/kept.new", "settings/kept.json")
    ]
    names = [re.sub("renameat2?", "rename", name) for name, _ in kept]
    assert names[-4:] == ["write", "fsync", "rename", "fsync"]
    assert kept[-1] == ("fsync", "settings")
    on_card = [step[1:] for step in done[first:]]
    assert {step[0] for step in done[first:]} == {"boot"}
    for number, (name, path) in enumerate(on_card):  # on the card too: no new name before its bytes are there
        if name.startswith("rename"):
            assert on_card[number - 1][0] == "fsync"
            assert on_card[number + 1] == ("fsync", ".")
            assert path in {"bedside.toml", "bedside-device.key", "bedside-command.key", "STATUS.TXT"}
