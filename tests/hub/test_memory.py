"""What the engine still knows of an hour ago and before: whole alerts, in both databases."""

from __future__ import annotations

from engine_parts import T0, Clock, alerts, arrival, close, engine, put
from simulate import Device, hex_id
from sqlalchemy import update

from hub.beds import MEMORY_S
from hub.store import Store
from hub.tables import Device as DeviceRow


def happened(store: Store, device: Device, clock: Clock, at: float, lasted: float = 10.0) -> None:
    """An episode from beginning to end, told when it was over; the engine looks then."""
    clock.now = T0 + at
    device.episode(hex_id(), "end", lasted, send=False)
    put(store, arrival(device, device.sent[device.seq], clock.now))
    engine(store, clock).follow_episodes()


def look_again(store: Store, clock: Clock, at: float) -> list[tuple[str, str]]:
    """Has the engine look at the bed then, due or not; state and priority of each alert."""
    clock.now = T0 + at
    with store.write() as connection:
        connection.execute(update(DeviceRow).values(due_at=clock.now))
    engine(store, clock).follow_episodes()
    return sorted((alert["state"], alert["priority"]) for alert in alerts(store))


def test_a_closed_alert_of_several_episodes_is_not_raised_again(store: Store, device: Device) -> None:
    clock = Clock()
    happened(store, device, clock, 0)
    happened(store, device, clock, 100)
    [alert] = alerts(store)
    close(store, alert["id"], T0 + 110)
    for later in (MEMORY_S - 1, MEMORY_S + 50, MEMORY_S + 99, MEMORY_S + 200):
        assert look_again(store, clock, later) == [("closed", "medium")]


def test_an_alert_stays_as_high_as_what_came_before_made_it(store: Store, device: Device) -> None:
    clock = Clock()
    happened(store, device, clock, 0)
    close(store, alerts(store)[0]["id"], T0 + 10)
    happened(store, device, clock, 200)
    happened(store, device, clock, 400)
    expected = [("closed", "medium"), ("waiting", "high"), ("waiting", "medium")]
    for later in (500, MEMORY_S + 150, MEMORY_S + 300, 3 * MEMORY_S):
        assert look_again(store, clock, later) == expected


def test_an_episode_that_was_an_alert_again_keeps_those_beside_it_in_both(
    store: Store, device: Device
) -> None:
    """Its first alert holds another episode, much older than its end."""
    clock = Clock()
    happened(store, device, clock, 0)
    name = hex_id()
    for second in range(20, 400, 30):
        clock.now = T0 + second
        device.episode(name, "update" if second > 20 else "onset", second - 10.0, send=False)
        put(store, arrival(device, device.sent[device.seq], clock.now))
        engine(store, clock).follow_episodes()
        if second == 50:
            close(store, alerts(store)[0]["id"], clock.now)
    [again] = [alert["id"] for alert in alerts(store) if alert["state"] == "waiting"]
    close(store, again, clock.now)
    closed = look_again(store, clock, 1000)
    assert [state for state, _ in closed] == ["closed", "closed"]
    for later in (MEMORY_S + 200, MEMORY_S + 370, MEMORY_S + 500):
        assert look_again(store, clock, later) == closed
