"""The comparison as one HTML page that needs nothing beside it: images inside, no scripts."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from tinylogbert_daemon.escape import printable
from tinylogbert_daemon.training.compare import NAMES
from tinylogbert_daemon.training.panels import TITLES
from tinylogbert_daemon.training.threshold import Wish, point_names

_LINE_CHARACTERS = 240
_NONE = "-"

_STYLE = """
:root { color-scheme: light dark; --text: #1c1c1c; --back: #fff; --soft: #f3f4f6;
  --line: #d0d4d9; --dim: #57606a; }
@media (prefers-color-scheme: dark) {
  :root { --text: #e6e6e6; --back: #16181b; --soft: #22262b; --line: #3a4047; --dim: #9aa4af; } }
body { font: 16px/1.5 system-ui, sans-serif; color: var(--text); background: var(--back);
  max-width: 70rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.2rem; margin-top: 2.2rem; }
p.dim, figcaption, caption { color: var(--dim); } caption { text-align: left; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; margin: .6rem 0; }
th, td { padding: .3rem .8rem; border-bottom: 1px solid var(--line); text-align: right;
  white-space: nowrap; }
th:first-child, td:first-child { text-align: left; white-space: normal; }
thead th { background: var(--soft); }
td.words { text-align: left; white-space: normal; overflow-wrap: anywhere; }
figure { margin: 1rem 0; } img { max-width: 100%; height: auto; background: #fff;
  border-radius: 6px; }
"""


def page(results: Mapping[str, Any], images: Mapping[str, Path]) -> str:
    """Return the page of ``results`` (see ``compare`` and ``workflow``) with ``images`` inside.

    All text is escaped. Raises ``OSError`` if an image cannot be read.
    """
    wish = Wish(**results["wish"])
    parts = [
        f"<h1>{_text('TinyLogBERT and LogBERT-Distil on the same lines')}</h1>",
        _paragraph(_what(results), dim=True),
        "<h2>In short</h2>",
        "<ul>" + "".join(f"<li>{_text(line)}</li>" for line in results["summary"]) + "</ul>",
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
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        '<meta http-equiv="Content-Security-Policy" '
        "content=\"default-src 'none'; img-src data:; style-src 'unsafe-inline'\">"
        f"<title>tinylogbert compare</title><style>{_STYLE}</style></head>\n<body>\n"
        + "\n".join(part for part in parts if part)
        + "\n</body></html>\n"
    )


def _what(results: Mapping[str, Any]) -> str:
    days = next(iter(results["models"].values()))["days"]
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
    head = ["detector", "average precision", "ROC-AUC", "best F1", "precision", "recall"]
    return _table("Precision and recall are those of the best F1.", head, rows)


def _measures(name: str, found: Mapping[str, float]) -> list[str]:
    keys = ("ap", "auc", "best_f1", "precision", "recall")
    return [name, *(f"{found[key]:.3f}" for key in keys)]


def _thresholds(results: Mapping[str, Any], wish: Wish) -> str:
    rows = []
    for name, model in results["models"].items():
        words = point_names(wish, model["days"])
        for key, point in model["points"].items():
            cells = ["cannot be reached", *[_NONE] * 5] if point is None else _point(point)
            rows.append([f"{NAMES[name]}: {words[key]}", *cells])
    allowed = next(iter(results["models"].values()))["allowed"]
    note = (
        f"The budget comes to {allowed:,.1f} for the whole of these lines. An incident is one text "
        f"until it has been quiet for {wish.quiet_seconds:,.0f} s. These thresholds were chosen by "
        "looking at these labels: expect less on other lines."
    )
    head = ["model: wish", "threshold", "precision", "recall", "F1", "lines", "incidents"]
    return _table(note, head, rows)


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
    return _table(note, head, rows)


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
    return _table("", head, rows)


def _embeddings(images: Mapping[str, Path]) -> list[str]:
    note = (
        "Each point is a distinct text; what a model finds alike lies near. Distances between far "
        "groups mean nothing (van der Maaten and Hinton, 2008)."
    )
    if "embeddings" not in images:
        return ["<h2>Embeddings</h2>", _paragraph("Too few distinct texts to lay out.", dim=True)]
    return ["<h2>Embeddings</h2>", _paragraph(note, dim=True), _figure("embeddings", images)]


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
        _paragraph(flagged),
        _table("The forms with the highest scores.", ["score", "lines", "first line"], lines, 2),
        "<h2>The steps and their times</h2>",
        "<ul>" + "".join(f"<li>{_text(note)}</li>" for note in workflow["notes"]) + "</ul>",
        _table(
            f"Together {_duration(sum(step['seconds'] for step in workflow['steps']))}.",
            ["step", "time", "what it did"],
            rows,
            2,
        ),
    ]


def _table(
    caption: str, head: Sequence[str], rows: Iterable[Sequence[str]], words: int | None = None
) -> str:
    """Return a table of escaped cells; column ``words`` is text and stands on the left."""
    body = "".join(
        "<tr>"
        + "".join(
            f"<td{' class=words' if i == words else ''}>{_text(cell)}</td>"
            for i, cell in enumerate(row)
        )
        + "</tr>"
        for row in rows
    )
    titles = "".join(
        f"<th scope=col{' style=text-align:left' if i == words else ''}>{_text(cell)}</th>"
        for i, cell in enumerate(head)
    )
    told = f"<caption>{_text(caption)}</caption>" if caption else ""
    return (
        f'<div class="scroll"><table>{told}<thead><tr>{titles}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def _figure(name: str, images: Mapping[str, Path]) -> str:
    if name not in images:
        return ""
    data = base64.b64encode(images[name].read_bytes()).decode()
    title = _text(TITLES[name])
    return (
        f'<figure><img alt="{title}" src="data:image/png;base64,{data}">'
        f"<figcaption>{title}</figcaption></figure>"
    )


def _paragraph(text: str, *, dim: bool = False) -> str:
    return f"<p{' class=dim' if dim else ''}>{_text(text)}</p>"


def _text(text: str) -> str:
    """Return text that neither the page nor its reader's terminal acts on."""
    return escape(printable(text))


def _number(value: Any) -> str:
    return _NONE if value is None else f"{value:,}"


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s"
