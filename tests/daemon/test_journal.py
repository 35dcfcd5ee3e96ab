"""A daemon on a real journal: killed, restarted, its journalctl killed; every entry once."""

from __future__ import annotations

import asyncio
import os
import random
import re
import signal
import sqlite3
import time
from pathlib import Path

import pytest

from tests.conftest import RunCommand
from tests.daemon.service import Service, call, until
from tests.pipeline.parts import until as soon
from tests.source.journals import (
    FakeJournalctl,
    Writer,
    exported,
    line,
    moment,
    needs_journal,
    printed,
)
from tinylogbert_daemon.config import load
from tinylogbert_daemon.daemon import Daemon
from tinylogbert_daemon.source import journal as module

_KILLS = 6
_PART = 3000


@needs_journal
def test_every_entry_once_over_kill_9_reload_and_a_journalctl_that_dies(
    service: Service, tmp_path: Path
) -> None:
    journal, choose = tmp_path / "journal", random.Random(1)
    journal.mkdir()
    path = f"journal:{journal}"
    service.configure(sources=[{"name": "host", "journal": {"directory": str(journal)}}])
    service.start()
    # from then on all is new
    _committed(service, path, 0)
    written, amidst = 0, 0
    with Writer(journal) as writer:
        for kill in range(_KILLS):
            part = range(written, written + _PART)
            writer.write(*[exported(n, "x" * (n % 50)) for n in part])
            if kill:  # the first comes before all can have been read
                _committed(service, path, written + choose.randrange(1, 200))
            written += _PART
            if kill % 3 == 2:
                service.send(signal.SIGHUP)
                _running_again(service)
            elif kill % 3:
                assert service.process is not None
                for child in _children(service.process.pid):
                    os.kill(child, signal.SIGKILL)
                until(lambda: service.event("journal"), "a journalctl that ended")
            else:
                service.kill()
                amidst += _row(service)[0] < written
                service.start()
    _committed(service, path, written)
    assert service.stop() == 0
    assert amidst > 0, "every kill came too late to be of interest"
    status = service.status()
    assert status["files"] == {path: written}
    assert status["sources"]["host"]["records"] == written
    lines, offset, cursor = _row(service)
    # of entries of different lengths, none can stand in for another
    assert offset == sum(len(line(n, "x" * (n % 50))) + 1 for n in range(written))
    assert (lines, cursor[:2]) == (written, "s=")


def _running_again(service: Service) -> None:
    until(lambda: len(service.events("running")) == 2, "running again")


def _committed(service: Service, path: str, count: int) -> None:
    """Wait until so many entries are committed."""
    until(lambda: service.committed().get(path, -1) >= count, f"{count} entries")


def _row(service: Service) -> tuple[int, int, str]:
    """Return lines, offset and cursor as the state has them."""
    with sqlite3.connect(service.state / "state.db") as database:
        ((lines, offset, cursor),) = database.execute("SELECT lines, offset, cursor FROM files")
    database.close()
    return lines, offset, cursor


def _children(parent: int) -> list[int]:
    return [
        int(number)
        for found in Path(f"/proc/{parent}/task").glob("*/children")
        for number in found.read_text().split()
    ]


@needs_journal
def test_the_first_start_reads_a_journal_back_for_counts_only(
    service: Service, tmp_path: Path
) -> None:
    journal = tmp_path / "journal"
    with Writer(journal) as writer:
        writer.write(*[exported(n, f"boom {n}", PRIORITY="2") for n in range(500)])
    path = f"journal:{journal}"
    service.write("app.log", "beside it, a file")
    service.configure(
        sources=[
            {"name": "host", "journal": {"directory": str(journal)}},
            *service.config["sources"],
        ],
        decision={"threshold": 0.0, "learning_hours": 0},
    )
    service.start()
    until(lambda: service.committed().get(path) == 0, "a journal that was read back")
    with Writer(journal, "b.journal") as writer:
        writer.write(exported(501, "something quite different is new"))
        until(lambda: service.committed().get(path) == 1, "what is new")
        name = 'tinylogbert_source_lag_seconds{source="host"}'
        until(lambda: name in service.get("/metrics"), "how far it is behind")
        (lag,) = re.findall(f"^{re.escape(name)} (.+)$", service.get("/metrics"), re.MULTILINE)
        assert float(lag) == pytest.approx(time.time() - moment(501) / 1e6, abs=60)
    until(service.alerts, "an alert")
    assert service.stop() == 0
    assert service.status()["sources"]["host"]["records"] == 501
    assert service.status()["files"] == {path: 1, str(service.logs / "app.log"): 0}
    (alert,) = service.alerts()
    assert alert["source"] == "host"
    assert "something quite different" in alert["log_text"]


