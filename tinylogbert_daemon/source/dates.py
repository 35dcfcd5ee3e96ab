"""The forms in which logs write dates, and what time such a date says."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone, tzinfo

DAY = 86_400.0
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

EPOCH = rb"(?P<epoch>[12]\d{9}(?:\.\d{1,9}|\d{3}|\d{6}|\d{9})?)(?!\d)"
"""Seconds since 1970 of ten digits, with a fraction or in a smaller unit."""

# Every group is bounded and nothing repeats without a limit, so that no line takes long. A date
# without a year has no group Y; yy is a year of this century.
ISO = rb"(?P<Y>\d{4})[-/](?P<m>\d\d)[-/](?P<d>\d\d)(?:T| {1,2})" + _TIME_IN_ZONE
"""RFC 3339, ISO 8601, nginx's error log, Go."""

DAY_MONTH_YEAR = (
    rb"(?P<d>\d{1,2})(?P<sep>[-/ ])" + _MONTH + rb"(?P=sep)(?P<Y>\d{4})[: ]" + _TIME_IN_ZONE
)
"""Apache's access log, Tomcat, Redis."""

ASCTIME = _MONTH + rb" {1,2}(?P<d>\d{1,2}) " + _TIME + _FRACTION + rb" (?P<Y>\d{4})(?!\d)"
RFC3164 = _MONTH + rb" {1,2}(?P<d>\d{1,2}) " + _TIME + _FRACTION
BLUE_GENE = (
    rb"(?P<Y>\d{4})-(?P<m>\d\d)-(?P<d>\d\d)-(?P<H>\d\d)\.(?P<M>\d\d)\.(?P<S>\d\d)"
    rb"(?:\.(?P<f>\d{1,9}))?"
)
KLOG = rb"(?P<m>\d\d)(?P<d>\d\d) " + _TIME + _FRACTION
HDFS = rb"(?P<yy>\d\d)(?P<m>\d\d)(?P<d>\d\d) (?P<H>\d\d)(?P<M>\d\d)(?P<S>\d\d)(?!\d)"
SPARK = rb"(?P<yy>\d\d)/(?P<m>\d\d)/(?P<d>\d\d) " + _TIME + _FRACTION
MONTH_DAY = rb"(?P<m>\d\d)[-.](?P<d>\d\d) " + _TIME + _FRACTION
"""Android; Proxifier."""

COMPACT = (
    rb"(?P<Y>\d{4})(?P<m>\d\d)(?P<d>\d\d)-(?P<H>\d{1,2}):(?P<M>\d{1,2}):(?P<S>\d{1,2})"
    rb"(?::(?P<f>\d{1,3}))?(?!\d)"
)
"""HealthApp."""

US = (
    rb"(?P<m>\d{1,2})/(?P<d>\d{1,2})/(?P<Y>\d{4}),? "
    rb"(?P<H>\d{1,2}):(?P<M>\d\d):(?P<S>\d\d) (?P<half>[AP]M)"
)
"""Windows' event viewer where it speaks American English."""


def seconds(part: Mapping[str, bytes | None], now: float, zone: tzinfo | None = None) -> float:
    """Return the time that a match's groups say, in seconds since the epoch.

    A date without a zone is in ``zone`` (None: the host's); of an hour that the clocks show twice,
    the later one counts if it is not ahead of ``now``, so that a log is dated rightly as it is
    written. One without a year gets the year that brings it nearest to ``now`` and at most a day
    after it. Raises ``ValueError``, ``OverflowError`` or ``OSError`` where there is no such time,
    or where it lies more than a day after ``now``: one such record must not move a host's log time.
    """
    time = _seconds(part, now, zone)
    if time > now + DAY:
        raise ValueError("yet to come")
    return time


