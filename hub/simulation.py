"""What a simulated ward does when, and how long the hub took; no sockets here."""

from __future__ import annotations

import heapq
import math
import random
from collections.abc import Sequence
from dataclasses import dataclass, field

HEALTH_S = 15.0
SUMMARY_S = 60.0
UPDATE_S = 10.0
PAUSE_S = 30.0  # between a bed's episodes at the least
EPISODE_S = (6.0, 45.0)
RESEND_S = 10.0
BEDS_OF_A_WARD = 30


@dataclass(frozen=True, slots=True)
class Plan:
    """How many devices, for how long; `rate` times as many messages as real ones send."""

    beds: int
    seconds: float = 60.0
    rate: float = 1.0
    episodes: float = 0.5
    """Episodes of distress a bed and hour, at random."""
    alerts_at_once: bool = False
    """Every bed begins an episode at the same moment, halfway."""


@dataclass(frozen=True, slots=True, order=True)
class Task:
    """What one device must do at `at`, seconds from the beginning."""

    at: float
    device: int
    kind: str
    """health, summary, resend; onset, update, end of an episode."""
    onset: float = 0.0
    end: float = 0.0


class Timetable:
    """Every device's next tasks, in the order of time."""

    def __init__(self, plan: Plan, chance: random.Random) -> None:
        self._plan, self._chance = plan, chance
        self._tasks: list[Task] = []
        for device in range(plan.beds):
            for kind, every in (("health", HEALTH_S), ("summary", SUMMARY_S), ("resend", RESEND_S)):
                self._tasks.append(Task(chance.uniform(0, every / plan.rate), device, kind))
            if plan.alerts_at_once:
                self._tasks.append(Task(plan.seconds / 2, device, "onset", plan.seconds / 2, plan.seconds))
            elif plan.episodes > 0:
                self._add_episode(device, 0.0)
        heapq.heapify(self._tasks)

    def due(self, now: float) -> list[Task]:
        """What is to be done by now; what follows from it is planned."""
        found = []
        while self._tasks and self._tasks[0].at <= now:
            task = heapq.heappop(self._tasks)
            found.append(task)
            self._follow(task)
        return found

    def wait_s(self, now: float) -> float:
        """How long until something is to be done."""
        return max(0.0, self._tasks[0].at - now) if self._tasks else math.inf

    def _follow(self, task: Task) -> None:
        every = {"health": HEALTH_S, "summary": SUMMARY_S, "resend": RESEND_S}.get(task.kind)
        if every is not None:
            self._add(Task(task.at + every / self._plan.rate, task.device, task.kind))
        elif task.kind == "end":
            self._add_episode(task.device, task.at + PAUSE_S)
        elif task.at + UPDATE_S < task.end:
            self._add(Task(task.at + UPDATE_S, task.device, "update", task.onset, task.end))
        else:
            self._add(Task(task.end, task.device, "end", task.onset, task.end))

    def _add_episode(self, device: int, after: float) -> None:
        if self._plan.episodes <= 0:
            return
        at = after + self._chance.expovariate(self._plan.episodes * self._plan.rate / 3600)
        self._add(Task(at, device, "onset", at, at + self._chance.uniform(*EPISODE_S)))

    def _add(self, task: Task) -> None:
        heapq.heappush(self._tasks, task)


def quantile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least this share of them does not exceed; not a number of none."""
    if not values:
        return math.nan
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


@dataclass(slots=True)
class Report:
    """What was sent and how long it took, seconds each."""

    beds: int = 0
    seconds: float = 0.0
    sent: int = 0
    durable: int = 0
    receipted: int = 0
    resent: int = 0
    lost: int = 0
    disconnected: int = 0
    to_receipt: list[float] = field(default_factory=list)
    to_board: list[float] = field(default_factory=list)
    to_alert: list[float] = field(default_factory=list)
    alerts: int = 0
    """How many beds have begun an episode."""
    board_trouble: str | None = None

    def lines(self) -> list[str]:
        """For a person."""
        rate = self.sent / self.seconds if self.seconds else 0.0
        told = [
            f"{self.beds} beds, {self.seconds:.0f} s: {self.sent} messages sent ({rate:.0f} a second)",
            f"of {self.durable} durable {self.receipted} receipted, {self.lost} lost, {self.resent} resent",
            f"{self.disconnected} connections lost",
            _times("publish to receipt", self.to_receipt),
        ]
        if self.board_trouble is not None:
            return [*told, f"publish to board: not measured: {self.board_trouble}"]
        told.append(_times("publish to board", self.to_board))
        if self.alerts:
            told.append(f"{_times('onset to alert on the board', self.to_alert)}, of {self.alerts} beds")
        return told


def _times(what: str, seconds: Sequence[float]) -> str:
    if not seconds:
        return f"{what}: none"
    p50, p99, most = (1000 * quantile(seconds, share) for share in (0.5, 0.99, 1.0))
    return f"{what}: p50 {p50:.0f} ms, p99 {p99:.0f} ms, at most {most:.0f} ms, {len(seconds)} measured"
