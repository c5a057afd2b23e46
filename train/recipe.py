"""The recipe of the shipped model: every choice that is made before any test speaker is heard."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from edge.features import FrontEnd
from edge.manifest import Window

# 50 ms frames every 20 ms: long enough to tell the harmonics of a man's voice apart.
FRONT_END = FrontEnd(
    sample_rate=16000,
    frame_length=800,
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
    """How one network is trained. No early stopping: the schedules are fixed, so nothing is selected."""

    epochs: int = 60
    companions: float = 0.5  # recordings of other corpora an epoch, for each of those with an emotion
    wards: float = 0.5  # windows of days at simulated beds an epoch, for each recording with an emotion
    ward_distress: float = 0.33  # of them are distress
    ward_beds: int = 12
    ward_hours: float = 1.0  # of an ordinary day at each
    ward_episodes: int = 4  # of each kind of distress at each
    distress_weight: float = 1.0  # of the distress output's loss against that of the emotions
    batch: int = 48
    learning_rate: float = 3e-3
    warm_up_epochs: int = 5
    weight_decay: float = 1e-2
    label_smoothing: float = 0.1
    mixup: float = 0.2
    averaging: float = 0.99  # momentum of the exponential moving average of the weights
    variants: int = 5  # virtual beds each speaker is also heard at
    lowest: float = -6.0  # deviations; digital silence lies far below any voice
    cold: float = 0.25  # share of windows that are learnt as the first thing a bed hears
    orders: int = 3  # in which each speaker's recordings are heard at each bed
    doubt: float = 10.0  # windows of speech; this and the rest: edge.manifest.Adaptation
    memory: int = 7200
    speech_range: float = 3.45  # 15 dB as a logarithm of energy
    outlier: float = 4.0
    most: float = 0.5
    pretrained: bool = True  # whether one of the members begins as speech_embedding does
    thawed_epochs: int = 15  # of a second part, see `thawed`
    seed: int = 0

    @property
    def thawed(self) -> Recipe:
        """The second part: pretrained convolutions learn on, slowly, and days at beds count for more."""
        return replace(
            self,
            epochs=self.thawed_epochs,
            warm_up_epochs=1,
            learning_rate=5e-4,
            companions=1.0,
            wards=2.0,
            ward_distress=0.5,
            distress_weight=2.0,
        )
