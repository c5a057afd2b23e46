"""What a model file says about itself; the daemon takes every number from here."""

from __future__ import annotations

import base64
import binascii
import math
from dataclasses import dataclass

from edge.features import FrontEnd
from edge.fields import checked

SCHEMA_VERSION = 1
SCHEMES = {"int8": "int8", "16x8": "int16", "float16": "float32", "dynamic": "float32"}
"""How a network was shrunk, and the type of its input and output that goes with it.

int8: weights and activations of 8 bits; 16x8: weights of 8 bits, activations of 16; float16: weights of 16
bits, computed in 32; dynamic: weights of 8 bits, activations quantised while it runs.
"""
_SHORTEST_S, _LONGEST_S = 0.1, 60.0  # of a window: what edge.messages.Emotion may tell
_SIZES = {"int8": 1, "int16": 2, "float32": 4}


@dataclass(frozen=True, slots=True)
class Window:
    """How frames become one input of the model."""

    frames: int = checked(minimum=1, maximum=10000)
    hop_frames: int = checked(minimum=1, maximum=10000)


@dataclass(frozen=True, slots=True)
class Normalisation:
    """Per coefficient: (x - mean) / deviation, then no lower than `lowest`."""

    mean: tuple[float, ...] = checked()
    deviation: tuple[float, ...] = checked(minimum=1e-6)
    lowest: float = checked(maximum=0)


@dataclass(frozen=True, slots=True)
class Adaptation:
    """How a bed's speech is brought to that of training (edge.adaptation).

    `mean` and `deviation` are those of training's speech, per coefficient. `doubt` windows of speech weigh
    as much as these, `memory` windows decide, and however much was heard, the bed's own statistics weigh no
    more than `most`, those of training the rest. Frames within `range` (natural logarithm of energy) of their
    window's level are speech; one further away than `outlier` deviations counts as if it lay there.
    """

    mean: tuple[float, ...] = checked()
    deviation: tuple[float, ...] = checked(minimum=1e-6)
    doubt: float = checked(minimum=1, maximum=10000)
    memory: int = checked(minimum=1, maximum=100000)
    range: float = checked(minimum=0, maximum=50)
    outlier: float = checked(minimum=1, maximum=100)
    most: float = checked(minimum=0, maximum=1, default=1.0)


@dataclass(frozen=True, slots=True)
class Tensor:
    """Input or output of a network: real = scale * (value - zero_point); float32 is real by itself."""

    shape: tuple[int, ...] = checked(minimum=1)
    scale: float = checked(minimum=1e-12)
    zero_point: int = checked(minimum=-128, maximum=127)
    dtype: str = checked(choices=tuple(_SIZES), default="int8")

    def __post_init__(self) -> None:
        """Raises ValueError where two values contradict each other."""
        if self.dtype != "int8" and self.zero_point != 0:
            raise ValueError(f"zero_point is {self.zero_point}; of {self.dtype} it must be 0")
        if self.dtype == "float32" and self.scale != 1:
            raise ValueError(f"scale is {self.scale:g}; of float32 it must be 1")

    @property
    def size_bytes(self) -> int:
        """How much the values of the whole tensor take."""
        return math.prod(self.shape) * _SIZES[self.dtype]


@dataclass(frozen=True, slots=True)
class EpisodePolicy:
    """When smoothed distress becomes an episode, and when it is over.

    A window is positive when the smoothed distress score is at least `onset`. `count` positive
    windows among the last `among` begin an episode, or without `among` windows that together weigh as
    much as `count` certain ones do (edge/evidence.py); a window whose log-odds are `saturation` above
    those of `onset` is certain. Either takes `min_duration_s` at least, from the start of the first window.

    An episode ends when the score stays below `offset`, or nobody speaks, for `hold_off_s`. One that begins
    within `repeat_s` of that end is told as a repeat; 0: none is.
    """

    smoothing: float = checked(minimum=0, maximum=1, allowed="a number from 0 (none) to 1")
    onset: float = checked(minimum=0, maximum=1)
    offset: float = checked(minimum=0, maximum=1)
    count: int = checked(minimum=1, maximum=60)
    hold_off_s: float = checked(minimum=0, maximum=600)
    among: int | None = checked(minimum=1, maximum=60, default=None)
    saturation: float = checked(minimum=0.1, maximum=10, default=1.0)
    min_duration_s: float = checked(minimum=0, maximum=120, default=0.0)
    repeat_s: float = checked(minimum=0, maximum=600, default=0.0)

    def __post_init__(self) -> None:
        """Raises ValueError where two values contradict each other."""
        if self.offset > self.onset:
            raise ValueError(f"offset {self.offset:g} is above onset {self.onset:g}")
        if self.among is not None and self.count > self.among:
            raise ValueError(f"count {self.count} exceeds among {self.among}")


