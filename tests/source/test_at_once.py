"""Blocks that lie in memory are read without waiting; all else is left to the reading threads."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.source.scene import LIMITS, Scene
from tinylogbert_daemon.source.joining import Joining
from tinylogbert_daemon.source.rawfile import RawFile
from tinylogbert_daemon.source.tail import Form

LINE = b"x" * 99 + b"\n"
FULL = LIMITS.block_bytes // len(LINE) * len(LINE)


def begun(scene: Scene) -> bytes:
    """Write ten blocks, and read the first as at first sight; return the rest."""
    content = LINE * (10 * LIMITS.block_bytes // len(LINE))
    scene.write(content)
    block = scene.tail.read()
    assert block is not None and block.sighting
    assert scene.tail.read_at_once() is None  # it has no key yet
    block = scene.tail.read()
    assert block is not None and block.data == content[:FULL]
    return content[FULL:]


def test_what_was_just_written_is_read_at_once(scene: Scene) -> None:
    rest, read = begun(scene), b""
    while (block := scene.tail.read_at_once()) is not None:
        scene.check(block)
        read += block.data
        assert scene.tail.stats.lag_bytes == len(rest) - len(read)
    assert read == rest
    assert scene.tail.read() is None


@pytest.mark.parametrize("change", ["rotated", "truncated", "rewritten", "deleted"])
def test_whatever_happens_to_the_file_is_left_to_a_read(scene: Scene, change: str) -> None:
    rest = begun(scene)
    if change == "rotated":
        scene.rename()
        scene.write(b"new\n")
        read = b"".join(block.data for block in iter(scene.next, None))
        assert read == rest + b"new\n"
        scene.write(b"more\n")
        assert scene.tail.read_at_once() is None  # two files are open
        assert scene.read() == [b"more"]
    elif change == "deleted":
        scene.path.unlink()
        assert b"".join(block.data for block in iter(scene.next, None)) == rest
    else:
        size = 0 if change == "truncated" else len(rest) + FULL
        scene.path.write_bytes(b"other\n" * (size // 6 + 1))
        assert scene.tail.read_at_once() is None
        assert set(scene.read()) == {b"other"}
        assert scene.tail.stats.truncated == 1


def test_a_partial_line_is_left_to_a_read(scene: Scene) -> None:
    begun(scene)
    scene.read()
    scene.write(b"begun")
    scene.clock.advance(100.0)
    assert scene.tail.read_at_once() is None
    scene.write(b" and ended\n")
    block = scene.tail.read_at_once()
    assert block is not None and block.data == b"begun and ended\n"


def test_joined_records_are_read_at_once_too(tmp_path: Path) -> None:
    scene = Scene(tmp_path, form=Form(joining=Joining("indented")))
    scene.write(b"one\ntwo\n  more\n")
    assert scene.read() == [b"one"]
    scene.write(b"three\n")
    block = scene.tail.read_at_once()
    assert block is not None and block.original == b"two\n  more\n"
    scene.stop()


def test_what_is_not_in_memory_is_left_to_a_read(scene: Scene) -> None:
    rest = begun(scene)
    file = RawFile(os.open(scene.path, os.O_RDWR))
    try:
        if not file.may_be_at_once:
            pytest.skip("this file system does not tell what lies in memory")
        os.fsync(file._descriptor)
        read, block = b"", None
        for _ in range(5):  # it may come back by itself
            os.posix_fadvise(file._descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
            if (block := scene.tail.read_at_once()) is None:
                break
            read += block.data
        if block is not None:
            pytest.skip("this system keeps in memory what it is told to forget")
        # nothing is lost or moved by the attempt
        assert read + b"".join(block.data for block in iter(scene.tail.read, None)) == rest
    finally:
        file.close()


def test_where_the_file_system_cannot_tell_nothing_is_read_at_once(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> int:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(os, "preadv", refuse)
    rest = begun(scene)
    assert scene.tail.read_at_once() is None
    assert b"".join(scene.read()) == rest.replace(b"\n", b"")
