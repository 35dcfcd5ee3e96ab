"""What a commit changes, table by table."""

from __future__ import annotations

import sqlite3
from zlib import crc32

from tinylogbert_daemon.source.identity import ANY_CONTENT
from tinylogbert_daemon.state.effects import Effects
from tinylogbert_daemon.state.owed import write_owed
from tinylogbert_daemon.state.rows import (
    FILE_COLUMNS,
    INCIDENT_CHANGES,
    INCIDENT_COLUMNS,
    file_values,
    incident_values,
    signed,
)
from tinylogbert_daemon.state.sums import SUM_OF, row_sum, seal, seal_new, text_sum


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
    seal(db, "files", [(key.device, signed(key.inode), key.head) for key in effects.files])
    # files as they were seen before they had a first line to be told by
    db.executemany(
        "DELETE FROM files WHERE device = ? AND inode = ? AND head = ? AND committed = 0",
        [
            (key.device, signed(key.inode), ANY_CONTENT)
            for key in effects.files
            if key.head != ANY_CONTENT
        ],
    )
    names = effects.records | effects.learning.keys() | effects.log_times.keys()
    db.executemany(
        "INSERT INTO sources (name, records, learning_since, log_time) VALUES (?,?,?,?) "
        "ON CONFLICT DO UPDATE SET records=records+excluded.records, "
        "learning_since=COALESCE(learning_since, excluded.learning_since), "
        "log_time=COALESCE(excluded.log_time, log_time)",
        [
            (
                name,
                effects.records[name],
                effects.learning.get(name),
                effects.log_times.get(name),
            )
            for name in names
        ],
    )
    seal(db, "sources", [(name,) for name in names])
    # many, or large: summed before they are written, not written twice
    db.executemany(
        "INSERT INTO texts (key, count, updated, shape, sum, shape_sum) VALUES (?,?,?,?,?,?) "
        "ON CONFLICT DO UPDATE SET count=excluded.count, updated=excluded.updated, "
        "shape=CASE WHEN length(shape) THEN shape ELSE excluded.shape END, sum=excluded.sum, "
        "shape_sum=CASE WHEN length(shape) THEN shape_sum ELSE excluded.shape_sum END",
        [
            (key, count, updated, shape, text_sum(key, count, updated), crc32(shape))
            for key, (count, updated, shape) in effects.counts.items()
        ],
    )
    if effects.sketch is not None:
        db.executemany("DELETE FROM texts WHERE key = ?", [(key,) for key in effects.evicted])
        db.execute(
            f"INSERT OR REPLACE INTO sketch (id, cells, time, sum) SELECT *, {SUM_OF['sketch']} "  # noqa: S608
            "FROM (SELECT 1 AS id, ? AS cells, CAST(? AS REAL) AS time)",
            effects.sketch,
        )
    if effects.reference is not None:
        model, raw = effects.reference
        db.execute(
            "INSERT OR REPLACE INTO reference (model, raw, sum) VALUES (?,?,?)",
            (model, raw, row_sum(model.encode(), raw)),
        )
    db.executemany(
        # not replaced: that would move the row, and leave a hole in the page that it stood on
        f"INSERT INTO incidents ({INCIDENT_COLUMNS}) "  # noqa: S608
        "VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?) "
        f"ON CONFLICT (id) DO UPDATE SET {INCIDENT_CHANGES}",
        [incident_values(one) for one in effects.incidents.values()],
    )
    seal(db, "incidents", [(id_,) for id_ in effects.incidents])
    if effects.budget is not None:
        db.execute("DELETE FROM budget")
        db.executemany("INSERT INTO budget (source, tokens, time) VALUES (?,?,?)", effects.budget)
        seal_new(db, "budget")
    db.executemany(
        "INSERT OR REPLACE INTO suppressed (source, reason, total, pending, since) "
        "VALUES (?,?,?,?,?)",
        list(effects.suppressed.values()),
    )
    seal(db, "suppressed", effects.suppressed)
    write_owed(db, effects.owed)
