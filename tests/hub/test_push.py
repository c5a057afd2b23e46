"""People outside are told: real processes, web and mail servers that accept, refuse, hang, close and lie."""

from __future__ import annotations

import base64
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from hub_parts import ROOT, Hub, until
from receivers import certificate, mail_server, receiver
from simulate import Device, Line, hex_id

SECRET = base64.b64encode(b"correct horse battery staple").decode()
QUICK = "[timers]\ncondition_delay_s = 0\n[delivery]\nunreached_s = 0\nretry_s = 1\n"
both = pytest.mark.parametrize("hub", ["sqlite", "postgresql"], indirect=True)


def push(name: str, url: str, **more: Any) -> str:
    """An entry of the configuration, for every alert at once unless `more` says otherwise."""
    values = {"name": name, "url": url, "from_level": "bed"} | more
    lines = [
        f"{key} = {str(value).lower() if isinstance(value, bool) else repr(value)}"
        for key, value in values.items()
    ]
    return "\n".join(["[[push]]", *lines, ""])


def configure(hub: Hub, *parts: str) -> None:
    hub.config.write_text(hub.config.read_text() + QUICK + "".join(parts))


def start(hub: Hub) -> None:
    for verb in ("ingest", "alerts", "web", "push"):
        hub.start(verb)
    until(hub.well, 60, "the hub")


def distress(line: Line, bed: str = "bed-5", ward: str = "3b") -> None:
    device = Device(line, bed, f"Bed {bed[-1]}", ward)
    device.state()
    device.episode(hex_id(), "onset", 6.0)


def deliveries(hub: Hub) -> list[tuple[Any, ...]]:
    query = "SELECT kind, state FROM deliveries WHERE channel = 'push' ORDER BY id"
    return hub.rows(query)


