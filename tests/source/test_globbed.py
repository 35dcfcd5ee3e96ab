"""A glob that matches what is rotated away, too: whose file is whose."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.source.globbed import GlobbedScene
from tests.source.scene import Scene
from tinylogbert_daemon.source.identity import bases
from tinylogbert_daemon.source.registry import OpenFiles
from tinylogbert_daemon.source.tail import ReadBack, Tail


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return GlobbedScene(tmp_path)


@pytest.mark.parametrize("read_before", [0, 1, 2])
def test_copy_that_is_seen_before_the_log_is_truncated(scene: Scene, read_before: int) -> None:
    old = scene.write_lines(*range(read_before))
    assert scene.read() == old
    rest = scene.write_lines(7, 8)
    scene.copy()
    assert scene.read() == rest
    os.truncate(scene.path, 0)
    new = scene.write_lines(9)
    assert scene.read() == new
    scene.restart()
    assert scene.read() == []
    assert scene.lines == read_before + 3 == scene.saved_lines


def test_copy_in_the_making(scene: Scene) -> None:
    scene.write_lines(1, 2, 3)
    scene.read()
    content = scene.path.read_bytes()
    for length in (0, 5, len(content)):
        scene.sibling(".1").write_bytes(content[:length])
        assert scene.wait(1.0) == []
    os.truncate(scene.path, 0)
    assert scene.wait(6.0) == []
    assert scene.saved_lines == 3


def test_copytruncate_while_we_are_stopped(scene: Scene) -> None:
    scene.write_lines(1, 2)
    scene.read()
    rest = scene.write_lines(3)
    scene.stop()
    scene.copytruncate()
    new = scene.write_lines(4)
    scene.restart()
    assert sorted(scene.read()) == rest + new
    assert scene.saved_lines == 4


def test_what_only_looks_like_a_rotated_file_is_read(scene: Scene) -> None:
    scene.write_lines(1, 2)
    scene.read()
    scene.sibling(".errors").write_bytes(b"another log\n")
    assert scene.read() == [b"another log"]
    scene.sibling("-audit").write_bytes(b"")
    assert scene.read() == []
    scene.sibling("-audit").write_bytes(b"one more\n")
    assert scene.read() == [b"one more"]


@pytest.mark.parametrize("truncated", [False, True])
def test_what_begins_with_all_that_the_log_holds_is_no_copy(scene: Scene, truncated: bool) -> None:
    banner = scene.write_lines(1)
    assert scene.read() == banner
    if truncated:
        os.truncate(scene.path, 0)
        assert scene.read() == []
    scene.sibling(".debug").write_bytes(b"line 1 of the log\nand more\n")
    assert scene.read() == [*banner, b"and more"]


def test_empty_files_beside_a_log_cost_one_look_each(scene: Scene) -> None:
    scene.write_lines(1)
    empty = scene.sibling(".1")
    empty.touch()
    tail = Tail(str(empty), "app", scene.clock, files=scene.files)
    scene.read()
    for _ in range(3):
        assert tail.read() is None
        scene.clock.advance(1.0)
    assert tail.is_unchanged()
    empty.write_bytes(b"something\n")
    assert not tail.is_unchanged()
    assert tail.read() is not None
    tail.close()


def test_what_begins_as_the_log_does_is_read_once_it_differs(scene: Scene) -> None:
    old = scene.write_lines(1)
    scene.read()
    scene.write_lines(2)
    scene.read()
    scene.sibling(".1").write_bytes(b"line 1 of the log\n")
    assert scene.read() == []
    with scene.sibling(".1").open("ab") as file:
        file.write(b"line 5\n")
    assert scene.read() == [*old, b"line 5"]


def test_a_copy_of_a_log_that_nobody_follows_is_read(tmp_path: Path) -> None:
    (tmp_path / "app.log").write_bytes(b"line 1\nline 2\n")
    scene = Scene(tmp_path)
    scene.path = scene.sibling(".copy")
    scene.restart()
    scene.write(b"line 1\nline 2\n")
    assert scene.read() == [b"line 1", b"line 2"]


@pytest.mark.parametrize("name", ["app.log.1", "app-2031-05-09.log"])
@pytest.mark.parametrize("log_first", [True, False])
def test_first_start_where_what_was_rotated_is_followed_too(
    tmp_path: Path, name: str, log_first: bool
) -> None:
    """What is there is history, whichever file is looked at first."""
    start = ReadBack(1 << 20)
    (tmp_path / name).write_bytes(b"line 1\n")
    (tmp_path / "app.log").write_bytes(b"line 2\n")
    scene = Scene(tmp_path, start=start)
    other = scene.new_tail(str(tmp_path / name), start, scene.files)
    records = []
    for tail in (scene.tail, other, scene.tail) if log_first else (other, scene.tail):
        while (block := tail.read_at_once() or tail.read()) is not None:
            scene.save(block.after)
            records += block.data.splitlines()
            assert block.readback or not block.data
    assert sorted(records) == [b"line 1", b"line 2"]
    assert scene.write_lines(3) == scene.read()
    other.close()


def test_of_which_logs_a_name_may_be_a_rotated_one() -> None:
    assert bases("/log/app.log-2026.gz") == ["/log/app.log-2026", "/log/app.log", "/log/app"]
    assert bases("/my-log.d/.hidden") == []
    for date in ("2031-05-09", "20310509", "2031.05.09-12", "20310509-1810000000", "2031-05-09T12"):
        assert (
            bases(f"/log/app-{date}.log.gz")[0]
            == bases(f"/log/app-{date}.log")[0]
            == "/log/app.log"
        )
    for name in ("app-7.log", "app-12345678.log", "app-2031-05-39.log", "app20310509.log"):
        assert "/log/app.log" not in bases(f"/log/{name}")


def test_a_path_is_followed_until_the_last_one_ends() -> None:
    files, one, other = OpenFiles(), object(), object()
    assert not files.is_followed("/log")
    files.follow("/log", one)
    files.follow("/log", other)
    files.unfollow("/log", one)
    files.unfollow("/log", one)
    assert files.is_followed("/log")
    files.unfollow("/log", other)
    assert not files.is_followed("/log")
