"""Simulated rooms: what a patient's room does to a sound on its way to the microphone at the bed.

Image-source impulse responses of shoe-box rooms, by pyroomacoustics (Scheibler et al., 2018).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyroomacoustics as pra

from edge.features import FloatArray

# Metres from the microphone, which stands at the head of the bed.
PLACES: Mapping[str, tuple[float, float]] = {
    "patient": (0.5, 1.5),
    "carer": (0.8, 1.8),
    "visitor": (1.0, 3.0),
    "television": (2.0, 4.0),
    "neighbour": (2.5, 5.0),
    "room": (1.5, 5.0),
}
SIZE_M = ((3.5, 6.5), (4.0, 8.0), (2.5, 3.2))
RT60_S = (0.3, 0.6)
"""Reverberation times: from soft furnished rooms to bare ones."""
_WALL_M = 0.3  # nobody speaks out of a wall
_TRIES = 200


@dataclass(frozen=True, slots=True)
class Room:
    """Impulse responses, shape (n,) each, by place; the direct sound at 1 m has the gain 1."""

    size_m: tuple[float, float, float]
    rt60_s: float
    distance_m: Mapping[str, float]
    responses: Mapping[str, FloatArray]


def draw_room(
    rng: np.random.Generator, sample_rate: int, places: Mapping[str, tuple[float, float]] = PLACES
) -> Room:
    """A room, its reverberation and who is where in it, all drawn at random; `places` as PLACES."""
    pra.random.seed(int(rng.integers(2**31)))  # it moves the image sources a little, against flutter echoes
    size = np.array([rng.uniform(*limits) for limits in SIZE_M])
    rt60 = float(rng.uniform(*RT60_S))
    absorption, order = pra.inverse_sabine(rt60, size)
    room = pra.ShoeBox(
        size, fs=sample_rate, materials=pra.Material(absorption), max_order=order, use_rand_ism=True
    )
    microphone = np.array([rng.uniform(0.3, 0.7) * size[0], 0.5, 1.0])
    room.add_microphone(microphone)
    distances = {}
    for place, limits in places.items():
        position = _somewhere(microphone, size, limits, rng)
        distances[place] = float(np.linalg.norm(position - microphone))
        room.add_source(position)
    room.compute_rir()
    length = round(rt60 * sample_rate)  # what comes later is 60 dB down
    return Room(
        size_m=(float(size[0]), float(size[1]), float(size[2])),
        rt60_s=rt60,
        distance_m=distances,
        responses={
            place: np.asarray(room.rir[0][number][:length], np.float32) for number, place in enumerate(places)
        },
    )


def _somewhere(
    microphone: FloatArray, size: FloatArray, limits: tuple[float, float], rng: np.random.Generator
) -> FloatArray:
    """A place in the room at a distance within the limits, or as near to them as the room allows."""
    best, off = microphone, np.inf
    for _ in range(_TRIES):
        place = np.array([rng.uniform(_WALL_M, side - _WALL_M) for side in size])
        place[2] = rng.uniform(0.8, 1.7)  # heads of people who lie, sit and stand
        distance = float(np.linalg.norm(place - microphone))
        missed = max(limits[0] - distance, distance - limits[1], 0.0)
        if missed < off:
            best, off = place, missed
        if off == 0:
            break
    return best
