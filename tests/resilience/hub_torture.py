"""A hub under `bedside-hub run` whose processes are killed at random while a ward of fifty beds uses it."""

from __future__ import annotations

import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from busy_ward import IGNORED, Beds, Nurse, Tablet
from hub_parts import Hub, end, until
from ports import free_port

from hub.escalation import Ladder, Standing, call

PARTS = ("ingest", "alerts", "web")
BEDS = 50
LADDER = Ladder(buddy_s=5, ward_s=10, lead_s=15, repeat_s=30)
_SETTLE_S, _STUCK_S = 400.0, 120.0
# Each episode is an alert of its own, told at once; what nobody answers climbs within seconds.
_SETTINGS = """
[timers]
condition_delay_s = 0
end_holdoff_s = 0
merge_s = 0
late_s = 86400
[ladder]
buddy_s = 5
ward_s = 10
lead_s = 15
repeat_s = 30
"""


@dataclass(frozen=True)
class Outcome:
    """What happened and what was found wrong; `flaws` is empty where nothing was lost, doubled or stuck."""

    seed: int
    seconds: float
    kills: Counter[str]
    starts: Counter[str]
    messages: int
    episodes: int
    alerts: int
    actions: int
    unsure: int
    calls: int
    comebacks: int
    technical: int
    flaws: tuple[str, ...]

    def lines(self) -> list[str]:
        kinds = ", ".join(f"{kind} {count}" for kind, count in sorted(self.kills.items()))
        return [
            f"seed {self.seed}, {BEDS} devices: {self.kills.total()} kills in {self.seconds:.0f} s ({kinds})",
            f"{self.messages} durable messages, {self.episodes} episodes, {self.alerts} alerts",
            f"{self.technical} technical alerts came and went",
            f"{self.actions} answers of a nurse, {self.unsure} more cut off by a kill",
            f"{self.calls} calls of the ladder; the tablet came back {self.comebacks} times",
            "no alert lost, doubled or stuck" if not self.flaws else f"FLAWS: {'; '.join(self.flaws)}",
        ]


