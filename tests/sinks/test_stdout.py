"""Standard output: one line an alert, of printable text or JSON, and no waiting for its reader."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path

import pytest

from tests.sinks.server import HOSTILE, alert_body
from tinylogbert_daemon.escape import printable
from tinylogbert_daemon.model.own import is_own
from tinylogbert_daemon.model.shape import record, shapes
from tinylogbert_daemon.sinks import stdout
from tinylogbert_daemon.sinks.stdout import StdoutSink


@pytest.mark.parametrize("format_", ["line", "json"])
def test_an_alert_is_one_line_that_is_known_as_ours(tmp_path: Path, format_: str) -> None:
    path = tmp_path / "out"
    with path.open("wb") as file:
        sink = StdoutSink(format_, "web1", file.fileno())  # type: ignore[arg-type]
        asyncio.run(sink.deliver([alert_body(HOSTILE), alert_body(closed=99.0)]))
    first, second = path.read_text().splitlines()
    assert printable(first) == first
    assert "alert closed" in second or json.loads(second)["state"] == "resolved"
    if format_ == "json":
        assert json.loads(first)["log_text"] == printable(HOSTILE)
        assert json.loads(first)["line"] == 7
    for line in (first, second):
        # what is tailed again is no second alert
        (shape,) = shapes(record(line) + b"\n")
        assert is_own(shape)


def test_a_pipe_that_nobody_reads_is_given_up_and_one_that_is_gone_is_an_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(stdout, "TIMEOUT_SECONDS", 0.2)
    read, write = os.pipe()
    sink = StdoutSink("json", "web1", write)
    with pytest.raises(TimeoutError, match="nobody reads"):
        asyncio.run(sink.deliver([alert_body("x" * 4000)] * 100))
    os.close(read)
    with pytest.raises(BrokenPipeError):
        asyncio.run(sink.deliver([alert_body()]))
    os.close(write)
