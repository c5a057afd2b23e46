"""The judgement as one HTML page with its pictures inside, that can be kept or sent."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from html import escape

import numpy as np
from matplotlib.figure import Figure

from convert.anatomy import Layer
from convert.judgement import GUILTY, Judgement
from convert.timing import METHOD, estimate

_SHOWN = 25  # layers; the worst of them
_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem;
       color: #1c2733; background: #fff; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.2rem; margin-top: 2rem; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: .3rem .6rem; border-bottom: 1px solid #d5dde5; vertical-align: top; }
th { font-weight: 600; } tbody th { width: 13rem; } td.number { text-align: right; }
img { max-width: 100%; height: auto; } .verdict { padding: .8rem 1rem; border-left: .4rem solid #14708f;
background: #eef5f8; } small { color: #4a5865; }
"""


def page(judgement: Judgement) -> str:
    """The whole page; the same judgement gives the same text."""
    one, title = judgement.comparison, escape(judgement.title)
    verdict = (
        f"{judgement.scheme} loses {one.drop:.2f} points of UAR on {one.recordings} recordings"
        if one.drop > 0
        else f"{judgement.scheme} loses nothing of its UAR on {one.recordings} recordings"
    )
    classes = [
        (name, str(row.clips), f"{row.float_recall:.3f}", f"{row.int8_recall:.3f}")
        for name, row in one.classes.items()
    ]
    layers = [
        (layer.name, layer.operator, f"{layer.error:.4f}")
        for layer in sorted(judgement.layers, key=lambda layer: -layer.error)[:_SHOWN]
    ]
    timed = f"<p><small>{escape(METHOD)}</small></p>" if estimate(judgement.scheme, 1) else ""
    parts = [
        f"<!doctype html><html lang='en'><head><meta charset='utf-8'><title>{title}</title>",
        f"<style>{_STYLE}</style></head><body><main>",
        f"<h1>{title}</h1><p class='verdict'>{escape(verdict)}.</p>",
        _facts(judgement.rows()),
        timed,
        "<h2>Emotions</h2>",
        _table(("emotion", "recordings", "recall before", "recall after"), classes),
        _picture(_confusions(judgement), "Confusion before, after, and what changed"),
    ]
    if layers:
        parts += [
            "<h2>Layers</h2><p>What each layer loses by itself, as noise over signal.</p>",
            _picture(_bars(judgement.layers), "The error of each layer, in the order they run"),
            _table(("layer", "operator", "error"), layers),
        ]
    return "\n".join([*parts, "</main></body></html>\n"])


def _facts(rows: Sequence[tuple[str, str]]) -> str:
    lines = "".join(
        f"<tr><th scope='row'>{escape(name)}</th><td>{escape(value)}</td></tr>" for name, value in rows
    )
    return f"<table><tbody>{lines}</tbody></table>"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    names = "".join(f"<th scope='col'>{escape(name)}</th>" for name in head)
    lines = "".join(
        f"<tr><th scope='row'>{escape(row[0])}</th>"
        + "".join(f"<td>{escape(value)}</td>" for value in row[1:])
        + "</tr>"
        for row in rows
    )
    return f"<table><thead><tr>{names}</tr></thead><tbody>{lines}</tbody></table>"


def _picture(figure: Figure, described: str) -> str:
    png = io.BytesIO()
    figure.savefig(png, format="png", dpi=110, metadata={"Software": None})
    inside = base64.b64encode(png.getvalue()).decode()
    return f"<img alt='{escape(described)}' src='data:image/png;base64,{inside}'>"


def _confusions(judgement: Judgement) -> Figure:
    one = judgement.comparison
    before, after = (np.array(counts, float) for counts in (one.float_confusion, one.int8_confusion))
    rows = np.maximum(before.sum(axis=1, keepdims=True), 1)
    change = (after - before) / rows
    most = max(0.05, float(np.abs(change).max()))
    figure = Figure(figsize=(12, 4.4), layout="constrained")
    pictures = [
        ("before", before / rows, "Blues", 0, 1),
        (judgement.scheme, after / rows, "Blues", 0, 1),
        ("change", change, "RdBu_r", -most, most),
    ]
    for axes, (title, shares, colours, low, high) in zip(figure.subplots(1, 3), pictures, strict=True):
        axes.imshow(shares, cmap=colours, vmin=low, vmax=high)
        axes.set_xticks(range(len(one.labels)), one.labels, rotation=45, ha="right")
        axes.set_yticks(range(len(one.labels)), one.labels)
        axes.set(title=title, xlabel="taken for", ylabel="spoken as" if title == "before" else "")
        for row, column in np.ndindex(*shares.shape):
            share = shares[row, column] * 100
            text = f"{share:+.1f}" if title == "change" and share else f"{share:.0f}"
            colour = "white" if abs(shares[row, column]) > 0.6 * high else "black"
            axes.text(column, row, text, ha="center", va="center", size=7, color=colour)
    return figure


def _bars(layers: Sequence[Layer]) -> Figure:
    figure = Figure(figsize=(10, 1.2 + 0.26 * len(layers)), layout="constrained")
    axes = figure.subplots()
    places = range(len(layers))
    worst = max(layer.error for layer in layers)
    colours = ["#b3402a" if layer.error == worst else "#14708f" for layer in layers]
    axes.barh(places, [layer.error for layer in layers], color=colours)
    axes.set_yticks(places, [f"{layer.name}  {layer.operator.lower()}" for layer in layers], size=8)
    axes.invert_yaxis()
    if worst > GUILTY:
        axes.axvline(GUILTY, color="#4a5865", linestyle=":")
    axes.set(xlabel="error over signal")
    return figure
