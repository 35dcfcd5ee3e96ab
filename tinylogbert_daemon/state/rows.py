"""Between rows of the database and the values of the other stages."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from tinylogbert_daemon.decide.incidents import Anomaly, Incident
from tinylogbert_daemon.escape import printable
from tinylogbert_daemon.source.block import FileKey, Position
from tinylogbert_daemon.state.effects import FileRow

FILE_COLUMNS = "device, inode, head, source, path, offset, lines, tail, mid_line, skipping, seen"

# inode numbers have 64 bits unsigned, SQLite's integers are signed
_UNSIGNED = 1 << 64


def file_row(*values: Any) -> FileRow:
    """Return the row whose values are those of ``FILE_COLUMNS``."""
    device, inode, head, source, path, offset, lines, tail, mid_line, skipping, seen = values
    key = FileKey(device, inode % _UNSIGNED, head)
    position = Position(key, offset, lines, tail, bool(mid_line), bool(skipping))
    return FileRow(source, path, position, seen)


def file_values(key: FileKey, row: FileRow, committed: int) -> tuple[Any, ...]:
    """Return the values of ``FILE_COLUMNS`` and the lines committed now."""
    at = row.position
    return (
        key.device,
        key.inode if key.inode < _UNSIGNED // 2 else key.inode - _UNSIGNED,
        key.head,
        row.source,
        printable(row.path),
        at.offset,
        at.lines,
        at.tail,
        at.mid_line,
        at.skipping,
        row.seen,
        committed,
    )


def incident_values(incident: Incident) -> tuple[Any, ...]:
    """Return the values of a row of ``incidents``."""
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
    )


def anomaly(content: str) -> Anomaly:
    """Return the anomaly that :func:`incident_values` wrote as JSON."""
    fields = json.loads(content)
    return Anomaly(
        **{
            **fields,
            "origin": bytes.fromhex(fields["origin"]),
            "words": tuple((word, share) for word, share in fields["words"]),
        }
    )
