"""Lines that come in pieces, never end, or are far too long."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

from tests.source.scene import LIMITS, Scene
from tinylogbert_daemon.source.identity import ANY_CONTENT
from tinylogbert_daemon.source.tail import Limits


def test_partial_line_completed_later(scene: Scene) -> None:
    scene.write(b"one\ntw")
    assert scene.read() == [b"one"]
    scene.write(b"o\n")
    assert scene.read() == [b"two"]
    assert scene.lines == 2 == scene.saved_lines


def test_partial_line_completed_after_our_restart(scene: Scene) -> None:
    scene.write(b"one\ntw")
    scene.read()
    scene.restart()
    assert scene.read() == []
    scene.write(b"o\n")
    assert scene.read() == [b"two"]
    assert scene.lines == 2 == scene.saved_lines


def test_partial_line_never_completed_is_handed_on_once(scene: Scene) -> None:
    scene.write(b"one\ntw")
    scene.read()
    assert scene.wait(4.9) == []
    assert scene.wait(0.2) == [b"tw"]
    assert scene.wait(60.0) == []
    assert scene.lines == 2 == scene.saved_lines


def test_partial_line_that_grows_is_not_quiet(scene: Scene) -> None:
    for _ in range(10):
        scene.write(b"x")
        assert scene.wait(4.0) == []
    assert scene.wait(5.0) == [b"x" * 10]


def test_partial_line_continued_after_it_was_handed_on(scene: Scene) -> None:
    scene.write(b"one\ntw")
    scene.read()
    assert scene.wait(5.0) == [b"tw"]
    scene.write(b"o and a half\nthree\n")
    assert scene.read() == [b"o and a half", b"three"]
    assert scene.lines == 3 == scene.saved_lines


def test_partial_line_continued_after_it_was_handed_on_and_our_restart(scene: Scene) -> None:
    scene.write(b"one\ntw")
    scene.read()
    scene.wait(5.0)
    scene.restart()
    assert scene.wait(5.0) == []
    scene.write(b"o")
    assert scene.read() == []
    assert scene.wait(5.0) == [b"o"]
    scene.write(b"\n\nthree\n")
    assert scene.read() == [b"", b"three"]
    assert scene.lines == 4 == scene.saved_lines


def test_end_of_a_line_that_was_handed_on_is_no_record(scene: Scene) -> None:
    scene.write(b"one")
    scene.read()
    assert scene.wait(5.0) == [b"one"]
    scene.write(b"\r\n")
    assert scene.read() == []
    scene.write(b"two\r\n")
    assert scene.read() == [b"two\r"]
    assert scene.lines == 2 == scene.saved_lines


def test_first_line_without_an_end_has_no_identity_until_it_is_handed_on(scene: Scene) -> None:
    scene.write(b"o")
    assert scene.read() == []
    assert [key.head for key in scene.saved] == [ANY_CONTENT]
    scene.restart()
    scene.write(b"n")
    scene.read()
    assert scene.wait(5.0) == [b"on"]
    scene.restart()
    assert scene.read() == []
    scene.write(b"e\ntwo\n")
    scene.restart()
    assert scene.read() == [b"e", b"two"]
    assert len(scene.saved) == 1
    scene.restart()
    assert scene.read() == []
    assert scene.lines == 2 == scene.saved_lines


def test_no_newline_at_the_end_of_a_rotated_file(scene: Scene) -> None:
    scene.write(b"one\ntwo")
    assert scene.read() == [b"one"]
    scene.rename()
    scene.write(b"")
    assert scene.read() == []  # a writer that has not begun the new file may still end the line
    new = scene.write_lines(3)
    assert scene.read() == [b"two", *new]
    assert scene.lines == 3 == scene.saved_lines


def test_rotation_in_the_middle_of_a_line(scene: Scene) -> None:
    with scene.path.open("ab", buffering=0) as writer:
        writer.write(b"one\ntw")
        scene.read()
        scene.rename()
        scene.write(b"")
        assert scene.read() == []
        writer.write(b"o\n")
    new = scene.write_lines(3)
    assert scene.read() == [b"two", *new]


def test_no_newline_at_the_end_of_a_file_rotated_while_we_were_stopped(scene: Scene) -> None:
    scene.write(b"one\ntwo")
    scene.read()
    scene.stop()
    scene.rename()
    new = scene.write_lines(3)
    scene.restart()
    assert scene.read() == [b"two", *new]


def test_carriage_returns_stay_in_the_data(scene: Scene) -> None:
    scene.write(b"one\r\ntwo\r")
    assert scene.read() == [b"one\r"]
    scene.write(b"\n")
    assert scene.read() == [b"two\r"]
    assert scene.lines == 2


def test_empty_lines_count(scene: Scene) -> None:
    scene.write(b"\n\n\none\n\n")
    assert scene.read() == [b"", b"", b"", b"one", b""]
    scene.restart()
    scene.write(b"\n")
    assert scene.read() == [b""]
    assert scene.lines == 6 == scene.saved_lines


def test_any_bytes_are_handed_on_as_they_are(scene: Scene) -> None:
    record = bytes(set(range(1, 256)) - {10})
    scene.write(record + b"\n")
    assert scene.read() == [record]


def test_line_of_ten_megabytes_and_the_file_goes_on(tmp_path: Path) -> None:
    scene = Scene(tmp_path, limits=Limits())
    scene.write(b"before\n" + b"x" * 10_000_000 + b"\nafter\n")
    records = scene.read()
    assert [len(record) for record in records] == [6, 65_536, 5]
    assert sum(block.cut for block in scene.blocks) == 1
    assert scene.lines == 3 == scene.saved_lines
    scene.stop()


def test_endless_line_in_bounded_memory(tmp_path: Path) -> None:
    scene = Scene(tmp_path, limits=Limits(block_bytes=1 << 16, record_bytes=1 << 12))
    with scene.path.open("wb") as file:
        for _ in range(100):
            file.write(b"x" * 100_000)
    tracemalloc.start()
    records = scene.read()
    assert [len(record) for record in records] == [1 << 12]
    assert scene.blocks[-1].data == b""  # how far it was passed over is reported
    assert scene.blocks[-1].after.skipping
    scene.restart()
    assert scene.read() == []
    assert tracemalloc.get_traced_memory()[1] < 1_000_000
    tracemalloc.stop()
    scene.write(b"x\nafter\n")
    scene.restart()
    assert scene.read() == [b"after"]
    assert scene.lines == 2 == scene.saved_lines
    scene.stop()


def test_overlong_line_that_grows_slowly_is_cut_once(scene: Scene) -> None:
    records = []
    for _ in range(100):
        scene.write(b"y" * 50)
        records += scene.read()
    assert records == [b"y" * LIMITS.record_bytes]
    scene.write(b"\nnext\n")
    assert scene.read() == [b"next"]
    assert scene.lines == 2 == scene.saved_lines
    assert sum(block.cut for block in scene.blocks) == 1


def test_long_line_that_fits_a_block_stays_whole(scene: Scene) -> None:
    record = b"z" * (LIMITS.record_bytes * 4)
    scene.write(record + b"\n")
    assert scene.read() == [record]
    assert scene.blocks[0].cut == 0


def test_lines_that_cross_blocks(scene: Scene) -> None:
    records = [b"%d " % number + b"x" * (number * 37 % 900) for number in range(500)]
    scene.write(b"\n".join(records) + b"\n")
    assert scene.read() == records
    assert scene.lines == 500
    for block in scene.blocks:
        content = scene.path.read_bytes()
        assert content[block.offset :].startswith(block.data)


def test_every_split_of_a_write_gives_the_same_records(tmp_path: Path) -> None:
    content = b"one\r\n\ntwo\nthree and more\n"
    for split in range(len(content) + 1):
        (tmp_path / str(split)).mkdir()
        scene = Scene(tmp_path / str(split))
        scene.write(content[:split])
        records = scene.read()
        scene.restart()
        scene.write(content[split:])
        assert records + scene.read() == [b"one\r", b"", b"two", b"three and more"]
        scene.stop()
