"""The recipe of the shipped model: every choice that is made before any test speaker is heard."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edge.features import FrontEnd
from edge.manifest import Window

# 32 ms frames every 20 ms; 1024 points keep the 64 mel filters at least one FFT bin wide.
FRONT_END = FrontEnd(
    sample_rate=16000,
    frame_length=512,
    hop_length=320,
    fft_length=1024,
    window="hamming",
    mel_bins=64,
    coefficients=40,
    low_hz=20.0,
    high_hz=8000.0,
    pre_emphasis=0.97,
    lifter=0,
    log_floor=float(np.finfo(float).eps),
)
WINDOW = Window(frames=150, hop_frames=50)  # 3 s every 1 s
DISTRESS_EMOTIONS = ("angry", "fearful", "sad")


@dataclass(frozen=True, slots=True)
class Recipe:
    """How one network is trained. No early stopping: the schedule is fixed, so nothing is selected."""

    epochs: int = 50
    batch: int = 32
    learning_rate: float = 2e-3
    warm_up_epochs: int = 5
    weight_decay: float = 1e-3
    label_smoothing: float = 0.1
    mixup: float = 0.2
    averaging: float = 0.995  # momentum of the exponential moving average of the weights
    variants: int = 6  # augmented copies of each recording, beside the recording itself
    lowest: float = -6.0  # deviations; digital silence lies far below any voice
    seed: int = 0