def test_a_journalctl_that_is_missing_is_one_line_in_check_and_at_the_start(
    service: Service, tmp_path: Path
) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    service.configure(sources=[{"name": "host", "journal": True}])
    expected = (
        "tinylogbert: source host: there is no journalctl to read the journal with; install "
        "systemd, or name paths\n"
    )
    for command in ("check", "run"):
        done = call(command, "-c", service.config_file, env={"PATH": str(empty)})
        assert (done.returncode, done.stderr) == (1, expected)


def test_what_journalctl_complains_of_is_logged_and_seen_as_unreadable(
    service: Service, tmp_path: Path
) -> None:
    fake = FakeJournalctl(tmp_path / "bin")
    fake.prepare("", err="no such file\nNo access to \x1b[31mit\n", status=1)
    fake.prepare(printed(0), err="Hint: you do not see all.\n")
    fake.prepare("")
    fake.prepare(printed(1) + "garbage\n", err="Journal file is \x1b[31mcorrupt\n", status=1)
    fake.prepare(printed(2), status="stays")
    service.configure(sources=[{"name": "host", "journal": True}])
    environment = {"PATH": f"{fake.directory}:/usr/bin:/bin"}
    done = call("check", "-c", service.config_file, env=environment)
    assert (done.returncode, done.stderr) == (
        1,
        "tinylogbert: source host: journalctl cannot read the journal: No access to \\x1b[31mit\n",
    )
    done = call("check", "-c", service.config_file, env=environment)
    assert done.returncode == 0
    assert "source host: journal\n  journalctl: Hint: you do not see all.\n" in done.stdout
    service.start(env=environment)
    until(lambda: service.committed().get("journal") == 2, "entries")
    metrics = service.get("/metrics")
    assert 'tinylogbert_read_lines_total{path="journal"} 2.0' in metrics
    assert 'tinylogbert_lines_dropped_total{reason="unreadable"} 1.0' in metrics
    assert service.stop() == 0
    # what comes on two pipes comes in any order
    assert sorted(one["reason"] for one in service.events("journal")) == [
        "journalctl ended with status 1: Journal file is \\x1b[31mcorrupt; starting it again in "
        "1 s",
        "journalctl wrote what is no entry of a journal; it is passed over",
        "journalctl: Journal file is \\x1b[31mcorrupt",
    ]


def test_no_configured_file_but_a_journal_is_one_line_in_check_and_at_the_start(
    service: Service,
    tmp_path: Path,
    command: RunCommand,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder = tmp_path / "journals" / "0123456789abcdef"
    folder.mkdir(parents=True)
    monkeypatch.setattr(module, "JOURNALS", (tmp_path / "none", folder.parent))
    monkeypatch.setenv("PATH", str(FakeJournalctl(tmp_path / "bin").directory))
    config = load(service.config_file)
    said = ""

    def shown() -> bool:
        nonlocal said
        said += capsys.readouterr().out
        return module.HINT in said

    async def start() -> None:
        nonlocal said
        said = ""
        daemon = Daemon(config, lambda: config)
        running = asyncio.ensure_future(daemon.run())
        await soon(shown)
        daemon._end()
        await running

    assert command("check", "-c", service.config_file) == 0
    assert not shown()
    (folder / "system.journal").touch()
    assert command("check", "-c", service.config_file) == 0
    assert shown()
    asyncio.run(start())
    assert said.count(module.HINT) == 1
    service.write("app.log", "a line")
    said = ""
    assert command("check", "-c", service.config_file) == 0
    assert not shown()
