"""What `bedside-train ward` does: fold models, each at a bed of people it never heard."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from edge.classifier import Classifier
from edge.errors import CorpusError
from edge.fields import encode
from edge.manifest import Distress, EpisodePolicy
from train import ward
from train.figures import ward_curve
from train.robustness import Fold, folds_in
from train.sounds import Sound, unheard
from train.ward_report import Lived, Point, lived, operating_point, point, policy_at, together

MOST_A_DAY, SLOWEST_S = 1.0, 12.0
"""What a policy may cost: false alerts a bed-day, and how late half of the episodes found are told.

8 s would be wanted, but 12 find a tenth more (train/NOTES.md, eighth sitting).
"""
ONSETS = tuple(round(float(value), 3) for value in np.arange(0.2, 0.99, 0.02))
SMOOTHINGS = (0.0, 0.3, 0.6)
AGREEING = ((2, 3, 4.0), (4, 6, 6.0), (6, 8, 8.0), (8, 10, 8.0))
"""How many of how many windows must be at the onset, for how many seconds from the first one's start."""
WEIGHING = (6, 7, 8, 9, 10)
SATURATIONS = (1.0, 2.0, 3.0)
"""What windows must weigh together, and the log-odds above the onset's with which one weighs 1."""
_FILE = "ward.json"


@dataclass(frozen=True, slots=True)
class Measured:
    """All beds together: every policy tried, and the one each bed was given by the other beds.

    `chosen` is what all beds would have a model shipped with; `held_out`, what policies in whose choice its
    own bed had no say make of each; `policies` are those.
    """

    points: list[Point]
    chosen: Point
    policies: list[EpisodePolicy]
    held_out: Point


def measure(crossval: Path, sounds: Sequence[Sound], plan: ward.Plan, out: Path) -> Measured:
    """Live through a bed-day a fold, but for those kept in `out`, and try every policy on them."""
    folds = folds_in(crossval)
    training = folds[0].classifier.manifest.training
    days = [
        lived(_bed(fold, sounds, plan, out, number), training.labels) for number, fold in enumerate(folds, 1)
    ]
    return choose(days, training.distress)


def choose(days: Sequence[Lived], distress: Distress) -> Measured:
    """Try every policy on these bed-days."""
    policies = [policy_at(onset, shape) for shape in _shapes(distress.policy) for onset in ONSETS]
    by_bed = [
        [point(day, distress, policy) for policy in policies] for day in tqdm(days, "policies", unit="bed")
    ]
    points = _over(by_bed)
    chosen = held_out = operating_point(points, MOST_A_DAY, SLOWEST_S)
    mine: list[Point] = []
    for number, own in enumerate(by_bed if len(by_bed) > 1 else []):
        others = [*by_bed[:number], *by_bed[number + 1 :]]
        policy = operating_point(_over(others), MOST_A_DAY, SLOWEST_S).policy
        mine.append(own[policies.index(policy)])
    if mine:
        held_out = together(mine)
    return Measured(points, chosen, [one.policy for one in mine], held_out)


def _shapes(policy: EpisodePolicy) -> list[EpisodePolicy]:
    """The policy with other ways to begin an episode; their thresholds are not chosen yet."""
    agreeing = [
        replace(policy, smoothing=smoothing, count=count, among=among, min_duration_s=seconds)
        for smoothing in SMOOTHINGS
        for count, among, seconds in AGREEING
    ]
    weighing = [
        replace(policy, smoothing=0.0, count=count, among=None, saturation=saturation, min_duration_s=0.0)
        for saturation in SATURATIONS
        for count in WEIGHING
    ]
    return agreeing + weighing


def _over(by_bed: Sequence[Sequence[Point]]) -> list[Point]:
    """Each policy's point over these beds."""
    return [together(some) for some in zip(*by_bed, strict=True)]


