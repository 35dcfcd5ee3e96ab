"""Rotated files that were compressed before they were read to their end."""

from __future__ import annotations

import gzip
import lzma
import os
import shutil
import subprocess
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.source.scene import PACKERS, Scene, open_descriptors
from tinylogbert_daemon.source import identity, opener, rawfile
from tinylogbert_daemon.source.block import Position
from tinylogbert_daemon.source.identity import alike
from tinylogbert_daemon.source.joining import Joining
from tinylogbert_daemon.source.listing import Listings
from tinylogbert_daemon.source.registry import OpenFiles
from tinylogbert_daemon.source.tail import Form, Limits, ReadBack, Tail

SUFFIXES = sorted(PACKERS)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_rotated_and_compressed_while_we_were_stopped(scene: Scene, suffix: str) -> None:
    scene.write_lines(1, 2)
    scene.read()
    scene.stop()
    rest = scene.write_lines(3, 4)
    scene.rename()
    scene.pack(".1", suffix)
    new = scene.write_lines(5)
    scene.restart()
    assert scene.read() == rest + new
    assert scene.lines == 5 == scene.saved_lines
    held = open_descriptors()
    assert scene.wait(6.0) == []
    assert open_descriptors() == held - 1
    scene.restart()
    assert scene.read() == []


@pytest.mark.parametrize("start", [None, ReadBack(0), ReadBack(1 << 20)])
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_several_rotations_while_we_were_stopped(
    scene: Scene, suffix: str, start: ReadBack | None
) -> None:
    scene.sibling(".1").write_bytes(b"from before our time\n")
    os.utime(scene.pack(".1", suffix), (1e9, 1e9))
    scene.write_lines(1)
    scene.read()
    scene.stop()
    expected = scene.write_lines(2)
    for number in range(3, 7):
        scene.rename()
        scene.pack(".1", suffix)
        expected += scene.write_lines(number)
        if suffix == ".bz2":  # it keeps whole seconds; so that they differ
            for other in range(1, number - 1):
                os.utime(scene.sibling(f".{other}.bz2"), (2e9 - other, 2e9 - other))
    scene.restart(start)
    assert scene.read() == expected
    assert scene.lines == 6 == scene.saved_lines
    scene.restart()
    assert scene.read() == []


def test_rotated_and_compressed_and_the_log_is_not_there_yet(scene: Scene) -> None:
    scene.write_lines(1)
    scene.read()
    scene.stop()
    rest = scene.write_lines(2)
    scene.rename()
    scene.pack()
    scene.restart()
    assert scene.read() == rest
    assert scene.wait(1.0) == []
    new = scene.write_lines(3)
    assert scene.read() == new
    assert scene.wait(6.0) == []
    assert scene.lines == 3 == scene.saved_lines


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_compressed_at_once_while_we_read(scene: Scene, suffix: str) -> None:
    expected = scene.write_lines(1)
    seen = scene.read()
    for number in range(2, 8):
        expected += scene.write_lines(number)
        scene.rename()
        scene.pack(".1", suffix)
        expected += scene.write_lines(10 * number)
        seen += scene.read()
        if number % 3 == 0:
            seen += scene.wait(6.0)
        if number % 4 == 0:
            scene.restart()
    assert seen == expected
    assert scene.lines == 13 == scene.saved_lines
    stats = scene.tail.stats  # since the last restart, when a new log may have got the old inode
    assert stats.rotated + stats.truncated == 3


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_files_that_came_went_and_were_compressed_between_two_looks(
    scene: Scene, suffix: str
) -> None:
    scene.sibling(".1").write_bytes(b"from before our time\n")
    os.utime(scene.pack(".1", suffix), (1e9, 1e9))
    scene.write_lines(1)
    scene.read()
    rest = scene.write_lines(2)
    scene.rename()
    between = scene.write_lines(3, 4)
    scene.rename()
    scene.pack(".2", suffix)
    scene.pack(".1", suffix)
    new = scene.write_lines(5)
    assert scene.read() == rest + between + new
    assert scene.lines == 5 == scene.saved_lines
    assert scene.tail.stats.rotated == 2
    scene.wait(6.0)
    scene.restart()
    assert scene.read() == []


def test_compressed_while_the_path_names_nothing(scene: Scene) -> None:
    scene.write_lines(1)
    scene.read()
    rest = scene.write_lines(2)
    scene.rename()
    assert scene.read() == rest
    between = scene.write_lines(3)
    scene.rename()
    scene.pack(".2")
    scene.pack(".1")
    assert scene.read() == between
    assert scene.wait(6.0) == []
    new = scene.write_lines(4)
    assert scene.read() == new
    assert scene.wait(6.0) == []
    assert scene.lines == 4 == scene.saved_lines


