"""What `bedside-train ward` does: fold models, each at a bed of people it never heard."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edge.classifier import Classifier
from edge.errors import CorpusError
from edge.manifest import EpisodePolicy
from train import ward
from train.figures import ward_curve
from train.robustness import Fold, folds_in
from train.sounds import Sound, unheard
from train.ward_report import Point, Rate, Share, curve, operating_point, point, policy_at

MOST_A_DAY = 1.0
_FILE = "ward.json"
ONSETS = tuple(round(float(value), 3) for value in np.linspace(0.3, 0.99, 47))


@dataclass(frozen=True, slots=True)
class Measured:
    """All beds together: the whole curve, and the threshold each fold was given by the other folds.

    `held_out` is what those thresholds, none of which its own fold had a say in, make of the beds;
    `policy`, what the curve over all beds would have a model shipped with.
    """

    points: list[Point]
    chosen: Point
    thresholds: list[float]
    held_out: Point
    policy: EpisodePolicy


def measure(crossval: Path, sounds: Sequence[Sound], plan: ward.Plan, out: Path) -> Measured:
    """Live through a bed-day a fold, but for those kept in `out`, and try every threshold on them."""
    folds = folds_in(crossval)
    days = [_bed(fold, sounds, plan, out, number) for number, fold in enumerate(folds, 1)]
    training = folds[0].classifier.manifest.training
    labels, distress = training.labels, training.distress
    points = curve(days, labels, distress, ONSETS)
    thresholds = [
        operating_point(curve([*days[:i], *days[i + 1 :]], labels, distress, ONSETS), MOST_A_DAY).onset
        for i in range(len(days) if len(days) > 1 else 0)
    ]
    chosen = operating_point(points, MOST_A_DAY)
    held_out = chosen
    if thresholds:
        held_out = _together(
            [point([day], labels, distress, onset) for day, onset in zip(days, thresholds, strict=True)]
        )
    policy = policy_at(chosen.onset, distress.policy)
    return Measured(points, chosen, thresholds, held_out, policy)


def _bed(fold: Fold, sounds: Sequence[Sound], plan: ward.Plan, out: Path, number: int) -> ward.BedDay:
    mine = unheard(sounds, {clip.path.resolve() for clip in fold.learnt})
    seeded = ward.Plan(plan.hours, plan.episodes, plan.seed * 1000 + number)
    file = out / f"bed-{number}-{_fingerprint(fold.classifier, mine, seeded)}.npz"
    if not file.exists():
        ward.save(ward.live_through(fold.classifier, mine, seeded, f"bed {number}"), file)
    return ward.load(file)


def _fingerprint(classifier: Classifier, sounds: Sequence[Sound], plan: ward.Plan) -> str:
    """A digest of model, sounds and plan: same text, same windows."""
    said = [classifier.manifest.sha256, asdict(plan), [(str(one.path), one.role, one.kind) for one in sounds]]
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()[:12]


def _together(points: Sequence[Point]) -> Point:
    """One point of several beds', each at a threshold of its own; `onset` is their mean."""
    kinds = sorted({kind for one in points for kind in one.found})
    periods = sorted({period for one in points for period in one.false})
    shares = {kind: [one.found[kind] for one in points if kind in one.found] for kind in kinds}
    rates = {period: [one.false[period] for one in points if period in one.false] for period in periods}
    return Point(
        onset=float(np.mean([one.onset for one in points])),
        found={
            kind: Share(sum(s.found for s in some), sum(s.of for s in some)) for kind, some in shares.items()
        },
        false={
            name: Rate(sum(r.events for r in some), sum(r.days for r in some)) for name, some in rates.items()
        },
        delays_s=tuple(delay for one in points for delay in one.delays_s),
    )


def lines(measured: Measured) -> list[str]:
    """Markdown for people: the curve in steps, then what the held-out thresholds make of it by kind."""
    heads = ("onset", "found", "95 %", "false alerts a bed-day", "95 %", "a night", "median delay")
    text = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    shown = {id(one) for one in measured.points[::4]} | {id(measured.chosen)}
    text += [f"| {' | '.join(_cells(one))} |" for one in measured.points if id(one) in shown]
    held = measured.held_out
    text += [
        "",
        f"Thresholds chosen on the other beds ({', '.join(f'{value:g}' for value in measured.thresholds)}):"
        if measured.thresholds
        else "One bed only: the threshold was chosen on the bed it is judged on.",
        "",
        f"| {' | '.join(heads)} |",
        "|---" * len(heads) + "|",
        f"| {' | '.join(_cells(held))} |",
        "",
        "| distress | found | of | share | 95 % |",
        "|---|---|---|---|---|",
    ]
    for kind, share in held.found.items():
        low, high = share.interval
        text.append(f"| {kind} | {share.found} | {share.of} | {share.value:.0%} | {low:.0%} to {high:.0%} |")
    text += ["", "| part of the day | hours | false alerts | an hour | 95 % |", "|---|---|---|---|---|"]
    for period, rate in held.false.items():
        low, high = rate.interval
        an_hour = f"{rate.a_day / 24:.2f} | {low / 24:.2f} to {high / 24:.2f}"
        text.append(f"| {period} | {rate.days * 24:.1f} | {rate.events} | {an_hour} |")
    return text


def _cells(one: Point) -> list[str]:
    found, false = one.sensitivity, one.false_alerts
    (least, most), (low, high) = found.interval, false.interval
    night = one.false.get("night")
    a_night = "-" if night is None else f"{night.a_day / 3:.2f}"  # a third of the day
    return [
        f"{one.onset:.3f}",
        f"{found.value:.1%}",
        f"{least:.0%} to {most:.0%}",
        f"{false.a_day:.2f}",
        f"{low:.2f} to {high:.2f}",
        a_night,
        f"{one.median_delay_s:.1f} s",
    ]


def write(measured: Measured, out: Path) -> None:
    """ward.json, ward.md and ward.png in the folder."""
    out.mkdir(parents=True, exist_ok=True)
    plain: dict[str, Any] = {
        "most_a_day": MOST_A_DAY,
        "policy": asdict(measured.policy),
        "thresholds": measured.thresholds,
        "chosen": _plain(measured.chosen),
        "held_out": _plain(measured.held_out),
        "curve": [_plain(one) for one in measured.points],
    }
    (out / _FILE).write_text(json.dumps(plain, indent=1) + "\n")
    (out / "ward.md").write_text("\n".join(lines(measured)) + "\n")
    ward_curve(measured.points, measured.held_out, out / "ward.png")


def read(folder: Path) -> dict[str, Any]:
    """What `write` left as ward.json; raises CorpusError where there is nothing."""
    try:
        found: dict[str, Any] = json.loads((folder / _FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CorpusError(f"{folder} holds no finished ward; run bedside-train ward first") from error
    return found


def _plain(one: Point) -> dict[str, Any]:
    return asdict(one) | {
        "sensitivity": one.sensitivity.value,
        "sensitivity_interval": one.sensitivity.interval,
        "false_a_day": one.false_alerts.a_day,
        "false_a_day_interval": one.false_alerts.interval,
        "median_delay_s": None if not one.delays_s else one.median_delay_s,
    }
