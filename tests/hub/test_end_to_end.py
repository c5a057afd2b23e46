"""The main job: a recorded voice, the real daemon, the real broker and hub, a nurse in Chromium."""

from __future__ import annotations

import re
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
from hub_parts import ROOT, end, until
from playwright.sync_api import expect
from ports import free_port

SCENE = ROOT / "tests" / "data" / "scene.wav"


def start(command_name: str, *arguments: object, log: Path) -> subprocess.Popen[bytes]:
    command = [str(Path(sys.executable).with_name(command_name)), "run", *map(str, arguments)]
    # Started in the folder that holds hub/ and edge/, the data: neither may be taken for a package.
    with log.open("w") as out:
        return subprocess.Popen(command, cwd=log.parent, stdout=out, stderr=subprocess.STDOUT)


def well(url: str) -> bool:
    try:
        return httpx.get(f"{url}/healthz", timeout=2).status_code == 200
    except httpx.TransportError:
        return False


def rows(database: Path, query: str) -> list[tuple[Any, ...]]:
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
        found = connection.execute(query).fetchall()
    connection.close()
    return found


def test_a_frightened_voice_becomes_an_alert_that_a_named_nurse_ends(chromium: Any, tmp_path: Path) -> None:
    broker_port, web_port = free_port(), free_port()
    url = f"http://127.0.0.1:{web_port}"
    (tmp_path / "hub.toml").write_text(
        f'site = "demo"\ndata = "{tmp_path / "hub"}"\nnurses = ["Amara Diallo"]\n'
        f"[broker]\nport = {broker_port}\nstart = true\n[web]\nport = {web_port}\n"
        "[accounts]\nrequired = false\n"
    )
    (tmp_path / "edge.toml").write_text(
        'site = "demo"\nward = "ward-1"\ndevice = "bed-1"\nbed = "Bed 1"\n'
        f'[model]\npath = "{ROOT / "model" / "bedside-ser.tflite"}"\n'
        f'[broker]\nhost = "127.0.0.1"\nport = {broker_port}\n[storage]\nfolder = "{tmp_path / "edge"}"\n'
    )
    processes = [start("bedside-hub", "--config", tmp_path / "hub.toml", log=tmp_path / "hub.log")]
    try:
        until(lambda: well(url), 60, "the hub")
        daemon = start(
            "bedside-edge", "--config", tmp_path / "edge.toml", "--source", SCENE, log=tmp_path / "edge.log"
        )
        processes.append(daemon)
        page = chromium.new_page(viewport={"width": 1280, "height": 800})
        page.goto(url)
        bed = page.locator(".tile").filter(has=page.get_by_role("heading", name="Bed 1", exact=True))
        expect(bed.locator(".emotion")).to_have_text(re.compile("Neutral|Calm"), timeout=30_000)

        expect(bed.locator(".word")).to_have_text("Distress", timeout=40_000)
        expect(bed.locator(".reason")).to_have_text(re.compile(r"^(Frightened|Sad|Angry)\b"))
        bed.get_by_role("button", name=re.compile("^Accept")).click()
        page.get_by_role("button", name="Amara Diallo").click()
        expect(bed.locator(".who")).to_contain_text("Accepted by Amara Diallo")
        bed.get_by_role("button", name=re.compile("^Close")).click()
        page.locator("#answers").get_by_role("button", name="Distress").click()
        closed = page.locator("#recent-list li").filter(has_text="Bed 1")
        expect(closed).to_contain_text("Amara Diallo")
        page.close()

        assert daemon.wait(60) == 0, (tmp_path / "edge.log").read_text()
    finally:
        for process in reversed(processes):
            end(process)

    assert "Traceback" not in (tmp_path / "edge.log").read_text() + (tmp_path / "hub.log").read_text()
    [outbox] = rows(tmp_path / "edge" / "outbox.sqlite", "SELECT count(*) FROM outbox")
    assert outbox == (0,), "every durable message has its receipt"
