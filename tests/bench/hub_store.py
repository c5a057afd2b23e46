"""How many messages a second the hub's store keeps in PostgreSQL, as a ratio to SQLite: `make bench`.

Both on this machine's disk and as durable as on a ward: what is counted has been committed and flushed.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "edge"))
sys.path.insert(0, str(Path(__file__).parents[1] / "hub"))

from postgres import Cluster, binaries

from edge.clock import Clock, new_id
from edge.messages import Summary, to_json
from edge.topics import Address
from hub.arrivals import Accepted, Arrival, check
from hub.intake import save
from hub.store import Store

BEDS = 30
BATCHES = (1, 10, 100, 1000)  # messages in one commit; ingest makes them of what comes within 20 ms
ROUNDS = 5


def arrivals() -> Iterator[Arrival]:
    """Summaries of a ward's beds in turn, without end."""
    clocks = [Clock() for _ in range(BEDS)]
    seq = 0
    while True:
        seq += 1
        for bed, clock in enumerate(clocks):
            message = Summary(
                id=new_id(),
                seq=seq,
                seconds=60.0,
                speech_s=31.0,
                emotions={"calm": 20, "sad": 11},
                distress_mean=0.1,
                distress_peak=0.4,
                level_mean_db=-40.0,
                level_peak_db=-20.0,
                stamp=clock.stamp(),
            )
            topic = Address("bench", "ward-1", f"bed-{bed}").topic("summary")
            yield Arrival(topic, to_json(message), retained=False, at=time.time())


def rate(store: Store, source: Iterator[Arrival], batch: int) -> float:
    """Messages a second, in commits of so many."""
    commits = max(2, min(30, 1000 // batch))
    waiting = [[next(source) for _ in range(batch)] for _ in range(commits)]
    start = time.perf_counter()
    for arrived in waiting:
        checked = [item for item in map(check, arrived) if isinstance(item, Accepted)]
        with store.write() as connection:
            save(connection, checked)
    return batch * commits / (time.perf_counter() - start)


def main() -> None:
    """Measure and print."""
    found = binaries()
    if found is None:
        sys.exit("PostgreSQL is not installed: apt install postgresql")
    cluster = Cluster(found, fsync="on", synchronous_commit="on", shared_buffers="128MB")
    try:
        cluster.start()
        with tempfile.TemporaryDirectory(prefix="bedside-bench-") as folder:
            stores = {
                "SQLite": (Store(Path(folder) / "hub.sqlite3"), arrivals()),
                "PostgreSQL": (Store(cluster.create()), arrivals()),
            }
            for store, source in stores.values():
                rate(store, source, 100)  # warms up
            print("messages in a commit   SQLite /s   PostgreSQL /s   PostgreSQL / SQLite")
            for batch in BATCHES:
                rates: dict[str, list[float]] = {name: [] for name in stores}
                for _ in range(ROUNDS):
                    for name, (store, source) in stores.items():
                        rates[name].append(rate(store, source, batch))
                sqlite, postgresql = (statistics.median(rates[name]) for name in stores)
                print(f"{batch:20d}{sqlite:12.0f}{postgresql:16.0f}{postgresql / sqlite:22.2f}")
            for store, _ in stores.values():
                store.close()
    finally:
        cluster.remove()


if __name__ == "__main__":
    main()
