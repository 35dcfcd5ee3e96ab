"""Journal entries in JSON become syslog records, whatever their fields hold."""

from __future__ import annotations

import json

import pytest

from tests.source.journals import line, moment, printed
from tinylogbert_daemon.model.normalize import normalize
from tinylogbert_daemon.model.shape import shapes
from tinylogbert_daemon.model.verdicts import OWN, VerdictCache
from tinylogbert_daemon.source.entries import Entries, entries
from tinylogbert_daemon.source.logtime import parse

_LIMIT = 65_536


def _records(*lines: str, cursor: str = "") -> list[str]:
    found = entries("".join(lines).encode(), _LIMIT, cursor)
    assert found.unreadable == 0
    assert found.count == found.data.count(b"\n")
    return found.data.decode("utf-8", "surrogateescape").splitlines()


def test_an_entry_is_a_line_as_of_a_syslog_file() -> None:
    (record,) = _records(printed(7, "error: no such user from 10.0.0.1"))
    assert record == line(7, "error: no such user from 10.0.0.1")
    assert parse(record.encode(), 2e9) == moment(7) / 1e6
    (shape,) = shapes(record.encode() + b"\n")
    in_file = b"Jun 12 10:00:00 db1 app[12]: error: no such user from 10.0.0.1\n"
    # the priority says the level before the message does
    assert normalize(shape) == "[notice] [time] [host] app [num] error no such user from [ip]"
    assert normalize(shapes(in_file)[0]) == "[time] [host] app [num] [error] no such user from [ip]"


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"PRIORITY": "3", "SYSLOG_FACILITY": "10"}, "<83>{time} db1 app[12]: hello"),
        ({"PRIORITY": None}, "<14>{time} db1 app[12]: hello"),
        ({"PRIORITY": "99", "SYSLOG_FACILITY": "-1"}, "<15>{time} db1 app[12]: hello"),
        ({"PRIORITY": ["3", "4"]}, "<14>{time} db1 app[12]: hello"),
        # everything that a service prints gets the same priority, which then says nothing
        ({"PRIORITY": "6", "_TRANSPORT": "stdout"}, "{time} db1 app[12]: hello"),
        ({"PRIORITY": "3", "_TRANSPORT": "stdout"}, "<11>{time} db1 app[12]: hello"),
        ({"SYSLOG_IDENTIFIER": "kernel", "_PID": None}, "<13>{time} db1 kernel: hello"),
        ({"SYSLOG_IDENTIFIER": None, "_COMM": "cron"}, "<13>{time} db1 cron[12]: hello"),
        ({"SYSLOG_IDENTIFIER": None, "_HOSTNAME": None}, "<13>{time} - -[12]: hello"),
        ({"_PID": None, "SYSLOG_PID": "13"}, "<13>{time} db1 app[13]: hello"),
        ({"MESSAGE": None}, "<13>{time} db1 app[12]: "),
        ({"MESSAGE": "two\nlines\n"}, "<13>{time} db1 app[12]: two#012lines"),
        ({"SYSLOG_IDENTIFIER": "a\nb"}, "<13>{time} db1 a#012b[12]: hello"),
        ({"MESSAGE": [98, 97, 100, 32, 255, 10, 65]}, "<13>{time} db1 app[12]: bad \udcff#012A"),
        ({"MESSAGE": ["one", [116, 119, 111]]}, "<13>{time} db1 app[12]: one two"),
        ({"MESSAGE": "half \ud800 a pair"}, "<13>{time} db1 app[12]: half ? a pair"),
    ],
)
def test_fields_that_are_missing_odd_or_binary(fields: dict[str, object], expected: str) -> None:
    (record,) = _records(printed(0, **{"MESSAGE": "hello", **fields}))
    assert record == expected.format(time="2026-06-12T10:00:00.000000+00:00")


@pytest.mark.parametrize(
    "text",
    [
        "no JSON at all",
        "[1, 2]",
        "3",
        '"__CURSOR"',
        "{}",
        "[" * 100_000,
        json.dumps({"__CURSOR": "s=1"}),
        json.dumps({"__CURSOR": 7, "__REALTIME_TIMESTAMP": "1"}),
        json.dumps({"__CURSOR": "s=1\n--file=x", "__REALTIME_TIMESTAMP": "1"}),
        json.dumps({"__CURSOR": "s=1", "__REALTIME_TIMESTAMP": "9" * 5000}),
        json.dumps({"__CURSOR": "s=1", "__REALTIME_TIMESTAMP": "9" * 25}),
        json.dumps({"__CURSOR": "s=1", "__REALTIME_TIMESTAMP": "1", "MESSAGE": [256]}),
        json.dumps({"__CURSOR": "s=1", "__REALTIME_TIMESTAMP": "1", "MESSAGE": {"a": 1}}),
    ],
)
def test_what_is_no_entry_is_counted_and_passed_over(text: str) -> None:
    found = entries(f"{printed(1, 'a')}{text}\n{printed(2, 'b')}".encode(), _LIMIT, "")
    assert (found.count, found.unreadable, found.cursor) == (2, 1, "s=1;i=2")
    assert found.data.decode().splitlines() == [line(1, "a"), line(2, "b")]


def test_the_entry_that_one_goes_on_from_is_left_out() -> None:
    lines = printed(1, "a"), printed(2, "b")
    assert _records(*lines, cursor="s=1;i=1") == [line(2, "b")]
    assert _records(*lines, cursor="s=1;i=0") == [line(1, "a"), line(2, "b")]
    assert entries(lines[0].encode(), _LIMIT, "s=1;i=1") == Entries(b"", 0, 0, 0, "s=1;i=1")


@pytest.mark.parametrize("transport", ["stdout", "syslog"])
def test_what_the_daemon_itself_logs_is_known_when_it_comes_back(transport: str) -> None:
    own = '{"logger": "tinylogbert", "level": "info", "event": "alert"}'
    fields = {"SYSLOG_IDENTIFIER": "tinylogbert", "_TRANSPORT": transport, "PRIORITY": "6"}
    found = entries(printed(1, own, **fields).encode(), _LIMIT, "")
    (shape,) = shapes(found.data)
    assert VerdictCache().resolve([shape]).found == {shape: OWN}


def test_a_long_message_is_cut_and_counted() -> None:
    found = entries(f"{printed(1, 'x' * 5000)}{printed(2, 'b')}".encode(), 1000, "")
    first, second = found.data.splitlines()
    assert (len(first), found.cut, found.count) == (1000, 1, 2)
    assert second.decode() == line(2, "b")
