"""The guide says what the programs say: the light's table, its pictures, and the sentences of STATUS.TXT."""

import re
import shutil

import pytest
from cards import SETTINGS, WIFI
from make_pictures import DRAWN, PICTURES

from deploy import led
from deploy.packages.contents import CHECKOUT

README = (CHECKOUT / "deploy" / "README.md").read_text(encoding="utf-8")


def table(head):
    """The rows of the table that begins with this line."""
    lines = README.splitlines()
    start = lines.index(head) + 2
    end = next(row for row in range(start, len(lines)) if not lines[row].startswith("|"))
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[start:end]]


def in_words(steps):
    """What somebody sees who looks at the light, as the guide puts it."""
    assert steps[0][0]
    flashes = sum(is_on for is_on, _ in steps)
    lit_s, dark_s = (sum(seconds for is_on, seconds in steps if is_on == wanted) for wanted in (True, False))
    if flashes > 1:
        return f"{flashes} flashes, pause"
    if lit_s == dark_s < 0.3:
        return "blinks fast and evenly"
    if lit_s > dark_s:
        return f"shines, and winks every {lit_s + dark_s:g} s"
    return f"is dark, and flashes once every {lit_s + dark_s:g} s"


MEANINGS = {
    led.STARTING: "it starts",
    led.LISTENING: "it listens, and is connected",
    led.MUTED: "muted: nobody listens",
    led.NO_MICROPHONE: "no microphone",
    led.NO_HUB: "no connection to the hub",
    led.WRONG_SETTINGS: "wrong settings",
    led.ERROR: "something is broken",
}


def test_the_lights_table_is_the_lights_language():
    rows = table("| it | means | what to do |")
    assert [row[0] for row in rows] == [in_words(steps) for steps in led.PATTERNS.values()]
    for row, told in zip(rows, led.PATTERNS, strict=True):
        assert MEANINGS[told] in row[1]
    assert led.START_S == 120, "the guide says two minutes"


@pytest.mark.parametrize("name", DRAWN)
def test_pictures_are_what_the_program_draws(name):
    """`make pictures` makes them anew."""
    assert (PICTURES / name).read_text(encoding="utf-8") == DRAWN[name]()


def test_pictures_and_files_the_guide_shows_are_there():
    for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", README):
        assert (CHECKOUT / "deploy" / target).exists(), target


def test_links_within_the_guide():
    heads = re.findall(r"^#+ (.*)$", README, re.MULTILINE)
    anchors = {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}
    assert set(re.findall(r"\]\(#([^)]+)\)", README)) <= anchors


def replaced(old, new):
    return lambda box: box.write((SETTINGS + WIFI).replace(old, new))


def blanked(box):
    box.start()
    box.write(SETTINGS + WIFI.replace("Ward 3b", "Ward 4"))
    box.write(box.toml.replace('"se cret\\"#123"', '""'))


def note(box):
    box.start()
    shutil.rmtree(box.data)
    box.data.mkdir()
    box.write(SETTINGS + WIFI)


def no_data(box):
    box.data.rmdir()
    box.data.write_text("no folder")


def empty(box):
    for file in box.boot.iterdir():
        file.unlink()


def rename(box):
    (box.boot / "bedside.toml").rename(box.boot / "bedside.toml.txt")


PROVOKED = {
    "there is no bedside.toml on the card": lambda box: (box.boot / "bedside.toml").unlink(),
    "the card's first partition cannot be read": empty,
    "the settings are called bedside.toml.txt": rename,
    "bedside.toml is empty": lambda box: box.write(""),
    "the quotation marks are typographic ones": replaced('"3b"', "\u201e3b\u201c"),
    "text must stand in quotation marks": replaced('"3b"', "3b"),
    "has a letter that is not in UTF-8": lambda box: box.write(
        SETTINGS.replace("window", "Fenster, für Ä").encode("latin-1")
    ),
    "is not plain text in UTF-8": lambda box: box.write(SETTINGS.encode("utf-16")),
    "is no valid TOML": replaced('"3b"', '"3b'),
    "unknown key": replaced("host =", "hots ="),
    "it must be": replaced('country = "DE"', 'country = "Germany"'),
    "is missing; give": replaced('ward = "3b"\n', ""),
    "wifi.passphrase is blank, and the box keeps none for this ssid": blanked,
    "bedside-device.crt is missing": lambda box: (box.boot / "bedside-device.crt").unlink(),
    "bedside-device.crt is for": replaced('"bed-12"', '"bed-13"'),
    "is no key in PEM form that belongs to bedside-device.crt": lambda box: box.write(
        "key", "bedside-device.key"
    ),
    "holds no whole certificate in PEM form": lambda box: box.write("no", "bedside-ca.crt"),
    "bedside-device.key says that the box keeps the key, but this box has none": note,
    "bedside-command.key is no key": lambda box: box.write("short", "bedside-command.key"),
    "the settings cannot be kept": no_data,
}
ELSEWHERE = {
    "the card cannot be written": "tests/deploy/test_apply.py",
    "NOT INSTALLED YET": "deploy/cloud-init/user-data",
}
"""What no good card can be made to say here, and where it is."""


def sentences():
    rows = table("| the sentence begins or has | why | what to do |")
    return [re.match(r"`([^`]+)`", row[0])[1] for row in rows]


def test_every_sentence_of_the_guide_is_provoked_here():
    assert sorted(sentences()) == sorted([*PROVOKED, *ELSEWHERE])
    for sentence, file in ELSEWHERE.items():
        assert sentence in (CHECKOUT / file).read_text()


@pytest.mark.parametrize("sentence", PROVOKED)
def test_status_txt_has_the_sentences_of_the_guide(make_box, sentence):
    box = make_box()
    PROVOKED[sentence](box)
    box.start()
    assert sentence in box.status


def test_status_txt_of_a_good_card_is_what_the_guide_says(box):
    box.start()
    [told] = re.findall(r"\*(The settings of .*?)\*", README)
    assert told in box.status
