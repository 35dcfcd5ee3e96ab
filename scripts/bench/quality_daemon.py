"""Blue Gene/L as the daemon meets it, learning while it reads: at once, or after a training."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

import quality_data
import quality_sets
from quality_data import Lines
from quality_detector import Model, train_on
from quality_figures import by_kind, missed
from quality_host import BLOCK_SECONDS, log_times, new_host, stream
from quality_measure import Run

from tinylogbert_daemon.config.schema import Decision

TOLD_SECONDS = 86_400.0
TRAINED_LINES = 10_000


def bgl(run: Run) -> dict[str, Any]:
    """Return the incidents that bgl-100k opens on a host with default settings."""
    lines, kinds = quality_data.bgl("bgl-100k")
    return _told(run.model, lines, kinds, Decision().learning_hours * 3600)


def bgl_trained(run: Run) -> dict[str, Any]:
    """Return those of all but the first 10,000 lines, on which the model is trained (one seed)."""
    split = quality_sets.first(TRAINED_LINES)(0)
    folder = run.folder / f"bgl-100k-first-{TRAINED_LINES}"
    model, _ = train_on(split.history.records, run.init, 0, folder)
    loaded = Model(model, run.threads, run.model.precision)
    return _told(loaded, split.judged, split.kinds, learning_seconds=0.0)


def _told(
    model: Model, lines: Lines, kinds: Sequence[str], learning_seconds: float
) -> dict[str, Any]:
    """Return what a host tells of, to which the lines come as they were written.

    An incident covers the lines of its texts from its opening to a day after its last record:
    whoever reads it was told. It is true if one of them is an alert. Precision is of incidents,
    recall of lines.
    """
    times = log_times(lines.records)
    of_text = defaultdict(list)
    for at, verdict in enumerate(model.verdicts(lines.records)):
        of_text[verdict.key].append(at)
    host = new_host(model, learning_seconds)
    incidents = stream(host, lines.records, times)
    covered: set[int] = set()
    opened = 0
    for incident in incidents:
        begin, end = incident.opened - BLOCK_SECONDS, incident.last_seen + TOLD_SECONDS
        own = [at for key in incident.keys for at in of_text[key] if begin <= times[at] <= end]
        covered.update(own)
        opened += any(kinds[at] for at in own)
    flagged = {lines.patterns[at] for at in covered}
    true = {p for p, kind in zip(lines.patterns, kinds, strict=True) if kind}
    of_kind = by_kind(kinds, [float(at in covered) for at in range(len(kinds))], 0.5)
    alerts = sum(row["lines"] for row in of_kind.values())
    return {
        "incidents_true": opened,
        "incidents_false": len(incidents) - opened,
        "precision": round(opened / max(1, len(incidents)), 4),
        "recall": round(sum(r["lines"] * r["recall"] for r in of_kind.values()) / alerts, 4),
        "patterns_true": len(flagged & true),
        "patterns_false": len(flagged - true),
        "kinds": of_kind,
        "kinds_missed": missed(of_kind),
        "delivered": sum(incident.alerted for incident in incidents),
    }


SETS: dict[str, Callable[[Run], dict[str, Any]]] = {
    "bgl-100k-daemon": bgl,
    f"bgl-100k-first-{TRAINED_LINES}-daemon": bgl_trained,
}
