#!/usr/bin/env python3
"""Does the daemon keep to its alert budget on logs in which nothing much is wrong?

Each log is streamed in log-time order through the daemon's own processor with default settings, as
one host with one source, in blocks of ten seconds of log time. Incidents that it opens after
learning must stay within twice ``alert_budget`` a day. Clean are: the lines of Blue Gene/L without
an alert, of HDFS's normal sessions, of 13 systems (which hold some trouble, unlabelled), and the
healthy lines of the self-made logs. The last line of stdout is one JSON object keyed by log.
"""

from __future__ import annotations

import sys
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
import quality_data
import quality_faults
import quality_sessions
from common import finish, parser, say, takes_self_made
from quality_detector import Model
from quality_host import log_times, new_host, stream

from tinylogbert_daemon.config.schema import Decision

ALLOWED = 2.0
"""How many times the budget there may be incidents."""

_DAY = 86_400.0
_LEAST_AFTER_LEARNING = _DAY / 4
_QUICK = ("Apache", "OpenSSH", "HPC")


def measure(records: Sequence[bytes], model: Model) -> dict[str, Any]:
    """Return how many incidents a log opens a day of log time.

    Learning takes the default hours; half of the log time where a log is too short for that. What
    is left counts as one day if it is less.
    """
    settings = Decision()
    times = log_times(records)
    span = times[-1] - times[0]
    learning = settings.learning_hours * 3600
    if span < learning + _LEAST_AFTER_LEARNING:
        learning = span / 2
    host = new_host(model, learning)
    incidents = stream(host, records, times)
    opened = [incident.opened for incident in incidents]
    after = opened[bisect_left(opened, times[0] + learning) :]
    days = (span - learning) / _DAY
    per_day = len(after) / max(1.0, days)
    return {
        "lines": len(records),
        "days": round(span / _DAY, 2),
        "learning_hours": round(learning / 3600, 2),
        "incidents_learning": len(opened) - len(after),
        "incidents": len(after),
        "per_day": round(per_day, 2),
        "worst_day": max(
            (bisect_left(after, t + _DAY) - i for i, t in enumerate(after)), default=0
        ),
        "alerts": sum(incident.alerted for incident in incidents),
        "budget": settings.alert_budget,
        "within": per_day <= ALLOWED * settings.alert_budget,
    }


def logs(self_made: Path | None, *, quick: bool) -> Iterator[tuple[str, list[bytes]]]:
    """Yield the clean logs by name."""
    for name in _QUICK if quick else quality_data.systems():
        yield name, _normal("bgl-2k") if name == "BGL" else [*quality_data.system(name).records]
    if quick:
        return
    yield "bgl-100k", _normal("bgl-100k")
    records, sessions = quality_sessions.read()
    anomalous = {line for session in sessions if session.anomaly for line in session.lines}
    yield "hdfs-2pct", [record for i, record in enumerate(records) if i not in anomalous]
    for path in sorted(self_made.glob("*.phases")) if self_made else ():
        healthy = quality_faults.healthy(path)
        if healthy:
            yield f"self-made-{path.stem}", healthy


def _normal(name: str) -> list[bytes]:
    lines, kinds = quality_data.bgl(name)
    return [record for record, kind in zip(lines.records, kinds, strict=True) if not kind]


def main() -> None:
    """Measure all logs."""
    options = parser(__doc__)
    takes_self_made(options)
    args = options.parse_args()
    model = Model(args.model)
    result = {}
    head = ("lines", "days", "learning_hours", "incidents_learning", "incidents", "per_day")
    say(f"{'log':24}" + "".join(f"{name.replace('_', ' '):>20}" for name in (*head, "worst_day")))
    for name, records in logs(args.self_made, quick=args.quick):
        found = measure(records, model)
        result[name] = found
        cells = "".join(f"{found[key]:20}" for key in (*head, "worst_day"))
        say(f"{name:24}{cells}  {'' if found['within'] else 'over twice the budget'}")
    finish(result)


if __name__ == "__main__":
    main()
