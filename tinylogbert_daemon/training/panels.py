"""Plots of two models side by side as PNG files; needs matplotlib, no display."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from tinylogbert_daemon.training.compare import NAMES
from tinylogbert_daemon.training.embeddings import Layout
from tinylogbert_daemon.training.evaluate import Scored, baselines
from tinylogbert_daemon.training.plots import (
    ANOMALY,
    BLUE,
    NORMAL,
    ORANGE,
    histogram,
    precision_recall,
    roc,
    save,
    thresholds,
)

_LINES = {
    "tinylogbert": {"color": BLUE, "linestyle": "-", "linewidth": 2.0},
    "logbert_distil": {"color": ORANGE, "linestyle": "--", "linewidth": 2.0},
}
_SIMPLE = ((":", "#555555"), ("-.", "#777777"), ((0, (1, 3)), "#999999"))

TITLES = {
    "curves": "ROC and precision-recall curves, on the same lines",
    "scores": "Score distributions (the number of lines is on a logarithmic scale)",
    "thresholds": "What each threshold gives",
    "inference": "Inference time (logarithmic scales)",
    "embeddings": "Embeddings of distinct texts, t-SNE",
}


def draw(
    scored: Mapping[str, Scored], results: Mapping[str, Any], layout: Layout | None, folder: Path
) -> dict[str, Path]:
    """Write all plots and return the files by their key in ``TITLES``; see ``compare``.

    Raises :class:`DataError` where a file cannot be written.
    """
    drawn = {
        "curves": save(folder / "curves.png", [partial(_curves, scored, kind) for kind in (0, 1)]),
        "scores": save(
            folder / "scores.png",
            [partial(_histogram, name, found) for name, found in scored.items()],
            share_y=True,
        ),
        "thresholds": save(
            folder / "thresholds.png",
            [partial(_thresholds, name, found) for name, found in scored.items()],
            share_y=True,
        ),
        "inference": save(
            folder / "inference.png",
            [partial(_milliseconds, results["models"]), partial(_rates, results["models"])],
        ),
    }
    if layout is not None:
        drawn["embeddings"] = save(
            folder / "embeddings.png",
            [partial(_embeddings, name, layout) for name in layout.points],
        )
    return drawn


def _curves(scored: Mapping[str, Scored], kind: int, axes: Any) -> None:
    curve = (roc, precision_recall)[kind]
    for name, found in scored.items():
        curve(axes, found.labels, found.scores, label=NAMES[name], **_LINES[name])
    first = next(iter(scored.values()))
    for (style, colour), (name, scores) in zip(_SIMPLE, baselines(first).items(), strict=True):
        line = {"linestyle": style, "color": colour, "linewidth": 1.2}
        curve(axes, first.labels, scores, label=name, **line)
    axes.legend(loc="lower right" if kind == 0 else "best", framealpha=0.9, fontsize=9)


def _histogram(name: str, found: Scored, axes: Any) -> None:
    histogram(axes, found.labels, found.scores, NAMES[name])


def _thresholds(name: str, found: Scored, axes: Any) -> None:
    thresholds(axes, found.labels, found.scores, NAMES[name])


def _milliseconds(models: Mapping[str, Any], axes: Any) -> None:
    keys = {"median_ms": "median", "p95_ms": "95 % are faster"}
    _bars(axes, models, keys, "{:.3g} ms")
    axes.set(ylabel="ms a text", title="one new text")


def _rates(models: Mapping[str, Any], axes: Any) -> None:
    keys = {"cold_lines_per_s": "cold cache", "warm_lines_per_s": "warm cache"}
    _bars(axes, models, keys, "{:,.0f}")
    axes.set(ylabel="lines a second", title="lines of the file")


def _bars(axes: Any, models: Mapping[str, Any], keys: Mapping[str, str], form: str) -> None:
    """Draw one group of bars a key, a bar of it a model, its value written above."""
    for place, (name, model) in enumerate(models.items()):
        heights = [max(1e-9, model["timing"][key]) for key in keys]
        at = [group + 0.4 * place for group in range(len(keys))]
        hatch = "" if place == 0 else "//"
        colour = _LINES[name]["color"]
        bars = axes.bar(at, heights, 0.38, label=NAMES[name], color=colour, hatch=hatch)
        for bar in bars:
            bar.set_edgecolor("white")
        axes.bar_label(bars, [form.format(height) for height in heights], padding=2, fontsize=9)
    axes.set_xticks([group + 0.2 for group in range(len(keys))], list(keys.values()))
    axes.grid(visible=False, axis="x")
    axes.set_yscale("log")
    low, high = (10 ** math.floor(math.log10(end)) for end in axes.get_ylim())
    axes.set_ylim(low, high * 300)  # room for the values and the legend
    axes.yaxis.set_major_formatter("{x:,.12g}")
    axes.yaxis.set_minor_formatter("")
    axes.legend(loc="upper left", framealpha=0.9)


def _embeddings(name: str, layout: Layout, axes: Any) -> None:
    points, anomalous = layout.points[name], layout.anomalous
    kinds: Sequence[tuple[Any, str, str, str]] = (
        (~anomalous, "o", NORMAL, "normal"),
        (anomalous, "x", ANOMALY, "anomalies"),
    )
    for which, marker, colour, label in kinds:
        shown = points[which]
        label_ = f"{label} ({len(shown):,} texts)"
        axes.scatter(shown[:, 0], shown[:, 1], 14, color=colour, marker=marker, label=label_)
    axes.set(title=NAMES[name], xticks=[], yticks=[])
    # below the axes, where no point can lie under it
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.01), ncols=2, frameon=False)
