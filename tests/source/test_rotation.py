"""Files that are renamed, deleted and made anew, while the tail reads."""

from __future__ import annotations

import os
import random
import threading
import time
from pathlib import Path

import pytest

from tests.source.scene import Scene, open_descriptors
from tinylogbert_daemon.clock import ManualClock
from tinylogbert_daemon.source.registry import OpenFiles
from tinylogbert_daemon.source.tail import Limits, Tail


def test_rename_and_create(scene: Scene) -> None:
    first = scene.write_lines(1, 2, 3)
    assert scene.read() == first
    more = scene.write_lines(4, 5)
    scene.rename()
    new = scene.write_lines(6, 7)
    assert scene.read() == more + new
    assert scene.lines == 7 == scene.saved_lines
    assert scene.tail.stats.rotated == 1


def test_rename_without_a_new_file_yet(scene: Scene) -> None:
    scene.write_lines(1)
    scene.read()
    scene.rename()
    assert scene.read() == []
    with scene.sibling(".1").open("ab") as writer:
        writer.write(b"the writer has not noticed\n")
    assert scene.read() == [b"the writer has not noticed"]
    # nothing else has the name, so that it is kept however long it is quiet
    assert scene.wait(3600.0) == []
    with scene.sibling(".1").open("ab") as writer:
        writer.write(b"still not\n")
    new = scene.write_lines(2)
    assert scene.read() == [b"still not", *new]
    assert scene.lines == 4


def test_late_lines_in_the_rotated_file_while_the_new_one_is_read(scene: Scene) -> None:
    scene.write_lines(1)
    scene.read()
    with scene.path.open("ab", buffering=0) as slow:
        scene.rename()
        new = scene.write_lines(2)
        assert scene.read() == new
        slow.write(b"late\n")
        assert scene.wait(3.0) == [b"late"]
        slow.write(b"later\n")
        assert scene.wait(3.0) == [b"later"]
        assert [b.after.key.inode for b in scene.blocks[-2:]] == [
            scene.sibling(".1").stat().st_ino
        ] * 2
        assert all(block.path == str(scene.path) for block in scene.blocks)
        held = open_descriptors()
        scene.wait(6.0)
        assert open_descriptors() == held - 1
        slow.write(b"after the rotated file was given up\n")
        assert scene.wait(1.0) == []


def test_rename_chain(scene: Scene) -> None:
    scene.read()
    expected = []
    number = 0
    for _ in range(6):
        for _ in range(10):
            number += 1
            expected += scene.write_lines(number)
        scene.rename()
        scene.write(b"")  # there, but empty
        assert scene.read() == expected
        expected = []
    assert scene.lines == 60 == scene.saved_lines
    assert scene.tail.stats.rotated == 6


def test_several_rotations_between_two_reads(scene: Scene) -> None:
    scene.write_lines(1)
    scene.read()
    expected = []
    for number in range(2, 7):
        expected += scene.write_lines(number)
        scene.rename()
    expected += scene.write_lines(7)
    assert scene.read() == expected
    assert scene.lines == 7 == scene.saved_lines
    assert scene.tail.stats.rotated == 5


def test_several_rotations_between_two_reads_and_the_one_we_read_is_deleted(scene: Scene) -> None:
    scene.write_lines(1)
    scene.read()
    scene.rename()
    expected = []
    for number in range(2, 5):
        expected += scene.write_lines(number)
        scene.rename()
    expected += scene.write_lines(5)
    scene.sibling(".4").unlink()
    assert scene.read() == expected


def test_rotations_named_by_date(scene: Scene) -> None:
    expected = scene.write_lines(1)
    scene.read()
    for day in range(1, 4):
        expected += scene.write_lines(10 + day)
        scene.path.rename(scene.sibling(f"-2025010{day}"))
    expected += scene.write_lines(20)
    assert expected[:1] + scene.read() == expected


def test_rotated_files_from_before_the_first_start_are_left_alone(scene: Scene) -> None:
    scene.sibling(".2").write_bytes(b"ancient\n")
    scene.sibling(".1").write_bytes(b"old\n")
    first = scene.write_lines(1)
    assert scene.read() == first
    scene.rename()
    second = scene.write_lines(2)
    assert scene.read() == second
    scene.restart()
    assert scene.read() == []


