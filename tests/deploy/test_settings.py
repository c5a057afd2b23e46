"""Every key of bedside.toml, right and wrong, and whatever else may be in a file of that name."""

import contextlib

import pytest
from cards import ENTERPRISE, PASSWORD, REST, SECRET, SETTINGS, WIFI
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from deploy import render, toml_text
from deploy.kept import Kept
from deploy.settings import SettingsError, parse, without_secrets
from edge import config
from edge.fields import decode, encode

WHOLE = SETTINGS + ENTERPRISE + REST


def mistakes(text, kept=None):
    with pytest.raises(SettingsError) as error:
        parse(text if isinstance(text, bytes) else text.encode(), kept)
    for sentence in error.value.mistakes:
        assert "\n" not in sentence
        assert len(sentence) < 400
        assert SECRET not in sentence
    return list(error.value.mistakes)


def test_takes_the_least_and_the_most():
    least = parse(SETTINGS.encode())
    assert (least.device, least.hub.port, least.wifi, least.panel.led) == ("bed-12", 8883, None, "ACT")
    most = parse(WHOLE.encode())
    assert most.wifi.password == PASSWORD
    assert most.hostname == "bedside-bed-12"
    assert decode(type(most), encode(most)) == most


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ('site = "clinic"', "", "site is missing; give 1 to 40 letters, digits"),
        ('site = "clinic"', 'site = "a/b"', "site is 'a/b'; it must be 1 to 40 letters"),
        ('ward = "3b"', 'ward = ""', "ward is ''; it must be"),
        ('device = "bed-12"', "device = 12", "device is 12; it must be"),
        ('bed = "12"', 'bed = ""', "bed is ''; it must be text from 1 to 40 characters"),
        ('bed = "12"', 'bed = "1\\n2"', "it must be text from 1 to 40 characters"),
        ('bed = "12"', f'bed = "{"x" * 41}"', "it must be text from 1 to 40 characters"),
        ('bed = "12"', 'bed = "12"\ndevise = "x"', "unknown key devise, perhaps device is meant; allowed"),
        ('bed = "12"', 'bed = "12"\n[wify]\nssid = "x"', "unknown key wify, perhaps wifi is meant"),
        ("[hub]", "[hup]", "hub.host is missing; write [hub] and below it"),
        ('host = "hub.example"', 'host = "hub example"', "hub: host is 'hub example'; it must be a host's"),
        ('host = "hub.example"', 'host = "-hub"', "hub: host is '-hub'; it must be a host's name or an IP"),
        ('host = "hub.example"', "host = 1", "hub.host is 1; it must be a host's name or an IP address"),
        ('host = "hub.example"', 'prot = 1\nhost = "h"', "unknown key hub.prot, perhaps port is meant"),
        ('host = "hub.example"', 'host = "h"\nport = 0', "hub.port is 0; it must be a whole number from 1"),
        ('host = "hub.example"', 'host = "h"\nport = "1"', "hub.port is '1'; it must be a whole number"),
        ('country = "DE"', 'country = "de"', "wifi.country is 'de'; it must be two capital letters"),
        ('country = "DE"\n', "", "wifi.country is missing; give two capital letters, such as DE"),
        ('ssid = "klinik@süd"', f'ssid = "{"ü" * 17}"', "wifi: ssid has 34 bytes; a network's name has"),
        ('identity = "bed-12@clinic"', "", "wifi: password is given without identity; give identity too"),
        ("password = 'pass word\\1'", "", "wifi: password is missing; give the one that goes with identity"),
        ("password = 'pass word\\1'", "password = 5", "wifi.password is no text; write it in quotation"),
        ('eap = "TTLS"', 'eap = "LEAP"', "wifi.eap is 'LEAP'; it must be one of PEAP, TTLS"),
        ('eap = "TTLS"', 'passphrase = "12345678"', "wifi: passphrase and identity are both given; give"),
        ('ca_file = "bedside-ca.crt"', 'ca_file = "../x"', "wifi.ca_file is '../x'; it must be the name of"),
        ('zone = "Europe/Berlin"', 'zone = "Europe/Berlim"', "time: zone is 'Europe/Berlim'; it must be a"),
        ('zone = "Europe/Berlin"', 'zone = "Europe"', "time: zone is 'Europe'; it must be a time zone such"),
        ('zone = "Europe/Berlin"', 'zone = "../passwd"', "time: zone is '../passwd'; it must be a time zone"),
        ('server = "ntp.clinic.example"', 'server = "a b"', "time: server is 'a b'; it must be a host's"),
        ('device = "0d8c:0014"', "device = 3", "microphone.device is 3; it must be text of at most 200"),
        ("mute_pin = 17", "mute_pin = 54", "panel.mute_pin is 54; it must be a whole number from 0 to 53"),
        ("mute_pin = 17", "mute_pin = 22", "panel: mute_pin and led are both 22; they need a pin each"),
        ("light_pin = 27", "light_pin = 17", "panel: mute_pin and light_pin are both 17; they need a pin"),
        ('led = "22"', 'led = "99"', "panel.led is '99'; it must be \"ACT\" or a GPIO number in quotation"),
        ("ssh_keys = [", 'ssh_keys = ["me", ', "support: ssh_keys has 'me'; it must be a public key"),
        ("ssh-ed25519 AAAA", "ssh-rsa AAAA", "support: ssh_keys has 'ssh-rsa AAAA"),
        ("ssh-ed25519 AAAA", 'command=\\"x\\" ssh-ed25519 AAAA', "support: ssh_keys has 'command="),
        ("[support]", "[support]\nssh_keys = 5\n[x]", "support.ssh_keys is 5; it must be a list"),
        ("[time]", "[[time]]", "time is no table; write [time] on a line of its own and its keys below"),
    ],
)  # fmt: skip
def test_names_key_value_and_remedy(old, new, expected):
    assert old in WHOLE
    assert any(expected in sentence for sentence in mistakes(WHOLE.replace(old, new)))


