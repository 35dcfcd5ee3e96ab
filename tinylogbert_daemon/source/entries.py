"""Entries of the systemd journal, as ``journalctl -o json`` prints them, as syslog records.

The fields are those of systemd.journal-fields(7), the form of their values that of the journal's
JSON format: text, numbers of bytes where it is no UTF-8 or not printable, null where a field was
too long to be printed, and a list where an entry has the field more than once.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

FIELDS = (
    "MESSAGE",
    "PRIORITY",
    "SYSLOG_FACILITY",
    "SYSLOG_IDENTIFIER",
    "SYSLOG_PID",
    "_COMM",
    "_HOSTNAME",
    "_PID",
    "_TRANSPORT",
)
"""The fields that are read, beside the cursor and the time, which are always there."""

# RFC 5424 section 6.2.1: facility 1 is user-level; journald's own default severity is info
_USER, _INFO = 1, 6
_CURSOR = re.compile(r"[!-~]{1,1000}")
_MICROSECONDS = 1_000_000


@dataclass(frozen=True, slots=True)
class Entries:
    """What lines of JSON hold.

    ``data`` has the records, each ended by a newline; ``cut`` of the ``count`` records were cut,
    ``unreadable`` of the lines are no entries. ``cursor`` is the last entry's.
    """

    data: bytes
    count: int
    cut: int
    unreadable: int
    cursor: str


def entries(lines: bytes, record_bytes: int, cursor: str) -> Entries:
    """Return the records of ``lines``, each cut to ``record_bytes``.

    ``cursor`` is that of the last entry before them; where it comes again, it is left out.
    """
    records: list[bytes] = []
    cut = unreadable = 0
    for line in lines.decode("utf-8", "replace").split("\n"):
        if not line:
            continue
        try:
            entry = json.loads(line)
            found, record = entry["__CURSOR"], _record(entry)
            if not _CURSOR.fullmatch(found):
                raise ValueError("no cursor")
        except (ValueError, TypeError, LookupError, OverflowError, OSError, RecursionError):
            unreadable += 1
            continue
        if found == cursor:
            continue
        cursor = found
        if len(record) > record_bytes:
            record = record[:record_bytes]
            cut += 1
        records.append(record)
    data = b"\n".join(records) + b"\n" if records else b""
    return Entries(data, len(records), cut, unreadable, cursor)


def _record(entry: Mapping[str, Any]) -> bytes:
    """Return an entry as one line: a priority, then what rsyslog would write to a file.

    A newline within becomes ``#012``, as it does there.
    """
    seconds, micros = divmod(int(entry["__REALTIME_TIMESTAMP"]), _MICROSECONDS)
    facility = _number(entry.get("SYSLOG_FACILITY"), 23, _USER)
    severity = _number(entry.get("PRIORITY"), 7, _INFO)
    # what a service prints is given this one, whatever level it says of itself
    printed = severity == _INFO and entry.get("_TRANSPORT") == "stdout"
    host = _bytes(entry.get("_HOSTNAME")) or b"-"
    identifier = _bytes(entry.get("SYSLOG_IDENTIFIER")) or _bytes(entry.get("_COMM")) or b"-"
    pid = _bytes(entry.get("_PID")) or _bytes(entry.get("SYSLOG_PID"))
    record = b"%s%s.%06d+00:00 %s %s%s: %s" % (
        b"" if printed else b"<%d>" % (8 * facility + severity),
        _second(seconds),
        micros,
        host,
        identifier,
        b"[%s]" % pid if pid else b"",
        _bytes(entry.get("MESSAGE")),
    )
    record = record.rstrip(b"\n")
    return record.replace(b"\n", b"#012") if b"\n" in record else record


@lru_cache(64)
def _second(seconds: int) -> bytes:
    """Return a time without its zone, which is UTC; the next entry is often of the same second."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S").encode()


def _bytes(value: Any) -> bytes:
    """Return a field's bytes. Raises ``ValueError`` where that is no value of a field."""
    if value is None:
        return b""
    if isinstance(value, str):
        # half of a surrogate pair can be written in JSON, but not in UTF-8
        return value.encode("utf-8", "replace")
    if not isinstance(value, list):
        raise ValueError("no value of a field")
    if all(isinstance(part, int) for part in value):
        return bytes(value)
    return b" ".join(map(_bytes, value))


def _number(value: Any, most: int, default: int) -> int:
    """Return a field that is a small number; a program may have written anything there."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 3:
        return min(int(value), most)
    return default
