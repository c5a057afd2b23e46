"""Who outside is told, as configured; what check and metrics say of it; what a message looks like."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest
from engine_parts import T0
from test_metrics import read

from edge.errors import ConfigError
from hub import boards, check_delivery, deliveries
from hub.boards import Report
from hub.config import load
from hub.mail import Mailer
from hub.outbound import About, Message, Outcome, body, text, title, urgency
from hub.store import Store

PUSH = "[[push]]\nname = 'duty phone'\nurl = 'https://gateway.example/x'\n"
MAIL = (
    "[[mail]]\nname = 'lead'\nhost = 'mail.example'\nsender = 'hub@ward.example'\n"
    "to = ['lead@ward.example']\n"
)
HEAD = "site = 'x'\n"
ABOUT = About(
    delivery=1,
    alert=17,
    ward="3b",
    bed="Bett 5 · Fenster",
    kind="distress",
    priority="high",
    opened_at=T0,
    level=4,
    call=4,
    state="waiting",
)


def config(folder: Path, *parts: str) -> Path:
    path = folder / "hub.toml"
    path.write_text(HEAD + "".join(parts))
    return path


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (PUSH + PUSH, "push: two have the name 'duty phone'; give each one its own"),
        (PUSH.replace("https", "http"), "is not encrypted; write https://, http only to localhost"),
        (PUSH.replace("https://", "ftp://"), "is no web address"),
        (PUSH.replace("gateway", "me:s3cret@gateway"), "holds a password; put a token into token_file"),
        (PUSH + "from_level = 'boss'\n", "must be one of bed, buddy, ward, lead"),
        (PUSH + "secret_file = '/nowhere'\n", "push.secret_file of 'duty phone' is '/nowhere'"),
        (MAIL.replace("['lead@ward.example']", "[]"), "to of 'lead' is empty"),
        (MAIL.replace("hub@ward.example", "hub"), "an address like hub@example.org"),
        (MAIL + "username = 'hub'\n", "username and password_file of 'lead' belong together"),
        (MAIL + "tls = 'none'\n", "is for a server on this machine"),
    ],
)
def test_a_wrong_recipient_is_one_sentence_without_secrets(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(config(tmp_path, text))
    assert words in str(caught.value)
    assert "s3cret" not in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("secret", ["short", "dG9vIHNob3J0", "not base64 at all, not at all"])
def test_a_secret_that_is_no_key_is_refused_unsaid(tmp_path: Path, secret: str) -> None:
    file = tmp_path / "secret"
    file.write_text(secret)
    with pytest.raises(ConfigError, match="openssl rand -base64 32") as caught:
        load(config(tmp_path, PUSH, f"secret_file = '{file}'\n"))
    assert secret not in str(caught.value)
    file.write_text(base64.b64encode(b"0123456789abcdef").decode() + "\n")
    [push] = load(config(tmp_path, PUSH, f"secret_file = '{file}'\n")).push
    assert push.secret() == b"0123456789abcdef"


def test_a_message_says_where_and_since_when_and_nothing_of_people() -> None:
    message = Message("k", "call", (ABOUT,))
    said = json.loads(body(message, "demo", "https://board.example/"))
    assert said["alerts"] == [
        {
            "id": 17,
            "ward": "3b",
            "bed": "Bett 5 · Fenster",
            "kind": "distress",
            "priority": "high",
            "since": "2023-11-14T22:13:20+00:00",
            "level": "lead",
            "call": 4,
            "state": "waiting",
        }
    ]
    assert (said["type"], said["board"]) == ("call", "https://board.example/")
    assert said["text"].startswith("Bett 5 · Fenster (ward 3b): distress, high, since ")
    assert "board" not in json.loads(body(message, "demo", None))
    assert (title(message), urgency(message.alerts)) == ("Distress, high", 5)
    many = Message("k", "call", (ABOUT,) * 9)
    assert text(many, "demo").endswith("\nand 4 more")
    assert title(many).isascii()
    assert title(many) == "9 alerts nobody has accepted"


def test_a_mail_is_known_by_its_key(tmp_path: Path) -> None:
    [mail] = load(config(tmp_path, MAIL)).mail
    letter = Mailer(mail, "demo", "https://board.example/").letter(Message("abc", "call", (ABOUT,)))
    assert letter["Message-ID"] == "<abc@ward.example>"
    assert letter["Subject"] == "Distress, high"
    content = letter.get_content()
    assert "Bett 5 · Fenster (ward 3b)" in content
    assert "https://board.example/" in content


def test_check_and_metrics_tell_who_cannot_be_reached(store: Store, tmp_path: Path) -> None:
    settings = load(config(tmp_path, PUSH))
    [phone] = settings.recipients
    with store.read() as connection:
        [found] = check_delivery.outside(connection, load(config(tmp_path)))
        assert (found.kind, "[[push]]" in found.remedy) == ("note", True)
        settings = load(config(tmp_path, PUSH))
        [found] = check_delivery.outside(connection, settings)
        assert (found.kind, found.words) == ("note", ("told of calls: duty phone (never tried)",))
    with store.write() as connection:
        deliveries.remember(connection, phone, Outcome("gateway.example answered 500"), T0)
        [found] = check_delivery.outside(connection, settings)
        assert (found.kind, found.status) == ("red", 69)
        assert "gateway.example answered 500" in found.words[0]
        deliveries.remember(connection, phone, Outcome(), T0)
        assert check_delivery.outside(connection, settings)[0].kind == "well"
        boards.save(connection, {"0" * 16: Report("", (), T0, T0, None)}, T0)
        assert check_delivery.seen(connection, settings, T0 + 10).words[0].startswith("1 seen, 0 with sound")
    metrics = read(store, T0 + 10)
    assert metrics["bedside_boards_seen", ()] == 1
    assert metrics["bedside_boards_sounding", ()] == 0
    assert metrics["bedside_pushes_pending", ()] == metrics["bedside_pushes_oldest_seconds", ()] == 0
    assert metrics["bedside_pushes_delivered_total", ()] == 0
