"""Blue Gene/L as the daemon meets it: from the first line on, learning while it reads."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import Any

import quality_data
from quality_figures import by_kind, missed
from quality_host import BLOCK_SECONDS, log_times, new_host, stream
from quality_measure import Run

from tinylogbert_daemon.config.schema import Decision

TOLD_SECONDS = 86_400.0


def bgl(run: Run) -> dict[str, Any]:
    """Return the incidents that bgl-100k opens on a host with default settings.

    An incident covers the lines of its texts from its opening to a day after its last record:
    whoever reads it was told. It is true if one of them is an alert. Precision is of incidents,
    recall of lines.
    """
    lines, kinds = quality_data.bgl("bgl-100k")
    times = log_times(lines.records)
    of_text = defaultdict(list)
    for at, verdict in enumerate(run.model.verdicts(lines.records)):
        of_text[verdict.key].append(at)
    host = new_host(run.model, Decision().learning_hours * 3600)
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


SETS: dict[str, Callable[[Run], dict[str, Any]]] = {"bgl-100k-daemon": bgl}