def _seconds(part: Mapping[str, bytes | None], now: float, zone: tzinfo | None) -> float:

    def get(name: str) -> bytes:
        return part.get(name) or b""

    if epoch := get("epoch"):
        # the unit is told by the number of digits
        whole, _, rest = epoch.partition(b".")
        return int(whole[:10]) + float(b"." + (whole[10:] + rest or b"0"))
    hour = int(get("H"))
    if half := get("half"):
        hour = hour % 12 + (12 if half == b"PM" else 0)
    # a leap second is the last one of its minute
    clock = hour, int(get("M")), min(int(get("S")), 59)
    fraction = float(b"." + (get("f") or b"0"))
    month = _MONTHS[get("name")] if get("name") else int(get("m"))
    day = int(get("d"))
    if century := get("Y") or get("yy"):
        year = int(century) + (0 if get("Y") else 2000)
        own = _zone(get("z"))
        return _moment(datetime(year, month, day, *clock, tzinfo=own or zone), now) + fraction
    return _nearest(month, day, clock, now, zone) + fraction


def _zone(zone: bytes) -> timezone | None:
    if not zone:
        return None
    if zone in (b"Z", b"UTC", b"GMT"):
        return UTC
    digits = zone[1:].replace(b":", b"").ljust(4, b"0")
    offset = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return timezone(-offset if zone[:1] == b"-" else offset)


def _moment(date: datetime, now: float) -> float:
    """Return the later of the two times that a date may mean, unless that is yet to come."""
    early, late = date.timestamp(), date.replace(fold=1).timestamp()
    return late if early < late <= now else early


def _nearest(
    month: int, day: int, clock: tuple[int, int, int], now: float, zone: tzinfo | None
) -> float:
    this_year = datetime.fromtimestamp(now, zone).year
    # a 29th of February may lie eight years back
    for year in range(this_year + 1, this_year - 9, -1):
        try:
            time = _moment(datetime(year, month, day, *clock, tzinfo=zone), now)
        except ValueError:
            continue
        if time <= now + DAY:
            return time
    raise ValueError("no such day")


_WITH_CLOCK = tuple(
    re.compile(pattern)
    for pattern in (
        rb"(?<!\d)" + ISO,
        rb"(?<!\d)" + DAY_MONTH_YEAR,
        ASCTIME,
        rb"(?<![A-Za-z])" + RFC3164,
        rb"(?<!\d)" + BLUE_GENE,
        rb"\A[IWEFD]" + KLOG,
        rb"\A" + HDFS,
        rb"\A\[?" + SPARK,
        rb"\A\[?" + MONTH_DAY,
        rb"\A\[?" + COMPACT,
    )
)
_EPOCHS = tuple(
    re.compile(pattern)
    for pattern in (
        # JSON
        rb'"@?(?:ts|time|timestamp|epoch|date)"\s{0,2}:\s{0,2}"?' + EPOCH,
        # Squid, the audit daemon
        rb"\A" + EPOCH + rb"(?=\s)",
        rb"audit\(" + EPOCH,
    )
)
# BGL, Thunderbird: label, seconds since the epoch, date
_BOTH = re.compile(rb"\A\S{1,20} " + EPOCH + rb" \d{4}\.\d\d\.\d\d ")
ANYWHERE = (_BOTH, *_WITH_CLOCK, *_EPOCHS)
"""Where in a record, of whatever format, a date may stand."""

_SOME_CLOCK = re.compile(rb"\d:\d|\d\.\d\d\.\d\d|\d{6} \d{6}")
_SOME_EPOCH = re.compile(rb"[12]\d{9}")


def forms(head: bytes) -> tuple[re.Pattern[bytes], ...]:
    """Return those of :data:`ANYWHERE`, in order, of which there may be one in ``head``.

    What every date with a clock time has in it, and every one by the epoch, says so quickly.
    """
    clock, epoch = _SOME_CLOCK.search(head) is not None, _SOME_EPOCH.search(head) is not None
    both = (_BOTH,) if clock and epoch else ()
    return both + (_WITH_CLOCK if clock else ()) + (_EPOCHS if epoch else ())
