"""Our own lines are known in every form in which logs carry them, and nobody else's are."""

from __future__ import annotations

import json
import time

import pytest

from tinylogbert_daemon.model.own import is_own
from tinylogbert_daemon.model.shape import shapes

_ALERT = '{"logger": "tinylogbert", "timestamp": "2026-06-12T10:00:01Z", "event": "alert"}'
_CONSOLE = "2026-06-12T10:00:01.123456Z [warning  ] tinylogbert: alert                score=0.9"
_JOURNAL = {
    "__REALTIME_TIMESTAMP": "1718186401123456",
    "MESSAGE": _ALERT,
    "_PID": "77",
    "SYSLOG_IDENTIFIER": "tinylogbert",
    "_COMM": "python3",
}

OWN = (
    f"Jun 12 10:00:01 web1 tinylogbert[123]: {_ALERT}",
    "Jun  2 10:00:01 web1 tinylogbert: Traceback (most recent call last):",
    "Jun 12 10:00:01 tinylogbert[123]: without a host",
    "2026-06-12T10:00:01.123+00:00 web1 tinylogbert[9] as rsyslog writes what came as RFC 5424",
    "Jun 12 10:00:01 web1 daemon.warning tinylogbert[123]: as busybox writes it",
    "Jun 12 10:00:01.123456 web1 tinylogbert[123]: journalctl -o short-precise",
    "Fri 2026-06-12 10:00:01 CEST web1 tinylogbert[123]: journalctl -o short-full",
    "2026-06-12T10:00:01+0200 web1 tinylogbert[123]: journalctl -o short-iso",
    "1718186401.123456 web1 tinylogbert[123]: journalctl -o short-unix",
    "[ 1234.567890] web1 tinylogbert[123]: journalctl -o short-monotonic",
    "<28>Jun 12 10:00:01 web1 tinylogbert[1]: with its priority",
    "2026-06-12T10:00:01.123456+02:00 web1 tinylogbert[77]: rsyslog's file format",
    "<28>1 2026-06-12T10:00:01.123456Z web1 tinylogbert 77 - - as RFC 5424 sends it",
    "Jun 12 10:00:01 web1 /opt/tinylogbert/bin/tinylogbert[9]: with its path",
    "Jun 12 10:00:01 web1 tinylogbert[9]: message repeated 2 times: [ x]",
    _ALERT,
    _CONSOLE,
    f"2026-06-12T10:00:01.123456789Z stderr F {_ALERT}",
    f"2026-06-12T10:00:01.123456789+02:00 stdout P {_CONSOLE}",
    f"2026-06-12T10:00:01.123456789Z {_ALERT}",
    f"tinylogbert-1  | {_ALERT}",
    json.dumps({"log": f"{_ALERT}\n", "stream": "stderr", "time": "2026-06-12T10:00:01Z"}),
    json.dumps({"log": f"{_CONSOLE}\n"}, separators=(",", ":")),
    json.dumps(_JOURNAL),
    json.dumps(_JOURNAL, separators=(",", ":")),
    json.dumps({"MESSAGE": [123, 34], **{k: v for k, v in _JOURNAL.items() if k != "MESSAGE"}}),
    '{"msg":" alert","pri":28,"syslogtag":"tinylogbert[77]:","uuid":null}',
    '{"time":1718186401.5,"host":"web1","ident":"tinylogbert","message":"x"}',
)
OTHERS = (
    "Jun 12 10:00:01 web1 sshd[123]: tinylogbert: anything",
    "Jun 12 10:00:01 web1 sshd[123]: Invalid user tinylogbert[1]: from 10.0.0.1",
    "Jun 12 10:00:01 web1 systemd[1]: tinylogbert.service: Failed with result 'oom-kill'.",
    "Jun 12 10:00:01 web1 tinylogbert-other[1]: anything",
    "Jun 12 10:00:01 web1 nottinylogbert[1]: anything",
    "tinylogbert failed",
    f"GET /?q={_ALERT} HTTP/1.1",
    json.dumps({"MESSAGE": json.dumps(_JOURNAL), "SYSLOG_IDENTIFIER": "sshd"}),
    json.dumps({"MESSAGE": _ALERT, "SYSLOG_IDENTIFIER": "app"}),
    json.dumps({"body": {"SYSLOG_IDENTIFIER": "tinylogbert"}, "SYSLOG_IDENTIFIER": "app"}),
    json.dumps({"body": [{"programname": "tinylogbert"}], "programname": "app"}),
    json.dumps({"user": "tinylogbert", "programname": "app"}),
    json.dumps({"event": "boom", "logger": "tinylogbert"}),
    'x "SYSLOG_IDENTIFIER":"tinylogbert"',
    json.dumps({"log": f"said {_ALERT}\n", "stream": "stderr"}),
)


def _shape(line: str) -> bytes:
    (shape,) = shapes(line.encode() + b"\n")
    return shape


@pytest.mark.parametrize("line", OWN)
def test_our_own_line_is_known(line: str) -> None:
    assert is_own(_shape(line))


@pytest.mark.parametrize("line", OTHERS)
def test_a_line_that_only_names_us_is_not_ours(line: str) -> None:
    assert not is_own(_shape(line))


@pytest.mark.parametrize(
    "part", ['{"a":"', '{"a":"b",', '{"a":[', '"', "\\", "a" * 50, "<a>", "[ "]
)
def test_no_line_makes_it_slow(part: str) -> None:
    line = _shape('{"a":"tinylogbert",' + part * (65_536 // len(part)))
    began = time.process_time()
    assert not is_own(line)
    assert not is_own(_shape(part * (65_536 // len(part)) + "tinylogbert"))
    assert time.process_time() - began < 1.0
