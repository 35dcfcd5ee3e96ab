"""An older version's state under this one, and the way back, with the real older daemons."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import log_lines
from tests.daemon.service import ROOT, Service, until
from tinylogbert_daemon.state.schema import MIGRATIONS

# What was released under these schemas: its commit, and the version of its tables. The first has
# another normaliser and another base model, so that all texts are re-keyed.
RELEASES = {"first": ("8f3ba94", 1), "second": ("d8ff944", 2)}
LINES = log_lines(1200, seed=7)
TROUBLE = "2026-06-12T10:00:28.123Z FATAL [worker-3] store: filesystem is corrupted, giving up"

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