def test_new_log_with_the_inode_of_what_was_compressed_comes_and_goes_between_two_looks(
    scene: Scene,
) -> None:
    first = scene.write_lines(1)
    assert scene.read() == first
    scene.stop()
    scene.rename()
    scene.restart()
    assert scene.read() == []
    scene.pack(keep=True)
    # what the file system does where it gives the number of a deleted file to the next one
    scene.sibling(".1").rename(scene.path)
    os.truncate(scene.path, 0)
    new = scene.write_lines(2)
    scene.rename()
    assert scene.read() == new
    assert scene.read() == []
    assert scene.lines == 2 == scene.saved_lines


def test_compressed_a_rotation_later(scene: Scene) -> None:
    """What was read as it was is not read again when `delaycompress` packs it."""
    expected = scene.write_lines(1)
    seen = scene.read()
    for number in range(2, 8):
        scene.rename()
        if scene.sibling(".2").exists():
            scene.pack(".2")
        expected += scene.write_lines(number)
        seen += scene.read() + scene.wait(6.0)
        scene.restart()
        seen += scene.read()
    assert seen == expected
    assert scene.lines == 7 == scene.saved_lines


def test_new_log_with_the_inode_of_the_compressed_one(scene: Scene) -> None:
    scene.write_lines(1, 2)
    scene.read()
    scene.stop()
    rest = scene.write_lines(3)
    inode = scene.path.stat().st_ino
    scene.rename()
    scene.pack()
    new = scene.write_lines(40, 50, 60)
    if scene.path.stat().st_ino != inode:  # the file system decides; make it so for our purpose
        position = next(iter(scene.saved.values()))
        key = type(position.key)(position.key.device, scene.path.stat().st_ino, position.key.head)
        scene.saved = {key: Position(key, position.offset, position.lines, position.tail)}
    scene.restart()
    assert scene.read() == rest + new
    assert scene.lines == 6 == scene.saved_lines


def records_of(tail: Tail) -> list[bytes]:
    found: list[bytes] = []
    while (block := tail.read()) is not None:
        found += block.data.split(b"\n")[:-1]
    return found


def test_another_open_log_has_the_inode_of_the_compressed_one(scene: Scene, tmp_path: Path) -> None:
    scene.write_lines(1)
    scene.read()
    scene.stop()
    rest = scene.write_lines(2)
    scene.rename()
    scene.pack()
    new = scene.write_lines(3)
    other = tmp_path / "other.log"
    other.write_bytes(b"another log\n")
    (position,) = scene.saved.values()
    key = replace(position.key, inode=other.stat().st_ino)
    scene.saved = {key: replace(position, key=key)}
    files = OpenFiles(scene.lookup, lambda head: alike(head, scene.saved.values()))
    tails = [Tail(str(path), "app", scene.clock, files=files) for path in (other, scene.path)]
    assert [records_of(tail) for tail in tails] == [[b"another log"], rest + new]
    for tail in tails:
        tail.close()


def test_rotated_file_that_another_tail_still_reads_is_left_to_it(scene: Scene) -> None:
    """A glob `app.log*` follows app.log.1 too, and has it open when it is compressed."""
    scene.write_lines(1)
    scene.read()
    scene.stop()
    rest = scene.write_lines(2)
    scene.rename()
    new = scene.write_lines(3)
    files = OpenFiles(scene.lookup, lambda head: alike(head, scene.saved.values()))
    paths = (scene.sibling(".1"), scene.path)
    tails = [Tail(str(path), "app", scene.clock, files=files) for path in paths]
    seen = records_of(tails[0])
    late = b"written late"
    with scene.sibling(".1").open("ab") as writer:
        writer.write(late + b"\n")
    scene.pack()
    assert records_of(tails[1]) == new
    assert seen + records_of(tails[0]) == [*rest, late]
    scene.clock.advance(10.0)
    assert [records_of(tail) for tail in tails] == [[], []]
    for tail in tails:
        tail.close()


@pytest.mark.parametrize("stopped", [False, True])
def test_compressed_between_the_listing_and_the_opening(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, stopped: bool
) -> None:
    scene.write_lines(1)
    scene.read()
    if stopped:
        scene.stop()
    rest = scene.write_lines(2)
    scene.rename()
    if not stopped:
        rest += scene.write_lines(3)
        scene.rename()
    new = scene.write_lines(4)

    with monkeypatch.context() as patch:
        patch.setattr(opener, "siblings", _compressed_after_listing(scene))
        if stopped:
            scene.restart()
        assert scene.read() == rest + new
    scene.restart()
    assert scene.read() == []
    assert scene.lines == len(rest) + 2 == scene.saved_lines


