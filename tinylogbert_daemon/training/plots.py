"""Plots of one model's evaluation as PNG files; needs matplotlib, no display."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tinylogbert_daemon.errors import DataError

INCHES = (6.0, 4.5)
DPI = 120

# Okabe & Ito (2008): told apart with any kind of colour vision, and in grey
BLUE, ORANGE = "#0072B2", "#D55E00"
NORMAL, ANOMALY = "#7FB8DA", "#000000"
BINS = 40


def visualize_results(
    labels: Sequence[int], scores: Sequence[float], output_dir: Path | str
) -> list[Path]:
    """Write ROC and precision-recall curve, the scores' histogram and what each threshold gives.

    ``labels`` are 0 or 1, ``scores`` higher for anomalies. The folder is made if it is not there;
    returns the files. Raises ``ImportError`` without matplotlib, and :class:`DataError` where
    nothing can be written.
    """
    folder = Path(output_dir)
    drawers: dict[str, Callable[[Any], None]] = {
        "roc": lambda axes: roc(axes, labels, scores),
        "precision_recall": lambda axes: precision_recall(axes, labels, scores),
        "scores": lambda axes: histogram(axes, labels, scores),
        "thresholds": lambda axes: thresholds(axes, labels, scores),
    }
    return [save(folder / f"{name}.png", [draw]) for name, draw in drawers.items()]


def save(path: Path, drawers: Sequence[Callable[[Any], None]], *, share_y: bool = False) -> Path:
    """Draw side by side into one PNG file and return it; each drawer is handed its axes.

    Raises :class:`DataError` if it cannot be written.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    width, height = INCHES
    figure = Figure(figsize=(width * len(drawers), height), layout="constrained", dpi=DPI)
    FigureCanvasAgg(figure)
    for draw, axes in zip(
        drawers, figure.subplots(1, len(drawers), squeeze=False, sharey=share_y)[0], strict=True
    ):
        axes.grid(visible=True, color="#dddddd", linewidth=0.6)
        axes.set_axisbelow(True)
        draw(axes)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path)
    except OSError as error:
        raise DataError(f"{path}: cannot write: {error.strerror}") from error
    return path


def roc(axes: Any, labels: Sequence[int], scores: Sequence[float], **line: Any) -> None:
    """Draw a ROC curve; ``line`` are its label, colour and style."""
    from sklearn.metrics import roc_curve

    false_rate, true_rate, _ = roc_curve(labels, scores)
    axes.plot(false_rate, true_rate, **{"color": BLUE, **line})
    axes.set(xlabel="false positive rate", ylabel="recall", title="ROC curve")
    axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.02))


def precision_recall(
    axes: Any, labels: Sequence[int], scores: Sequence[float], **line: Any
) -> None:
    """Draw a precision-recall curve; ``line`` are its label, colour and style."""
    from sklearn.metrics import precision_recall_curve

    precision, recall, _ = precision_recall_curve(labels, scores)
    axes.plot(recall, precision, **{"color": BLUE, "drawstyle": "steps-post", **line})
    axes.set(xlabel="recall", ylabel="precision", title="precision and recall")
    axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.02))


def histogram(
    axes: Any, labels: Sequence[int], scores: Sequence[float], title: str = "scores"
) -> None:
    """Draw how many lines have which score, normal ones filled and anomalies outlined."""
    import numpy as np

    truth, values = np.asarray(labels), np.asarray(scores, dtype=float)
    bins = np.histogram_bin_edges(values, BINS, (min(0.0, values.min()), max(1.0, values.max())))
    axes.hist(values[truth == 0], bins, color=NORMAL, label=f"normal ({(truth == 0).sum():,})")
    axes.hist(
        values[truth == 1],
        bins,
        histtype="step",
        color=ANOMALY,
        linewidth=1.6,
        label=f"anomalies ({truth.sum():,})",
    )
    # few anomalies would vanish beside many normal lines
    axes.set(xlabel="score", ylabel="lines", yscale="log", title=title)
    axes.legend(loc="upper center", framealpha=0.9)


def thresholds(
    axes: Any, labels: Sequence[int], scores: Sequence[float], title: str = "thresholds"
) -> None:
    """Draw precision, recall and F1 against the threshold; the best F1 is marked."""
    import numpy as np
    from sklearn.metrics import precision_recall_curve

    precision, recall, at = precision_recall_curve(labels, scores)
    precision, recall = precision[:-1], recall[:-1]
    f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-12)
    for values, name, line in (
        (precision, "precision", {"color": BLUE, "linestyle": "--"}),
        (recall, "recall", {"color": ORANGE, "linestyle": ":", "linewidth": 2.2}),
        (f1, "F1", {"color": ANOMALY}),
    ):
        # a threshold between two scores flags what the higher one does
        axes.plot(at, values, label=name, drawstyle="steps-pre", **line)
    best = int(f1.argmax())
    axes.plot(at[best], f1[best], "o", color=ANOMALY, label=f"best F1 {f1[best]:.3f}")
    axes.set(xlabel=f"threshold (best F1 at {at[best]:.3g})", title=title)
    axes.set(xlim=(min(0.0, at[0]) - 0.01, max(1.0, at[-1]) + 0.01), ylim=(-0.01, 1.02))
    axes.set(ylabel="precision, recall, F1")
    axes.legend(loc="best", framealpha=0.9)
