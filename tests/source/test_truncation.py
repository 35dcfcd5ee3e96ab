"""Files that lose their content under the tail."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from tests.source.scene import Scene
from tinylogbert_daemon.source.tail import Limits


def test_copytruncate(scene: Scene) -> None:
    scene.write_lines(1, 2, 3)
    scene.read()
    scene.copytruncate()
    assert scene.read() == []
    new = scene.write_lines(4)
    assert scene.read() == new
    assert scene.lines == 4 == scene.saved_lines
    assert scene.tail.stats.truncated == 1


def test_copytruncate_with_lines_that_only_the_copy_has(scene: Scene) -> None:
    scene.write_lines(1, 2)
    scene.read()
    unread = scene.write_lines(3, 4)
    scene.copytruncate()
    new = scene.write_lines(5)
    assert scene.read() == unread + new
    assert scene.lines == 5 == scene.saved_lines


def test_two_copytruncates_between_two_reads(scene: Scene) -> None:
    scene.write_lines(1, 2)
    scene.read()
    expected = scene.write_lines(3)
    scene.copytruncate()
    expected += scene.write_lines(4, 5)
    scene.copytruncate()
    expected += scene.write_lines(6)
    assert scene.read() == expected
    assert scene.lines == 6 == scene.saved_lines


def test_truncated_and_grown_past_the_old_offset_before_we_look(scene: Scene) -> None:
    scene.write_lines(1, 2)
    scene.read()
    os.truncate(scene.path, 0)
    new = scene.write_lines(3, 4, 5, 6)
    assert scene.read() == new
    assert scene.lines == 6 == scene.saved_lines


def test_truncated_and_grown_to_exactly_the_old_offset(scene: Scene) -> None:
    scene.write_lines(1, 2)
    scene.read()
    os.truncate(scene.path, 0)
    new = scene.write_lines(3, 4)
    assert scene.read() == new


def test_truncated_and_grown_with_the_same_lines_before_the_offset(scene: Scene) -> None:
    """Only the head tells: many equal lines follow a first one that differs."""
    same = b"the same line again and again\n" * 20
    scene.write(b"start 1\n" + same)
    assert len(scene.read()) == 21
    os.truncate(scene.path, 0)
    scene.write(b"start 2\n" + same + b"new\n")
    assert len(scene.read()) == 22


def test_truncated_with_the_same_first_line_keeps_the_total(scene: Scene) -> None:
    scene.write(b"banner\none\n")
    scene.read()
    os.truncate(scene.path, 0)
    scene.write(b"banner\n2\n")
    assert scene.read() == [b"banner", b"2"]
    assert scene.lines == 4 == scene.saved_lines


def test_truncated_to_a_part_is_read_again(scene: Scene) -> None:
    """Whether what is left is old or new cannot be told; losing it would be worse."""
    lines = scene.write_lines(1, 2, 3)
    scene.read()
    os.truncate(scene.path, len(lines[0]) + 1)
    assert scene.read() == lines[:1]


def test_truncated_while_a_partial_line_waits(scene: Scene) -> None:
    scene.write(b"whole\npart")
    assert scene.read() == [b"whole"]
    os.truncate(scene.path, 0)
    scene.write(b"ial is another line\n")
    assert scene.read() == [b"ial is another line"]


def test_copytruncate_under_a_writer_that_keeps_its_offset(scene: Scene) -> None:
    descriptor = os.open(scene.path, os.O_WRONLY | os.O_CREAT)
    os.write(descriptor, b"before the hole\n" * 1000)
    assert len(scene.read()) == 1000
    scene.copytruncate()
    os.write(descriptor, b"after the hole\nand on\n")
    assert scene.read() == [b"after the hole", b"and on"]
    scene.copytruncate()
    assert scene.read() == []
    os.write(descriptor, b"after the second\n")
    assert scene.read() == [b"after the second"]
    os.close(descriptor)
    assert scene.lines == 1003 == scene.saved_lines


def test_hole_of_many_gigabytes(tmp_path: Path) -> None:
    scene = Scene(tmp_path, limits=Limits())
    with scene.path.open("wb") as file:
        file.seek(1 << 36)
        file.write(b"far away\npart")
    assert scene.read() == [b"far away"]
    assert scene.wait(6.0) == [b"part"]
    assert scene.blocks[0].offset == 1 << 36
    scene.stop()


def test_nul_bytes_that_are_no_hole(scene: Scene) -> None:
    scene.write(b"\0" * 10_000 + b"text\n")
    assert scene.read() == [b"text"]
    scene.write(b"\0" * 100)
    assert scene.read() == []
    assert scene.wait(10.0) == []
    scene.write(b"more\n")
    assert scene.read() == [b"more"]
    scene.write(b"inside\0a line\n")
    assert scene.read() == [b"inside\0a line"]
    assert scene.lines == 3


def test_room_allocated_ahead_is_filled_later(scene: Scene) -> None:
    descriptor = os.open(scene.path, os.O_WRONLY | os.O_CREAT)
    os.posix_fallocate(descriptor, 0, 1 << 20)
    assert scene.read() == []
    os.write(descriptor, b"one\n")
    assert scene.read() == [b"one"]
    os.write(descriptor, b"two\nthree\n")
    assert scene.read() == [b"two", b"three"]
    os.close(descriptor)
    assert scene.lines == 3


def test_copy_is_known_after_a_restart_also_without_the_log_that_it_was_made_of(
    scene: Scene,
) -> None:
    scene.write_lines(1)
    scene.read()
    scene.rename()
    scene.write_lines(2, 3)
    assert len(scene.read()) == 2
    scene.copytruncate()
    assert scene.read() == []
    scene.stop()
    scene.path.unlink()
    scene.restart()
    assert scene.read() == []
    new = scene.write_lines(4)
    assert scene.read() == new
    assert scene.lines == 4 == scene.saved_lines


def test_copy_with_the_inode_of_another_file_that_was_read(scene: Scene) -> None:
    scene.write_lines(1)
    scene.read()
    scene.rename()
    scene.write_lines(2)
    assert len(scene.read()) == 1
    scene.stop()
    scene.pack(keep=True).rename(scene.sibling(".2.gz"))
    # what the file system does where it gives the number of a deleted file to the next one
    scene.sibling(".1").write_bytes(scene.path.read_bytes())
    os.truncate(scene.path, 0)
    scene.restart()
    assert scene.read() == []
    new = scene.write_lines(3)
    assert scene.read() == new
    assert scene.lines == 3 == scene.saved_lines


@pytest.mark.parametrize("grown", [False, True])
def test_copytruncate_across_our_restart(scene: Scene, grown: bool) -> None:
    scene.write_lines(1, 2)
    scene.read()
    unread = scene.write_lines(3)
    scene.stop()
    scene.copytruncate()
    new = scene.write_lines(*range(4, 9 if grown else 5))
    scene.restart()
    assert scene.read() == unread + new
    assert scene.lines == scene.saved_lines == len(new) + 3
    scene.restart()
    assert scene.read() == []


def test_copytruncates_with_a_copy_that_was_read_before(scene: Scene) -> None:
    scene.write_lines(1)
    scene.read()
    unread = scene.write_lines(2)
    scene.copytruncate()
    new = scene.write_lines(3)
    assert scene.read() == unread + new
    scene.restart()
    scene.copytruncate()
    assert scene.read() == []
    newer = scene.write_lines(4)
    assert scene.read() == newer
    assert scene.lines == 4 == scene.saved_lines


def test_old_copy_with_the_same_banner_is_not_taken_for_ours(scene: Scene) -> None:
    scene.sibling(".1").write_bytes(b"banner\nold\n")
    os.utime(scene.sibling(".1"), (1.0, 1.0))
    scene.write(b"banner\n")
    assert scene.read() == [b"banner"]
    os.truncate(scene.path, 0)
    assert scene.read() == []


def test_rotated_file_truncated_while_it_is_held(scene: Scene) -> None:
    scene.write_lines(1)
    scene.read()
    scene.rename()
    new = scene.write_lines(2)
    assert scene.read() == new
    os.truncate(scene.sibling(".1"), 0)
    assert scene.read() == []
    scene.sibling(".1").write_bytes(b"x\n")
    assert scene.read() == [b"x"]


def test_copy_that_keeps_the_time_of_the_log(scene: Scene) -> None:
    scene.write_lines(1)
    scene.read()
    unread = scene.write_lines(2)
    shutil.copy2(scene.path, scene.sibling("-20250101"))
    os.truncate(scene.path, 0)
    assert scene.read() == unread
