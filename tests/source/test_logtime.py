"""Times in the head of a line, format by format."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinylogbert_daemon.source import dates
from tinylogbert_daemon.source.logtime import (
    PIECE_RECORDS,
    UNDATED_SECONDS,
    block_times,
    parse,
    pieces,
)

NOW = datetime(2025, 2, 3, 12, 0, 0, tzinfo=UTC).timestamp()


@pytest.fixture(autouse=True, scope="module")
def host_zone() -> Iterator[None]:
    """A host two hours east of Greenwich, without summer time."""
    before = os.environ.get("TZ")
    os.environ["TZ"] = "UTC-2"
    time.tzset()
    yield
    if before is None:
        del os.environ["TZ"]
    else:
        os.environ["TZ"] = before
    time.tzset()


@pytest.mark.parametrize(
    ("line", "utc"),
    [
        # with a zone
        (b"2025-01-29T00:36:34Z api: ready", "2025-01-29 00:36:34"),
        (b"2025-01-29T00:36:34.250+02:00 api: ready", "2025-01-28 22:36:34.25"),
        (b"2025-01-29 00:36:34,5 -0330 api: ready", "2025-01-29 04:06:34.5"),
        (b"2025-01-29 00:36:34.125 UTC [4711] LOG:  checkpoint", "2025-01-29 00:36:34.125"),
        (b"<165>1 2025-01-29T00:36:34.000003Z host app 1 - - up", "2025-01-29 00:36:34.000003"),
        (
            b'10.1.2.3 - jo [29/Jan/2025:00:36:34 +0100] "GET / HTTP/1.1" 200 5',
            "2025-01-28 23:36:34",
        ),
        (b'{"level":"info","time":"2025-01-29T00:36:34Z","msg":"up"}', "2025-01-29 00:36:34"),
        (b"[2025-01-29T00:36:34+00][INFO] up", "2025-01-29 00:36:34"),
        # in the host's zone
        (b"2025-01-29 02:36:34,123 INFO main - up", "2025-01-29 00:36:34.123"),
        (b"[2025-01-29 02:36:34] local.ERROR: down", "2025-01-29 00:36:34"),
        (b"2025-01-29 02:36:34 status installed man-db", "2025-01-29 00:36:34"),
        (b"2025/01/29 02:36:34 [error] 31#31: *1 open()", "2025-01-29 00:36:34"),
        (b"[Wed Jan 29 02:36:34 2025] [notice] caught SIGTERM", "2025-01-29 00:36:34"),
        (b"[Wed Jan 29 02:36:34.000250 2025] [core:error] x", "2025-01-29 00:36:34.00025"),
        (b"29-Jan-2025 02:36:34.000 INFO [main] up", "2025-01-29 00:36:34"),
        (b"4242:M 29 Jan 2025 02:36:34.500 * Ready", "2025-01-29 00:36:34.5"),
        (b"- 1738110994 2025.01.29 R1-M0 2025-01-29-02.36.34.363779 R1 RAS", "2025-01-29 00:36:34"),
        (b"R1-M0 2025-01-29-02.36.34.500000 R1 RAS KERNEL", "2025-01-29 00:36:34.5"),
        (b"250129 023634 35 INFO dfs.FSNamesystem: up", "2025-01-29 00:36:34"),
        (b"25/01/29 02:36:34 INFO Executor: up", "2025-01-29 00:36:34"),
        (b"20250129-2:36:34:606|Step|up", "2025-01-29 00:36:34.606"),
        # without a year
        (b"Jan 29 02:36:34 host sshd[4]: up", "2025-01-29 00:36:34"),
        (b"<13>Feb  1 02:36:34 host cron[4]: up", "2025-02-01 00:36:34"),
        (b"Dec 31 02:36:34 host cron[4]: up", "2024-12-31 00:36:34"),
        (b"Feb  4 02:36:34 host cron[4]: half a day ahead", "2025-02-04 00:36:34"),
        (b"Feb  5 02:36:34 host cron[4]: too far ahead", "2024-02-05 00:36:34"),
        (b"Feb 29 02:36:34 host cron[4]: up", "2024-02-29 00:36:34"),
        (b"E0129 02:36:34.250000       1 server.go:7] down", "2025-01-29 00:36:34.25"),
        (b"01-29 02:36:34.811  1702  2395 D WindowManager: up", "2025-01-29 00:36:34.811"),
        (b"[01.29 02:36:34] chrome.exe - up", "2025-01-29 00:36:34"),
        # seconds since the epoch
        (b'{"ts":1738110994.25,"msg":"up"}', "2025-01-29 00:36:34.25"),
        (b'{"msg":"up","timestamp": 1738110994310}', "2025-01-29 00:36:34.31"),
        (b"1157689312.049   5006 10.1.2.3 TCP_MISS/200", "2006-09-08 04:21:52.049"),
        (b"type=SYSCALL msg=audit(1364481363.243:24287): arch", "2013-03-28 14:36:03.243"),
        # a leap second is within the minute
        (b"2016-12-31T23:59:60Z leap", "2016-12-31 23:59:59"),
        # a first date that is none
        (b"2025-13-45 00:00:00 or rather 2025-01-29T00:36:34Z", "2025-01-29 00:36:34"),
        (b"\x1b[32m2025-01-29T00:36:34Z\x1b[0m up", "2025-01-29 00:36:34"),
    ],
)
def test_time_of_a_line(line: bytes, utc: str) -> None:
    expected = datetime.fromisoformat(utc).replace(tzinfo=UTC).timestamp()
    assert parse(line, NOW) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"no date at all",
        b"[   12.345678] usb 1-1: new high-speed USB device",
        b"[1234567.890123] device eth0 entered promiscuous mode",
        b"192.168.10.20:8080 answered 200 in 12:30:45",
        b"version 2025.01.29 released",
        b"2025-02-30 00:36:34 no such day",
        b"Feb 30 00:36:34 no such day",
        b"block 081109 203615 not at the start",
        b"12345678901234567890 long number",
        b"phone 1738110994",
        b"x" * 200 + b"2025-01-29T00:36:34Z",
        b"0000-00-00 00:00:00",
        b"2025-01-29 25:61:00 up",
    ],
)
def test_line_without_a_time(line: bytes) -> None:
    assert parse(line, NOW) is None


def test_a_date_that_is_yet_to_come_is_not_believed() -> None:
    line = b"2099-01-01T00:00:00Z clock went mad, was 2025-01-29T00:36:34Z"
    assert parse(line, NOW) == parse(b"2025-01-29T00:36:34Z", NOW)
    assert parse(line[:20], NOW) is None
    # clocks differ, and so do zones that nobody has named
    assert parse(b"2025-02-04 02:00:00 up", NOW) == NOW + 12 * 3600


def test_zone_of_a_source() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    assert parse(b"2025-01-29 01:36:34 up", NOW, berlin) == parse(b"2025-01-29T00:36:34Z", NOW)
    assert parse(b"Jan 29 01:36:34 web cron[4]: up", NOW, berlin) == parse(
        b"2025-01-29T00:36:34Z", NOW
    )
    assert parse(b"2025-01-29T00:36:34Z up", NOW, berlin) == parse(b"2025-01-29T00:36:34Z", NOW)


def test_an_hour_that_the_clocks_show_twice() -> None:
    """At three, summer time ends in Berlin: half past two comes twice, an hour apart."""
    berlin = ZoneInfo("Europe/Berlin")
    first = datetime(2024, 10, 27, 0, 30, tzinfo=UTC).timestamp()
    for line in (b"2024-10-27 02:30:00 up", b"Oct 27 02:30:00 web cron[4]: up"):
        assert parse(line, first + 1, berlin) == first
        assert parse(line, first + 3601, berlin) == first + 3600
    # an hour that they skip is read as if they had not been put forward
    spring = datetime(2024, 3, 31, 1, 30, tzinfo=UTC).timestamp()
    assert parse(b"2024-03-31 02:30:00 up", spring + 3600, berlin) == spring


def test_the_first_date_counts() -> None:
    line = b"2025-01-29T00:36:34Z certificate expires 2031-01-01T00:00:00Z"
    assert parse(line, NOW) == parse(line[:20], NOW)


def test_block_gets_the_first_and_the_last_date() -> None:
    lines = [b"2025-01-29T00:00:%02dZ line" % second for second in range(60)]
    data = b"\tat one\n\tat two\n" + b"\n".join(lines) + b"\n\n\tat three\n"
    first, last = block_times(data, NOW)
    assert first is not None
    assert last == first + 59


def test_block_without_dates_or_lines() -> None:
    assert block_times(b"", NOW) == (None, None)
    assert block_times(b"\n" * 1000, NOW) == (None, None)
    assert block_times(b"undated\n" * 1000, NOW) == (None, None)
    assert block_times(b"2025-01-29T00:36:34Z", NOW)[1] is not None


def test_pieces_hold_each_record_once_in_order() -> None:
    for count in (0, 1, PIECE_RECORDS - 1, PIECE_RECORDS, PIECE_RECORDS + 1, 5 * PIECE_RECORDS):
        found = [number for piece, _ in pieces([b"x"] * count, 0.0, NOW) for number in _in(piece)]
        assert found == list(range(count))
        assert all(len(_in(piece)) <= PIECE_RECORDS for piece, _ in pieces([b"x"] * count, 0, NOW))


def _in(piece: slice) -> range:
    return range(piece.start, piece.stop)


def test_a_piece_has_the_time_of_its_first_record() -> None:
    lines = [f"2025-01-29T00:00:{i * 60 // 300:02}Z record {i}".encode() for i in range(300)]
    began = parse(lines[0], NOW)
    assert began is not None
    times = [time - began for _, time in pieces(lines, 0.0, NOW)]
    assert times == [0.0, 20.0, 40.0]


def test_the_time_of_pieces_never_runs_backwards() -> None:
    early, late = b"2025-01-29T00:00:00Z x", b"2025-01-30T00:00:00Z x"
    lines = [*[early] * PIECE_RECORDS, *[late] * PIECE_RECORDS, *[early] * PIECE_RECORDS]
    first, second, third = (time for _, time in pieces(lines, 0.0, NOW))
    assert first < second == third
    later = second + 86_400.0
    assert [time for _, time in pieces(lines, later, NOW)] == [later] * 3


def test_without_dates_time_goes_on_a_little_with_each_record() -> None:
    times = [time for _, time in pieces([b"x"] * (2 * PIECE_RECORDS + 10), 1000.0, NOW)]
    step = PIECE_RECORDS * UNDATED_SECONDS
    assert times == [1000 + step, 1000 + 2 * step, 1000 + 2 * step + 10 * UNDATED_SECONDS]
    # and from there on where a date comes up again, if that is later
    dated = b"2025-01-29T00:00:00Z x"
    mixed = [time for _, time in pieces([*[b"x"] * PIECE_RECORDS, dated], 1000.0, NOW)]
    assert mixed == [1000 + step, parse(dated, NOW)]


@given(st.lists(st.sampled_from([b"", b"x", b"2025-01-29T00:00:00Z", b"\xff"]), max_size=400))
def test_times_of_any_pieces_only_grow(lines: list[bytes]) -> None:
    times = [time for _, time in pieces(lines, 5.0, NOW)]
    assert times == sorted(times) and all(time >= 5.0 for time in times)


@given(
    st.sampled_from(dates.ANYWHERE).flatmap(st.from_regex),
    st.binary(max_size=20),
    st.binary(max_size=20),
)
def test_no_date_is_passed_over_unlooked_at(date: bytes, before: bytes, after: bytes) -> None:
    line = before + date + after
    found = [form for form in dates.ANYWHERE if form.search(line)]
    assert set(found) <= set(dates.forms(line))
    in_order = iter(dates.ANYWHERE)
    assert all(form in in_order for form in dates.forms(line))


@pytest.mark.parametrize("records", [1, 19, 20, 21, 40, 41])
def test_a_date_at_either_end_is_found(records: int) -> None:
    date = b"2025-01-29T00:36:34Z up\n"
    time = parse(date, NOW)
    assert block_times(b"up\n" * records + date, NOW)[1] == time
    assert block_times(b"up\n" * records + date[:-1], NOW)[1] == time
    assert block_times(date + b"up\n" * records, NOW)[0] == time


def test_no_more_than_twenty_records_from_each_end_are_looked_at() -> None:
    dated = b"2025-01-29T00:36:34Z\n"
    assert block_times(b"x\n" * 20 + dated + b"x\n" * 20, NOW) == (None, None)
    assert None not in block_times(b"x\n" * 19 + dated + b"x\n" * 19, NOW)


@given(st.binary(max_size=400), st.floats(0, 4e9))
def test_any_line_is_safe(line: bytes, now: float) -> None:
    time_found = parse(line, now)
    assert time_found is None or time_found == time_found
    block_times(line, now)


@given(st.text("0123456789-/:.,+ TZ[JanFeb", max_size=250))
def test_lines_that_look_like_dates_are_safe(line: str) -> None:
    parse(line.encode(), NOW)


def test_hostile_line_takes_no_time() -> None:
    before = time.perf_counter()
    for line in (b"1" * 1_000_000, b" " * 1_000_000, b"Jan " * 250_000, b'"ts":' * 200_000):
        for _ in range(100):
            parse(line, NOW)
    assert time.perf_counter() - before < 2.0
