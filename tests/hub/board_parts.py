"""A board with any beds and alerts in a real Chromium: the hub's page, the test's event stream."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from string import Formatter
from typing import Any

from hub.faults import CAUSES

TABLET = (1280, 800)
WALL = (1920, 1080)
LANGUAGES = ("en", "de", "fr", "es", "hi", "ar")
EMOTIONS = ("neutral", "calm", "happy", "sad", "angry", "fearful", "disgust", "surprised")

# Notes every fundamental and when it is to start; the real oscillator plays it.
LISTEN = """
window.tones = [];
const start = OscillatorNode.prototype.start;
OscillatorNode.prototype.start = function (at) {
  window.tones.push({ frequency: this.frequency.value, at, state: this.context.state });
  return start.call(this, at);
};
"""


def bed(number: int, **more: Any) -> dict[str, Any]:
    """A bed as the hub's stream tells of it; heard now unless `more` says otherwise."""
    now = time.time()
    return {
        "id": number,
        "ward": "3b",
        "name": f"bed-{number}",
        "bed": f"Bed {number}",
        "status": "online",
        "status_at": now - 3600,
        "heard_at": now,
        "microphone": "healthy",
        "emotion": EMOTIONS[number % 8],
        "emotion_at": now - (number % 5) * 40,
        "distress": 0.07 * (number % 9),
        "level_db": -30.0,
        "outbox": 0,
        "muted_until": None,
        "muted_by": None,
        "muted_reason": None,
    } | more


def alert(number: int, device: int, priority: str = "medium", **more: Any) -> dict[str, Any]:
    """An open alert of a device, distress unless its priority is technical."""
    technical = priority == "technical"
    return {
        "id": number,
        "device_id": device,
        "ward": "3b",
        "bed": f"Bed {device}",
        "kind": "microphone" if technical else "distress",
        "priority": priority,
        "condition": "present",
        "missed": False,
        "opened_at": time.time() - 100 - number,
        "ended_at": None,
        "episodes": 1,
        "emotion": "" if technical else "fearful",
        "peak": 0.8,
        "level_db": None if technical else -20.0,
        "reason": "microphone lost: check its plug" if technical else "fearful and loud for 12 s",
        "fault": "microphone_lost" if technical else "",
        "fault_values": {},
        "merged_into": None,
        "accepted_by": None,
        "accepted_at": None,
        "closed_by": None,
        "closed_at": None,
        "outcome": None,
        "level": 0,
        "calls": 0,
        "paused_until": None,
        "paused_by": None,
        "called": [],
        "outside": [],
        "state": "waiting",
    } | more


def accepted(one: dict[str, Any], person: str = "Amara Diallo") -> dict[str, Any]:
    """The same alert after somebody took it on."""
    return one | {"state": "accepted", "accepted_by": person, "accepted_at": time.time() - 30}


def every_fault() -> list[dict[str, Any]]:
    """A technical alert of each cause there is, at bed 1 and the next ones."""
    values = {
        "reason": "switched off",
        "model": "other 2.0",
        "seconds": 45.0,
        "hours": 4.0,
        "lost": 7,
        "all": 9,
        "apart": 7,
    }
    values |= {"days": 14.0, "megabytes": 200.0, "why": "it is not signed"}
    values |= {"ward": "3b", "names": "duty phone", "error": "gateway.example answered 503 Busy"}
    return [
        alert(
            number,
            number,
            "technical",
            kind=kind,
            fault=code,
            fault_values={name: values[name] for _, name, _, _ in Formatter().parse(sentence) if name},
        )
        for number, (code, (kind, sentence)) in enumerate(CAUSES.items(), start=1)
    ]


def ward(beds: int) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """So many beds, four of them with alerts: high, medium, accepted, technical."""
    rows = [bed(number) for number in range(1, beds + 1)]
    rows[6]["microphone"] = "muted"
    rows[8]["heard_at"] -= 400
    rows[11]["microphone"] = "lost"
    alerts = [
        alert(1, 5, "high"),
        alert(2, 9, episodes=2, emotion="sad", condition="ended", ended_at=time.time() - 70),
        accepted(alert(3, 11, emotion="angry")),
        alert(4, 12, "technical"),
    ]
    return rows, alerts


def stream(
    beds: Sequence[dict[str, Any]], alerts: Sequence[dict[str, Any]], silent: Sequence[str] = ()
) -> str:
    """The hub's event stream with the whole board and one ping."""
    board = {"full": True, "revision": 1, "beds": beds, "alerts": alerts}
    ping = {"now": time.time(), "silent": silent}
    events = f"id: a.1\nevent: board\ndata: {json.dumps(board)}\n\nevent: ping\ndata: {json.dumps(ping)}\n\n"
    return f"retry: 1000\n{events}"


def tile(page: Any, bed: str) -> Any:
    """The tile of a bed by its name."""
    return page.locator(".tile").filter(has=page.get_by_role("heading", name=bed, exact=True))


@contextmanager
def board_page(
    chromium: Any,
    url: str,
    beds: Sequence[dict[str, Any]],
    alerts: Sequence[dict[str, Any]],
    *,
    size: tuple[int, int] = TABLET,
    light: str = "day",
    script: str = "",
    clock: bool = False,
    **options: Any,
) -> Iterator[Any]:
    """The board in a browser of its own; an error in its console fails the test.

    With `clock` the test moves the time in it (`page.clock`).
    """
    context = chromium.new_context(viewport={"width": size[0], "height": size[1]}, **options)
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.route(
        "**/api/stream",
        lambda route: route.fulfill(body=stream(beds, alerts), content_type="text/event-stream"),
    )
    page.add_init_script(f"localStorage.setItem('bedside.light', '{light}'); {script}")
    if clock:
        page.clock.install()
    page.goto(url)
    page.locator(".tile").first.wait_for()
    if clock:
        page.clock.pause_at(time.time() + 5)
    yield page
    context.close()
    assert [error for error in errors if "net::ERR_" not in error] == []