class Supervised:
    """`bedside-hub run` with a broker of its own, and its children by name."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.hub = Hub(folder, self.port, _SETTINGS)
        text = self.hub.config.read_text()
        self.hub.config.write_text(text.replace("[broker]\n", "[broker]\nstart = true\n"))
        self._supervisor = self.hub.start("run")
        until(self.hub.well, 60, "the whole hub")

    def children(self) -> dict[str, int]:
        """The processes that run now."""
        pid = self._supervisor.pid
        found = {}
        for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            try:
                words = Path(f"/proc/{child}/cmdline").read_text().split("\0")
            except OSError:  # gone meanwhile
                continue
            if "--config" in words:
                found[words[words.index("--config") - 1]] = int(child)
            elif "mosquitto" in words[0]:
                found["broker"] = int(child)
        return found

    def stop(self) -> None:
        end(self._supervisor)


@contextmanager
def _running(
    folder: Path, dice: random.Random, every_s: float
) -> Iterator[tuple[Supervised, Beds, Nurse, Tablet]]:
    supervised = Supervised(folder)
    beds = Beds(BEDS, supervised.hub.site, supervised.port, dice, every_s)
    nurse, tablet = Nurse(supervised.hub.url), Tablet(supervised.hub.url)
    helpers = (beds, nurse, tablet)
    try:
        for one in helpers:
            one.start()
        yield supervised, *helpers
    finally:
        for one in (nurse, tablet, beds):
            one.close()
        supervised.stop()


def torture(
    folder: Path,
    kills: int,
    seed: int,
    kinds: Sequence[str] = PARTS,
    pause_s: float = 1.5,
    every_s: float = 30.0,
) -> Outcome:
    """So many kills, `pause_s` apart on average; then everything runs on undisturbed and is looked at.

    `every_s`: from one episode of a bed to its next, on average.
    """
    dice = random.Random(seed)
    begun_s = time.monotonic()
    with _running(folder, dice, every_s) as (supervised, beds, nurse, tablet):
        until(lambda: any(bed.episodes for bed in beds.all), 60, "the first episode")
        done = _kill(supervised, kills, dice, kinds, pause_s)
        beds.may_begin = False
        until(supervised.hub.well, _SETTLE_S, "the hub's recovery")
        _until_none(beds.unsettled, "a receipt for every message")
        _until_none(lambda: _not_raised(supervised.hub, beds), "an alert for every episode")
        _until_none(lambda: _open_for_the_nurse(supervised.hub), "an answer to every alert")
        nurse.close()
        time.sleep(1.0)  # the tablet's stream, and the engine's next look
        return _judge(supervised.hub, beds, nurse, tablet, done, seed, time.monotonic() - begun_s)


def _until_none(count: Callable[[], int], what: str) -> None:
    """Waits for as long as it becomes fewer: however busy the machine, what is stuck stays."""
    last, changed_at = count(), time.monotonic()
    while last:
        time.sleep(0.3)
        now = count()
        if now != last:
            last, changed_at = now, time.monotonic()
        assert time.monotonic() < changed_at + _STUCK_S, f"{what}: {last} stuck for {_STUCK_S:g} s"


def _kill(
    supervised: Supervised, kills: int, dice: random.Random, kinds: Sequence[str], pause_s: float
) -> Counter[str]:
    done: Counter[str] = Counter()
    while sum(done.values()) < kills:
        # Some die long after their start, some in the middle of it.
        time.sleep(dice.choice((0.1, 1.0, 1.9)) * pause_s * dice.uniform(0.5, 1.5))
        running = supervised.children()
        kind = dice.choice(kinds)
        if kind in running:  # else it waits for its next start
            os.kill(running[kind], signal.SIGKILL)
            done[kind] += 1
    return done


def _not_raised(hub: Hub, beds: Beds) -> int:
    [(raised,)] = hub.rows("SELECT count(*) FROM alerts WHERE kind = 'distress'")
    return max(0, sum(len(bed.episodes) for bed in beds.all) - int(raised))


def _open_for_the_nurse(hub: Hub) -> int:
    """How many times a nurse still has to tap."""
    query = "SELECT sum((closed_at IS NULL) + (accepted_at IS NULL)) FROM alerts WHERE kind = 'distress'"
    [(count,)] = hub.rows(f"{query} AND merged_into IS NULL AND id % {IGNORED} != 0")
    return int(count or 0)


def _judge(
    hub: Hub, beds: Beds, nurse: Nurse, tablet: Tablet, kills: Counter[str], seed: int, seconds: float
) -> Outcome:
    flaws = [
        *_messages(hub, beds),
        *_alerts(hub, beds),
        *_answers(hub, nurse),
        *_ladder(hub),
        *_technical(hub),
        *_shown(hub, tablet),
    ]
    log = hub.log()
    if "Traceback" in log:
        flaws.append(f"a traceback: {log[log.index('Traceback') :][:1500]}")
    [(alerts, calls)] = hub.rows("SELECT count(*), sum(calls) FROM alerts WHERE kind = 'distress'")
    [(technical,)] = hub.rows("SELECT count(*) FROM alerts WHERE kind != 'distress'")
    return Outcome(
        seed=seed,
        seconds=seconds,
        kills=kills,
        starts=Counter(kind for kind in (*PARTS, "broker") for _ in range(log.count(f"{kind} started"))),
        messages=sum(len(bed.witness) for bed in beds.all),
        episodes=sum(len(bed.episodes) for bed in beds.all),
        alerts=alerts,
        actions=nurse.answered.total(),
        unsure=len(nurse.unsure),
        calls=int(calls or 0),
        comebacks=tablet.comebacks,
        technical=technical,
        flaws=tuple(flaws),
    )


def _messages(hub: Hub, beds: Beds) -> Iterator[str]:
    sent = Counter((bed.device.boot_id, number) for bed in beds.all for number in bed.witness)
    rows = hub.rows(
        "SELECT boot_id, seq FROM records JOIN devices ON devices.id = device_id WHERE ward = 'ward-1'"
    )
    kept = Counter((str(boot_id), int(seq)) for boot_id, seq in rows)
    if sent - kept:
        yield f"{(sent - kept).total()} messages lost"
    if kept - sent:
        yield f"{(kept - sent).total()} messages doubled or made up"


def _alerts(hub: Hub, beds: Beds) -> Iterator[str]:
    """Each episode is one alert, over, and in no other."""
    episodes = Counter(name for bed in beds.all for name in bed.episodes)
    raised = Counter(str(row[0]) for row in hub.rows("SELECT anchor FROM alerts WHERE kind = 'distress'"))
    if episodes - raised:
        yield f"{(episodes - raised).total()} alerts lost"
    if raised - episodes:
        yield f"{(raised - episodes).total()} alerts doubled, such as {min(raised - episodes)}"
    query = "SELECT count(*) FROM alerts WHERE kind = 'distress' AND"
    for what, where in (
        ("stuck in a condition that has ended", "condition != 'ended'"),
        ("merged that are none", "merged_into IS NOT NULL"),
        ("of more than one episode", "episodes != 1"),
        ("missed that came in time", "missed"),
    ):
        [(count,)] = hub.rows(f"{query} {where}")
        if count:
            yield f"{count} alerts {what}"
    due = [row[0] for row in hub.rows("SELECT due_at FROM devices WHERE due_at IS NOT NULL")]
    if due and min(due) < time.time() - 10:
        yield "the engine has not looked at a bed it should have looked at"


def _answers(hub: Hub, nurse: Nurse) -> Iterator[str]:
    """What the hub said was done is in its log once; what it did not say, once or not at all."""
    logged = Counter(
        (int(alert), str(verb)) for alert, verb in hub.rows("SELECT alert_id, action FROM actions")
    )
    if nurse.answered - logged:
        yield f"{(nurse.answered - logged).total()} answers lost"
    twice = [key for key, count in logged.items() if count > 1]
    if twice:
        yield f"{len(twice)} answers doubled"
    strange = set(logged) - set(nurse.answered) - nurse.unsure
    if strange:
        yield f"{len(strange)} answers nobody gave"


def _ladder(hub: Hub) -> Iterator[str]:
    """What nobody answered has been called as often as if nothing had ever been killed."""
    query = "SELECT id, raised_at, calls, call_at FROM alerts WHERE accepted_at IS NULL"
    rows = hub.rows(query + " AND kind = 'distress'")
    now = time.time()
    for number, raised_at, calls, call_at in rows:
        # Two looks around the moment of asking: a call may be due just then.
        wanted = {call(Standing(raised_at), now + shift, LADDER).calls for shift in (-3.0, 0.0)}
        if calls not in wanted or call_at is None or call_at < now - 3.0:
            yield f"alert {number} has been called {calls} times and not {sorted(wanted)}"
    if not rows:
        yield "every alert was answered, so nothing climbed the ladder"


def _technical(hub: Hub) -> Iterator[str]:
    """Alarms of devices and of the hub itself, raised while parts of it were dead, go by themselves."""
    rows: list[tuple[Any, ...]] = []
    # Rightly there until the end: no board says that it is looked at, and nobody outside is set up.
    query = "SELECT kind, reason FROM alerts WHERE condition != 'ended'"
    query += " AND kind NOT IN ('distress', 'board', 'outside')"

    def over() -> bool:
        rows[:] = hub.rows(query)
        return not rows

    deadline = time.monotonic() + 90
    while not over() and time.monotonic() < deadline:
        time.sleep(0.5)
    if rows:
        yield f"technical alarms stuck: {rows[:3]}"


def _shown(hub: Hub, tablet: Tablet) -> Iterator[str]:
    """What the tablet pieced together over all kills is what stands in the database."""
    fields = ("state", "condition", "calls", "level", "accepted_by", "closed_by", "outcome")
    truth: dict[int, tuple[Any, ...]] = {}

    def differ() -> list[int]:
        truth.clear()
        board = hub.board()["alerts"]
        truth.update({alert["id"]: tuple(alert[name] for name in fields) for alert in board})
        seen = {number: tuple(one[name] for name in fields) for number, one in tablet.alerts.items()}
        return [number for number, values in truth.items() if seen.get(number) != values]

    deadline = time.monotonic() + 15
    while (wrong := differ()) and time.monotonic() < deadline:
        time.sleep(0.3)
    if wrong:
        yield f"{len(wrong)} alerts stand otherwise on the tablet, such as {wrong[0]}"
