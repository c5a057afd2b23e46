"""What is known of a converted model when it is done: for the terminal, for programs and for a page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from convert.anatomy import Anatomy, Layer
from convert.comparison import Comparison
from convert.timing import METHOD, estimate

GUILTY = 0.2
"""An error of a layer that is worth a look: a fifth of its signal."""


@dataclass(frozen=True, slots=True)
class FineTuning:
    """What fine-tuning changed in the converted model, and whether the changed one was kept."""

    epochs: int
    kept: bool
    before_uar: float
    after_uar: float
    before_agreement: float
    after_agreement: float
    """Shares of recordings that are named as the float network names them."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """A converted model; `layers` are told of int8 alone, `arena_bytes` by the runtime named `runtime`."""

    title: str
    scheme: str
    comparison: Comparison
    anatomy: Anatomy
    layers: tuple[Layer, ...]
    runtime: str
    arena_bytes: int
    fine_tuning: FineTuning | None = None

    @property
    def guilty(self) -> Layer | None:
        """The layer that loses most by being quantised; None where none was measured."""
        return max(self.layers, key=lambda layer: layer.error, default=None)

    def plain(self) -> dict[str, Any]:
        """Plain data, ready for JSON: the comparison's fields beside the rest."""
        milliseconds = estimate(self.scheme, self.anatomy.multiply_adds)
        return asdict(self.comparison) | {
            "title": self.title,
            "scheme": self.scheme,
            "drop": self.comparison.drop,
            "worst_class": self.comparison.worst,
            "anatomy": asdict(self.anatomy),
            "layers": [asdict(layer) for layer in self.layers],
            "guilty_layer": None if self.guilty is None else self.guilty.name,
            "runtime": self.runtime,
            "arena_bytes": self.arena_bytes,
            "fine_tuning": None if self.fine_tuning is None else asdict(self.fine_tuning),
            "milliseconds": milliseconds,
            "milliseconds_method": METHOD,
        }

    def rows(self) -> list[tuple[str, str]]:
        """The judgement as (name, value) lines for people."""
        one, scheme = self.comparison, self.scheme
        worst = one.classes[one.worst]
        point = one.operating_point
        reached = (
            f"{point.onset:g} is reached by {_share(point.float_found)} of the distressed, then"
            f" {_share(point.int8_found)}; of others {_share(point.float_false)},"
            f" then {_share(point.int8_false)}"
        )
        operators = ", ".join(f"{count} {name}" for name, count in self.anatomy.operators.items())
        mean = f"{one.mean_distress_change:.3f}"
        times = estimate(scheme, self.anatomy.multiply_adds)
        return [
            ("recordings", str(one.recordings)),
            ("size", f"{one.float_bytes / 1024:.0f} KiB before, {one.int8_bytes / 1024:.0f} KiB {scheme}"),
            ("operators", operators),
            ("rounding", _rounding(self.anatomy.rounded_apart)),
            ("multiply-adds", f"{self.anatomy.multiply_adds / 1e6:.2f} million a window"),
            ("peak memory", f"{self.arena_bytes / 1024:.0f} KiB of tensors, {self.runtime} without XNNPACK"),
            *((f"on {board}", f"{value:.1f} ms a window, estimated") for board, value in times.items()),
            ("UAR float", f"{one.float_uar:.4f}"),
            (f"UAR {scheme}", f"{one.int8_uar:.4f} ({-one.drop:+.2f} points)"),
            *_tuned(self.fine_tuning, one.float_uar),
            ("worst class", f"{one.worst}: recall {worst.float_recall:.3f}, then {worst.int8_recall:.3f}"),
            ("same emotion", f"{one.agreement:.1%} of recordings"),
            ("largest change", f"{one.largest_change:.3f} of a probability"),
            (
                "calibration",
                f"expected error {one.float_calibration_error:.3f}, then {one.int8_calibration_error:.3f}",
            ),
            (
                "distress",
                f"{one.largest_distress_change:.3f} is a window's largest change, {mean} the mean",
            ),
            ("at the onset", reached),
            ("guilty layer", _blame(self.layers, self.guilty)),
        ]


def _tuned(tuning: FineTuning | None, float_uar: float) -> list[tuple[str, str]]:
    if tuning is None:
        return []
    end = "kept" if tuning.kept else "it won nothing and was thrown away"
    said = (
        f"{tuning.epochs} epochs: UAR {tuning.before_uar:.4f} without, {tuning.after_uar:.4f} with it,"
        f" {float_uar:.4f} float; same emotion {tuning.before_agreement:.1%}, then"
        f" {tuning.after_agreement:.1%}; {end}"
    )
    return [("fine-tuning", said)]


def _share(value: float | None) -> str:
    return "none there" if value is None else f"{value:.1%}"


def _rounding(apart: Sequence[str] | None) -> str:
    if apart is None:
        return "each runtime in its own way"
    return f"each runtime {', '.join(apart)} in its own way" if apart else "alike on every runtime"


def _blame(layers: Sequence[Layer], guilty: Layer | None) -> str:
    if guilty is None:
        return "not measured in this scheme"
    kind = "loses most" if guilty.error >= GUILTY else "loses most, which is little"
    return (
        f"{guilty.name} ({guilty.operator}) {kind}: error {guilty.error:.3f} of its signal,"
        f" of {len(layers)} layers"
    )
