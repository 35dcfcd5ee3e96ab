"""The time that a line says it was written, in the formats that logs use."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta, timezone

_HEAD_BYTES = 200
_RECORDS = 20
_DAY = 86_400.0
_MONTHS = {
    name: number
    for number, name in enumerate(
        b"Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(), start=1
    )
}
_MONTH = b"(?P<name>Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
_TIME = rb"(?P<H>\d\d):(?P<M>\d\d):(?P<S>\d\d)"
_FRACTION = rb"(?:[.,](?P<f>\d{1,9}))?"
_ZONE = rb"(?: ?(?P<z>Z|UTC|GMT|[+-]\d\d(?::?\d\d)?)(?![\w:]))?"
_TIME_IN_ZONE = _TIME + _FRACTION + _ZONE
_EPOCH = rb"(?P<epoch>[12]\d{9}(?:\.\d{1,9}|\d{3}|\d{6}|\d{9})?)(?!\d)"

# Every group is bounded and nothing repeats without a limit, so that no line takes long. A date
# without a year has no group Y; yy is a year of this century.
_FORMATS = tuple(
    re.compile(pattern)
    for pattern in (
        # BGL, Thunderbird: label, seconds since the epoch, date
        rb"\A\S{1,20} " + _EPOCH + rb" \d{4}\.\d\d\.\d\d ",
        # RFC 3339, ISO 8601, nginx's error log, Go
        rb"(?<!\d)(?P<Y>\d{4})[-/](?P<m>\d\d)[-/](?P<d>\d\d)(?:T| {1,2})" + _TIME_IN_ZONE,
        # Apache's access log, Tomcat, Redis
        rb"(?<!\d)(?P<d>\d{1,2})(?P<sep>[-/ ])"
        + _MONTH
        + rb"(?P=sep)(?P<Y>\d{4})[: ]"
        + _TIME_IN_ZONE,
        # asctime, Apache's error log
        _MONTH + rb" {1,2}(?P<d>\d{1,2}) " + _TIME + _FRACTION + rb" (?P<Y>\d{4})(?!\d)",
        # RFC 3164
        rb"(?<![A-Za-z])" + _MONTH + rb" {1,2}(?P<d>\d{1,2}) " + _TIME + _FRACTION,
        # BGL's own date
        rb"(?<!\d)(?P<Y>\d{4})-(?P<m>\d\d)-(?P<d>\d\d)-(?P<H>\d\d)\.(?P<M>\d\d)\.(?P<S>\d\d)"
        rb"(?:\.(?P<f>\d{1,9}))?",
        # klog (Kubernetes, glog)
        rb"\A[IWEFD](?P<m>\d\d)(?P<d>\d\d) " + _TIME + _FRACTION,
        # HDFS
        rb"\A(?P<yy>\d\d)(?P<m>\d\d)(?P<d>\d\d) (?P<H>\d\d)(?P<M>\d\d)(?P<S>\d\d)(?!\d)",
        # Spark
        rb"\A\[?(?P<yy>\d\d)/(?P<m>\d\d)/(?P<d>\d\d) " + _TIME + _FRACTION,
        # Android; Proxifier
        rb"\A\[?(?P<m>\d\d)[-.](?P<d>\d\d) " + _TIME + _FRACTION,
        # HealthApp
        rb"\A\[?(?P<Y>\d{4})(?P<m>\d\d)(?P<d>\d\d)-(?P<H>\d{1,2}):(?P<M>\d{1,2}):(?P<S>\d{1,2})"
        rb"(?::(?P<f>\d{1,3}))?(?!\d)",
        # JSON
        rb'"@?(?:ts|time|timestamp|epoch|date)"\s{0,2}:\s{0,2}"?' + _EPOCH,
        # Squid, the audit daemon
        rb"\A" + _EPOCH + rb"(?=\s)",
        rb"audit\(" + _EPOCH,
    )
)

PIECE_RECORDS = 100
UNDATED_SECONDS = 2.0
"""How far two records without dates are taken to lie apart where there is no clock to go by."""


def parse(line: bytes, now: float) -> float | None:
    """Return the time in the head of a line in seconds since the epoch, or None without one.

    Of several dates the first counts. A date without a zone is in the host's; one without a year
    gets the one that brings it nearest to ``now`` and at most a day after it.

    >>> parse(b"2025-01-29T00:36:34.5Z ready", 0.0)
    1738110994.5
    """
    head = line[:_HEAD_BYTES]
    found = [match for pattern in _FORMATS for match in pattern.finditer(head)]
    for match in sorted(found, key=re.Match.start):
        try:
            return _seconds(match.groupdict(), now)
        except (ValueError, OverflowError, OSError):  # no such day, or beyond what time can say
            continue
    return None


def block_times(data: bytes, now: float) -> tuple[float | None, float | None]:
    """Return the times of a block's first and last dated record.

    At most 20 records from each end are looked at; None where none of them is dated.
    """
    return _first(_records(data), now), _first(_records_backwards(data), now)


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


def _first(lines: Iterator[bytes], now: float) -> float | None:
    return next((time for line in lines if (time := parse(line, now)) is not None), None)


def _records(data: bytes) -> Iterator[bytes]:
    begin = 0
    for _ in range(_RECORDS):
        end = data.find(b"\n", begin)
        end = len(data) if end < 0 else end
        yield data[begin : min(end, begin + _HEAD_BYTES)]
        begin = end + 1
        if begin >= len(data):
            return


def _records_backwards(data: bytes) -> Iterator[bytes]:
    end = len(data) - data.endswith(b"\n")
    for _ in range(_RECORDS):
        begin = data.rfind(b"\n", 0, end) + 1
        yield data[begin : min(end, begin + _HEAD_BYTES)]
        end = begin - 1
        if end < 0:
            return


def _seconds(part: dict[str, bytes | None], now: float) -> float:
    """Return the time that a match's groups say. Raises ``ValueError`` where there is none such."""

    def get(name: str) -> bytes:
        return part.get(name) or b""

    if epoch := get("epoch"):
        # the unit is told by the number of digits
        whole, _, rest = epoch.partition(b".")
        return int(whole[:10]) + float(b"." + (whole[10:] + rest or b"0"))
    # a leap second is the last one of its minute
    clock = int(get("H")), int(get("M")), min(int(get("S")), 59)
    fraction = float(b"." + (get("f") or b"0"))
    month = _MONTHS[get("name")] if get("name") else int(get("m"))
    day = int(get("d"))
    if century := get("Y") or get("yy"):
        year = int(century) + (0 if get("Y") else 2000)
        moment = datetime(year, month, day, *clock, tzinfo=_zone(get("z")))
        return moment.timestamp() + fraction
    return _nearest(month, day, clock, now) + fraction


def _zone(zone: bytes) -> timezone | None:
    """Return the zone, or None for the host's."""
    if not zone:
        return None
    if zone in (b"Z", b"UTC", b"GMT"):
        return UTC
    digits = zone[1:].replace(b":", b"").ljust(4, b"0")
    offset = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return timezone(-offset if zone[:1] == b"-" else offset)


def _nearest(month: int, day: int, clock: tuple[int, int, int], now: float) -> float:
    this_year = datetime.fromtimestamp(now).year
    # a 29th of February may lie eight years back
    for year in range(this_year + 1, this_year - 9, -1):
        try:
            time = datetime(year, month, day, *clock).timestamp()
        except ValueError:
            continue
        if time <= now + _DAY:
            return time
    raise ValueError("no such day")
