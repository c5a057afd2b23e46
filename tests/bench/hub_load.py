"""How long the hub takes at 200 and at 2,000 beds, as one ratio, and with an alert at every bed at once.

`python -m tests.bench.hub_load [SECONDS]`; everything on this machine: broker, hub, devices and board.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "hub"))

from hub_parts import Broker, running_hub

from hub import config
from hub.service import Stop
from hub.simulate import Simulation
from hub.simulation import Plan, Report, quantile

FEW, MANY = 200, 2000
SECONDS = 60.0


def measure(broker: Broker, plan: Plan) -> Report:
    """One simulation against a new hub."""
    with (
        tempfile.TemporaryDirectory(prefix="bedside-bench-") as folder,
        running_hub(Path(folder), broker.port) as hub,
    ):
        report = Simulation(config.load(hub.config), plan).run(Stop())
    what = "an alert at every bed at once" if plan.alerts_at_once else "the messages of real devices"
    print(f"{plan.beds} beds, {what}", *report.lines(), sep="\n    ", flush=True)
    return report


def main() -> None:
    """Measure and print."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else SECONDS
    with tempfile.TemporaryDirectory(prefix="bedside-bench-") as folder:
        broker = Broker(Path(folder))
        broker.start()
        try:
            few = measure(broker, Plan(FEW, seconds))
            many = measure(broker, Plan(MANY, seconds))
            measure(broker, Plan(MANY, 30.0, alerts_at_once=True))
        finally:
            broker.stop()
    ratio = quantile(many.to_board, 0.99) / quantile(few.to_board, 0.99)
    print(f"p99 publish to board, {MANY} beds / {FEW} beds   {ratio:6.2f}")


if __name__ == "__main__":
    main()