@pytest.mark.parametrize(
    "passphrase", ["short", "x" * 64, "ümlaut1234", "line\\nbreak1", "x" * 65]
)  # fmt: skip
def test_a_passphrase_no_network_has_is_refused_and_not_shown(passphrase):
    text = SETTINGS + WIFI.replace('se cret\\"#123', passphrase)
    (sentence,) = mistakes(text)
    assert "it must have 8 to 63, of the English keyboard's" in sentence
    assert passphrase not in sentence


def test_a_number_as_passphrase_is_not_shown():
    (sentence,) = mistakes(SETTINGS + WIFI.replace('"se cret\\"#123"', "12345678"))
    assert sentence.startswith("wifi.passphrase is no text; write it in quotation marks")


def test_tells_a_mistake_of_each_table_at_once():
    text = WHOLE.replace('"clinic"', '"cl inic"').replace('"hub.example"', '""').replace('"DE"', '"Germany"')
    assert [sentence.split(".")[0].split(" ")[0] for sentence in mistakes(text)] == ["site", "hub", "wifi"]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"", "bedside.toml is empty; write the settings of this bed into it"),
        (b"\xef\xbb\xbf \r\n", "bedside.toml is empty"),
        (SETTINGS.encode("utf-16"), "is not plain text in UTF-8; save it again with the encoding UTF-8"),
        (b"\0" * 500, "is not plain text in UTF-8"),
        (
            SETTINGS.replace('"12"', '"Bett für 1"').encode("latin-1"),
            "line 5 of bedside.toml has a letter that is not in UTF-8; save the file again",
        ),
        (b"x" * 10_000_000, "bedside.toml has 10000000 bytes, settings have at most 65536"),
        (SETTINGS.replace('"3b"', "\u201e3b\u201c").encode(), "line 3: the quotation marks are typographic"),
        (SETTINGS.replace('"3b"', "\u201c3b\u201d").encode(), "line 3: the quotation marks are typographic"),
        (SETTINGS.replace('"clinic"', "clinic").encode(), "line 2: text must stand in quotation marks, such"),
        (SETTINGS.replace('"3b"', "3b").encode(), "line 3: text must stand in quotation marks, such"),
        (SETTINGS.replace('"3b"', "three").encode(), "line 3: text must stand in quotation marks, such"),
        (SETTINGS.replace('"3b"', '"3b').encode(), "is no valid TOML: "),
        (SETTINGS.replace("ward =", "site =").encode(), "cannot overwrite a value (at line 3"),
        (b"a = " + b"[" * 60_000, "has brackets in brackets without end; correct it"),
        (b"a = " + b"1" * 60_000, "bedside.toml"),
        (b"just some words\n", "is no valid TOML: "),
    ],
)  # fmt: skip
def test_whatever_is_in_the_file_is_one_sentence(body, expected):
    assert expected in mistakes(body)[0]


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("\n", "\r\n"),
        lambda text: "\ufeff" + text,
        lambda text: "\ufeff" + text.replace("\n", "\r\n") + "\x1a",
        lambda text: text.replace(" = ", "\t=\t").replace("\n", "\n\t"),
        lambda text: text.rstrip("\n"),
    ],
)
def test_takes_what_editors_make_of_it(change):
    assert parse(change(WHOLE).encode()) == parse(WHOLE.encode())


