"""What a commit changes, table by table."""

from __future__ import annotations

import sqlite3

from tinylogbert_daemon.state.effects import Effects
from tinylogbert_daemon.state.rows import (
    FILE_COLUMNS,
    INCIDENT_COLUMNS,
    file_values,
    incident_values,
)


def write(db: sqlite3.Connection, effects: Effects) -> None:
    """Write the effects of whole blocks, but for the deliveries: those pass through the spool.

    Part of the caller's transaction; raises ``sqlite3.Error``.
    """
    db.executemany(
        f"INSERT INTO files ({FILE_COLUMNS}, committed) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?) "  # noqa: S608
        "ON CONFLICT DO UPDATE SET source=excluded.source, path=excluded.path, "
        "offset=excluded.offset, lines=excluded.lines, tail=excluded.tail, "
        "mid_line=excluded.mid_line, skipping=excluded.skipping, cursor=excluded.cursor, "
        "seen=excluded.seen, "
        "committed=committed+excluded.committed",
        [file_values(key, row, effects.lines[key]) for key, row in effects.files.items()],
    )
    db.executemany(
        "INSERT INTO sources VALUES (?,?,?,?) ON CONFLICT DO UPDATE SET "
        "records=records+excluded.records, "
        "learning_since=COALESCE(learning_since, excluded.learning_since), "
        "log_time=COALESCE(excluded.log_time, log_time)",
        [
            (
                name,
                effects.records[name],
                effects.learning.get(name),
                effects.log_times.get(name),
            )
            for name in effects.records | effects.learning.keys() | effects.log_times.keys()
        ],
    )
    db.executemany(
        "INSERT INTO texts VALUES (?,?,?,?) ON CONFLICT DO UPDATE SET "
        "count=excluded.count, updated=excluded.updated, "
        "shape=CASE WHEN length(shape) THEN shape ELSE excluded.shape END",
        [(key, *row) for key, row in effects.counts.items()],
    )
    if effects.sketch is not None:
        db.executemany("DELETE FROM texts WHERE key = ?", [(key,) for key in effects.evicted])
        db.execute("INSERT OR REPLACE INTO sketch VALUES (1,?,?)", effects.sketch)
    if effects.reference is not None:
        db.execute("INSERT OR REPLACE INTO reference VALUES (?,?)", effects.reference)
    db.executemany(
        f"INSERT OR REPLACE INTO incidents ({INCIDENT_COLUMNS}) "  # noqa: S608
        "VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
        [incident_values(one) for one in effects.incidents.values()],
    )
    if effects.budget is not None:
        db.execute("DELETE FROM budget")
        db.executemany("INSERT INTO budget VALUES (?,?,?)", effects.budget)
    db.executemany(
        "INSERT OR REPLACE INTO suppressed VALUES (?,?,?,?,?)",
        list(effects.suppressed.values()),
    )