def test_rotated_file_compressed_at_once(scene: Scene) -> None:
    scene.write_lines(1)
    scene.read()
    more = scene.write_lines(2)
    scene.rename()
    scene.sibling(".1").unlink()
    scene.sibling(".1.gz").write_bytes(b"\x1f\x8b...")
    new = scene.write_lines(3)
    assert scene.read() == more + new


def test_delete_and_recreate(scene: Scene) -> None:
    scene.write_lines(1)
    scene.read()
    more = scene.write_lines(2)
    scene.path.unlink()
    new = scene.write_lines(3)
    assert scene.read() == more + new
    assert scene.lines == 3 == scene.saved_lines


def test_recreate_with_the_same_inode(scene: Scene) -> None:
    """Ours is closed once the deleted file was quiet; only then can the inode come again."""
    scene.write_lines(1, 2)
    scene.read()
    scene.path.unlink()
    scene.read()
    scene.wait(6.0)
    assert not scene.tail._readers
    new = scene.write_lines(3, 4, 5)
    assert scene.read() == new
    # the state may know an older file by this inode
    inode = scene.path.stat().st_ino
    scene.restart()
    for key, position in list(scene.saved.items()):
        moved = type(key)(key.device, inode, key.head)
        scene.saved[moved] = type(position)(moved, position.offset, position.lines, position.tail)
    assert scene.read() == []
    assert scene.lines == 5


def test_deleted_file_that_the_writer_still_holds(scene: Scene) -> None:
    before = open_descriptors()
    with scene.path.open("ab", buffering=0) as writer:
        writer.write(b"one\n")
        assert scene.read() == [b"one"]
        scene.path.unlink()
        writer.write(b"two\nthr")
        assert scene.read() == [b"two"]
        assert scene.wait(6.0) == [b"thr"]
        scene.wait(6.0)
    assert scene.tail.gone
    assert open_descriptors() == before


def test_two_files_with_the_same_first_kilobyte(scene: Scene) -> None:
    banner = b"=" * 1100 + b"\n"
    scene.write(banner + b"first\n")
    assert len(scene.read()) == 2
    scene.rename()
    scene.write(banner + b"second\n")
    assert scene.read() == [banner[:-1], b"second"]
    assert scene.lines == 4 == scene.saved_lines


def test_path_swapped_to_another_file_by_a_link(scene: Scene, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"a1\na2\n")
    (tmp_path / "b").write_bytes(b"b1\n")
    scene.path.symlink_to(tmp_path / "a")
    assert scene.read() == [b"a1", b"a2"]
    (tmp_path / "a").write_bytes(b"a1\na2\na3\n")
    (tmp_path / "new").symlink_to(tmp_path / "b")
    (tmp_path / "new").rename(scene.path)
    assert scene.read() == [b"a3", b"b1"]


def test_link_target_rotated_in_its_own_directory(scene: Scene, tmp_path: Path) -> None:
    pod = tmp_path / "pod"
    pod.mkdir()
    (pod / "0.log").write_bytes(b"one\n")
    scene.path.symlink_to(pod / "0.log")
    assert scene.read() == [b"one"]
    for number in (2, 3):
        (pod / "0.log").rename(pod / f"0.log.2025010{number}")
        (pod / "0.log").write_bytes(b"file %d\n" % number)
    assert scene.read() == [b"file 2", b"file 3"]


def test_file_moved_away_and_back(scene: Scene, tmp_path: Path) -> None:
    scene.write_lines(1)
    scene.read()
    scene.path.rename(tmp_path / "elsewhere")
    scene.read()
    (tmp_path / "elsewhere").rename(scene.path)
    more = scene.write_lines(2)
    assert scene.read() == more
    scene.path.rename(tmp_path / "elsewhere")
    new = scene.write_lines(3)
    assert scene.read() == new
    scene.wait(10.0)
    (tmp_path / "elsewhere").rename(scene.path)
    last = scene.write_lines(4)
    assert scene.read() == last
    assert scene.lines == 4