@pytest.mark.parametrize(
    ("line", "left"),
    [
        ('passphrase = "se cret\\"#123"  # on the note', 'passphrase = ""  # on the note'),
        ("passphrase='12345678'", 'passphrase=""'),
        ('  "passphrase"\t=\t"12345678"', '  "passphrase"\t=\t""'),
        (
            '# passphrase = "12345678"\npassphrase = "12345678" # passphrase = "12345678"',
            '# passphrase = "12345678"\npassphrase = "" # passphrase = "12345678"',
        ),
    ],
)
def test_blanks_the_value_and_nothing_else(line, left):
    text = SETTINGS + f'[wifi]\r\ncountry = "DE"\r\nssid = "x"\r\n{line}\r\n[time]\nzone = "UTC"'
    found = toml_text.blanked(text, "wifi", "passphrase")
    assert found == text.replace(line, left)
    assert toml_text.blanked(found, "wifi", "passphrase") == found
    assert parse(found.encode(), parse(text.encode())) == parse(text.encode())


@pytest.mark.parametrize(
    "wifi",
    [
        'wifi = {country = "DE", ssid = "x", passphrase = "12345678"}',
        'wifi.country = "DE"\nwifi.ssid = "x"\nwifi.passphrase = "12345678"',
    ],
)
def test_blanks_in_other_ways_of_writing_a_table(wifi):
    text = f"{wifi}\n{SETTINGS}"
    assert parse(text.encode()).wifi.ssid == "x"
    assert toml_text.blanked(text, "wifi", "passphrase") == text.replace("12345678", "")


def test_refuses_a_secret_it_could_not_take_off_the_card():
    (sentence,) = mistakes(SETTINGS + WIFI.replace('"se cret\\"#123"', '"""\n12345678"""'))
    assert sentence.startswith("wifi.passphrase cannot be taken off the card as it is written; write it as")


def test_a_blank_secret_is_the_kept_one_of_the_same_network():
    kept = parse((SETTINGS + WIFI).encode())
    blank = toml_text.blanked(SETTINGS + WIFI, "wifi", "passphrase")
    assert parse(blank.encode(), kept) == kept
    (sentence,) = mistakes(blank)
    assert "wifi.passphrase is blank, and the box keeps none for this ssid, 'Ward 3b'" in sentence
    (sentence,) = mistakes(blank.replace("Ward 3b", "Ward 4"), kept)
    assert "'Ward 4'; write the passphrase again" in sentence
    enterprise = parse(WHOLE.encode())
    assert parse(toml_text.blanked(WHOLE, "wifi", "password").encode(), enterprise) == enterprise
    assert "wifi.password is blank" in mistakes(toml_text.blanked(WHOLE, "wifi", "password"), kept)[0]


