"""What the ward sees of the box's bed, and what the patient in it does."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from emulated_box import Box
from hub_parts import Hub, until
from numpy.typing import NDArray
from virtual_microphone import VirtualMicrophone

NAME = "bed-12"
START_S = 600
"""Long: an emulated box on a busy machine."""


def bed(hub: Hub) -> dict[str, Any]:
    """The bed as the hub knows it; empty while it does not."""
    found = [one for one in hub.board()["beds"] if one["name"] == NAME]
    return found[0] if found else {}


def is_listening(hub: Hub) -> bool:
    """Whether the bed is there and hears."""
    known = bed(hub)
    return known.get("status") == "online" and known["microphone"] == "healthy"


def listen(box: Box, hub: Hub) -> None:
    """Switch the box on unless it is, and wait until it listens."""
    if not box.is_on:
        box.power_on()
    try:
        until(lambda: is_listening(hub), START_S, "the bed's arrival")
    except AssertionError as error:
        raise AssertionError(f"{error}; its console: {box.tail()}") from error


def distress(hub: Hub) -> list[dict[str, Any]]:
    """Open alerts of distress."""
    alerts = hub.board()["alerts"]
    return [one for one in alerts if one["kind"] == "distress" and one["state"] != "closed"]


def close_all(hub: Hub) -> None:
    """The patient falls silent, and a nurse closes whatever alert of distress there is."""
    until(lambda: all(one["condition"] == "ended" for one in distress(hub)), 120, "the episode's end")

    def is_quiet() -> bool:
        for alert in distress(hub):
            hub.act(alert["id"], "accept", person="Amara Diallo")
            answer = hub.act(alert["id"], "close", person="Amara Diallo", outcome="distress")
            assert answer.is_success, answer.text
        return not distress(hub)

    until(is_quiet, 120, "the alerts' end")


@contextmanager
def played(microphone: VirtualMicrophone, samples: NDArray[np.int16]) -> Iterator[None]:
    """Plays it meanwhile; waits for its end."""
    player = threading.Thread(target=microphone.play, args=(samples,))
    player.start()
    try:
        yield
    finally:
        player.join(120)


def everything_told(hub: Hub) -> bool:
    """Whether nothing waits in the box for a receipt."""
    return bed(hub)["outbox"] == 0


def assert_nothing_is_missing(hub: Hub) -> None:
    """Of every start of the daemon the hub holds each message from the first to the last."""
    held = hub.rows("SELECT boot_id, first FROM held ORDER BY boot_id, first")
    assert held
    assert len({boot for boot, _ in held}) == len(held), held
    assert {first for _, first in held} == {1}, held
