"""A glob that matches what is rotated away, too: whose file is whose."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.source.globbed import GlobbedScene
from tests.source.scene import Scene
from tinylogbert_daemon.source.block import Block, FileKey, Position, digest
from tinylogbert_daemon.source.identity import ANY_CONTENT, bases
from tinylogbert_daemon.source.opener import Opener
from tinylogbert_daemon.source.reader import FileReader
from tinylogbert_daemon.source.registry import OpenFiles
from tinylogbert_daemon.source.tail import ReadBack, Tail


@pytest.fixture
def scene(tmp_path: Path) -> GlobbedScene:
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


@pytest.mark.parametrize("sighted", [False, True])
def test_copy_of_what_was_read_and_is_not_committed_yet(scene: Scene, sighted: bool) -> None:
    """A burst may keep the pipeline so long; then the copy's tail may be the first to look."""
    log = Scene.new_reader(scene, None, scene.files)
    records = scene.write_lines(1, 2)
    blocks = [log.read(), log.read()]
    if sighted:
        _commit(scene, *blocks[:1])
    scene.copytruncate()
    copy = scene.new_tail(str(scene.sibling(".1")), None, scene.files)
    assert copy.read() is None
    _commit(scene, *blocks)
    records += scene.write_lines(3)
    for tail in (copy, log, copy, log, copy):
        while (block := tail.read()) is not None:
            _commit(scene, block)
    assert _records(scene) == records
    log.close()
    copy.close()


@pytest.mark.parametrize("order", ["log", "copy"])
@pytest.mark.parametrize("made", [0, 5, 300])
def test_a_look_at_a_copy_while_it_is_completed_and_the_log_truncated(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, order: str, made: int
) -> None:
    """The tail of the copy may be held up anywhere between its looks at the two files."""
    log = Scene.new_reader(scene, None, scene.files)
    records = scene.write_lines(*range(100, 140))
    while (block := log.read()) is not None:
        _commit(scene, block)
    records += scene.write_lines(7)
    content = scene.path.read_bytes()
    scene.sibling(".1").write_bytes(content[:made])
    copy = scene.new_tail(str(scene.sibling(".1")), None, scene.files)
    looking_at = Opener.looking_at

    @contextmanager
    def held_up(opener: Opener, path: str) -> Iterator[FileReader]:
        with looking_at(opener, path) as reader:
            if path.endswith("log") is (order == "log"):
                scene.sibling(".1").write_bytes(content)
                os.truncate(scene.path, 0)
            yield reader

    with monkeypatch.context() as held:
        held.setattr(Opener, "looking_at", held_up)
        assert copy.read() is None
    for tail in (log, copy, log, copy):
        while (block := tail.read()) is not None:
            _commit(scene, block)
    assert _records(scene) == records
    log.close()
    copy.close()


def _commit(scene: Scene, *blocks: Block | None) -> None:
    for block in blocks:
        assert block is not None
        scene.blocks.append(block)
        scene.save(block.after, block.path)


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


def test_copies_that_were_made_while_we_are_stopped_are_looked_at_the_youngest_first(
    scene: GlobbedScene,
) -> None:
    """What the tail of one has begun says nothing of whether an older one was read."""
    scene.last_first = True
    records = scene.write_lines(1)
    scene.read()
    scene.stop()
    for numbers in ((2, 3), range(100, 130)):
        records += scene.write_lines(*numbers)
        scene.copytruncate()
    scene.restart()
    scene.sight()
    scene.restart()
    scene.read()
    assert sorted(_records(scene)) == sorted(records)


@pytest.mark.parametrize("both", [False, True])
def test_what_was_compressed_unread_is_read_after_a_younger_one(
    scene: GlobbedScene, both: bool
) -> None:
    records = _stopped_over_two_rotations(scene)
    scene.pack(".2")
    scene.restart()
    scene.sight()
    scene.stop()
    if both:
        scene.pack(".1")
    scene.restart()
    scene.read()
    assert sorted(_records(scene)) == sorted(records)


def test_what_is_compressed_unseen_is_read_where_another_tail_finished_an_older_one(
    scene: GlobbedScene,
) -> None:
    records = _stopped_over_two_rotations(scene)
    scene.restart()
    _commit(scene, scene.next())
    scene.pack(".1")
    scene.restart()
    scene.read()
    assert sorted(_records(scene)) == sorted(records)


def _stopped_over_two_rotations(scene: GlobbedScene) -> list[bytes]:
    """Return the records of ``.2``, of which one was read, and of ``.1``; the log is empty."""
    scene.last_first = True
    records = scene.write_lines(1)
    scene.read()
    records += scene.write_lines(2)
    scene.stop()
    scene.rename()
    records += scene.write_lines(3)
    scene.rename()
    scene.write(b"")
    return records


def test_a_partial_line_in_a_copy_waits_across_a_kill(scene: GlobbedScene) -> None:
    """Nothing of the copy was handed on before, but all up to there was read in the log."""
    scene.last_first = True
    records = scene.write_lines(1)
    scene.write(b"half of a line")
    scene.read()
    scene.copytruncate()
    assert scene.read() == []
    scene.restart()
    records += [b"half of a line", *scene.write_lines(2)]
    scene.read()
    scene.wait(6.0)
    assert sorted(_records(scene)) == sorted(records)


def test_an_empty_file_that_becomes_a_copy_while_we_are_stopped(scene: GlobbedScene) -> None:
    records = scene.write_lines(*range(100, 120))
    scene.read()
    scene.rename()
    records += scene.write_lines(*range(200, 220))
    scene.sight()
    scene.stop()
    scene.sibling(".2").write_bytes(b"")
    empty = scene.sibling(".2").stat()
    at = FileKey(empty.st_dev, empty.st_ino, ANY_CONTENT)
    scene.save(Position(at, 0, 0, digest(b"")))
    scene.sibling(".2").write_bytes(scene.path.read_bytes())
    scene.restart()
    scene.read()
    assert sorted(_records(scene)) == sorted(records)


def test_what_another_tail_reads_is_compressed_before_anything_of_it_is_committed(
    scene: GlobbedScene,
) -> None:
    scene.write_lines(1)
    scene.read()
    scene.copytruncate()
    scene.sibling(".2").write_bytes(b"line 7\n")
    other = scene.new_tail(str(scene.sibling(".2")), None, scene.files)
    blocks = [other.read(), other.read()]
    scene.pack(".2")
    assert scene.read() == []
    assert [block.data for block in blocks if block] == [b"", b"line 7\n"]
    other.close()


def _records(scene: Scene) -> list[bytes]:
    return [record for block in scene.blocks for record in block.data.splitlines()]


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
            scene.save(block.after, block.path)
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
