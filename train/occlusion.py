"""What a model looked at: patches of a window's mel picture are covered one after another.

Where covering takes most from an emotion's probability, the model had heard it: Zeiler and Fergus (2014).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from edge.features import FloatArray, FrontEnd, dct_matrix

PATCH = (15, 8)
"""Frames and mel bands; 0.3 s and an eighth of the bands of the shipped front end."""
_STEP = (5, 4)


def relevance(
    probability: Callable[[FloatArray], float], window: FloatArray, front_end: FrontEnd
) -> FloatArray:
    """How much of `probability` each cell of the mel picture gives, shape (frames, mel_bins).

    `window` has MFCC frames, shape (frames, coefficients). A patch is covered with the band's mean over
    the window; the frame's energy, coefficient 0, is left as it is. Patches that cover a cell are averaged.
    """
    whole = probability(window)
    to_cepstrum = dct_matrix(front_end.mel_bins, front_end.coefficients)
    to_cepstrum[:, 0] = 0
    picture = window @ to_cepstrum.T
    covered = picture.mean(axis=0) - picture
    lost, times = np.zeros_like(picture), np.zeros_like(picture)
    for first in range(0, picture.shape[0] - PATCH[0] + 1, _STEP[0]):
        for low in range(0, picture.shape[1] - PATCH[1] + 1, _STEP[1]):
            patch = slice(first, first + PATCH[0]), slice(low, low + PATCH[1])
            change = np.zeros_like(picture)
            change[patch] = covered[patch]
            lost[patch] += whole - probability(window + change @ to_cepstrum)
            times[patch] += 1
    result: FloatArray = lost / np.maximum(times, 1)
    return result
