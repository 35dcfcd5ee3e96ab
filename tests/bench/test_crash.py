"""The crash benchmark counts what is lost, doubled and corrupted, and finds none of it."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import crash
import pytest
import writer

from tests.bench.conftest import ROOT
from tinylogbert_daemon.state.store import Store

pytestmark = pytest.mark.timeout(180)


class Host:
    """A log of 30 lines and the state of a daemon that has committed them all."""

    def __init__(self, folder: Path) -> None:
        self.logs = folder / "logs"
        self.state = folder / "state"
        self.logs.mkdir()
        log = self.logs / "app.log"
        log.write_bytes(writer.chunk(0, 30))
        self.inode, self.size = log.stat().st_ino, log.stat().st_size
        self.files = crash.Files(self.logs)
        Store(self.state).close()
        with self.database() as db:
            db.execute(
                "INSERT INTO files (device, inode, head, source, path, offset, lines, committed,"
                " tail, mid_line, skipping, seen)"
                " VALUES (1, ?, x'00', 'bench', ?, ?, 30, 30, x'00', 0, 0, 1.0)",
                (self.inode, str(log), self.size),
            )
            db.execute("INSERT INTO sources (name, records) VALUES ('bench', 30)")
            db.execute(
                "INSERT INTO incidents (id, source, key, opened, last_seen, closed, records,"
                " last_line, alerted, first) VALUES ('a', 'bench', 1, 1, 1, 2, 30, 'x', 1, '{}')"
            )
        self.alerts('{"id": "a", "status": "open"}', '{"id": "a", "status": "closed"}')

    @contextmanager
    def database(self) -> Iterator[sqlite3.Connection]:
        with sqlite3.connect(self.state / "state.db") as db:
            yield db
        db.close()

    def change(self, statement: str) -> None:
        with self.database() as db:
            db.execute(statement)

    def alerts(self, *lines: str) -> None:
        (self.state / "alerts.jsonl").write_text("".join(f"{line}\n" for line in lines))


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


def test_nothing_is_wrong_with_a_state_that_is_right(host: Host) -> None:
    assert crash.check(host.state, host.files) == []
    assert crash.balance(host.state, host.files) == (30, 0, 0)
    assert crash.check_alerts(host.state) == ([], 2, 0, 0)


@pytest.mark.parametrize(("committed", "lost", "doubled"), [(29, 1, 0), (33, 0, 3)])
def test_lines_that_are_lost_or_doubled_are_counted(
    host: Host, committed: int, lost: int, doubled: int
) -> None:
    host.change(f"UPDATE files SET committed = {committed}")
    assert crash.balance(host.state, host.files) == (30, lost, doubled)
    assert len(crash.check(host.state, host.files)) == 2  # against the file and the records


def test_a_file_that_nobody_has_read_is_lost(host: Host) -> None:
    (host.logs / "app.log-20260101-000000-000001").write_bytes(writer.chunk(30, 7))
    assert crash.balance(host.state, host.files) == (37, 7, 0)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE sources SET records = 31",
        "UPDATE incidents SET records = 29",
        "UPDATE files SET offset = offset - 1",
    ],
)
def test_tables_that_do_not_agree_are_corrupted(host: Host, statement: str) -> None:
    host.change(statement)
    assert len(crash.check(host.state, host.files)) == 1


def test_alerts_are_held_against_the_incidents(host: Host) -> None:
    opened, closed = '{"id": "a", "status": "open"}', '{"id": "a", "status": "closed"}'
    host.alerts(opened, '{"id": "a", "sta', opened, closed)
    assert crash.check_alerts(host.state) == ([], 2, 1, 1)
    host.alerts(opened)
    assert len(crash.check_alerts(host.state)[0]) == 1
    host.alerts(opened, closed, '{"id": "b", "status": "open"}')
    assert len(crash.check_alerts(host.state)[0]) == 1
    host.alerts(opened, closed, '{"id": "a", "status": "open", "score": 1}')
    assert len(crash.check_alerts(host.state)[0]) == 1
    host.alerts(opened, closed)
    host.change("INSERT INTO deliveries (sink, incident, body) VALUES ('jsonl', 'a', '{}')")
    assert len(crash.check_alerts(host.state)[0]) == 1


def test_the_daemon_is_killed_again_and_again_and_every_line_is_committed_once() -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "scripts" / "bench" / "crash.py", "--quick", "--json"],
        check=True,
        capture_output=True,
        text=True,
        timeout=170,
    )
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["written"] > 20_000
    assert found["alerts"] >= 20
    assert {key: found[key] for key in ("kills", "lost", "doubled", "corrupted")} == {
        "kills": 8,
        "lost": 0,
        "doubled": 0,
        "corrupted": 0,
    }, done.stderr