def test_directory_removed_and_made_again(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    scene = Scene(tmp_path / "logs")
    scene.write_lines(1)
    scene.read()
    scene.path.unlink()
    scene.path.parent.rmdir()
    assert scene.wait(10.0) == []
    scene.path.parent.mkdir()
    new = scene.write_lines(2)
    assert scene.read() == new
    scene.stop()


def test_rotated_name_is_followed_too(tmp_path: Path) -> None:
    """A glob `app.log*` gives app.log and app.log.1: a file that changes between them."""
    clock = ManualClock()
    files = OpenFiles()
    limits = Limits(block_bytes=4096, record_bytes=256)
    tails = [
        Tail(str(tmp_path / name), "app", clock, files=files, limits=limits)
        for name in ("app.log", "app.log.1")
    ]
    seen: list[bytes] = []

    def read() -> None:
        for tail in random.sample(tails, 2):
            while (block := tail.read()) is not None:
                seen.extend(block.data.split(b"\n")[:-1])

    log = tmp_path / "app.log"
    written = []
    for number in range(40):
        with log.open("ab") as writer:
            for part in range(3):
                written.append(b"%d.%d" % (number, part))
                writer.write(written[-1] + b"\n")
        if number % 3 == 0:
            read()
        if number % 4 == 0:
            log.rename(tmp_path / "app.log.1")
            log.write_bytes(b"")
            read()
        if number % 5 == 0:
            clock.advance(6.0)
            read()
    clock.advance(6.0)
    read()
    clock.advance(6.0)
    read()
    assert sorted(seen) == sorted(written)
    for tail in tails:
        tail.close()


def test_five_writers_rotating_by_size_exact_total(tmp_path: Path) -> None:
    before = open_descriptors()
    scene = Scene(tmp_path, limits=Limits())
    source = random.Random(7)
    written = 0
    descriptors: dict[int, int] = {}
    for number in range(10_000):
        writer = source.randrange(5)
        if writer not in descriptors:
            descriptors[writer] = os.open(
                scene.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
            )
        written += os.write(descriptors[writer], b"writer %d line %d\n" % (writer, number)) > 0
        if number % 700 == 699:
            scene.rename(keep=40)
            # each writer notices a little later
        if number % 700 in (5, 15, 30) and descriptors:
            os.close(descriptors.popitem()[1])
        if number % 350 == 100:
            scene.read()
    scene.read()
    for descriptor in descriptors.values():
        os.close(descriptor)
    assert scene.lines == written == 10_000 == scene.saved_lines
    scene.stop()
    assert open_descriptors() == before


def test_copy_made_just_before_a_rotation_is_not_read(scene: Scene) -> None:
    scene.write_lines(*range(50))
    scene.read()
    scene.sibling(".bak").write_bytes(scene.path.read_bytes())
    scene.rename()
    new = scene.write_lines(50)
    assert scene.read() == new
    assert scene.lines == 51


def test_rotations_while_the_path_names_nothing(scene: Scene) -> None:
    scene.write_lines(1)
    scene.read()
    scene.rename()
    assert scene.read() == []
    more = scene.write_lines(2)
    scene.rename()
    assert scene.read() == more
    new = scene.write_lines(3)
    assert scene.read() == new
    assert scene.lines == 3 == scene.saved_lines


@pytest.mark.parametrize("jump", [-86_400, -3600, 3600, 86_400])
@pytest.mark.parametrize("stopped", [False, True])
def test_a_clock_that_jumps_around_rotations(scene: Scene, jump: int, stopped: bool) -> None:
    """Files written after the jump are dated before those written earlier, or far ahead."""
    expected = scene.write_lines(1, 2)
    assert scene.read() == expected
    for number in range(3):
        if stopped:
            scene.stop()
        expected = scene.write_lines(10 + number)
        scene.rename()
        expected += scene.write_lines(20 + number)
        at = time.time() + jump * (number + 1)
        os.utime(scene.path, (at, at))
        if stopped:
            scene.restart()
        assert scene.read() == expected
    assert scene.lines == 8 == scene.saved_lines


def test_rotations_in_the_middle_of_a_look(tmp_path: Path) -> None:
    """Files move on to other names between their listing and their opening."""
    for number in range(12):
        (tmp_path / str(number)).mkdir()
        scene = Scene(tmp_path / str(number), limits=Limits())
        scene.write(b"")
        scene.read()
        writer = threading.Thread(target=_write_and_rotate, args=(scene,))
        writer.start()
        while writer.is_alive():
            scene.read()
        writer.join()
        scene.read()
        assert scene.lines == 3001 == scene.saved_lines
        scene.stop()


def _write_and_rotate(scene: Scene) -> None:
    for number in range(60):
        scene.write(b"".join(b"line %d of %d\n" % (line, number) for line in range(50)))
        scene.rename(keep=61)
    scene.write(b"the last\n")
