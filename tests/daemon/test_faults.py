"""The machine fails under the daemon: power, disk, state. It goes on, or says why not."""

from __future__ import annotations

import os
import random
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.daemon.service import Service, call, until
from tinylogbert_daemon.state.schema import MIGRATIONS


@contextmanager
def small_disk(path: Path, kib: int) -> Iterator[Path]:
    """Give a file system of so many KiB; skips where none can be mounted."""
    path.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={kib}k,mode=700", "tinylogbert-test", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"a tmpfs cannot be mounted here: {done.stderr.strip()}")
    try:
        yield path
    finally:
        subprocess.run(["umount", "-l", str(path)], check=True)


def refused(service: Service) -> str:
    """Run the daemon, which must end at once; return the one line that it says why."""
    done = call("run", "-c", service.config_file)
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    return line


def test_power_is_lost_and_the_end_of_what_was_committed_with_it(service: Service) -> None:
    """The disk had not written what it said it had: the lines of those commits come again."""
    choose = random.Random(5)
    written = 0

    def write() -> None:
        nonlocal written
        for _ in range(5):
            service.write("app.log", *[f"INFO job {written + n} done" for n in range(20)])
            written += 20
            until(lambda: sum(service.committed().values()) == written, "all lines committed")  # noqa: B023

    service.start()
    write()
    assert service.stop() == 0
    for _ in range(2):
        service.start()
        write()
        service.kill()
        log = service.state / "state.db-wal"
        os.truncate(log, choose.randrange(log.stat().st_size))
    service.start()
    path = str(service.logs / "app.log")
    until(lambda: service.committed().get(path, 0) >= written, "all lines committed")
    assert service.stop() == 0
    status = service.status()
    assert status["files"] == {path: written}
    assert status["sources"]["app"]["records"] == written
    assert "Traceback" not in service.log_file.read_text()


@pytest.mark.parametrize("begun", ["", "INFO jo", "INFO job 0 started\nINFO jo"])
def test_a_new_log_is_rotated_away_after_a_kill_before_its_first_commit(
    service: Service, begun: str
) -> None:
    """What it holds is not committed yet, be it empty or in the model; but that it is there is."""
    service.start()
    log = service.logs / "app.log"
    log.write_text(begun)

    def state() -> list[tuple[int, int]]:
        with sqlite3.connect(f"file:{service.state}/state.db?mode=ro", uri=True) as db:
            found = db.execute("SELECT offset, committed FROM files").fetchall()
        db.close()
        return found

    until(state, "the new log is in the state")
    service.kill()
    if "\n" not in begun:
        assert state() == [(0, 0)]
    with log.open("a") as file:
        file.write("b 1 done\nINFO job 2 done\n")
    log.rename(service.logs / "app.log.1")
    service.write("app.log", "INFO job 3 done")
    service.start()
    written = begun.count("\n") + 3
    until(lambda: sum(service.committed().values()) >= written, "all lines committed")
    assert service.stop() == 0
    assert service.status()["files"] == {str(log): written}


def damaged(service: Service) -> bytes:
    """Let the daemon commit something, then damage its state; return that."""
    service.start()
    service.write("app.log", *[f"line {number} of before" for number in range(50)])
    until(lambda: sum(service.committed().values()) == 50, "50 lines")
    assert service.stop() == 0
    path = service.state / "state.db"
    content = bytearray(path.read_bytes())
    content[4096:] = bytes(len(content) - 4096)
    path.write_bytes(content)
    return bytes(content)


def test_a_damaged_state_is_set_aside_once(service: Service) -> None:
    content = damaged(service)
    for start in range(2):
        service.start()
        said = service.events("the state begins anew")
        assert len(said) == (1 if start == 0 else 0)
        service.write("app.log", *[f"line {number} of start {start}" for number in range(10)])
        lines = 10 * (start + 1)
        # as at the first start, what was there was read back for counts only
        until(lambda: sum(service.committed().values()) == lines, "the lines since")  # noqa: B023
        assert service.stop() == 0
    (aside,) = service.state.glob("state.db.damaged-*")
    assert aside.read_bytes() == content
    assert service.status()["sources"]["app"]["records"] == 70


def test_a_damaged_state_is_refused_where_the_configuration_says_so(service: Service) -> None:
    service.configure(state={"on_damage": "stop"})
    content = damaged(service)
    first = refused(service)
    assert first.startswith(f"tinylogbert: {service.state}/state.db: ")
    assert first.endswith("move the file away to start anew, or set state.on_damage to aside")
    assert refused(service) == first
    assert (service.state / "state.db").read_bytes() == content


def test_a_state_of_a_newer_version_is_refused_and_left_as_it_is(service: Service) -> None:
    service.start()
    assert service.stop() == 0
    with sqlite3.connect(service.state / "state.db") as database:
        database.execute(f"PRAGMA user_version={len(MIGRATIONS) + 1}")
    database.close()
    before = (service.state / "state.db").read_bytes()
    assert "upgrade, or move the file away to start anew" in refused(service)
    assert (service.state / "state.db").read_bytes() == before


def test_a_state_directory_that_is_read_only(service: Service, tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 4096) as disk:
        service.configure(state_dir=str(disk / "state"))
        service.start()
        assert service.stop() == 0
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        assert refused(service) == (
            f"tinylogbert: {disk}/state/state.db: cannot use the state: Read-only file system"
        )


def test_a_full_disk_holds_reading_up_and_drops_nothing(service: Service, tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 3072) as disk:
        service.configure(
            state_dir=str(disk / "state"),
            # every text alerts: the JSONL file is on the full disk too
            decision={"threshold": 0.0, "learning_hours": 0, "alert_budget": 1000, "burst": 1000},
        )
        service.state = disk / "state"
        service.start()
        path = str(service.write("app.log", "the first line"))
        until(lambda: service.committed().get(path) == 1, "the first line")
        filler = disk / "filler"
        fill(filler)
        written = 1
        for part in range(30):
            words = [f"word{'x' * part} number {'1' * (n + 1)} of it" for n in range(50)]
            service.write("app.log", *words)
            written += 50
        until(lambda: service.event("cannot commit; reading waits"), "a commit that fails")
        (said,) = service.events("cannot commit; reading waits")
        assert "disk is full" in said["error"]
        committed = service.committed()[path]
        assert committed < written
        # it is killed, and started on the full disk: nothing can be committed, and it waits
        service.kill()
        service.start()
        fill(filler)
        service.write("app.log", "one more")
        written += 1
        until(lambda: service.event("cannot commit; reading waits"), "a commit that fails")
        assert service.committed()[path] == committed
        filler.unlink()
        until(lambda: service.event("committing again"), "room")
        until(lambda: service.committed()[path] >= written, "all lines")
        assert service.stop() == 0
        status = service.status()
        assert status["files"] == {path: written}
        assert status["sources"]["app"]["records"] == written
        assert status["deliveries_pending"] == {}
        opened = {alert["id"] for alert in service.alerts() if alert["status"] == "open"}
        with sqlite3.connect(service.state / "state.db") as database:
            sent = {id_ for (id_,) in database.execute("SELECT id FROM incidents WHERE alerted")}
        database.close()
        assert opened == sent
    assert "Traceback" not in service.log_file.read_text()


def fill(path: Path) -> None:
    """Write to a file until there is no room left."""
    with path.open("ab", buffering=0) as file:
        for size in (65_536, 4096, 512, 1):
            try:
                while file.write(b"\0" * size):
                    pass
            except OSError:
                continue
