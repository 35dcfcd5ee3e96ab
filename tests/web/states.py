"""A small state directory as a daemon leaves it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from tinylogbert_daemon.decide.incident import Anomaly, Incident
from tinylogbert_daemon.source.block import FileKey, Position
from tinylogbert_daemon.state import Effects, Store
from tinylogbert_daemon.state.effects import FileRow

FILE = "/var/log/app.log"


def write_state(directory: Path) -> None:
    """Commit 120 lines of one file, one open and one closed incident, and three deliveries."""
    key = FileKey(1, 2, b"head")
    store = Store(directory)
    store.commit(
        Effects(
            files={key: FileRow("system", FILE, Position(key, 4000, 120, b"", False, False), 7.0)},
            lines=Counter({key: 120}),
            records=Counter({"system": 110}),
            learning={"system": 3600.0},
            log_times={"system": 7200.0},
            incidents={
                incident.id: incident for incident in (_incident(10, None), _incident(20, 7100.0))
            },
            deliveries=[("jsonl", "a", "{}"), ("jsonl", "b", "{}"), ("log", "a", "{}")],
            suppressed={
                row[:2]: row
                for row in (
                    ("system", "budget", 3, 1, 7000.0),
                    ("system", "storm", 7, 0, 7000.0),
                    ("other", "budget", 1, 1, 7000.0),
                )
            },
        )
    )
    store.close()


def _incident(offset: int, closed: float | None) -> Incident:
    first = Anomaly(
        source="system",
        path=FILE,
        origin=b"head",
        offset=offset,
        line=1,
        records=1,
        first_line="disk full",
        last_line="disk full",
        text="disk full",
        key=offset,
        time=7000.0,
        score=0.9,
        raw=5.0,
        severity=0.9,
        novelty=1.0,
        reason="new",
        words=(("disk", 0.5),),
    )
    return Incident(first.id, first, 7000.0, 7000.0, 1, "disk full", True, closed)
