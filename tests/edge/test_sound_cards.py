import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.errors import MicrophoneError
from edge.sound_cards import cards, holder, locate, stable_name
from edge.sound_devices import Device, choose, sound_cards, stable_names

C_MEDIA = ("0d8c", "0014", "")
JABRA = ("0b0e", "0412", "50C2ED0A0C34x010900")


@pytest.fixture
def machine(tmp_path):
    def make(*found):
        return build(tmp_path / f"machine-{len(list(tmp_path.iterdir()))}", found)

    return make


def build(root, found):
    """/proc, /sys and /dev of a machine; a card is (ALSA id, title, USB ids and serial or None, port)."""
    for folder in ("proc/asound", "sys/class/sound", "dev/snd/by-path"):
        (root / folder).mkdir(parents=True)
    lines = []
    for number, (id_, title, usb, port) in enumerate(found):
        lines += [f"{number:2} [{id_:<15}]: {title}", f"{'':22}{title} at usb-{port}, full speed"]
        (root / f"proc/asound/card{number}" / ("pcm0c/sub0" if usb else "pcm0p/sub0")).mkdir(parents=True)
        device = root / f"sys/devices/platform/card-{port}"
        if usb:
            device = root / f"sys/devices/pci0/usb1/1-{port}/1-{port}:1.0"
            device.mkdir(parents=True)
            for name, value in zip(("idVendor", "idProduct", "serial"), usb, strict=True):
                if value:
                    (device.parent / name).write_text(value + "\n")
        node = device / f"sound/card{number}"
        node.mkdir(parents=True)
        (node / "device").symlink_to("../..")
        (node / "id").write_text(id_ + "\n")
        sound = root / "sys/class/sound"
        (sound / f"card{number}").symlink_to(f"../../../{node.relative_to(root)}")
        (sound / f"pcmC{number}D0{'c' if usb else 'p'}").mkdir()
        (root / f"dev/snd/controlC{number}").touch()
        (root / f"dev/snd/by-path/pci-0-usb-0:{port}:1.0").symlink_to(f"../controlC{number}")
    (root / "proc/asound/cards").write_text("\n".join(lines) + "\n")
    return root


HDMI = ("vc4hdmi", "vc4-hdmi - vc4-hdmi", None, "hdmi")
STICK = ("Device", "USB-Audio - USB PnP Sound Device", C_MEDIA, "1.2")
TWIN = ("Device_1", "USB-Audio - USB PnP Sound Device", C_MEDIA, "1.3")
SPEAKER = ("Jabra", "USB-Audio - Jabra SPEAK 510", JABRA, "1.4")

FOUND = [
    Device(0, "USB PnP Sound Device: Audio (hw:1,0)", 1, 44100, is_default=False),
    Device(1, "Jabra SPEAK 510: USB Audio (hw:2,0)", 1, 16000, is_default=True),
    Device(2, "pulse", 32, 44100, is_default=False),
]
ORDERS = [(HDMI, STICK, SPEAKER), (SPEAKER, HDMI, STICK), (STICK, SPEAKER, HDMI)]


def test_cards_are_read(machine):
    hdmi, stick, speaker = cards(machine(HDMI, STICK, SPEAKER))
    assert (hdmi.number, hdmi.id, hdmi.captures, hdmi.usb) == (0, "vc4hdmi", (), "")
    assert (stick.name, stick.captures, stick.usb, stick.serial) == (
        "USB PnP Sound Device", (0,), "0d8c:0014", "",
    )  # fmt: skip
    assert (speaker.usb, speaker.serial) == ("0b0e:0412", "50C2ED0A0C34x010900")
    assert stick.links == ("/dev/snd/by-path/pci-0-usb-0:1.2:1.0",)


@pytest.mark.parametrize(
    "wanted",
    [
        "Device",
        "hw:Device",
        "hw:CARD=Device,DEV=0",
        "plughw:CARD=Device,DEV=0",
        "0d8c:0014",
        "0D8C:0014",
        "/dev/snd/by-path/pci-0-usb-0:1.2:1.0",
    ],
)
@pytest.mark.parametrize("order", ORDERS)
def test_a_stable_name_survives_another_order_at_boot(machine, wanted, order):
    place = locate(wanted, machine(*order))
    assert place.card.id == "Device"
    assert place.card.number == order.index(STICK)


def test_a_sandbox_that_hides_proc_costs_only_titles(machine):
    root = machine(HDMI, STICK)
    (root / "proc/asound/cards").unlink()
    assert [card.name for card in cards(root)] == ["vc4hdmi", "Device"]
    assert locate("0d8c:0014", root).card.number == 1


def test_serial_numbers_and_alsas_own_numbers(machine):
    root = machine(HDMI, STICK, SPEAKER)
    assert locate("0b0e:0412:50C2ED0A0C34x010900", root).card.id == "Jabra"
    assert (locate("hw:1,0", root).card.id, locate("hw:1,0", root).device) == ("Device", 0)
    with pytest.raises(MicrophoneError, match=r"no microphone '0b0e:0412:other'; here are: USB PnP"):
        locate("0b0e:0412:other", root)


