"""The JSONL sink appends whole lines, whatever happened to the file before."""

from __future__ import annotations

import asyncio
import json
import os
import stat
from pathlib import Path

import pytest

from tinylogbert_daemon.sinks.jsonl import JsonlSink


def deliver(path: Path, *bodies: str) -> None:
    asyncio.run(JsonlSink(path).deliver(bodies))


def test_alerts_are_appended_one_a_line(tmp_path: Path) -> None:
    path = tmp_path / "alerts.jsonl"
    deliver(path, '{"id": 1}', '{"id": 2}')
    deliver(path, '{"id": 3}')
    assert [json.loads(line)["id"] for line in path.read_text().splitlines()] == [1, 2, 3]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_line_torn_by_a_crash_is_ended_first(tmp_path: Path) -> None:
    path = tmp_path / "alerts.jsonl"
    path.write_text('{"id": 1}\n{"id": 2, "te')
    deliver(path, '{"id": 2}')
    assert path.read_text() == '{"id": 1}\n{"id": 2, "te\n{"id": 2}\n'
    deliver(path, '{"id": 3}')
    assert path.read_text().endswith('{"id": 2}\n{"id": 3}\n')


def test_it_may_be_rotated_away_or_truncated_at_any_time(tmp_path: Path) -> None:
    path = tmp_path / "alerts.jsonl"
    sink = JsonlSink(path)

    async def live() -> None:
        await sink.deliver(["1"])
        path.rename(tmp_path / "alerts.jsonl.1")
        await sink.deliver(["2"])
        os.truncate(path, 0)
        await sink.deliver(["3"])
        path.unlink()
        await sink.deliver(["4"])

    asyncio.run(live())
    assert (tmp_path / "alerts.jsonl.1").read_text() == "1\n"
    assert path.read_text() == "4\n"


def test_what_keeps_it_from_writing_is_an_os_error(tmp_path: Path) -> None:
    (tmp_path / "directory").mkdir()
    for path in (tmp_path / "directory", tmp_path / "none" / "alerts.jsonl", Path("/dev/full")):
        with pytest.raises(OSError, match=r"Is a directory|No such file|No space"):
            deliver(path, "1")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_no_permission_is_an_os_error(tmp_path: Path) -> None:
    path = tmp_path / "alerts.jsonl"
    path.touch(0o400)
    with pytest.raises(PermissionError):
        deliver(path, "1")
