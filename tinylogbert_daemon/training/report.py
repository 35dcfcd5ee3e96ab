"""What ``evaluate`` and ``compare`` found, each as one HTML page with its images inside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tinylogbert_daemon.escape import printable
from tinylogbert_daemon.training.compare import NAMES
from tinylogbert_daemon.training.html import document, figure, paragraph, table, text
from tinylogbert_daemon.training.panels import TITLES
from tinylogbert_daemon.training.threshold import Wish, point_names

_LINE_CHARACTERS = 240
_NONE = "-"

_TITLES = {"roc": "ROC curve", "precision_recall": "Precision-recall curve", **TITLES}


def comparison_page(results: Mapping[str, Any], images: Mapping[str, Path]) -> str:
    """Return the page of ``results`` (see ``compare`` and ``workflow``) with ``images`` inside.

    All text is escaped. Raises ``OSError`` if an image cannot be read.
    """
    wish = Wish(**results["wish"])
    first = next(iter(results["models"].values()))
    parts = [
        paragraph(_what(results, first["days"]), dim=True),
        "<h2>In short</h2>",
        "<ul>" + "".join(f"<li>{text(line)}</li>" for line in results["summary"]) + "</ul>",
        "<h2>Quality</h2>",
        _quality(results),
        _figure("curves", images),
        _figure("scores", images),
        "<h2>Thresholds</h2>",
        _thresholds(results, wish),
        _figure("thresholds", images),
        "<h2>Inference time</h2>",
        _timing(results),
        _figure("inference", images),
        "<h2>The models</h2>",
        _models(results),
        *_embeddings(images),
        *_workflow(results.get("workflow"), wish.threshold),
    ]
    return document(
        "tinylogbert compare", "TinyLogBERT and LogBERT-Distil on the same lines", parts
    )


def evaluation_page(results: Mapping[str, Any], images: Mapping[str, Path]) -> str:
    """Return the page of ``results`` (see ``evaluate``) with ``images`` inside, by their names.

    All text is escaped. Raises ``OSError`` if an image cannot be read.
    """
    operating = results["operating"]
    wish = Wish(**operating["wish"])
    points = _points("", operating["points"], point_names(wish, operating["days"]))
    parts = [
        paragraph(_what(results, operating["days"]), dim=True),
        "<h2>Quality</h2>",
        _detectors([_measures(name, found) for name, found in results["detectors"].items()]),
        _figure("roc", images),
        _figure("precision_recall", images),
        _figure("scores", images),
        "<h2>Thresholds</h2>",
        _wished(points, operating["allowed"], wish, "wish"),
        _figure("thresholds", images),
    ]
    return document("tinylogbert evaluate", f"{results['artifact']} on labelled lines", parts)


def _what(results: Mapping[str, Any], days: float | None) -> str:
    span = "" if days is None else f" over {days:.1f} days of log time"
    return (
        f"{results['file']}: {results['lines']:,} labelled lines, {results['anomalies']:,} of them "
        f"anomalies, {results['texts']:,} distinct texts{span}."
    )


def _quality(results: Mapping[str, Any]) -> str:
    rows = []
    for name, model in results["models"].items():
        rows.append(_measures(NAMES[name], model["quality"]))
        rows += [
            _measures(f"{NAMES[name]}, {part}", found) for part, found in model["parts"].items()
        ]
    rows += [_measures(name, found) for name, found in results["baselines"].items()]
    return _detectors(rows)


def _detectors(rows: Sequence[Sequence[str]]) -> str:
    head = ["detector", "average precision", "ROC-AUC", "best F1", "precision", "recall"]
    return table("Precision and recall are those of the best F1.", head, rows)


def _measures(name: str, found: Mapping[str, float]) -> list[str]:
    keys = ("ap", "auc", "best_f1", "precision", "recall")
    return [name, *(f"{found[key]:.3f}" for key in keys)]


def _thresholds(results: Mapping[str, Any], wish: Wish) -> str:
    rows: list[Sequence[str]] = []
    for name, model in results["models"].items():
        rows += _points(f"{NAMES[name]}: ", model["points"], point_names(wish, model["days"]))
    allowed = next(iter(results["models"].values()))["allowed"]
    return _wished(rows, allowed, wish, "model: wish")


def _points(
    prefix: str, points: Mapping[str, Any], words: Mapping[str, str]
) -> Sequence[Sequence[str]]:
    """Return a row for each threshold that was looked for; ``words`` say what for."""
    return [
        [
            f"{prefix}{words[key]}",
            *(["cannot be reached", *[_NONE] * 5] if point is None else _point(point)),
        ]
        for key, point in points.items()
    ]


def _wished(rows: Sequence[Sequence[str]], allowed: float, wish: Wish, first: str) -> str:
    note = (
        f"The budget comes to {allowed:,.1f} for the whole of these lines. An incident is one text "
        f"until it has been quiet for {wish.quiet_seconds:,.0f} s. These thresholds were chosen by "
        "looking at these labels: expect less on other lines."
    )
    return table(
        note, [first, "threshold", "precision", "recall", "F1", "lines", "incidents"], rows
    )


def _point(point: Mapping[str, float]) -> list[str]:
    figures = [f"{point[key]:.3f}" for key in ("precision", "recall", "f1")]
    counts = [f"{point[key]:,}" for key in ("flagged", "incidents")]
    return [f"{point['threshold']:.4g}", *figures, *counts]


def _timing(results: Mapping[str, Any]) -> str:
    rows = []
    for name, model in results["models"].items():
        found = model["timing"]
        rows.append([
            NAMES[name],
            f"{found['median_ms']:.3g} ms",
            f"{found['p95_ms']:.3g} ms",
            f"{found['cold_lines_per_s']:,.0f}",
            f"{found['warm_lines_per_s']:,.0f}",
        ])  # fmt: skip
    first = next(iter(results["models"].values()))["timing"]
    note = (
        f"On {first['threads']} thread(s). One new text: called one by one. Lines a second: the "
        f"whole file in blocks, where the cold cache meets {results['texts']:,} new texts and the "
        "warm one none."
    )
    head = ["model", "median a text", "95th percentile", "lines/s, cold", "lines/s, warm"]
    return table(note, head, rows)


def _models(results: Mapping[str, Any]) -> str:
    rows = []
    for name, model in results["models"].items():
        training = model["training"]
        size = training.get("size") or {}
        seconds = training.get("seconds")
        rows.append([
            f"{NAMES[name]} ({model['artifact']})",
            f"{model['parameters']:,}",
            f"{model['bytes'] / 1e6:,.1f} MB",
            _number(size.get("layers")),
            _number(size.get("width")),
            str(training.get("init") or "none"),
            _number(training.get("steps")),
            _number(training.get("texts")),
            "not recorded" if seconds is None else _duration(seconds),
        ])  # fmt: skip
    head = ["model", "parameters", "on disk", "layers", "wide", "started from", "training steps",
            "texts", "training time"]  # fmt: skip
    return table("", head, rows)


def _figure(name: str, images: Mapping[str, Path]) -> str:
    return figure(_TITLES[name], images[name]) if name in images else ""


def _embeddings(images: Mapping[str, Path]) -> list[str]:
    note = (
        "Each point is a distinct text; what a model finds alike lies near. Distances between far "
        "groups mean nothing (van der Maaten and Hinton, 2008)."
    )
    if "embeddings" not in images:
        return ["<h2>Embeddings</h2>", paragraph("Too few distinct texts to lay out.", dim=True)]
    return ["<h2>Embeddings</h2>", paragraph(note, dim=True), _figure("embeddings", images)]


def _workflow(workflow: Mapping[str, Any] | None, threshold: float) -> list[str]:
    if workflow is None:
        return []
    rows = [[step["name"], _duration(step["seconds"]), step["told"]] for step in workflow["steps"]]
    found = workflow["detected"]
    lines = [
        [f"{entry['score']:.3f}", f"{entry['lines']:,}", printable(entry["line"], _LINE_CHARACTERS)]
        for entry in found["top"]
    ]
    flagged = (
        f"TinyLogBERT flags {found['anomalies']:,} of {found['lines']:,} lines of the log at its "
        f"threshold of {threshold:g}; they have {found['texts']:,} distinct forms. Lines whose "
        "texts were kept for the test are new to it there."
    )
    return [
        "<h2>What it finds in the log</h2>",
        paragraph(flagged),
        table("The forms with the highest scores.", ["score", "lines", "first line"], lines, 2),
        "<h2>The steps and their times</h2>",
        "<ul>" + "".join(f"<li>{text(note)}</li>" for note in workflow["notes"]) + "</ul>",
        table(
            f"Together {_duration(sum(step['seconds'] for step in workflow['steps']))}.",
            ["step", "time", "what it did"],
            rows,
            2,
        ),
    ]


def _number(value: Any) -> str:
    return _NONE if value is None else f"{value:,}"


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s"
