"""Headers of records: format, time, level and message of each."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinylogbert_daemon.config.sources import Source
from tinylogbert_daemon.source.dating import Dating, Datings, recognise
from tinylogbert_daemon.source.formats import NAMES
from tinylogbert_daemon.source.header import read

NOW = datetime(2025, 2, 3, 12, tzinfo=UTC).timestamp()
WHEN = datetime(2025, 1, 29, 0, 36, 34, tzinfo=UTC).timestamp()

# each written at WHEN in UTC, or without a time
RECORDS = [
    (b"Jan 29 00:36:34 web sshd[7]: Accepted key", "syslog-3164", None, b"Accepted key"),
    (b"<11>Jan 29 00:36:34 web app: down", "syslog-3164", "error", b"down"),
    (b"2025-01-29T00:36:34+00:00 web kernel: oops", "syslog-3164", None, b"oops"),
    (
        b'<28>1 2025-01-29T00:36:34Z web app 7 ID [a@1 k="v \\] w"][b@2 x="y"] slow',
        "syslog-5424",
        "warn",
        b"slow",
    ),
    (b"<14>1 2025-01-29T00:36:34Z web app - - - up", "syslog-5424", "info", b"up"),
    (
        b'{"__REALTIME_TIMESTAMP":"1738110994000000","PRIORITY":"3","MESSAGE":"down"}',
        "json",
        "error",
        b"down",
    ),
    (
        b'{"message":"expires 2024-01-01T00:00:00Z","level":"WARN","time":"2025-01-29T00:36:34Z"}',
        "json",
        "warn",
        b"expires 2024-01-01T00:00:00Z",
    ),
    (b'{"level":50,"time":1738110994000,"msg":"pino"}', "json", "error", b"pino"),
    (b'{"log":{"level":"debug"},"@timestamp":"2025-01-29T00:36:34Z","message":"ecs"}', "json",
     "debug", b"ecs"),
    (
        b'{"log":"WARNING:root:low\\n","stream":"stderr","time":"2025-01-29T00:36:34.000Z"}',
        "docker-json",
        "warn",
        b"low",
    ),
    (b'time=2025-01-29T00:36:34Z level=error msg="can\'t \\"open\\"" n=1', "logfmt", "error",
     b'can\'t "open"'),
    (b"2025-01-29T00:36:34.0Z stdout F plain", "kubernetes-cri", None, b"plain"),
    (
        b"2025-01-29T00:36:34.0Z stderr F E0129 00:36:34.000000       1 server.go:7] down",
        "kubernetes-cri",
        "error",
        b"down",
    ),
    (b"W0129 00:36:34.000000    1234 server.go:7] slow", "klog", "warn", b"slow"),
    (
        b'::1 - jo [29/Jan/2025:00:36:34 +0000] "GET / HTTP/1.1" 200 5 "-" "curl/8"',
        "http-access",
        None,
        b'"GET / HTTP/1.1" 200 5 "-" "curl/8"',
    ),
    (
        b"[Wed Jan 29 00:36:34.000000 2025] [core:error] [pid 7:tid 9] [client ::1:5] AH1: x",
        "apache-error",
        "error",
        b"AH1: x",
    ),
    (b"2025/01/29 00:36:34 [crit] 31#31: *1 open() failed", "nginx-error", "fatal",
     b"open() failed"),
    (b"2025-01-29 00:36:34,000 - INFO  [main:Server@10] - up", "java", "info", b"up"),
    (b"2025-01-29 00:36:34.000 WARN 7 --- [main] o.s.b.App : slow", "java", "warn", b"slow"),
    (b"2025-01-29 00:36:34,000 ERROR main - down", "java", "error", b"down"),
    (b"[2025-01-29 00:36:34,000] INFO [Log p=0] up (kafka.log.Log)", "java", "info",
     b"up (kafka.log.Log)"),
    (b"29-Jan-2025 00:36:34.000 SEVERE [main] org.apache.Catalina.run down", "java", "error",
     b"org.apache.Catalina.run down"),
    (b"250129 003634 35 INFO dfs.FSNamesystem: up", "java", "info", b"up"),
    (b"2025-01-29 00:36:34,000 - app.db - WARNING - slow", "python", "warn", b"slow"),
    (b"2025-01-29 00:36:34.000 UTC [4711] jo@shop FATAL:  no role", "postgresql", "fatal",
     b"no role"),
    (b"2025-01-29T00:36:34.000000Z 0 [Warning] [MY-010068] [Server] CA", "mysql", "warn", b"CA"),
    (b"4242:M 29 Jan 2025 00:36:34.000 # low memory", "redis", "warn", b"low memory"),
    (b"1738110994.000   5006 ::1 TCP_MISS/200 19 GET x - y", "squid", None,
     b"TCP_MISS/200 19 GET x - y"),
    (b"type=USER_AUTH msg=audit(1738110994.000:7): pid=1 res=failed", "audit", None,
     b"pid=1 res=failed"),
    (b"2025-01-29 00:36:34, Info                  CBS    Loaded", "windows", "info", b"Loaded"),
    (b"Error\t1/29/2025 12:36:34 AM\tDisk\t7\tNone\tbad block", "windows-event", "error",
     b"bad block"),
    (b"01-29 00:36:34.000  1702  2395 W Window: gone", "android", "warn", b"gone"),
    (b"2025-01-29 00:36:34 status installed man-db", "dated", None, b"status installed man-db"),
]  # fmt: skip


@pytest.mark.parametrize(("record", "name", "level", "message"), RECORDS)
def test_header(record: bytes, name: str, level: str | None, message: bytes) -> None:
    assert read(record, NOW, UTC) == (name, WHEN, level, message)
    # the override finds the same, and nothing of another format
    assert read(record, NOW, UTC, name) == (name, WHEN, level, message)


@pytest.mark.parametrize(
    ("record", "name", "level", "message"),
    [
        (b"[   12.345678] usb 1-1: new device", "kernel", None, b"usb 1-1: new device"),
        (b"<3>[   12.345678] I/O error", "kernel", "error", b"I/O error"),
        (b"ERROR:app.db:down", "python", "error", b"down"),
        (b"MESSAGE=Started cron", "journal-export", None, b"Started cron"),
        (b"PRIORITY=4", "journal-export", "warn", b"PRIORITY=4"),
    ],
)
def test_header_without_a_time(record: bytes, name: str, level: str | None, message: bytes) -> None:
    assert read(record, NOW, UTC) == (name, None, level, message)


def test_entry_of_the_journals_export_joined_to_one_record() -> None:
    record = (
        b"__CURSOR=s=1 __REALTIME_TIMESTAMP=1738110994000000 _BOOT_ID=0 PRIORITY=2 "
        b"MESSAGE=disk is full _PID=1"
    )
    assert read(record, NOW) == ("journal-export", WHEN, "fatal", b"disk is full")


@pytest.mark.parametrize("record", [b"", b"\n", b"hello", b"{", b"[1, 2]", b"a=1 b", b"\xff" * 9])
def test_no_header(record: bytes) -> None:
    assert read(record, NOW) is None


def test_every_format_can_be_configured() -> None:
    known = set(Source.model_fields["format"].annotation.__args__)  # type: ignore[union-attr]
    assert known == {"auto", "plain", *NAMES}
    assert {name for _, name, _, _ in RECORDS} <= set(NAMES)


def test_most_records_decide_on_the_format() -> None:
    trace = [b"java.lang.Error: x", b"\tat a.b.C(C.java:7)"]
    java = [b"2025-01-29 00:36:34,000 - INFO  [main:Server@10] - up"]
    assert recognise(java * 4 + trace, NOW) == "java"
    assert recognise(java * 2 + trace * 2, NOW) == ""
    assert recognise([], NOW) == ""


def test_a_path_learns_its_format_and_reads_its_times_by_it() -> None:
    line = b'{"msg":"since 2024-05-05T00:00:00Z","ts":"2025-01-29T00:36:34Z"}\n'
    dating = Dating()
    assert dating.format == ""
    assert dating.block_times(line * 3, NOW) == (WHEN, WHEN)
    assert dating.format == "json"
    other = b"2025-01-29T00:36:35Z plain all of a sudden\n"
    assert dating.block_times(other, NOW) == (WHEN + 1, WHEN + 1)


def test_format_and_zone_are_given_by_the_source() -> None:
    source = Source(name="app", paths=["/a"], format="java", timezone="Europe/Berlin")
    datings = Datings({"app": source.dates})
    line = b"2025-01-29 01:36:34,000 INFO main - up"
    assert datings.of("app", "/a").time(line, NOW) == WHEN
    assert datings.of("other", "/a").format == ""
    assert datings.known("app", "/a") == datings.known("app", "/new") == ("java", "configured")


def test_what_is_known_of_a_format_says_where_it_comes_from() -> None:
    plain = Source(name="plain", paths=["/a"], format="plain")
    zone = Source(name="zone", paths=["/a"], timezone="Europe/Berlin")
    datings = Datings({"plain": plain.dates, "zone": zone.dates})
    assert datings.known("plain", "/a") == ("plain", "configured")
    assert datings.known("zone", "/a") == ("", "unread")
    datings.of("zone", "/a").block_times(b"", NOW)  # it only moved a position
    assert datings.known("zone", "/a") == ("", "unread")
    datings.of("zone", "/a").block_times(b"no header\n" * 5, NOW)
    assert datings.known("zone", "/a") == ("", "none")
    datings.of("zone", "/b").block_times(b'{"msg":"up","level":"info"}\n' * 5, NOW)
    assert datings.known("zone", "/b") == ("json", "recognised")


def test_unknown_zone_is_named() -> None:
    with pytest.raises(ValueError, match="no time zone is named 'Berlin'"):
        Source(name="app", paths=["/a"], timezone="Berlin")


@given(st.binary(max_size=600) | st.text(max_size=300).map(str.encode))
def test_any_record_is_safe(record: bytes) -> None:
    header = read(record, NOW, ZoneInfo("America/New_York"))
    assert header is None or header.message == header.message.rstrip(b"\r\n")


@given(st.sampled_from(RECORDS), st.integers(0, 60), st.binary(max_size=40))
def test_any_mutilated_record_is_safe(
    known: tuple[bytes, str, str | None, bytes], cut: int, junk: bytes
) -> None:
    record = known[0]
    read(record[:cut] + junk + record[cut:], NOW)


def test_hostile_record_takes_no_time() -> None:
    before = time.perf_counter()
    for record in (
        *(b"[" * 60_000, b'{"a":' * 20_000, b"a=" * 30_000, b'a="' + b"\\" * 60_000),
        *(b"<1>1 - " * 9000, b"Jan 29 00:36:34 " * 4000, b"MESSAGE=" * 8000, b"1 " * 30_000),
        b"<11>1 2025-01-29T00:36:34Z h a - - " + b"[x" * 30_000,
    ):
        for _ in range(20):
            read(record, NOW)
    assert time.perf_counter() - before < 5.0
