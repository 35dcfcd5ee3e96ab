"""A checksum in every row: SQLite notices a page out of order, but no byte changed within a row.

CRC-32, as everywhere against accidents; whoever may write the file can write a sum as well.
"""

from __future__ import annotations

import sqlite3
import struct
from collections.abc import Iterable
from zlib import crc32

# By table, the columns that name a row and those that its sum is over. Text is summed as bytes, so
# that bytes which are no text any more are found here, not where they are read. What is left out
# does no harm: how often a delivery was tried, and by which rules the state was masked.
_SUMMED = {
    "files": (
        "device, inode, head",
        "device, inode, head, CAST(source AS BLOB), CAST(path AS BLOB), offset, lines, committed, "
        "tail, mid_line, skipping, CAST(cursor AS BLOB), seen",
    ),
    "sources": ("name", "CAST(name AS BLOB), records, learning_since, log_time"),
    "sketch": ("id", "id, cells, time"),
    "reference": ("model", "CAST(model AS BLOB), raw"),
    "incidents": (
        "id",
        "CAST(id AS BLOB), CAST(source AS BLOB), key, opened, last_seen, closed, records, "
        "CAST(last_line AS BLOB), alerted, CAST(first AS BLOB), CAST(close_reason AS BLOB), "
        "CAST(withheld AS BLOB), suppressed, peak, CAST(storm AS BLOB), CAST(muted AS BLOB), "
        "CAST(curve AS BLOB)",
    ),
    "deliveries": (
        "number",
        "CAST(sink AS BLOB), CAST(incident AS BLOB), CAST(body AS BLOB)",
    ),
    "owed": (
        "source, key",
        "CAST(source AS BLOB), key, CAST(first AS BLOB), shape, now, learning, readback",
    ),
    "feedback": (
        "number",
        "number, CAST(kind AS BLOB), key, CAST(text AS BLOB), CAST(sample AS BLOB), near, created, "
        "expires, CAST(author AS BLOB), CAST(note AS BLOB), undone, CAST(undone_by AS BLOB)",
    ),
    "dead": (
        "number",
        "CAST(sink AS BLOB), CAST(incident AS BLOB), CAST(body AS BLOB), attempts, died, "
        "CAST(reason AS BLOB)",
    ),
    "budget": ("source", "CAST(source AS BLOB), tokens, time"),
    "suppressed": (
        "source, reason",
        "CAST(source AS BLOB), CAST(reason AS BLOB), total, pending, since",
    ),
}
SMALL = ("sources", "budget", "suppressed", "files", "reference", "sketch", "owed", "feedback")
LARGE = ("texts", "incidents", "deliveries", "dead")

SUM_OF = {table: f"row_sum({columns})" for table, (_, columns) in _SUMMED.items()}
"""By table, what the sum of a row is, in SQL."""

_DIFFERS = {table: f"sum <> {expected}" for table, expected in SUM_OF.items()} | {
    "texts": "sum <> text_sum(key, count, updated) OR shape_sum <> row_sum(shape)"
}
_COUNTED = struct.Struct("<qdd")
_NAMED = {
    table: " AND ".join(f"{column} = ?" for column in key.split(", "))
    for table, (key, _) in _SUMMED.items()
}


def row_sum(*values: object) -> int:
    """Return the sum of values: integers, floats, bytes, None. Databases hold it: it stays so."""
    return crc32(
        b"\0".join([one if isinstance(one, bytes) else repr(one).encode() for one in values])
    )


def text_sum(key: int, count: float, updated: float) -> int:
    """Return the sum of what is counted of a text: at every commit, of many."""
    try:
        return crc32(_COUNTED.pack(key, count, updated))
    except struct.error:  # no numbers, as only damage leaves them
        return -1


def provide(db: sqlite3.Connection) -> None:
    """Let statements on this connection use these functions."""
    db.create_function("row_sum", -1, row_sum, deterministic=True)
    db.create_function("text_sum", 3, text_sum, deterministic=True)


def seal(db: sqlite3.Connection, table: str, keys: Iterable[tuple[object, ...]]) -> None:
    """Write the sums of rows, each named by its key, after they were changed.

    Part of the caller's transaction; raises ``sqlite3.Error``.
    """
    db.executemany(
        f"UPDATE {table} SET sum = {SUM_OF[table]} WHERE {_NAMED[table]}",  # noqa: S608
        keys,
    )


def seal_new(db: sqlite3.Connection, *tables: str) -> None:
    """Write the sums of all rows that have none; as :func:`seal`, but looks for them."""
    for table in tables:
        db.execute(f"UPDATE {table} SET sum = {SUM_OF[table]} WHERE sum IS NULL")  # noqa: S608


def seal_all(db: sqlite3.Connection) -> None:
    """Write all sums that are not there yet, after a migration."""
    seal_new(db, *_SUMMED)
    db.execute(
        "UPDATE texts SET sum = text_sum(key, count, updated), shape_sum = row_sum(shape) "
        "WHERE sum IS NULL"
    )


def broken(table: str) -> str:
    """Return the query for a row of ``table`` that is not what was written; without a sum it is."""
    return f"SELECT 1 FROM {table} WHERE {_DIFFERS[table]} LIMIT 1"  # noqa: S608