def push_test(hub: Hub) -> tuple[int, dict[str, str]]:
    result = subprocess.run(
        [sys.executable, "-m", "hub.cli", "push-test", "--config", str(hub.config)],
        cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert "Traceback" not in result.stderr
    told = dict(line.split(": ", 1) for line in result.stdout.splitlines())
    return result.returncode, told


@both
def test_a_call_is_delivered_signed_once_and_its_end_too(hub: Hub, line: Line, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text(f"whsec_{SECRET}\n")
    with receiver(certificate=certificate(tmp_path)) as phone:
        ca = str(tmp_path / "localhost.pem")
        configure(hub, push("duty phone", phone.url, secret_file=str(secret), ca=ca))
        start(hub)
        distress(line)
        until(lambda: phone.bodies("call"), 15, "the call")
        [alert] = until(lambda: hub.alerts("waiting"), what="the alert")
        until(lambda: hub.alerts("waiting")[0]["outside"][0]["state"] == "delivered", what="its delivery")
        headers, body = phone.requests[0]
        verify(headers, body)
        [said] = phone.bodies("call")[0]["alerts"]
        assert set(said) == {"id", "ward", "bed", "kind", "priority", "since", "level", "call", "state"}
        assert (said["bed"], said["ward"], said["kind"], said["level"]) == ("Bed 5", "3b", "distress", "bed")
        assert hub.act(alert["id"], "accept", person="Amara Diallo").status_code == 200
        until(lambda: phone.bodies("over"), 10, "the follow-up")
        assert phone.bodies("over")[0]["alerts"][0]["state"] == "accepted"
        everything = b"".join(body for _, body in phone.requests)
        assert b"Amara" not in everything, "no names of people"
        assert b"fear" not in everything, "nor how anybody feels"
    until(lambda: deliveries(hub) == [("call", "delivered"), ("over", "delivered")], what="both")
    assert len(set(phone.keys())) == len(phone.keys()) == 2


def verify(headers: dict[str, str], body: bytes) -> None:
    """By the example of the documentation, which also refuses what was changed on the way."""
    text = (ROOT / "hub" / "README.md").read_text()
    [example] = re.findall(r"```python\n(import base64.*?)```", text, re.DOTALL)
    names: dict[str, Any] = {}
    exec(example, names)  # noqa: S102
    verified = names["verified"]
    assert verified(headers, body, SECRET, time.time())
    assert not verified(headers, body + b" ", SECRET, time.time())
    assert not verified(headers, body, base64.b64encode(b"another key altogether").decode(), time.time())
    assert not verified(headers, body, SECRET, time.time() + 3600), "too old"


def test_what_comes_back_is_said_in_a_sentence(hub: Hub, tmp_path: Path) -> None:
    own = certificate(tmp_path)
    other = certificate(tmp_path, "elsewhere")
    with (
        receiver() as good,
        receiver(500) as broken,
        receiver("hang") as hanging,
        receiver("close") as closing,
        receiver("redirect") as moved,
        receiver(certificate=own) as strange,
        receiver(certificate=other) as wrong,
        mail_server() as (port, letters),
        mail_server(refused="ben") as (refusing, some),
    ):
        mails = "".join(
            f"[[mail]]\nname = '{name}'\nhost = 'localhost'\nport = {at}\ntls = 'none'\n"
            f"sender = 'hub@ward.test'\nto = ['amara@ward.test', 'ben@ward.test']\n"
            for name, at in (("mail", port), ("refused", refusing))
        )
        parts = {
            "good": push("good", good.url),
            "broken": push("broken", broken.url),
            "hanging": push("hanging", hanging.url),
            "closing": push("closing", closing.url),
            "moved": push("moved", moved.url),
            "strange": push("strange", strange.url),
            "wrong": push("wrong", wrong.url, ca=str(other)),
            "nobody": push("nobody", "http://localhost:1/"),
            "phone": push("phone", good.url, format="ntfy"),
        }
        configure(hub, *parts.values(), mails)
        status, told = push_test(hub)
    assert status == 69
    assert told["push good"] == told["push phone"] == told["mail mail"] == "delivered"
    assert told["push broken"] == "localhost answered 500 Internal Server Error"
    assert told["push hanging"] == "localhost gave no answer within 15 s"
    assert told["push closing"].startswith("localhost broke off without an answer: ")
    assert "put the final address into url" in told["push moved"]
    assert re.search(
        r"cannot be trusted: self.signed certificate; name its authority in ca", told["push strange"]
    )
    assert "cannot be trusted: Hostname mismatch" in told["push wrong"]
    assert told["push nobody"].startswith("localhost cannot be reached: ")
    assert told["mail refused"] == "delivered, but localhost refused ben@ward.test"
    assert "s3cret" not in "".join(told.values()), "the address may be a secret itself"
    [letter] = letters
    assert len(some) == 1
    assert "Subject: Test from the bedside hub" in letter
    titles = [headers["title"] for headers, _ in good.requests if "title" in headers]
    assert titles == ["Test from the bedside hub"]


def test_a_killed_process_sends_again_under_the_same_key(hub: Hub, line: Line) -> None:
    with receiver("hang") as phone:
        configure(hub, push("duty phone", phone.url))
        start(hub)
        sender = hub.processes[-1]
        distress(line)
        until(lambda: phone.requests, 15, "the first attempt")
        sender.kill()
        sender.wait()
        phone.answer = 200
        hub.processes[1].kill()  # the engine too: it must not make the call again
        hub.start("alerts")
        hub.start("push")
        until(lambda: deliveries(hub) == [("call", "delivered")], 15, "the delivery")
        time.sleep(1)
    assert len(phone.keys()) == 2
    assert len(set(phone.keys())) == 1
    assert deliveries(hub) == [("call", "delivered")]


def test_a_recipient_that_hangs_holds_up_nobody_and_is_told_of_nothing_that_is_over(
    hub: Hub, line: Line
) -> None:
    with receiver("hang") as slow, receiver() as quick, receiver(500) as late:
        entries = (push("slow", slow.url), push("quick", quick.url), push("late", late.url, follow_up=False))
        configure(hub, *entries)
        start(hub)
        distress(line)
        until(lambda: slow.requests and late.requests, 15, "the attempts")
        distress(line, "bed-6")
        until(lambda: sum(len(body["alerts"]) for body in quick.bodies("call")) == 2, 10, "both calls")
        for alert in hub.alerts("waiting"):
            if alert["priority"] != "technical":
                hub.act(alert["id"], "accept", person="Amara Diallo")
        late.answer = 200
        until(lambda: ("call", "cancelled") in deliveries(hub), 10, "the end of what waits")
        until(lambda: sum(len(body["alerts"]) for body in quick.bodies("over")) == 2, 10, "both ends")
        left = "SELECT id FROM deliveries WHERE recipient = 'late' AND open"
        until(lambda: hub.rows(left) == [], 10, "the end of all that there was to tell")
        assert late.bodies("over") == []
        held = {one["bed"] for body in slow.bodies("call") for one in body["alerts"]}
        assert held == {"Bed 5"}, "nothing new to one that still holds the first"


def test_where_nobody_can_be_reached_the_board_says_so_until_a_test_arrives(hub: Hub, line: Line) -> None:
    with receiver(500) as phone:
        configure(hub, push("duty phone", phone.url))
        start(hub)
        distress(line)
        [alarm] = until(lambda: outside(hub), 20, "the alarm")
        assert alarm["reason"] == (
            "nobody outside could be reached (duty phone): localhost answered 500 Internal Server Error"
        )
        assert alarm["state"] == "waiting"
        [called] = [one for one in hub.alerts("waiting") if one["kind"] == "distress"]
        assert called["outside"][0]["state"] == "failed"
        status, told = push_test(hub)
        assert (status, told["push duty phone"]) == (69, "localhost answered 500 Internal Server Error")
        phone.answer = 204
        assert push_test(hub) == (0, {"push duty phone": "delivered"})
        until(lambda: outside(hub)[0]["state"] == "resolved", 10, "its end")


def outside(hub: Hub) -> list[dict[str, Any]]:
    return [alert for alert in hub.board()["alerts"] if alert["kind"] == "outside"]


def test_nobody_configured_is_a_sentence(hub: Hub) -> None:
    result = subprocess.run(
        [sys.executable, "-m", "hub.cli", "push-test", "--config", str(hub.config)],
        cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert result.returncode == 78
    assert "nobody outside is configured" in result.stderr