def test_other_people_see_no_secret():
    for text in (SETTINGS + WIFI, WHOLE):
        shown = str(without_secrets(parse(text.encode())))
        assert "(left out)" in shown
        assert SECRET not in shown
        assert "pass word" not in shown


PLAIN = st.text(st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp")), min_size=1, max_size=30)
NAMES = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,15}", fullmatch=True)
PHRASES = st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=8, max_size=63)


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=300))
def test_no_bytes_make_anything_but_sentences(body):
    with contextlib.suppress(SettingsError):
        parse(body)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_no_damage_to_a_good_file_makes_anything_but_sentences(data):
    body = bytearray(WHOLE.encode())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(body) - 1))
        body[at : at + data.draw(st.integers(0, 20))] = data.draw(st.binary(max_size=6))
    found = ()
    try:
        parse(bytes(body))
    except SettingsError as error:
        found = error.mistakes
    assert all("\n" not in sentence for sentence in found)


@settings(max_examples=150, deadline=None)
@given(site=NAMES, ward=NAMES, device=NAMES, bed=PLAIN, microphone=PLAIN, port=st.integers(1, 65535))
def test_the_daemon_reads_what_is_rendered(tmp_path_factory, site, ward, device, bed, microphone, port):
    lines = [f"{key} = {toml_text.quoted(value)}" for key, value in
             {"site": site, "ward": ward, "device": device, "bed": bed}.items()]  # fmt: skip
    lines += ["[hub]", 'host = "10.0.0.1"', f"port = {port}", "[panel]", "mute_pin = 4"]
    lines += ["[microphone]", f"device = {toml_text.quoted(microphone)}"]
    wanted = parse("\n".join(lines).encode())
    file = tmp_path_factory.getbasetemp() / "edge.toml"
    text = render.edge_toml(wanted, has_command_key=True)
    with pytest.MonkeyPatch.context() as patch:
        credentials = tmp_path_factory.getbasetemp() / "credentials"
        credentials.mkdir(exist_ok=True)
        for name in ("bedside-ca.crt", "bedside-device.crt", "bedside-device.key", "bedside-command.key"):
            (credentials / name).touch()
        patch.setenv("CREDENTIALS_DIRECTORY", str(credentials))
        file.write_text(text, encoding="utf-8")
        read = config.load(file)
    assert (read.site, read.ward, read.device, read.bed) == (site, ward, device, bed)
    assert (read.microphone, read.broker.effective_port) == (wanted.microphone, port)
    assert (read.panel.mute_pin, read.panel.mute_pull_up, read.panel.light_pin) == (4, True, None)
    assert read.broker.key_file == str(credentials / "bedside-device.key")
    assert read.commands.key_file == str(credentials / "bedside-command.key")


@settings(max_examples=150, deadline=None)
@given(ssid=PLAIN, phrase=PHRASES)
def test_a_blanked_file_with_the_kept_settings_is_what_it_was(ssid, phrase):
    text = SETTINGS + f"[wifi]\ncountry = 'DE'\nssid = {toml_text.quoted(ssid)}\n"
    text += f"passphrase = {toml_text.quoted(phrase)} # not to be lost\n"
    assume(len(ssid.encode()) <= 32)
    first = parse(text.encode())
    blank = toml_text.blanked(text, "wifi", "passphrase")
    assert blank.endswith('passphrase = "" # not to be lost\n')
    kept = decode(Kept, encode(Kept(first)))
    assert parse(blank.encode(), kept.settings) == first
