"""The log sink: one line an alert, in which nothing acts on a terminal."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import Iterator

import pytest
import structlog

from tinylogbert_daemon import logs
from tinylogbert_daemon.decide.alert import LINE_CHARACTERS
from tinylogbert_daemon.escape import printable
from tinylogbert_daemon.sinks.log import LogSink

_BODY = {
    "id": "0123456789",
    "score": 0.98765,
    "source": "app",
    "path": "/var/log/app.log",
    "log_text": "disk failed",
    "reason": "never seen on this host",
}


@pytest.fixture(autouse=True)
def _default_log() -> Iterator[None]:
    yield
    structlog.reset_defaults()


def _said(capsys: pytest.CaptureFixture[str], format_: str, **changes: object) -> str:
    logs.configure("info", format_)
    asyncio.run(LogSink().deliver([json.dumps({**_BODY, **changes})]))
    return capsys.readouterr().err


def test_an_alert_is_one_line_with_its_reason(capsys: pytest.CaptureFixture[str]) -> None:
    said = json.loads(_said(capsys, "json"))
    said.pop("timestamp")
    assert said == {
        "logger": "tinylogbert",
        "level": "warning",
        "event": "alert",
        "score": 0.99,
        "source": "app",
        "path": "/var/log/app.log",
        "line": "disk failed",
        "reason": "never seen on this host",
        "id": "0123456789",
    }


_FULL = {
    **_BODY,
    "status": "open",
    "time": 1000.0,
    "duration": 300.0,
    "records": 12,
    "last_line": "disk broken",
    "nearest": {"difference": [["same", "disk"], ["gone", "ready"], ["here", "failed"]]},
    "storm": {
        "examples": [
            {"log_text": "disk failed"},
            {"log_text": "no journal"},
            {"log_text": "read only"},
        ]
    },
    "suppressed": {"count": 12, "since": 1000.0, "reasons": {"budget": 10, "storm": 2}},
}


def test_an_incident_is_explained_in_parts(capsys: pytest.CaptureFixture[str]) -> None:
    said = json.loads(_said(capsys, "json", **_FULL))
    assert list(said)[3:] == [
        *("event", "score", "source", "path", "line", "reason", "usual", "count", "last", "also"),
        *("note", "id"),
    ]
    assert said["usual"] == "disk [-ready-] {+failed+}"
    assert said["count"] == "12 lines in 5 min"
    assert said["also"] == "no journal | read only"
    assert said["note"] == (
        "12 alerts of this source suppressed since 1970-01-01 00:16:40Z (budget 10, storm 2)"
    )


def test_a_closing_is_an_event_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    said = json.loads(_said(capsys, "json", **{**_FULL, "status": "closed"}))
    assert said["event"] == "alert closed"
    assert said["id"] == "0123456789"


@pytest.mark.parametrize("format_", ["json", "console"])
@pytest.mark.parametrize(
    "hostile", ["\x1b[2J\x1b]0;title\x07", "two\nlines\r", "\u202egnihtyna", "\x9b31m", "a\x00b"]
)
def test_control_characters_are_escaped(
    capsys: pytest.CaptureFixture[str], format_: str, hostile: str
) -> None:
    said = _said(
        capsys,
        format_,
        log_text=hostile,
        path=hostile,
        reason=hostile,
        records=2,
        last_line=hostile + "x",
        nearest={"difference": [["same", hostile], ["gone", hostile], ["here", hostile]]},
        storm={"examples": [{"log_text": hostile + "y"}]},
        suppressed={"count": 1, "since": 1e300, "reasons": {hostile: 1}},
    )
    assert said.endswith("\n")
    assert printable(said[:-1]) == said[:-1]


def test_a_long_line_is_cut(capsys: pytest.CaptureFixture[str]) -> None:
    said = json.loads(_said(capsys, "json", log_text="x" * 100_000))
    assert len(said["line"]) == LINE_CHARACTERS


def test_a_standard_error_that_cannot_be_written_is_an_os_error() -> None:
    with open("/dev/full", "wb", buffering=0) as raw:
        full = io.TextIOWrapper(raw, write_through=True)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("sys.stderr", full)
            logs.configure("info", "json")
        with pytest.raises(OSError, match="No space"):
            asyncio.run(LogSink().deliver([json.dumps(_BODY)]))
        full.detach()
