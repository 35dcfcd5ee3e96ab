"""The tail is stopped, something happens, and it goes on from what was saved."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import pytest

from tests.source.scene import Scene, open_descriptors
from tinylogbert_daemon.source.block import FileKey, Position, digest
from tinylogbert_daemon.source.discover import Discovery
from tinylogbert_daemon.source.identity import ANY_CONTENT
from tinylogbert_daemon.source.tail import ReadBack


def test_restart_goes_on_where_it_stopped(scene: Scene) -> None:
    scene.write_lines(1, 2)
    scene.read()
    scene.stop()
    more = scene.write_lines(3)
    scene.restart()
    assert scene.read() == more
    scene.restart()
    assert scene.read() == []
    assert scene.lines == 3 == scene.saved_lines


def test_block_that_was_not_committed_is_read_again(scene: Scene) -> None:
    records = scene.write_lines(*range(1000))
    first = scene.tail.read()
    assert first is not None
    scene.saved[first.after.key] = first.after
    lost = scene.tail.read()
    assert lost is not None
    scene.restart()
    read = scene.read()
    assert first.data.split(b"\n")[:-1] + read == records


def test_renamed_while_we_were_stopped(scene: Scene) -> None:
    scene.write_lines(1, 2)
    scene.read()
    scene.stop()
    more = scene.write_lines(3)
    scene.rename()
    new = scene.write_lines(4)
    scene.restart()
    assert scene.read() == more + new
    assert scene.lines == 4 == scene.saved_lines


@pytest.mark.parametrize("start", [None, ReadBack(0), ReadBack(1 << 20)])
def test_several_rotations_while_we_were_stopped(scene: Scene, start: ReadBack | None) -> None:
    scene.sibling(".1").write_bytes(b"from before our time\n")
    scene.write_lines(1)
    scene.read()
    scene.stop()
    expected = scene.write_lines(2)
    for number in range(3, 8):
        scene.rename()
        expected += scene.write_lines(number)
    scene.restart(start)
    assert scene.read() == expected
    assert scene.lines == 7 == scene.saved_lines
    held = open_descriptors()
    scene.wait(6.0)
    assert open_descriptors() == held - 5
    scene.restart()
    assert scene.read() == []


def test_rotated_with_a_date_before_the_ending_while_we_were_stopped(scene: Scene) -> None:
    scene.write_lines(1)
    scene.read()
    scene.stop()
    expected = scene.write_lines(2)
    for name in ("app-2031-05-09-1.log", "app.20310510.log", "app-2031-05-11T03.log.gz"):
        rotated = scene.path.rename(scene.path.with_name(name))
        if rotated.suffix == ".gz":
            rotated.write_bytes(gzip.compress(rotated.read_bytes()))
        expected += scene.write_lines(len(expected) + 2)
    scene.path.with_name("app-7.log").write_bytes(b"of another program\n")
    scene.restart()
    assert scene.read() == expected
    scene.restart()
    assert scene.read() == []


def test_rotated_while_we_were_stopped_and_the_log_is_not_there_yet(scene: Scene) -> None:
    scene.write_lines(1)
    scene.read()
    scene.stop()
    more = scene.write_lines(2)
    scene.rename()
    scene.restart()
    assert scene.read() == more
    new = scene.write_lines(3)
    assert scene.read() == new


def test_late_lines_in_a_rotated_file_while_we_were_stopped(scene: Scene) -> None:
    scene.write_lines(1)
    scene.read()
    scene.rename()
    scene.write_lines(2)
    scene.read()
    scene.stop()
    with scene.sibling(".1").open("ab") as writer:
        writer.write(b"late\n")
    new = scene.write_lines(3)
    scene.restart()
    assert scene.read() == [b"late", *new]


def test_copy_of_the_log_beside_it_is_not_read(scene: Scene) -> None:
    scene.write_lines(1, 2)
    scene.read()
    scene.sibling(".bak").write_bytes(scene.path.read_bytes())
    scene.restart()
    assert scene.read() == []
    new = scene.write_lines(3)
    scene.restart()
    assert scene.read() == new


def test_deleted_and_made_anew_with_the_same_inode_while_we_were_stopped(scene: Scene) -> None:
    scene.write_lines(1, 2)
    scene.read()
    scene.stop()
    inode = scene.path.stat().st_ino
    scene.path.unlink()
    new = scene.write_lines(30, 31, 32)
    if scene.path.stat().st_ino != inode:  # the file system decides; make it so for our purpose
        position = next(iter(scene.saved.values()))
        key = type(position.key)(position.key.device, scene.path.stat().st_ino, position.key.head)
        scene.saved = {key: Position(key, position.offset, position.lines, position.tail)}
    scene.restart()
    assert scene.read() == new
    assert scene.lines == 5 == scene.saved_lines


def test_offset_past_the_end(scene: Scene) -> None:
    scene.write_lines(1, 2, 3)
    scene.read()
    scene.stop()
    os.truncate(scene.path, 0)
    new = scene.write_lines(1)
    scene.restart()
    assert scene.read() == new
    assert scene.lines == 4 == scene.saved_lines


def test_started_from_a_given_position(scene: Scene) -> None:
    scene.write_lines(1, 2)
    scene.read()
    position = scene.blocks[-1].after
    scene.saved.clear()
    more = scene.write_lines(3)
    scene.restart(position)
    assert scene.read() == more


def test_first_start_reads_back_for_counts_and_then_follows(tmp_path: Path) -> None:
    scene = Scene(tmp_path, start=ReadBack(60))
    records = scene.lines_of(*range(1, 11))
    scene.write(b"\n".join(records) + b"\npart")
    read = scene.read()
    assert read == records[-3:]  # 60 bytes begin within the fourth from the end
    assert all(block.readback for block in scene.blocks)
    assert scene.lines == 0 == scene.saved_lines
    scene.write(b"ial\n")
    scene.restart(ReadBack(60))
    assert scene.read() == [b"partial"]
    assert scene.lines == 1 == scene.saved_lines


def test_readback_of_exactly_whole_lines_takes_them_all(tmp_path: Path) -> None:
    scene = Scene(tmp_path, start=ReadBack(8))
    scene.write(b"one\ntwo\nsix\n")
    assert scene.read() == [b"two", b"six"]
    scene.stop()


def test_readback_of_more_than_there_is(tmp_path: Path) -> None:
    scene = Scene(tmp_path, start=ReadBack(1 << 30))
    records = scene.write_lines(*range(1000))
    assert scene.read() == records
    assert {block.readback for block in scene.blocks} == {True}
    new = scene.write_lines(1000)
    assert scene.read() == new
    assert scene.lines == 1 == scene.saved_lines
    scene.stop()


@pytest.mark.parametrize("content", [b"", b"part", b"one\n", b"one\npart"])
def test_following_from_the_end_saves_its_position_at_once(tmp_path: Path, content: bytes) -> None:
    """What comes while we are stopped is new, even if nothing came while we ran."""
    scene = Scene(tmp_path, start=ReadBack(0))
    scene.write(content)
    assert scene.read() == []
    assert [block.data for block in scene.blocks] == [b""]
    scene.write(b"ial\nnew\n")
    scene.restart(ReadBack(0))
    begun = content.rpartition(b"\n")[2]
    assert scene.read() == [begun + b"ial", b"new"]
    assert scene.lines == 2 == scene.saved_lines
    scene.stop()


def test_readback_within_a_line_longer_than_it(tmp_path: Path) -> None:
    scene = Scene(tmp_path, start=ReadBack(10))
    scene.write(b"one\n" + b"x" * 100)
    assert scene.read() == []
    scene.write(b"y\n")
    assert scene.read() == [b"x" * 100 + b"y"]
    scene.stop()


def test_readback_within_a_line_longer_than_a_block(tmp_path: Path) -> None:
    scene = Scene(tmp_path, start=ReadBack(10))
    scene.write(b"x" * 100_000)
    assert scene.read() == []
    scene.write(b"y\nnext\n")
    assert scene.read() == [b"next"]
    scene.stop()


def test_file_that_appears_later_is_read_from_its_beginning(tmp_path: Path) -> None:
    scene = Scene(tmp_path, start=ReadBack(0))
    assert scene.read() == []
    records = scene.write_lines(1, 2)
    assert scene.read() == records
    assert scene.lines == 2
    scene.stop()


def test_file_that_appears_and_is_rotated_between_two_looks(tmp_path: Path) -> None:
    scene = Scene(tmp_path, start=ReadBack(0))
    scene.sibling(".1").write_bytes(b"from before\n")
    assert scene.read() == []
    records = scene.write_lines(1)
    scene.rename()
    records += scene.write_lines(2)
    assert scene.read() == records
    scene.stop()


def test_bytes_that_look_binary_do_not_blind_us_at_a_restart(scene: Scene) -> None:
    scene.write(b"first\n" + b"a\0b" * 20 + b"\n")
    assert scene.read() == [b"first", b"a\0b" * 20]
    scene.write(b"second\n")
    path = str(scene.path)
    assert Discovery([path]).scan().skipped == {path: "binary (NUL bytes)"}
    assert Discovery([path], lookup=scene.lookup).scan().paths == [path]
    scene.restart()
    assert scene.read() == [b"second"]
    # another file of that inode is not what was read
    scene.path.write_bytes(b"\0\1" * 400)
    assert Discovery([path], lookup=scene.lookup).scan().paths == []


@pytest.mark.parametrize("packed", ["", ".gz"])
@pytest.mark.parametrize("begun", [b"", b"par", b"one\ntw", b"one\ntwo\n", b"x" * 1500])
@pytest.mark.parametrize("start", [None, ReadBack(1 << 20)])
def test_new_log_that_is_rotated_away_after_a_kill_before_its_first_commit(
    scene: Scene, begun: bytes, packed: str, start: ReadBack | None
) -> None:
    scene.write(begun)
    assert scene.sight().offset == 0
    scene.tail.read()  # handed on, but never committed
    scene.restart(start)
    scene.write(b"tial\nlast\n")
    whole = scene.path.read_bytes()
    scene.rename()
    if packed:
        # by its content: of a first line that had no end yet nothing is kept
        scene.pack(suffix=packed)
    new = scene.write_lines(1)
    scene.restart(start)
    known = not packed or begun.startswith(b"one\n") or len(begun) > 1024
    expected = (whole.split(b"\n")[:-1] if known else []) + new
    assert scene.read() == expected
    if known or start is None:  # else a first start is one still
        assert scene.lines == len(expected) == scene.saved_lines
    scene.restart(start)
    assert scene.read() == []


def test_killed_before_a_first_read_back_is_committed(scene: Scene) -> None:
    scene.write(b"old 1\nold 2\npar")
    scene.restart(ReadBack(1 << 20))
    assert scene.sight().offset == len(b"old 1\nold 2\n")
    scene.write(b"tial\n")
    more = scene.write_lines(1)
    scene.rename()
    new = scene.write_lines(2)
    scene.restart(ReadBack(1 << 20))
    assert scene.read() == [b"partial", *more, *new]
    assert scene.lines == 3 == scene.saved_lines


@pytest.mark.parametrize("packed", [False, True])
def test_inode_of_a_file_that_was_seen_empty_is_given_to_what_was_read(
    scene: Scene, packed: bool
) -> None:
    scene.write_lines(*range(100))
    scene.read()
    more = [] if packed else scene.write_lines(100)
    scene.stop()
    scene.copytruncate()
    copy = scene.pack() if packed else scene.sibling(".1")
    status = copy.stat()
    empty = Position(FileKey(status.st_dev, status.st_ino, ANY_CONTENT), 0, 0, digest(b""))
    scene.save(empty)
    new = scene.write_lines(200)
    scene.restart()
    assert scene.read() == more + new
    scene.restart()
    assert scene.read() == []
    assert scene.lines == 100 + len(more + new)


@pytest.mark.parametrize("there", [False, True])
def test_inode_of_a_file_that_was_seen_empty_is_given_to_the_youngest_one(
    scene: Scene, there: bool
) -> None:
    scene.write_lines(1)
    scene.read()
    scene.rename()
    scene.write(b"")
    assert scene.read() == []
    scene.stop()
    scene.rename()
    more = scene.write_lines(2)
    scene.rename()
    scene.pack(".2", keep=True)
    # what the file system does where it gives the number of a deleted file to the next one
    scene.sibling(".2").rename(scene.path)
    more += scene.write_lines(3)
    scene.rename()
    if there:
        more += scene.write_lines(4)
    scene.restart()
    assert scene.read() == more
    assert scene.lines == 1 + len(more) == scene.saved_lines


def test_truncated_file_is_known_anew_only_after_its_copies(scene: Scene) -> None:
    # with the same first line, it has the same place in the state
    first = scene.write_lines(1, 2)
    scene.read()
    more = scene.write_lines(3)
    scene.copytruncate()
    scene.write_lines(1)
    kept = dict(scene.saved)
    assert scene.tail.read() is not None  # of the copy; not committed
    assert scene.saved == kept
    scene.restart()
    assert scene.read() == more + first[:1]