def _bed(fold: Fold, sounds: Sequence[Sound], plan: ward.Plan, out: Path, number: int) -> ward.BedDay:
    mine = unheard(sounds, {clip.path.resolve() for clip in fold.learnt})
    seeded = ward.Plan(plan.hours, plan.episodes, plan.seed * 1000 + number)
    file = out / f"bed-{number}-{_fingerprint(fold.classifier, mine, seeded)}.npz"
    if not file.exists():
        ward.save(ward.live_through(fold.classifier, mine, seeded, f"bed {number}"), file)
    return ward.load(file)


def _fingerprint(classifier: Classifier, sounds: Sequence[Sound], plan: ward.Plan) -> str:
    """A digest of model, manifest included, sounds and plan: same text, same windows."""
    said = [
        encode(classifier.manifest),
        encode(plan),
        [(str(one.path), one.role, one.kind) for one in sounds],
    ]
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()[:12]


def lines(measured: Measured) -> list[str]:
    """Markdown for people: the curve of the chosen shape, the best of each shape, and what was held out."""
    shapes = _by_shape(measured.points)
    own = next(points for points in shapes if _shape(points[0].policy) == _shape(measured.chosen.policy))
    shown = [one for number, one in enumerate(own) if number % 4 == 0 or one is measured.chosen]
    held = measured.held_out
    best = [operating_point(points, MOST_A_DAY, SLOWEST_S) for points in shapes]
    text = [f"All beds, {_shape(measured.chosen.policy)}:", "", *_table(shown)]
    text += ["", "The operating point of each shape of the policy tried:", "", *_table(best, named=True), ""]
    if measured.policies:
        text += ["What is found by policies chosen on the other beds alone:", ""]
        text += [
            f"- bed {bed}: onset {policy.onset:g}, {_shape(policy)}"
            for bed, policy in enumerate(measured.policies, 1)
        ]
    else:
        text += ["One bed only: the policy was chosen on the bed it is judged on."]
    text += [
        "",
        *_table([held], onset=False),
        "",
        "| distress | found | of | share | 95 % |",
        "|---" * 5 + "|",
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


def _by_shape(points: Sequence[Point]) -> list[list[Point]]:
    groups: dict[str, list[Point]] = {}
    for one in points:
        groups.setdefault(_shape(one.policy), []).append(one)
    return list(groups.values())


def _shape(policy: EpisodePolicy) -> str:
    """All of a policy but its threshold."""
    if policy.among is None:
        return f"windows that weigh {policy.count} together, log-odds over {policy.saturation:g}"
    return (
        f"smoothing {policy.smoothing:g}, {policy.count} of {policy.among} windows,"
        f" {policy.min_duration_s:g} s or more"
    )


def _table(points: Sequence[Point], *, named: bool = False, onset: bool = True) -> list[str]:
    heads = ["found", "95 %", "false alerts a bed-day", "95 %", "a night", "median delay"]
    heads = (["shape"] if named else []) + (["onset"] if onset else []) + heads
    rows = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    for one in points:
        first = ([_shape(one.policy)] if named else []) + ([f"{one.policy.onset:g}"] if onset else [])
        rows.append(f"| {' | '.join([*first, *_cells(one)])} |")
    return rows


def _cells(one: Point) -> list[str]:
    found, false = one.sensitivity, one.false_alerts
    (least, most), (low, high) = found.interval, false.interval
    night = one.false.get("night")
    a_night = "-" if night is None else f"{night.a_day / 3:.2f}"  # a third of the day
    return [
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
        "slowest_s": SLOWEST_S,
        "policy": asdict(measured.chosen.policy),
        "policies": [asdict(policy) for policy in measured.policies],
        "chosen": _plain(measured.chosen),
        "held_out": _plain(measured.held_out),
        "curve": [_plain(one) for one in measured.points],
    }
    (out / _FILE).write_text(json.dumps(plain, indent=1) + "\n")
    (out / "ward.md").write_text("\n".join(lines(measured)) + "\n")
    shape = _shape(measured.chosen.policy)
    same = [one for one in measured.points if _shape(one.policy) == shape]
    ward_curve(same, measured.held_out, out / "ward.png")


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