@dataclass(frozen=True, slots=True)
class Distress:
    """Where the distress score comes from, and the policy it was chosen for.

    With `weights` it is the sum of weight * probability. With `temperature` the model has one output more
    than labels, the last, and the score is sigmoid(that output / temperature). There is exactly one of them.
    """

    policy: EpisodePolicy = checked()
    chosen_for: str = checked(minimum=1, maximum=500)
    weights: dict[str, float] = checked(minimum=0, maximum=1, default_factory=dict)
    temperature: float | None = checked(minimum=0.01, maximum=100, default=None)
    causes: tuple[str, ...] = checked(default=())
    """The emotions an episode may be named after, where no weights tell."""

    def __post_init__(self) -> None:
        """Raises ValueError unless there is one source of the score."""
        if bool(self.weights) == (self.temperature is not None):
            raise ValueError(
                f"weights are {self.weights} and temperature is {self.temperature}; give exactly one of them:"
                " weights of the emotions, or the temperature of the model's own distress output"
            )

    @property
    def naming(self) -> dict[str, float]:
        """How much the probability of each emotion counts when an episode is named after one."""
        return self.weights or dict.fromkeys(self.causes, 1.0)


@dataclass(frozen=True, slots=True)
class Corpus:
    """Recordings the model learnt from, and the terms that bind its weights."""

    name: str = checked(minimum=1)
    clips: int = checked(minimum=1)
    speakers: int = checked(minimum=1)
    licence: str = checked(minimum=1)


@dataclass(frozen=True, slots=True)
class Training:
    """What `bedside-train` leaves beside a Keras model and `bedside-quantize` takes over."""

    name: str = checked(
        minimum=1, maximum=60, pattern=r"[a-z0-9][a-z0-9._-]*", allowed="letters, digits, . _ -"
    )
    version: str = checked(maximum=40, pattern=r"\d+\.\d+\.\d+", allowed="a version like 1.0.0")
    labels: tuple[str, ...] = checked(minimum=1, maximum=30)
    front_end: FrontEnd = checked()
    window: Window = checked()
    normalisation: Normalisation = checked()
    temperature: float = checked(minimum=0.01, maximum=100)
    distress: Distress = checked()
    corpora: tuple[Corpus, ...] = checked()
    evaluation: dict[str, float] = checked()
    speech_level: float | None = checked(minimum=-50, maximum=50, default=None)
    """`edge.level.level_of` windows of ordinary speech, on average: the level the model learnt at."""
    adaptation: Adaptation | None = checked(default=None)
    """What the model learnt to have taken out of its bed; it takes the place of `speech_level`."""

    def __post_init__(self) -> None:
        """Raises ValueError where shapes or names disagree."""
        coefficients = self.front_end.coefficients
        for name in ("normalisation", "adaptation"):
            part = getattr(self, name)
            for vector in ("mean", "deviation") if part else ():
                length = len(getattr(part, vector))
                if length != coefficients:
                    raise ValueError(f"{name}.{vector} has {length} values for {coefficients} coefficients")
        for name in ("frames", "hop_frames"):
            seconds = getattr(self.window, name) * self.front_end.hop_length / self.front_end.sample_rate
            if not _SHORTEST_S <= seconds <= _LONGEST_S:
                raise ValueError(
                    f"window.{name} makes {seconds:g} s; it must be {_SHORTEST_S} to {_LONGEST_S:g} s"
                )
        if len(set(self.labels)) != len(self.labels) or len(self.labels) < 2:
            raise ValueError("labels must be two or more different names")
        for name in ("weights", "causes"):
            unknown = sorted(set(getattr(self.distress, name)) - set(self.labels))
            if unknown:
                raise ValueError(f"distress.{name} names {', '.join(unknown)}, which labels do not have")

    @property
    def outputs(self) -> int:
        """How many values the model answers: one a label, and one more where distress is an output."""
        return len(self.labels) + (self.distress.temperature is not None)


