"""Pictures of an evaluation, as PNG files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter
from sklearn.metrics import roc_curve

from edge.features import FloatArray, FrontEnd
from train.examples import Example
from train.metrics import Truths, auc, bins_of
from train.ward_report import Point

mpl.rcParams.update({"font.size": 9, "axes.spines.top": False, "axes.spines.right": False})
_METADATA = {"Software": None}  # no version inside, so that the same numbers give the same file


def confusion_matrix(counts: Sequence[Sequence[int]], labels: Sequence[str], title: str, file: Path) -> None:
    """Rows are truths, in shares of the row; columns are guesses."""
    matrix = np.asarray(counts, float)
    shares = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    figure = Figure(figsize=(6.2, 5.4), layout="constrained")
    axes = figure.subplots()
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    axes.set_xticks(range(len(labels)), labels, rotation=45, ha="right")
    axes.set_yticks(range(len(labels)), labels)
    axes.set(xlabel="taken for", ylabel="spoken as", title=title)
    for row, column in np.ndindex(*shares.shape):
        share = shares[row, column]
        axes.text(
            column,
            row,
            f"{share * 100:.0f}",
            ha="center",
            va="center",
            color="white" if share > 0.5 else "black",
        )
    figure.colorbar(image, ax=axes, label="share of the row")
    figure.savefig(file, dpi=130, metadata=_METADATA)


def training_curves(histories: Sequence[dict[str, list[float]]], title: str, file: Path) -> None:
    """Loss and accuracy on the (augmented) training side, one line a fold."""
    figure = Figure(figsize=(8, 3.2), layout="constrained")
    for axes, name in zip(figure.subplots(1, 2), ("loss", "accuracy"), strict=True):
        for fold, history in enumerate(histories, 1):
            axes.plot(range(1, len(history[name]) + 1), history[name], label=f"fold {fold}")
        axes.set(xlabel="epoch", ylabel=f"training {name}")
        axes.legend(frameon=False)
    figure.suptitle(title)
    figure.savefig(file, dpi=130, metadata=_METADATA)


def roc_curves(
    probabilities: FloatArray, truths: Truths, labels: Sequence[str], title: str, file: Path
) -> None:
    """Each emotion against all others, with its area under the curve."""
    figure = Figure(figsize=(5.6, 5.2), layout="constrained")
    axes = figure.subplots()
    for i, label in enumerate(labels):
        area = auc(probabilities[:, i], truths == i)
        if area is None:
            continue
        false_rate, true_rate, _ = roc_curve(truths == i, probabilities[:, i])
        axes.plot(false_rate, true_rate, label=f"{label} (AUC {area:.2f})")
    axes.plot((0, 1), (0, 1), color="grey", linewidth=0.8, linestyle=":")
    axes.set(xlabel="false positive rate", ylabel="true positive rate", title=title)
    axes.legend(frameon=False, loc="lower right")
    figure.savefig(file, dpi=130, metadata=_METADATA)


def ward_curve(points: Sequence[Point], chosen: Point, file: Path) -> None:
    """Distress found against false alerts a bed-day, and by kind at the operating point."""
    figure = Figure(figsize=(9, 3.8), layout="constrained")
    curve, bars = figure.subplots(1, 2, width_ratios=(3, 2))
    curve.plot(
        [point.false_alerts.a_day for point in points],
        [point.sensitivity.value for point in points],
        marker=".",
        label="one policy for all beds",
    )
    curve.plot(
        chosen.false_alerts.a_day, chosen.sensitivity.value, "o", label="policies chosen on the other beds"
    )
    curve.axvline(1, color="grey", linewidth=0.8, linestyle=":")
    curve.axhline(0.8, color="grey", linewidth=0.8, linestyle=":")
    curve.set(xlabel="false alerts a bed-day", ylabel="share of episodes found", ylim=(0, 1))
    curve.set_xscale("symlog", linthresh=1)
    curve.set_xlim(left=-0.1)
    curve.legend(frameon=False, loc="lower right")
    kinds = list(chosen.found)
    shares = [chosen.found[kind].value for kind in kinds]
    around = np.array([chosen.found[kind].interval for kind in kinds]).T
    errors = np.abs(around - np.array(shares))
    bars.barh(kinds, shares, xerr=errors, color="tab:blue", ecolor="grey", capsize=2)
    bars.set(xlabel="found, with 95 % interval", xlim=(0, 1))
    figure.savefig(file, dpi=130, metadata=_METADATA)


def reliability(pairs: Sequence[tuple[str, FloatArray, npt.NDArray[np.bool_]]], file: Path) -> None:
    """How often it was so against how likely it was said to be, a panel for each (name, said, true)."""
    some = [(name, said, true) for name, said, true in pairs if said.size]
    figure = Figure(figsize=(4.2 * len(some), 4), layout="constrained")
    for axes, (name, said, true) in zip(np.ravel(figure.subplots(1, len(some))), some, strict=True):
        bin_of = bins_of(said)
        filled = [b for b in range(10) if (bin_of == b).any()]
        axes.plot((0, 1), (0, 1), color="grey", linewidth=0.8, linestyle=":")
        axes.plot(
            [said[bin_of == b].mean() for b in filled], [true[bin_of == b].mean() for b in filled], "o-"
        )
        axes.bar(
            [b / 10 + 0.05 for b in filled],
            [(bin_of == b).mean() for b in filled],
            width=0.09,
            alpha=0.25,
            label="share of recordings",
        )
        axes.set(xlabel=f"{name}: probability said", ylabel="share that was so", xlim=(0, 1), ylim=(0, 1))
        axes.legend(frameon=False, loc="upper left")
    figure.savefig(file, dpi=130, metadata=_METADATA)


def examples(some: Sequence[Example], front_end: FrontEnd, file: Path) -> None:
    """Waveform, spectrogram, MFCC and relevance, a column a recording."""
    figure = Figure(figsize=(3.3 * len(some), 8), layout="constrained")
    columns = figure.subplots(4, len(some), squeeze=False, sharex=True).T
    for axes, one in zip(columns, some, strict=True):
        rate = front_end.sample_rate
        length = one.samples.size / rate
        axes[0].plot(np.arange(one.samples.size) / rate, one.samples, linewidth=0.4)
        axes[0].set_title(one.title)
        # Far below any recording's noise: digital silence has no logarithm.
        dither = 1e-9 * np.random.default_rng(0).standard_normal(one.samples.size)
        axes[1].specgram(one.samples + dither, NFFT=512, Fs=rate, noverlap=256, vmin=-140, cmap="magma")
        kilohertz = FuncFormatter(lambda hz, _: f"{hz / 1000:g}")
        axes[1].yaxis.set_major_formatter(kilohertz)
        for row, picture, colours in ((2, one.mfcc[:, 1:], "viridis"), (3, one.relevance, "RdBu_r")):
            most = np.abs(picture).max()
            limits = {"vmin": -most, "vmax": most} if row == 3 else {}
            axes[row].imshow(
                picture.T,
                origin="lower",
                aspect="auto",
                cmap=colours,
                extent=(0, length, 0, picture.shape[1]),
                **limits,
            )
        axes[3].set_xlabel("seconds")
    for axes, name in zip(
        columns[0], ("amplitude", "kHz", "MFCC without the first", "mel band looked at"), strict=True
    ):
        axes.set_ylabel(name)
    figure.savefig(file, dpi=110, metadata=_METADATA)
