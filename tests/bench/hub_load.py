"""The hub under 2,000 beds: from publish to the board's event stream, and an alert at every bed at once.

`python -m tests.bench.hub_load [SECONDS]`; everything on this machine: broker, hub, devices and board.
Whatever else runs there counts as well, so the machine's load is told.
"""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "edge"))
sys.path.insert(0, str(Path(__file__).parents[1] / "hub"))

from hub_parts import Broker, running_hub
from postgres import Cluster, binaries
from sqlalchemy import URL

from hub import config
from hub.service import Stop
from hub.simulate import Simulation
from hub.simulation import Plan, Report, quantile

FEW, MANY = 200, 2000
SECONDS = 60.0
BURST_S = 30.0
STREAM_S, ALERTS_S = 0.5, 2.0  # what the hub promises of MANY beds


def measure(broker: Broker, plan: Plan, url: URL | None = None) -> Report:
    """One simulation against a new hub."""
    with (
        tempfile.TemporaryDirectory(prefix="bedside-bench-") as folder,
        running_hub(Path(folder), broker.port, url=url) as hub,
    ):
        report = Simulation(config.load(hub.config), plan).run(Stop())
    what = "an alert at every bed at once" if plan.alerts_at_once else "the messages of real devices"
    kind = "SQLite" if url is None else "PostgreSQL"
    print(f"{kind}, {plan.beds} beds, {what}", *report.lines(), sep="\n    ")
    print(f"    load of this machine in the last minute: {os.getloadavg()[0]:.1f}", flush=True)
    return report


def judge(what: str, found: float, bar: float) -> None:
    """One line: passed or failed."""
    verdict = "PASS" if found <= bar else "FAIL"
    print(f"{verdict}  {what}: {1000 * found:.0f} ms, at most {1000 * bar:.0f} ms wanted", flush=True)


def judge_alerts(kind: str, report: Report) -> None:
    """Whether every bed's alert was on the stream in time."""
    slowest = max(report.to_alert) if len(report.to_alert) == report.beds else float("inf")
    judge(f"{kind}, {report.beds} alerts at once, the last on the event stream", slowest, ALERTS_S)


@contextlib.contextmanager
def postgresql() -> Iterator[URL | None]:
    """A new database in a server that keeps its promises; None where it is not installed."""
    found = binaries()
    if found is None:
        print("PostgreSQL is not installed, and left out")
        yield None
        return
    cluster = Cluster(found, fsync="on")
    cluster.start()
    try:
        yield cluster.create()
    finally:
        cluster.remove()


def main() -> None:
    """Measure and print."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else SECONDS
    with tempfile.TemporaryDirectory(prefix="bedside-bench-") as folder:
        broker = Broker(Path(folder))
        broker.start()
        try:
            few = measure(broker, Plan(FEW, seconds))
            many = measure(broker, Plan(MANY, seconds))
            at_once = {"SQLite": measure(broker, Plan(MANY, BURST_S, alerts_at_once=True))}
            with postgresql() as url:
                if url is not None:
                    at_once["PostgreSQL"] = measure(broker, Plan(MANY, BURST_S, alerts_at_once=True), url)
        finally:
            broker.stop()
    ratio = quantile(many.to_board, 0.99) / quantile(few.to_board, 0.99)
    print(f"p99 publish to board, {MANY} beds / {FEW} beds   {ratio:6.2f}")
    judge(f"SQLite, {MANY} beds, p99 publish to event stream", quantile(many.to_board, 0.99), STREAM_S)
    for kind, report in at_once.items():
        judge_alerts(kind, report)


if __name__ == "__main__":
    main()
