"""What is deleted: beyond what is kept in number, and for good once it is old."""

from __future__ import annotations

import sqlite3

# How far each source has come. Age is in log time, so that what an old file brought is not gone at
# once; for as long as a source has been silent, the clock's time goes on in its place.
_REACHED = """
    WITH reached AS (
        SELECT sources.name AS name,
            sources.log_time + MAX(0, :now - COALESCE(MAX(files.seen), :now)) AS time
        FROM sources LEFT JOIN files ON files.source = sources.name
        WHERE sources.log_time IS NOT NULL GROUP BY sources.name
    ),
    expired AS (
        SELECT id FROM incidents LEFT JOIN reached ON reached.name = incidents.source
        WHERE closed IS NOT NULL
            AND MAX(closed, last_seen) < COALESCE(reached.time, :now) - :retention
    )
"""
_STATEMENTS = (
    f"{_REACHED} DELETE FROM deliveries WHERE incident IN (SELECT id FROM expired)",  # noqa: S608
    f"{_REACHED} DELETE FROM dead WHERE incident IN (SELECT id FROM expired)",  # noqa: S608
    f"{_REACHED} DELETE FROM incidents WHERE id IN (SELECT id FROM expired)",  # noqa: S608
    # the count stays: its key holds no words, and what is common here must not look new
    f"{_REACHED} UPDATE texts SET shape = x'', shape_sum = 0 WHERE length(shape) > 0 "  # noqa: S608
    "AND updated < (SELECT MAX(time) FROM reached) - :retention",
    # what holds no longer; it was said by the clock
    "DELETE FROM feedback WHERE MIN(COALESCE(undone, expires), COALESCE(expires, undone)) "
    "< :now - :retention",
)


def limit(db: sqlite3.Connection, files: int, incidents: int) -> None:
    """Delete the oldest files and closed incidents beyond so many of each."""
    db.execute(
        "DELETE FROM files WHERE (device, inode, head) IN "
        "(SELECT device, inode, head FROM files ORDER BY seen DESC LIMIT -1 OFFSET ?)",
        (files,),
    )
    db.execute(
        "DELETE FROM incidents WHERE closed IS NOT NULL AND id IN "
        # many near texts that are muted leave the others their room
        "(SELECT id FROM incidents ORDER BY muted IS NULL DESC, opened DESC LIMIT -1 OFFSET ?)",
        (incidents,),
    )


def expire(db: sqlite3.Connection, retention: float, now: float) -> int:
    """Delete what is older than ``retention`` (seconds) at ``now`` (seconds since the epoch).

    That is closed incidents, what is owed of them, and the sample shapes of texts. Runs in the
    caller's transaction; raises ``sqlite3.Error``. Returns how many rows that were. Something of
    them may be left in the database file, in spite of ``secure_delete``: it overwrites what is
    deleted, but not what a page held before its rows were moved. ``VACUUM`` leaves nothing.
    """
    values = {"retention": retention, "now": now}
    before = db.total_changes  # a statement that begins with WITH has no row count
    for statement in _STATEMENTS:
        db.execute(statement, values)
    return db.total_changes - before
