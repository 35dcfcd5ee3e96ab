"""An older version's state under this one, and the way back, with the real older daemons."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import log_lines
from tests.daemon.service import ROOT, Service, call, until
from tinylogbert_daemon.cli.client import Daemon
from tinylogbert_daemon.state.schema import MIGRATIONS

# What was released under these schemas: its commit, and the version of its tables. The first has
# another normaliser and another base model, so that all texts are re-keyed.
RELEASES = {"first": ("8f3ba94", 1), "second": ("d8ff944", 2)}
LINES = log_lines(1200, seed=7)
# the first that knows feedback; its tables have no sums of it, and its masks of hex are others
FEEDBACK = ("bf443c7", 7)
TROUBLE = "2026-06-12T10:00:28.123Z FATAL [worker-3] store: filesystem is corrupted, giving up"

REQUEST = "2026-06-12T10:00:28.123Z ERROR [api] request {} was refused: quota is exhausted"
JOB = "2026-06-12T10:00:{:02}.123Z INFO [worker-1] queue: processed {} jobs"

pytestmark = pytest.mark.timeout(240)


def _source(commit: str, folder: Path) -> Path:
    """Return the package as it was at a commit; skips where git does not have that."""
    done = subprocess.run(
        ["git", "archive", "--format=tar", commit, "tinylogbert_daemon"],
        check=False,
        capture_output=True,
        cwd=ROOT,
    )
    if done.returncode:
        pytest.skip(f"git has no commit {commit} here: {done.stderr.decode().strip()}")
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
        archive.extractall(folder, filter="data")
    return folder


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    service = Service(tmp_path, Path("base"))
    yield service
    service.kill()


def _commit(service: Service, lines: int) -> None:
    until(lambda: sum(service.committed().values()) == lines, f"{lines} lines")


@pytest.mark.parametrize(("commit", "schema"), RELEASES.values(), ids=RELEASES)
def test_upgrade_and_rollback(service: Service, commit: str, schema: int, tmp_path: Path) -> None:
    older = {"PYTHONPATH": str(_source(commit, tmp_path / "older"))}
    service.start(env=older)
    service.write("app.log", *LINES[:800])
    _commit(service, 800)
    assert service.stop() == 0
    before = [one["id"] for one in service.alerts()]

    # the upgrade: what was written meanwhile is read, nothing twice, and nothing is news
    service.write("app.log", *LINES[800:1000])
    service.start()
    _commit(service, 1000)
    service.write("app.log", *LINES[1000:1100])
    _commit(service, 1100)
    copy = service.state / f"state.db.v{schema}"
    assert copy.exists() and schema < len(MIGRATIONS)
    # what is news still is: that alone alerts
    service.write("app.log", TROUBLE)
    until(lambda: [one for one in service.alerts() if one["id"] not in before], "the alert")
    assert service.stop() == 0
    fresh = [one["log_text"] for one in service.alerts() if one["id"] not in before]
    assert fresh == [TROUBLE]

    # the older version on the newer state: one clear line
    refused = subprocess.run(
        [sys.executable, "-m", "tinylogbert_daemon", "run", "-c", str(service.config_file)],
        check=False,
        capture_output=True,
        text=True,
        env=os.environ | older,
        timeout=60,
        cwd=service.directory,
    )
    assert refused.returncode == 1
    assert f"was written by a newer version (schema {len(MIGRATIONS)}" in refused.stderr
    assert "Traceback" not in refused.stderr

    # the rollback, as docs/install.md has it: what came after the upgrade is read once more
    (service.state / "state.db").unlink()
    copy.rename(service.state / "state.db")
    service.write("app.log", *LINES[1100:])
    service.start(env=older)
    _commit(service, 1201)
    assert service.stop() == 0


def test_what_is_muted_stays_muted_through_upgrade_and_rollback(
    service: Service, tmp_path: Path
) -> None:
    commit, schema = FEEDBACK
    older = {"PYTHONPATH": str(_source(commit, tmp_path / "older"))}
    daemon = Daemon(service.state / "api.sock")

    def say(*arguments: str, env: dict[str, str] | None = None) -> None:
        done = call("feedback", *arguments, "-c", service.config_file, env=env or {})
        assert done.returncode == 0, done.stderr

    def muted() -> dict[str, Any]:
        """Return who mutes the open incidents that are muted, by their lines."""
        found = daemon.ask("GET", "/api/incidents", open=True, muted=True)["incidents"]
        return {one["log_text"]: one["muted"]["author"] for one in found}

    # whatever is not muted alerts
    service.configure(decision={"learning_hours": 0, "threshold": 0.0})
    lines = [JOB.format(n % 28, n) for n in range(350)]
    service.start(env=older)
    service.write("app.log", *lines[:300])
    _commit(service, 300)
    service.write("app.log", TROUBLE)
    until(lambda: TROUBLE in [one["log_text"] for one in service.alerts()], "an alert")
    (id_,) = (one["id"] for one in service.alerts() if one["log_text"] == TROUBLE)
    say("add", "mute", id_, "--for", "2h", "--author", "anna", env=older)
    line = REQUEST.format("3f2a9c0d77e1b245")
    say("add", "normal", "--line", line, "--author", "ben", env=older)
    assert service.stop() == 0
    before = service.alerts()

    # the upgrade: both come again, one with another id, and nobody is told
    again = [TROUBLE, REQUEST.format("a61fd0339b0ce872")]
    service.write("app.log", *lines[300:350], *again)
    service.start()
    _commit(service, 353)
    # their verdicts may come after the lines are committed
    until(lambda: len(muted()) == 2, "both are flagged")
    assert muted() == {again[0]: "anna", again[1]: "ben"}
    assert 'alerts_suppressed_total{reason="muted"} 2.0' in service.get("/metrics")
    held = daemon.ask("GET", "/api/feedback", active=True)["entries"]
    assert [(one["kind"], one["author"]) for one in held] == [("normal", "ben"), ("mute", "anna")]
    # it is this that keeps them quiet
    say("undo", "1")
    service.write("app.log", TROUBLE)
    until(lambda: len(service.alerts()) > len(before), "an alert again")
    assert service.stop() == 0
    assert [one["log_text"] for one in service.alerts()[len(before) :]] == [TROUBLE]

    # the rollback: the copy knows what held before the upgrade, and no undoing of it
    (service.state / f"state.db.v{schema}").rename(service.state / "state.db")
    service.start(env=older)
    _commit(service, 354)
    until(lambda: len(muted()) == 2, "both are flagged again")
    assert muted() == {again[0]: "anna", again[1]: "ben"}
    assert service.stop() == 0
    assert len(service.alerts()) == len(before) + 1
