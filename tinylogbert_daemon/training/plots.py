"""Plots of an evaluation as PNG files; needs matplotlib, no display."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

_INCHES = (6.0, 4.5)


def visualize_results(
    labels: Sequence[int], scores: Sequence[float], output_dir: Path | str
) -> list[Path]:
    """Write the ROC curve, the precision-recall curve and the scores' histogram; return the files.

    ``labels`` are 0 or 1, ``scores`` higher for anomalies. The folder is made if it is not there.
    Raises ``ImportError`` without matplotlib, and :class:`DataError` where nothing can be written.
    """
    import numpy as np
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from sklearn.metrics import precision_recall_curve, roc_curve

    from tinylogbert_daemon.errors import DataError

    truth, values = np.asarray(labels), np.asarray(scores, dtype=float)
    folder = Path(output_dir)

    def curve(axes: Any, x: Any, y: Any, x_name: str, y_name: str) -> None:
        axes.plot(x, y)
        axes.set(xlabel=x_name, ylabel=y_name, xlim=(0, 1), ylim=(0, 1.02))

    def roc(axes: Any) -> None:
        false_rate, true_rate, _ = roc_curve(truth, values)
        curve(axes, false_rate, true_rate, "false positive rate", "recall")

    def precision_recall(axes: Any) -> None:
        precision, recall, _ = precision_recall_curve(truth, values)
        curve(axes, recall, precision, "recall", "precision")

    def histogram(axes: Any) -> None:
        bins = np.histogram_bin_edges(values, 40)
        axes.hist([values[truth == 0], values[truth == 1]], bins, label=["normal", "anomaly"])
        # few anomalies would vanish beside many normal lines
        axes.set(xlabel="score", ylabel="lines", yscale="log")
        axes.legend()

    drawers = {"roc": roc, "precision_recall": precision_recall, "scores": histogram}
    written = []
    for name, draw in drawers.items():
        figure = Figure(figsize=_INCHES, layout="constrained")
        FigureCanvasAgg(figure)
        draw(figure.add_subplot())
        path = folder / f"{name}.png"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            figure.savefig(path)
        except OSError as error:
            raise DataError(f"{path}: cannot write: {error.strerror}") from error
        written.append(path)
    return written