def test_seen_when_it_was_empty_and_compressed_between_the_listing_and_the_opening(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing else was ever seen of this log."""
    scene.write(b"")
    scene.read()
    scene.stop()
    old = scene.write_lines(1)
    scene.rename()
    new = scene.write_lines(2)
    with monkeypatch.context() as patch:
        patch.setattr(opener, "siblings", _compressed_after_listing(scene))
        scene.restart()
        assert scene.read() == old + new
    assert scene.lines == 2 == scene.saved_lines


def _compressed_after_listing(
    scene: Scene,
) -> Callable[[str, Listings], list[identity.Sibling]]:
    def late(path: str, listings: Listings) -> list[identity.Sibling]:
        found = identity.siblings(path, listings)
        for name in (".2", ".1"):
            if scene.sibling(name).exists():
                scene.pack(name)
        return found

    return late


@pytest.mark.parametrize("stopped", [False, True])
def test_copytruncate_and_compress(scene: Scene, stopped: bool) -> None:
    scene.write_lines(1, 2)
    scene.read()
    if stopped:
        scene.stop()
    rest = scene.write_lines(3, 4)
    scene.copytruncate()
    scene.pack()
    new = scene.write_lines(5)
    if stopped:
        scene.restart()
    assert scene.read() == rest + new
    assert scene.wait(6.0) == []
    scene.restart()
    assert scene.read() == []
    assert scene.lines == 5 == scene.saved_lines


def test_block_out_of_a_compressed_file_that_was_not_committed_is_read_again(scene: Scene) -> None:
    records = scene.write_lines(*range(100))
    scene.read()
    scene.stop()
    rest = scene.write_lines(*range(1000, 2000))
    scene.rename()
    scene.pack()
    new = scene.write_lines(5)
    scene.restart()
    read = []
    for _ in range(3):
        block = scene.tail.read()
        assert block is not None
        scene.blocks.append(block)
        scene.saved[block.after.key] = block.after
        read += block.data.split(b"\n")[:-1]
        assert scene.tail.read() is not None  # and lost
        scene.restart()
        scene.rename()  # the packed one moves on meanwhile
        scene.write(b"")
    read += scene.read()
    assert read == rest + new
    assert records and len(scene.blocks) > 6
    assert scene.lines == 1101 == scene.saved_lines


def test_partial_line_joined_records_and_utf_16_in_a_compressed_file(tmp_path: Path) -> None:
    form = Form(joining=Joining("indented"))
    scene = Scene(tmp_path, form=form)
    scene.write("one\n  1\ntwo\n".encode("utf-16"))
    assert scene.read() == [b"one   1"]
    scene.stop()
    scene.write("  2\n  3".encode("utf-16-le"))
    scene.rename()
    scene.pack()
    scene.write(b"new\n")
    scene.restart()
    assert scene.read() + scene.wait(5.0) == [b"two   2   3", b"new"]
    assert scene.wait(60.0) == []
    assert scene.lines == 6 == scene.saved_lines
    scene.stop()


def test_packed_copy_beside_its_original_is_not_read_twice(scene: Scene) -> None:
    scene.write_lines(1)
    scene.read()
    scene.stop()
    rest = scene.write_lines(2)
    scene.rename()
    scene.pack(keep=True)
    new = scene.write_lines(3)
    scene.restart()
    assert scene.read() == rest + new
    scene.sibling(".1").unlink()
    last = scene.write_lines(4)
    scene.rename()
    newest = scene.write_lines(5)
    assert scene.read() == last + newest
    scene.wait(6.0)
    scene.restart()
    assert scene.read() == []
    assert scene.lines == 5 == scene.saved_lines


def test_packed_files_from_before_the_first_start_are_left_alone(tmp_path: Path) -> None:
    scene = Scene(tmp_path, start=ReadBack(1 << 20))
    for number in (2, 1):
        scene.sibling(f".{number}").write_bytes(b"old %d\n" % number)
        os.utime(scene.pack(f".{number}"), (1e9 - number, 1e9 - number))
    first = scene.write_lines(1)
    assert scene.read() == first
    scene.rename()
    scene.pack()
    second = scene.write_lines(2)
    assert scene.read() == second
    scene.restart()
    assert scene.read() == []
    scene.stop()


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_damaged_or_incomplete_or_no_archive_at_all(scene: Scene, suffix: str) -> None:
    scene.write_lines(1)
    scene.read()
    scene.stop()
    for number in range(3):
        scene.rename()
        scene.write_lines(100 + number)
        whole = scene.pack(".1", suffix).read_bytes()
        broken = (whole[:-9], whole[: len(whole) // 2] + b"\0\1\2" * 9, b"no archive\n" * 200)
        scene.sibling(".1" + suffix).write_bytes(broken[number])
    held = open_descriptors()
    scene.restart()
    assert scene.read() == scene.lines_of(102)
    assert open_descriptors() == held + 1
    rest = scene.write_lines(5)
    scene.rename()
    new = scene.write_lines(6)
    assert scene.read() == rest + new


def test_a_large_compressed_file_in_bounded_memory(tmp_path: Path) -> None:
    scene = Scene(tmp_path, limits=Limits(block_bytes=1 << 17))
    scene.write(b"first\n")
    scene.read()
    scene.stop()
    line = b"x" * 99 + b"\n"
    scene.write(line * 400_000)
    scene.rename()
    scene.pack()
    scene.write(b"new\n")
    scene.restart()
    tracemalloc.start()
    count = 0
    while (block := scene.tail.read()) is not None:
        count += block.lines
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 400_001
    assert peak < 4_000_000
    scene.stop()


def test_hostile_archives_are_passed_over(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """A small file that unpacks to a huge one, and one that asks for gigabytes of memory."""
    monkeypatch.setattr(rawfile, "MOST_UNPACKED_BYTES", 1_000_000)
    scene.write_lines(1)
    scene.read()
    scene.stop()
    bomb = gzip.compress(b"\n" * 2_000_000)
    filters = [{"id": lzma.FILTER_LZMA2, "dict_size": 1 << 29}]
    greedy = lzma.compress(b"mine\n", filters=filters)
    for suffix, content in ((".gz", bomb), (".xz", greedy)):
        scene.rename()
        scene.write_lines(9)
        scene.pack(".1", suffix).write_bytes(content)
    for name, kind, reason in ((".2.gz", "gzip", "more than"), (".1.xz", "xz", "damaged")):
        descriptor = os.open(scene.sibling(name), os.O_RDONLY)
        with pytest.raises(OSError, match=reason):
            rawfile.PackedFile(descriptor, kind).look()
        os.close(descriptor)
    new = scene.write_lines(2)
    scene.restart()
    assert scene.read() == scene.lines_of(9) + new


def test_xz_streams_after_each_other(tmp_path: Path) -> None:
    content = [b"one\n" * 100_000, b"two\n", b""]
    (tmp_path / "x").write_bytes(b"\0\0\0\0".join(map(lzma.compress, content)) + b"\0" * 4)
    file = rawfile.PackedFile(os.open(tmp_path / "x", os.O_RDONLY), "xz")
    assert file.look().size == 400_004
    assert file.pread(99, 399_998) == b"e\ntwo\n"[-6:]
    assert file.pread(4, 0) == b"one\n"
    assert file.pread(8, 200_000) == b"one\none\n"
    assert file.pread(8, 100_000) == b"one\none\n"
    assert file.pread(8, 400_004) == b""
    file.close()


@pytest.mark.skipif(shutil.which("logrotate") is None, reason="logrotate is not installed")
@pytest.mark.parametrize("stopped", [False, True])
@pytest.mark.parametrize(
    "settings",
    [
        "compress",
        "compress\ncopytruncate",
        "compress\ndelaycompress",
        "compress\ncompresscmd /usr/bin/xz\nuncompresscmd /usr/bin/unxz\ncompressext .xz",
        "compress\ncompresscmd /usr/bin/bzip2\ncompressext .bz2",
        "compress\ndateext\ndateformat -%Y%m%d-%s",
    ],
    ids=["gzip", "copytruncate", "delaycompress", "xz", "bzip2", "dateext"],
)
def test_real_logrotate(scene: Scene, tmp_path: Path, settings: str, stopped: bool) -> None:
    config, status = tmp_path / "rotate.conf", tmp_path / "status"
    config.write_text(f"{scene.path} {{\nrotate 20\ncreate\n{settings}\n}}\n")
    config.chmod(0o644)
    expected = scene.write_lines(0)
    seen = scene.read()
    for number in range(1, 6):
        if stopped:
            scene.stop()
        expected += scene.write_lines(number, 10 * number)
        arguments = ["logrotate", "-f", "-s", str(status), str(config)]
        done = subprocess.run(arguments, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        expected += scene.write_lines(100 * number)
        if "%s" in settings:  # its names differ by the second
            for file in scene.path.parent.glob("app.log-*"):
                name = file.name.replace("app.log-", "app.log-0")
                file.rename(file.with_name(name)) if "-00" not in name else None
        if stopped:
            scene.restart()
        seen += scene.read()
    seen += scene.wait(6.0)
    assert seen == expected
    assert scene.lines == len(expected) == scene.saved_lines


def test_a_copy_that_was_read_is_known_when_it_is_compressed(scene: Scene) -> None:
    """Though the file that it was made of is gone, and the archive may have got its inode."""
    first = scene.write_lines(1)
    assert scene.read() == first
    second = scene.write_lines(2)
    scene.copytruncate()
    assert scene.read() == second
    scene.stop()
    scene.path.unlink()
    scene.pack(".1", ".gz")
    scene.restart()
    assert scene.read() == []
    assert scene.lines == 2