@dataclass(frozen=True, slots=True)
class Calibration:
    """The recordings that set the scales of a quantised network."""

    clips: int = checked(minimum=1, maximum=2000)
    sha256: tuple[str, ...] = checked(pattern=r"[0-9a-f]{64}", allowed="64 hexadecimal digits")
    """Of each recording's file, in the order they were heard."""
    fine_tuning_epochs: int | None = checked(minimum=1, maximum=10000, default=None)
    """How often the network was trained on them while it was rounded; None: not at all."""

    def __post_init__(self) -> None:
        """Raises ValueError unless there is a digest for each clip."""
        if len(self.sha256) != self.clips:
            raise ValueError(f"sha256 has {len(self.sha256)} digests for {self.clips} clips")


@dataclass(frozen=True, slots=True)
class SelfTest:
    """A golden window and what the model answered where it was made; checked whenever a file is loaded.

    `features` is the input tensor, normalised and quantised, as base64 of its values in row-major order,
    little-endian; `scores` are the outputs as real numbers, before softmax. `tolerance` is, for a quantised
    output, one step of it.
    """

    features: str = checked(minimum=1, maximum=200_000, allowed="base64")
    scores: tuple[float, ...] = checked()
    tolerance: float = checked(minimum=1e-12, maximum=1000)

    def __post_init__(self) -> None:
        """Raises ValueError where `features` are no base64."""
        try:
            base64.b64decode(self.features, validate=True)
        except (binascii.Error, ValueError) as error:
            raise ValueError(f"features are no base64: {error}") from error


@dataclass(frozen=True, slots=True)
class Manifest:
    """manifest.json inside a device model."""

    schema_version: int = checked(minimum=SCHEMA_VERSION, maximum=SCHEMA_VERSION)
    sha256: str = checked(pattern=r"[0-9a-f]{64}", allowed="64 hexadecimal digits")
    training: Training = checked()
    input: Tensor = checked()
    output: Tensor = checked()
    tools: dict[str, str] = checked()
    scheme: str = checked(choices=tuple(SCHEMES), default="int8")
    calibration: Calibration | None = checked(default=None)
    self_test: SelfTest | None = checked(default=None)

    def __post_init__(self) -> None:
        """Raises ValueError where shapes or types disagree."""
        training = self.training
        expected = (1, training.window.frames, training.front_end.coefficients)
        if self.input.shape != expected:
            raise ValueError(f"the input is {self.input.shape}, the front end makes {expected}")
        if self.output.shape != (1, training.outputs):
            more = " and a distress output" if training.outputs > len(training.labels) else ""
            raise ValueError(
                f"the output is {self.output.shape} for {len(training.labels)} labels{more};"
                f" it must be {(1, training.outputs)}"
            )
        for name, tensor in (("input", self.input), ("output", self.output)):
            if tensor.dtype != SCHEMES[self.scheme]:
                raise ValueError(
                    f"the {name} is {tensor.dtype}; with the scheme {self.scheme} it must be"
                    f" {SCHEMES[self.scheme]}"
                )
        if self.self_test is not None:
            self._check_self_test(self.self_test)

    def _check_self_test(self, test: SelfTest) -> None:
        size = len(base64.b64decode(test.features))
        if size != self.input.size_bytes:
            raise ValueError(f"self_test.features has {size} bytes; the input takes {self.input.size_bytes}")
        if len(test.scores) != self.training.outputs:
            raise ValueError(
                f"self_test.scores has {len(test.scores)} values for {self.training.outputs} outputs"
            )
        step = self.output.scale
        if self.output.dtype != "float32" and not math.isclose(test.tolerance, step, rel_tol=1e-6):
            raise ValueError(f"self_test.tolerance is {test.tolerance:g}; one step of the output is {step:g}")

    @property
    def title(self) -> str:
        """Name and version, as people and messages call the model."""
        return f"{self.training.name} {self.training.version}"
