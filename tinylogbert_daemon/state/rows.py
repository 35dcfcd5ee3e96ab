"""Between rows of the database and the values of the other stages."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import asdict
from typing import Any

from tinylogbert_daemon.decide.curve import Curve
from tinylogbert_daemon.decide.difference import Nearest
from tinylogbert_daemon.decide.incident import Anomaly, Incident, Muted
from tinylogbert_daemon.decide.storms import Example, Storm
from tinylogbert_daemon.escape import printable
from tinylogbert_daemon.source.block import FileKey, Position
from tinylogbert_daemon.state.effects import FileRow
from tinylogbert_daemon.state.owed import OwedText
from tinylogbert_daemon.state.schema import CURVE_VERSION, FEEDBACK_VERSION

FILE_COLUMNS = (
    "device, inode, head, source, path, offset, lines, tail, mid_line, skipping, cursor, seen"
)
INCIDENT_COLUMNS = (
    "id, source, key, opened, last_seen, closed, records, last_line, alerted, first, "
    "close_reason, withheld, suppressed, peak, storm, muted, curve"
)
INCIDENT_CHANGES = ", ".join(
    f"{column}=excluded.{column}" for column in INCIDENT_COLUMNS.split(", ") if column != "id"
)
# the same of older databases, which whoever only reads does not migrate
_INCIDENT_COLUMNS_1 = (
    "id, source, key, opened, last_seen, closed, records, last_line, alerted, first, "
    "'', '', 0, 0, NULL, NULL, NULL"
)
_INCIDENT_COLUMNS_2 = INCIDENT_COLUMNS.replace(", muted, curve", ", NULL, NULL")
_INCIDENT_COLUMNS_7 = INCIDENT_COLUMNS.replace(", curve", ", NULL")

OWED_COLUMNS = "source, key, first, shape, now, learning, readback"

# inode numbers have 64 bits unsigned, SQLite's integers are signed
_UNSIGNED = 1 << 64


def incident_columns(db: sqlite3.Connection) -> str:
    """Return the columns of :func:`incident` in this database, whatever its version."""
    version = int(db.execute("PRAGMA user_version").fetchone()[0])
    if version < 2:
        return _INCIDENT_COLUMNS_1
    if version < FEEDBACK_VERSION:
        return _INCIDENT_COLUMNS_2
    return INCIDENT_COLUMNS if version >= CURVE_VERSION else _INCIDENT_COLUMNS_7


def file_row(*values: Any) -> FileRow:
    """Return the row whose values are those of ``FILE_COLUMNS``."""
    device, inode, head, source, path, offset, lines, tail, mid_line, skipping = values[:10]
    cursor, seen = values[10:]
    key = FileKey(device, inode % _UNSIGNED, head)
    position = Position(key, offset, lines, tail, bool(mid_line), bool(skipping), cursor)
    return FileRow(source, path, position, seen)


def file_values(key: FileKey, row: FileRow, committed: int) -> tuple[Any, ...]:
    """Return the values of ``FILE_COLUMNS`` and the lines committed now."""
    at = row.position
    return (
        key.device,
        signed(key.inode),
        key.head,
        row.source,
        printable(row.path),
        at.offset,
        at.lines,
        at.tail,
        at.mid_line,
        at.skipping,
        at.cursor,
        row.seen,
        committed,
    )


def signed(inode: int) -> int:
    """Return an inode's number as SQLite holds it."""
    return inode if inode < _UNSIGNED // 2 else inode - _UNSIGNED


def incident_values(incident: Incident) -> tuple[Any, ...]:
    """Return the values of ``INCIDENT_COLUMNS``."""
    return (
        incident.id,
        incident.first.source,
        incident.first.key,
        incident.opened,
        incident.last_seen,
        incident.closed,
        incident.records,
        incident.last_line,
        incident.alerted,
        json.dumps({**asdict(incident.first), "origin": incident.first.origin.hex()}),
        incident.close_reason,
        incident.withheld,
        incident.suppressed,
        incident.peak,
        None if incident.storm is None else json.dumps(asdict(incident.storm)),
        None if incident.muted is None else json.dumps(asdict(incident.muted)),
        None if incident.curve is None else json.dumps(incident.curve, separators=(",", ":")),
    )


def incident(*values: Any) -> Incident:
    """Return the incident whose values are those of ``INCIDENT_COLUMNS``."""
    id_, _, _, opened, last_seen, closed, records, last_line, alerted, first, *rest = values
    close_reason, withheld, suppressed, peak, storm, muted, curve = rest
    opener = anomaly(first)
    return Incident(
        id_,
        opener,
        opened,
        last_seen,
        records,
        last_line,
        bool(alerted),
        closed,
        close_reason,
        withheld,
        suppressed,
        max(peak, opener.score),
        None if storm is None else _storm(storm),
        None if muted is None else Muted(**json.loads(muted)),
        None if curve is None else _curve(curve),
    )


def anomaly(content: str) -> Anomaly:
    """Return the anomaly that :func:`incident_values` wrote as JSON."""
    fields = json.loads(content)
    nearest = fields.get("nearest")
    return Anomaly(
        **{
            **fields,
            "origin": bytes.fromhex(fields["origin"]),
            "words": tuple((word, share) for word, share in fields["words"]),
            "nearest": None if nearest is None else _nearest(nearest),
        }
    )


def owed_text(*values: Any) -> OwedText:
    """Return the text whose values are those of ``OWED_COLUMNS``."""
    _, _, first, shape, now, learning, readback = values
    opener = anomaly(first)
    return OwedText(opener, shape, now, bool(learning), bool(readback), opener.text)


def _nearest(fields: dict[str, Any]) -> Nearest:
    difference = tuple((operation, words) for operation, words in fields["difference"])
    return Nearest(**{**fields, "difference": difference})


def _curve(content: str) -> Curve:
    seconds, counts = json.loads(content)
    return Curve(float(seconds), tuple(map(int, counts)))


def _storm(content: str) -> Storm:
    fields = json.loads(content)
    examples = tuple(Example(**example) for example in fields["examples"])
    return Storm(**{**fields, "keys": tuple(fields["keys"]), "examples": examples})
