"""The time that a line says it was written, in the formats that logs use."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import tzinfo

from tinylogbert_daemon.source import dates

_HEAD_BYTES = 200
_RECORDS = 20
_SHORT_BYTES = 1 << 14

PIECE_RECORDS = 100
UNDATED_SECONDS = 2.0
"""How far two records without dates are taken to lie apart where there is no clock to go by."""


def parse(line: bytes, now: float, zone: tzinfo | None = None) -> float | None:
    """Return the time in the head of a line in seconds since the epoch, or None without one.

    Of several dates the first counts that is no more than a day after ``now``;
    :func:`~tinylogbert_daemon.source.dates.seconds` says what is done where zone or year are left
    out.

    >>> parse(b"2025-01-29T00:36:34.5Z ready", 1.8e9)
    1738110994.5
    """
    head = line[:_HEAD_BYTES]
    forms = dates.forms(head)
    at_once = (match for form in forms if (match := form.match(head)) is not None)
    time = _time(at_once, now, zone)
    if time is not None:
        return time  # most lines begin with it, and to look for others takes much longer
    found = [match for form in forms for match in form.finditer(head)]
    return _time(sorted(found, key=re.Match.start), now, zone)


def _time(found: Iterable[re.Match[bytes]], now: float, zone: tzinfo | None) -> float | None:
    """Return what the first date of those ``found`` says that there is."""
    for match in found:
        try:
            return dates.seconds(match.groupdict(), now, zone)
        except (ValueError, OverflowError, OSError):  # no such day, or beyond what time can say
            continue
    return None


Parse = Callable[[bytes, float], float | None]


def block_times(
    data: bytes, now: float, parse: Parse = parse, most: int = _HEAD_BYTES
) -> tuple[float | None, float | None]:
    """Return the times of a block's first and last dated record.

    At most 20 records from each end are looked at, of each its first ``most`` bytes; None where
    none of them is dated.
    """
    first = _first(records(data, most), now, parse)
    if first is None and len(data) < _SHORT_BYTES and data.count(b"\n") < _RECORDS:
        return None, None  # backwards come the same records
    return first, _first(_records_backwards(data, most), now, parse)


def pieces(lines: Sequence[bytes], start: float, now: float) -> Iterator[tuple[slice, float]]:
    """Cut records into pieces and yield, of each, which they are and its log time in seconds.

    The time is that of a piece's first record; it never runs backwards from ``start``. Where that
    has no date, time moves on by ``UNDATED_SECONDS`` a record.
    """
    time = start
    for first in range(0, len(lines), PIECE_RECORDS):
        piece = slice(first, min(first + PIECE_RECORDS, len(lines)))
        found = parse(lines[first], now)
        if found is None:
            time += UNDATED_SECONDS * (piece.stop - first)
        else:
            time = max(time, found)
        yield piece, time


def records(data: bytes, most: int = _HEAD_BYTES) -> Iterator[bytes]:
    """Yield the heads, of ``most`` bytes, of a block's first 20 records."""
    begin = 0
    for _ in range(_RECORDS):
        end = data.find(b"\n", begin)
        end = len(data) if end < 0 else end
        yield data[begin : min(end, begin + most)]
        begin = end + 1
        if begin >= len(data):
            return


def _first(lines: Iterator[bytes], now: float, parse: Parse) -> float | None:
    return next((time for line in lines if (time := parse(line, now)) is not None), None)


def _records_backwards(data: bytes, most: int) -> Iterator[bytes]:
    end = len(data) - data.endswith(b"\n")
    for _ in range(_RECORDS):
        begin = data.rfind(b"\n", 0, end) + 1
        yield data[begin : min(end, begin + most)]
        end = begin - 1
        if end < 0:
            return
