"""Who outside is told, as configured; what check and metrics say of it; what a message looks like."""

from __future__ import annotations

import base64
import json
import os
import socket
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from engine_parts import T0, Clock, raised
from hub_parts import complete
from receivers import certificate, mail_server, receiver, wait_for
from simulate import Device
from sqlalchemy import update
from test_metrics import read

from edge.errors import ConfigError
from hub import boards, check_delivery, deliveries, push
from hub.boards import Report
from hub.config import load
from hub.delivery import Delivery, Recipient
from hub.escalation import LEAD
from hub.faults import Fault
from hub.mail import Mailer
from hub.outbound import About, Message, Outcome, body, text, title, urgency
from hub.reach import Reach, unreached
from hub.service import Stop
from hub.store import Store
from hub.tables import AlertRow
from hub.webhook import Webhook

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


@pytest.mark.parametrize(("password", "said"), [("green kettle", ""), ("grüner Kessel", "is not ASCII")])
def test_a_password_that_no_login_takes_is_an_outcome_and_no_end(
    tmp_path: Path, password: str, said: str
) -> None:
    (tmp_path / "password").write_text(password)
    own = certificate(tmp_path)
    with mail_server(refused="ben", certificate=own) as (port, letters):
        [mail] = load(config(
            tmp_path,
            MAIL.replace("mail.example", "localhost").replace("'lead@ward.example'", "'lead@w.x', 'ben@w.x'"),
            f"port = {port}\ntls = 'tls'\nca = '{own}'\nusername = 'hub'\n",
            f"password_file = '{tmp_path / 'password'}'\n",
        )).mail  # fmt: skip
        outcome = complete(Mailer(mail, "demo", None).send(Message("abc", "call", (ABOUT,))))
    assert said in outcome.error
    assert password not in outcome.error
    assert (len(letters), bool(outcome.error)) == ((0, True) if said else (1, False))
    assert outcome.note == ("" if said else "localhost refused ben@w.x"), "who has it need not have it again"


def test_an_address_that_is_none_is_an_outcome_and_no_end(tmp_path: Path) -> None:
    [push] = load(config(tmp_path, PUSH.replace("gateway", "g" * 64))).push

    async def send() -> Outcome:
        async with Webhook(push, "demo", None, lambda: T0) as webhook:
            return await webhook.send(Message("abc", "call", (ABOUT,)))

    assert "cannot be reached" in complete(send()).error


def test_lookups_that_hang_hold_up_nobody_else(
    store: Store, device: Device, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More of them than any shared pool of threads has."""
    alert = raised(store, device, Clock())
    many = min(32, (os.cpu_count() or 1) + 4) + 2
    hanging: list[str] = []
    starved: list[str] = []
    real = socket.getaddrinfo

    with receiver() as phone:

        def lookup(host: Any, *arguments: Any, **more: Any) -> Any:
            if host != "hangs.example":
                return real(host, *arguments, **more)
            hanging.append(host)
            if not wait_for(lambda: phone.requests, 15):
                starved.append(host)
            raise socket.gaierror("no answer")

        monkeypatch.setattr(socket, "getaddrinfo", lookup)
        mails = [MAIL.replace("'lead'", f"'{n}'").replace("mail.", "hangs.") for n in range(many)]
        own = PUSH.replace("https://gateway.example", phone.url.rpartition("/hook")[0])
        settings = load(config(tmp_path, own, *mails))
        first, *others = settings.recipients

        def call(recipients: list[Recipient]) -> None:
            with store.write() as connection:
                connection.execute(update(AlertRow).values(level=LEAD, calls=4))
                deliveries.write(connection, [alert], recipients, time.time())

        call(others)
        stop = Stop()
        sending = threading.Thread(target=push.Sender(settings, store, time.time).run, args=(stop,))
        sending.start()
        wait_for(lambda: len(hanging) == many, 8)
        call([first])
        wait_for(lambda: phone.requests)
        stop.set()
        sending.join(20)
        assert not sending.is_alive()
    assert len(phone.requests) == 1
    assert starved == []


def test_whoever_hears_of_one_ward_hides_nobody_else_s_trouble() -> None:
    """The duty phone fails; the lead of ward a can be reached, which helps no other ward."""
    phone, lead = Recipient("push", "phone", (), 4), Recipient("push", "lead a", ("a",), 4)
    failing = {("push", "phone"): Reach(T0, "no route"), ("push", "lead a"): Reach(None, "")}

    def fault(*wards: str) -> Fault | None:
        return unreached([phone, lead], failing, wards, (), T0 + 100, T0 + 100, Delivery())

    assert fault() is None
    assert fault("a") is None
    found = fault("a", "b")
    assert found is not None
    assert (found.code, found.values["names"]) == ("outside_failing", "phone")


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
