"""A report as lines on the terminal and as pictures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from edge.features import FloatArray
from train import figures, metrics
from train.corpus import Clip, distress_truths, targets_of


def pictures(
    out: Path,
    clips: Sequence[Clip],
    probabilities: FloatArray,
    scores: FloatArray,
    report: metrics.Report,
    labels: Sequence[str],
) -> None:
    """confusion.png, roc.png and calibration.png in the folder `out`.

    `report` and the first two are of those recordings that have a label.
    """
    named = np.array([clip.emotion in labels for clip in clips])
    truths = targets_of([clip for clip in clips if clip.emotion in labels], labels)
    title = f"{report.clips} recordings, UAR {report.uar:.3f}"
    figures.confusion_matrix(report.confusion, labels, title, out / "confusion.png")
    figures.roc_curves(probabilities[named], truths, labels, title, out / "roc.png")
    right, is_distress = probabilities[named].argmax(axis=1) == truths, distress_truths(clips)
    pairs = [
        ("emotion", probabilities[named].max(axis=1), right),
        ("distress", scores[is_distress >= 0], is_distress[is_distress >= 0] == 1),
    ]
    figures.reliability(pairs, out / "calibration.png")


def print_report(report: metrics.Report) -> None:
    """Classes first, then what is said of all of them."""
    print(f"{'emotion':<14}{'clips':>7}{'precision':>11}{'recall':>9}{'AUC':>7}")
    for name, one in report.classes.items():
        area = "-" if one.auc is None else f"{one.auc:.3f}"
        print(f"{name:<14}{one.clips:>7}{one.precision:>11.3f}{one.recall:>9.3f}{area:>7}")
    distress = "-" if report.distress_auc is None else f"{report.distress_auc:.3f}"
    print(f"clips {report.clips}  UAR {report.uar:.4f}  accuracy {report.accuracy:.4f}")
    if len(report.classes) < len(report.confusion):
        print(f"UAR if only these emotions could be guessed {report.uar_among:.4f}")
    print(f"macro F1 {report.macro_f1:.4f}  calibration error {report.calibration_error:.4f}")
    error = "-" if report.distress_calibration_error is None else f"{report.distress_calibration_error:.4f}"
    print(f"distress AUC {distress}  its calibration error {error}")
