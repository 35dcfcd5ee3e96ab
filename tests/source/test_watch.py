"""Hints from the real inotify; each wait is for an event, with a limit."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import pytest
from watchdog.observers.api import BaseObserver

from tinylogbert_daemon.source import watch
from tinylogbert_daemon.source.watch import Watcher, directories_of, names_of

LIMIT = 10.0


class Ear:
    """Counts wakes, and lets a test wait for the next one."""

    def __init__(self) -> None:
        self.heard = threading.Semaphore(0)
        self.names: list[str] = []

    def __call__(self, directory: str) -> None:
        self.names.append(directory)
        self.heard.release()

    def wait(self, seconds: float = LIMIT) -> bool:
        return self.heard.acquire(timeout=seconds)


@pytest.fixture
def ear() -> Ear:
    return Ear()


@pytest.fixture
def watcher(ear: Ear) -> Iterator[Watcher]:
    before = set(threading.enumerate())
    watcher = Watcher(ear)
    yield watcher
    watcher.stop()
    assert set(threading.enumerate()) <= before


def test_write_create_rename_and_delete_wake(watcher: Watcher, ear: Ear, tmp_path: Path) -> None:
    assert watcher.watch([str(tmp_path)]) is None
    log = tmp_path / "a.log"
    for change in (
        lambda: log.write_bytes(b"one\n"),
        lambda: log.write_bytes(b"two\n"),
        lambda: log.rename(tmp_path / "a.log.1"),
        (tmp_path / "a.log.1").unlink,
    ):
        change()
        assert ear.wait()
        # a change makes several events; take them all, so that the next change wakes again
        while any(watcher.take()) or ear.wait(0.2):
            pass
    assert set(ear.names) == {str(tmp_path), str(log)}


def test_one_wake_until_it_is_taken(watcher: Watcher, ear: Ear, tmp_path: Path) -> None:
    watcher.watch([str(tmp_path)])
    log = tmp_path / "a.log"
    log.write_bytes(b"one\n")
    assert ear.wait()  # it is made
    assert ear.wait()  # and written to
    for number in range(50):
        log.write_bytes(b"%d\n" % number)
    assert not ear.wait(0.3)
    assert watcher.take() == ({str(tmp_path)}, {str(log)})
    log.write_bytes(b"two\n")
    assert ear.wait()
    assert watcher.take() == (set(), {str(log)})


def test_reading_does_not_wake(watcher: Watcher, ear: Ear, tmp_path: Path) -> None:
    (tmp_path / "a.log").write_bytes(b"one\n")
    watcher.watch([str(tmp_path)])
    for _ in range(20):
        (tmp_path / "a.log").read_bytes()
    assert not ear.wait(0.3)


def test_directory_no_longer_wanted_is_silent(watcher: Watcher, ear: Ear, tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    watcher.watch([str(tmp_path / "one"), str(tmp_path / "two")])
    watcher.watch([str(tmp_path / "two")])
    (tmp_path / "one" / "a.log").write_bytes(b"")
    (tmp_path / "two" / "a.log").write_bytes(b"")
    assert ear.wait()
    ear.wait(0.2)
    assert set(ear.names) == {str(tmp_path / "two")}


def test_directory_made_anew_is_watched_anew(watcher: Watcher, ear: Ear, tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    logs.mkdir()
    watcher.watch([str(logs)])
    logs.rmdir()
    assert "no such file" in (watcher.watch([str(logs)]) or "")
    logs.mkdir()
    assert watcher.watch([str(logs)]) is None
    while any(watcher.take()) or ear.wait(0.2):
        pass
    (logs / "a.log").write_bytes(b"")
    assert ear.wait()


def test_link_to_a_directory_is_watched(watcher: Watcher, ear: Ear, tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    watcher.watch([str(tmp_path / "link")])
    (tmp_path / "real" / "a.log").write_bytes(b"")
    assert ear.wait()
    assert watcher.take().directories == {str(tmp_path / "link")}


def test_busy_directory_rests_and_is_woken_by_the_clock(
    watcher: Watcher, ear: Ear, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "_EVENTS_PER_SECOND", 3)
    monkeypatch.setattr(watch, "_REST_SECONDS", 0.3)
    watcher.watch([str(tmp_path)])
    for number in range(20):
        (tmp_path / f"{number}.log").write_bytes(b"")
    for _ in range(4):  # wakes come although nothing happens any more
        assert ear.wait()
        watcher.take()
    while ear.wait(0.6):  # until the rest is over
        watcher.take()
    (tmp_path / "again.log").write_bytes(b"")
    assert ear.wait()


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EMFILE])
def test_inotify_exhausted_falls_back_to_polling_and_says_so(
    ear: Ear, tmp_path: Path, number: int
) -> None:
    def exhausted() -> BaseObserver:
        raise OSError(number, os.strerror(number))

    watcher = Watcher(ear, make_observer=exhausted)
    reason = watcher.watch([str(tmp_path)])
    assert reason == watcher.reason
    assert reason == f"polling, not watching {tmp_path}: {os.strerror(number).lower()}"
    watcher.stop()


def test_stop_while_a_watch_is_being_set_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go = threading.Event(), threading.Event()
    made: list[threading.Thread] = []

    class Slow(threading.Thread):
        """A thread whose start takes a while."""

        def start(self) -> None:
            made.append(self)
            begun.set()
            assert go.wait(10)
            super().start()

    watcher = Watcher(Ear())
    with ThreadPoolExecutor(2) as pool:
        monkeypatch.setattr(watch, "threading", SimpleNamespace(Thread=Slow))
        setting_up = pool.submit(watcher.watch, [str(tmp_path)])
        assert begun.wait(10)
        stopping = pool.submit(watcher.stop)
        with pytest.raises(TimeoutError):
            stopping.result(0.1)
        go.set()
        assert setting_up.result(10) is None
        stopping.result(10)
    assert made and not any(thread.is_alive() for thread in made)
    assert watcher.watch([str(tmp_path)]) is None
    assert watcher._observer is None, "no watch after the end"


def test_stop_without_a_watch() -> None:
    Watcher(Ear()).stop()


def test_directories_of_a_link_are_both(tmp_path: Path) -> None:
    (tmp_path / "pod").mkdir()
    (tmp_path / "pod" / "0.log").write_bytes(b"")
    (tmp_path / "app.log").symlink_to("pod/0.log")
    assert directories_of(names_of(str(tmp_path / "app.log"))) == {
        str(tmp_path),
        str(tmp_path / "pod"),
    }
    assert directories_of(names_of(str(tmp_path / "pod" / "0.log"))) == {str(tmp_path / "pod")}
