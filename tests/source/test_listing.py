"""Listings of directories: shared while nothing changes, never older than the last change."""

from __future__ import annotations

import os
import random
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tinylogbert_daemon.source import listing
from tinylogbert_daemon.source.identity import siblings
from tinylogbert_daemon.source.listing import Listings


class Counted:
    """Counts the listings made."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.made = 0
        self._scandir = os.scandir
        monkeypatch.setattr(os, "scandir", self._count)

    def _count(self, path: str | Path) -> Iterator[os.DirEntry[str]]:
        self.made += 1
        return self._scandir(path)


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Counted:
    return Counted(monkeypatch)


def names(listings: Listings, path: Path) -> list[str]:
    return [Path(file.path).name for file in siblings(str(path), listings)]


def rest(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have what was changed a moment ago count as at rest; only the times themselves tell then."""
    monkeypatch.setattr(listing, "_REST_NS", 0)


def change_times(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_mtime_ns, status.st_ctime_ns


def tick(directory: Path) -> None:
    """Wait until a change of the directory gets another time than the last one."""
    before = change_times(directory)
    while change_times(directory) == before:
        (directory / "tick").touch()
        (directory / "tick").unlink()


def test_a_directory_at_rest_is_listed_once_for_all_its_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, counted: Counted
) -> None:
    for number in range(50):
        (tmp_path / f"{number}.log").touch()
        (tmp_path / f"{number}.log.1").touch()
    (tmp_path / "7.log-20260101").touch()
    (tmp_path / "7.log.d").mkdir()
    (tmp_path / "7.log.link").symlink_to("7.log")
    rest(monkeypatch)
    listings = Listings()
    found = {number: names(listings, tmp_path / f"{number}.log") for number in range(50)}
    assert counted.made == 1
    assert sorted(found.pop(7)) == ["7.log-20260101", "7.log.1"]
    assert all(names == [f"{number}.log.1"] for number, names in found.items())


def test_a_directory_that_has_just_changed_is_listed_at_each_look(
    tmp_path: Path, counted: Counted
) -> None:
    (tmp_path / "app.log.1").touch()
    listings = Listings()
    for look in range(1, 4):
        assert names(listings, tmp_path / "app.log") == ["app.log.1"]
        assert counted.made == 2 * look  # before and after the files are looked at


@pytest.mark.parametrize("change", ["made", "renamed", "removed", "replaced"])
def test_what_has_changed_since_is_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    rest(monkeypatch)
    log, old = tmp_path / "app.log", tmp_path / "app.log.1"
    old.write_bytes(b"old\n")
    log.write_bytes(b"new\n")
    listings = Listings()
    before = siblings(str(log), listings)
    tick(tmp_path)
    if change == "made":
        (tmp_path / "app.log.2").touch()
        assert set(names(listings, log)) == {"app.log.1", "app.log.2"}
    elif change == "renamed":
        old.rename(tmp_path / "app.log.2")
        assert names(listings, log) == ["app.log.2"]
    elif change == "removed":
        old.unlink()
        assert names(listings, log) == []
    else:
        log.rename(old)
        assert [one.identity for one in before] != [
            one.identity for one in siblings(str(log), listings)
        ]


def test_a_listing_is_not_shared_for_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, counted: Counted
) -> None:
    rest(monkeypatch)
    (tmp_path / "app.log.1").touch()
    listings = Listings()
    names(listings, tmp_path / "app.log")
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now + 1.1)
    assert names(listings, tmp_path / "app.log") == ["app.log.1"]
    assert counted.made == 2


def test_a_directory_of_very_many_names_is_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rest(monkeypatch)
    monkeypatch.setattr(listing, "_MOST_NAMES", 3)
    for number in range(5):
        (tmp_path / f"app.log.{number}").touch()
    listings = Listings()
    assert len(names(listings, tmp_path / "app.log")) == 5
    assert not listings._kept


def test_of_many_directories_the_last_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rest(monkeypatch)
    monkeypatch.setattr(listing, "_MOST_DIRECTORIES", 2)
    listings = Listings()
    for number in range(5):
        (tmp_path / str(number)).mkdir()
        (tmp_path / str(number) / "app.log.1").touch()
        assert names(listings, tmp_path / str(number) / "app.log") == ["app.log.1"]
    assert len(listings._kept) <= 2


def test_a_directory_that_is_gone_has_no_siblings(tmp_path: Path) -> None:
    assert siblings(str(tmp_path / "nothing" / "app.log"), Listings()) == []


def test_no_look_is_older_than_the_changes_before_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Threads look while names change; whatever had its name before a look is in it."""
    monkeypatch.setattr(listing, "_REST_NS", 50_000_000)
    chance = random.Random(1)
    listings, log = Listings(), tmp_path / "app.log"
    number, wrong = [0], []
    over = threading.Event()

    def look() -> None:
        while not over.is_set():
            least = number[0]
            if len(siblings(str(log), listings)) < least:
                wrong.append(least)

    threads = [threading.Thread(target=look) for _ in range(3)]
    for thread in threads:
        thread.start()
    for _ in range(40):
        for _ in range(chance.randrange(1, 4)):
            (tmp_path / f"app.log.{number[0] + 1}").touch()
            number[0] += 1
        over.wait(chance.choice((0.0, 0.001, 0.06)))
    over.set()
    for thread in threads:
        thread.join()
    assert not wrong