def test_what_is_no_name_of_a_card_is_left_to_others(machine):
    root = machine(HDMI, STICK)
    assert locate("USB PnP", root) is None
    assert locate("device", root) is None
    assert locate("anything", machine()) is None


def test_two_of_a_kind_are_told_apart_by_their_sockets(machine):
    root = machine(HDMI, STICK, TWIN)
    with pytest.raises(MicrophoneError) as caught:
        locate("0d8c:0014", root)
    assert str(caught.value) == (
        "'0d8c:0014' names 2 sound cards; name one of them:"
        " /dev/snd/by-path/pci-0-usb-0:1.2:1.0 or /dev/snd/by-path/pci-0-usb-0:1.3:1.0"
    )
    there = cards(root)
    names = [stable_name(card, there) for card in there[1:]]
    assert [locate(name, root).card.number for name in names] == [1, 2]


@pytest.mark.parametrize("wanted", ["/dev/snd/by-path/nothing", "hw:9,0", "1234:5678", "/etc/passwd"])
def test_a_card_that_is_not_there(machine, wanted):
    with pytest.raises(MicrophoneError, match=r"no microphone .*here are: USB PnP .* is 0d8c:0014"):
        locate(wanted, machine(HDMI, STICK))
    with pytest.raises(MicrophoneError, match="here are: none"):
        locate(wanted, machine())


def test_choosing_among_what_portaudio_offers(machine):
    root = machine(HDMI, STICK, SPEAKER)
    for wanted, index in [
        ("", 1), ("default", 1), ("0", 0), ("jabra", 1), ("pulse", 2), ("PULSE", 2), ("0d8c:0014", 0),
        ("hw:CARD=Jabra,DEV=0", 1), ("/dev/snd/by-path/pci-0-usb-0:1.2:1.0", 0), (" Device ", 0),
    ]:  # fmt: skip
        assert choose(FOUND, wanted, root).index == index
    with pytest.raises(MicrophoneError, match=r"no microphone 'bluetooth', only USB PnP .*pulse"):
        choose(FOUND, "bluetooth", root)
    with pytest.raises(MicrophoneError, match=r"no microphone '7', only"):
        choose(FOUND, "7", root)
    with pytest.raises(MicrophoneError, match=r"'usb' fits 2 microphones: USB PnP .*, Jabra .*; name one"):
        choose(FOUND, "usb", root)
    with pytest.raises(MicrophoneError, match=r"'vc4hdmi' is vc4-hdmi \(vc4hdmi\), which has no microphone"):
        choose(FOUND, "vc4hdmi", root)


def test_none_at_all_or_all_of_them_taken(machine):
    with pytest.raises(MicrophoneError, match="there is no microphone; plug one in"):
        choose([], "", machine(HDMI))
    root = machine(HDMI, STICK)
    with pytest.raises(MicrophoneError, match=r"no microphone to be had, though USB PnP .* is there"):
        choose([], "", root)
    with pytest.raises(MicrophoneError, match="cannot be had; another program holds it"):
        choose([], "0d8c:0014", root)
    (root / "proc/asound/card1/pcm0c/sub0/status").write_text("state: RUNNING\nowner_pid   : 4711\n")
    assert holder(locate("Device", root), root) == 4711
    with pytest.raises(MicrophoneError, match="cannot be had; process 4711 holds it"):
        choose([], "0d8c:0014", root)


@pytest.mark.parametrize("order", ORDERS)
def test_the_name_we_print_leads_back_whatever_the_order(machine, order):
    root = machine(HDMI, STICK, SPEAKER)
    assert stable_names(FOUND, root) == ["0d8c:0014", "0b0e:0412", "pulse"]
    after = machine(*order)
    numbers = {card.id: card.number for card in cards(after)}
    again = [
        Device(5, f"Jabra SPEAK 510: USB Audio (hw:{numbers['Jabra']},0)", 1, 16000, is_default=True),
        Device(6, f"USB PnP Sound Device: Audio (hw:{numbers['Device']},0)", 1, 44100, is_default=False),
    ]
    assert [choose(again, name, after).index for name in stable_names(FOUND, root)[:2]] == [6, 5]


PRODUCTS = st.sampled_from([None, C_MEDIA, JABRA, ("0d8c", "0014", "A1"), ("0d8c", "0014", "A2")])


@settings(max_examples=40)
@given(st.lists(PRODUCTS, min_size=1, max_size=5), st.randoms())
def test_a_printed_name_leads_back_to_its_card_on_any_machine_in_any_order(products, random):
    found = [
        (f"Card{port}", f"USB-Audio - Product {port}", product, f"1.{port}")
        for port, product in enumerate(products)
    ]
    shuffled = random.sample(found, len(found))
    with tempfile.TemporaryDirectory() as folder:
        there = cards(build(Path(folder, "before"), found))
        after = build(Path(folder, "after"), shuffled)
        for card in there:
            assert locate(stable_name(card, there), after).card.id == card.id


def test_which_cards_there_are_costs_no_exception_where_there_are_none():
    assert isinstance(sound_cards(), tuple)
