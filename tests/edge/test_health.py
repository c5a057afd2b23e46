import time

from edge.clock import Clock, clock_synced
from edge.health import LoadMeter


def test_load_of_this_process():
    meter = LoadMeter(0.0)
    end = time.process_time() + 0.1
    while time.process_time() < end:
        pass
    load = meter.read(0.2)
    assert 25 < load.cpu_percent < 400
    assert 10 < load.rss_mb < 4000
    assert load.temperature_c is None or -60 <= load.temperature_c <= 150
    assert meter.read(10.0).cpu_percent < 20


def test_stamps_count_up_and_name_their_start():
    clock, other = Clock(), Clock()
    first, second = clock.stamp(), clock.stamp()
    assert first.boot_id == second.boot_id != other.stamp().boot_id
    assert 0 <= first.mono_ms <= second.mono_ms
    assert first.clock_synced == clock_synced()
