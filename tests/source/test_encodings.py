"""Logs in UTF-16, UTF-32 and Latin-1: whole records in UTF-8, offsets of the file's bytes."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.source.scene import Scene, open_descriptors
from tinylogbert_daemon.config.sources import Source
from tinylogbert_daemon.encodings import ENCODINGS
from tinylogbert_daemon.source.discover import Discovery
from tinylogbert_daemon.source.encoding import PLAIN, Coding, recognise
from tinylogbert_daemon.source.tail import Form, Limits, ReadBack

MARKS = {
    "utf-16-le": b"\xff\xfe",
    "utf-16-be": b"\xfe\xff",
    "utf-32-le": b"\xff\xfe\0\0",
    "utf-32-be": b"\0\0\xfe\xff",
}
# U+0A0A and U+0A00 hold a newline's bytes in UTF-16, in and across characters
TEXTS = ("10:00:00 started", "ਊ਀ ਊਊ", "", "Grüße, 世界 🎉", "Ċ਀0\r", "its end")


def make(directory: Path, encoding: str = "auto", *, start: ReadBack | None = None) -> Scene:
    directory.mkdir(exist_ok=True)
    limits = Limits(block_bytes=512, record_bytes=256)
    return Scene(directory, limits=limits, start=start, form=Form(encoding))


def encoded(name: str, texts: tuple[str, ...] = TEXTS) -> bytes:
    return "".join(f"{text}\n" for text in texts).encode(name)


def utf8(texts: tuple[str, ...] = TEXTS) -> list[bytes]:
    return [text.encode() for text in texts]


@pytest.mark.parametrize("name", MARKS)
def test_recognised_by_its_mark_and_read_through_restarts(tmp_path: Path, name: str) -> None:
    scene = make(tmp_path)
    scene.write(MARKS[name] + encoded(name) * 50)
    assert Discovery([str(scene.path)]).scan().paths == [str(scene.path)]
    records = []
    scene.sight()
    scene.restart()
    for _ in range(3):
        block = scene.tail.read()
        assert block is not None
        scene.blocks.append(block)
        scene.saved[block.after.key] = block.after
        records += block.data.split(b"\n")[:-1]
        scene.restart()
    records += scene.read()
    assert records == utf8() * 50
    assert scene.lines == 300 == scene.saved_lines
    assert sum(block.size for block in scene.blocks) == 50 * len(encoded(name))
    content = scene.path.read_bytes()
    for block in scene.blocks:
        assert content[block.offset : block.offset + block.size].decode(name) == block.data.decode()
        assert block.after.offset == block.offset + block.size
    scene.stop()


@pytest.mark.parametrize("name", MARKS)
def test_every_split_of_a_write_gives_the_same_records(tmp_path: Path, name: str) -> None:
    content = MARKS[name] + encoded(name)
    before = open_descriptors()
    for split in range(len(content) + 1):
        scene = make(tmp_path / str(split))
        scene.write(content[:split])
        records = scene.read()
        if split % 2:
            scene.restart()
        scene.write(content[split:])
        assert records + scene.read() == utf8()
        assert scene.lines == 6 == scene.saved_lines
        scene.stop()
    assert open_descriptors() == before


def test_written_byte_by_byte(tmp_path: Path) -> None:
    scene = make(tmp_path)
    records = []
    for byte in MARKS["utf-16-le"] + encoded("utf-16-le"):
        scene.write(bytes([byte]))
        records += scene.read()
    assert records == utf8()
    scene.stop()


@pytest.mark.parametrize("name", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
def test_configured_and_without_a_mark(tmp_path: Path, name: str) -> None:
    scene = make(tmp_path, name)
    scene.write(encoded(name) * 20)
    assert Discovery([str(scene.path)], encoding=name).scan().paths == [str(scene.path)]
    assert scene.read() == utf8() * 20
    assert scene.lines == 120 == scene.saved_lines
    scene.stop()


def test_configured_without_an_order_goes_by_the_mark_and_else_is_little_endian(
    tmp_path: Path,
) -> None:
    cases = [("utf-16", "utf-16-le", b""), ("utf-32", "utf-32-le", b"")]
    cases += [(name[:6], name, mark) for name, mark in MARKS.items()]
    for number, (encoding, name, mark) in enumerate(cases):
        scene = make(tmp_path / str(number), encoding)
        scene.write(mark + encoded(name))
        assert scene.read() == utf8()
        scene.stop()


def test_latin_1(tmp_path: Path) -> None:
    texts = ("Grüße", "plain", "", "naïve café\r")
    scene = make(tmp_path, "latin-1")
    scene.write(encoded("latin-1", texts) * 100 + "über".encode("latin-1"))
    assert scene.read() == utf8(texts) * 100
    scene.restart()
    assert scene.wait(0.0) == []
    assert scene.wait(6.0) == ["über".encode()]
    scene.write(b"\nnext\n")
    assert scene.read() == [b"next"]
    assert scene.lines == 402 == scene.saved_lines
    assert sum(block.size for block in scene.blocks) == len(encoded("latin-1", texts) * 100) + 10
    scene.stop()


def test_utf_8_with_a_mark_loses_the_mark_alone(tmp_path: Path) -> None:
    scene = make(tmp_path)
    scene.write(b"\xef\xbb")
    assert scene.read() == []
    scene.write("\ufeffGrüße\n".encode()[2:])
    assert scene.read() == ["Grüße".encode()]
    assert scene.blocks[0].offset == 3
    assert scene.blocks[0].coding is PLAIN
    scene.stop()


def test_partial_line_is_handed_on_when_quiet_and_its_end_is_no_record(tmp_path: Path) -> None:
    scene = make(tmp_path)
    scene.write(MARKS["utf-16-be"] + "one\ntw".encode("utf-16-be") + b"\0")
    assert scene.read() == [b"one"]
    assert scene.wait(5.0) == [b"tw"]
    scene.restart()
    scene.write("o".encode("utf-16-be")[1:] + "\r\n".encode("utf-16-be"))
    assert scene.read() == [b"o\r"]
    scene.write("thr".encode("utf-16-be"))
    scene.read()
    assert scene.wait(6.0) == [b"thr"]
    scene.write("\r\n".encode("utf-16-be"))
    assert scene.read() == []
    scene.write("three\n".encode("utf-16-be"))
    assert scene.read() == [b"three"]
    assert scene.lines == 4 == scene.saved_lines
    scene.stop()


def test_rotation_between_files_of_different_encodings(tmp_path: Path) -> None:
    scene = make(tmp_path)
    scene.write(MARKS["utf-16-le"] + "one\n".encode("utf-16-le"))
    assert scene.read() == [b"one"]
    scene.write("two\nthree".encode("utf-16-le"))
    scene.rename()
    scene.write(b"four\n")
    scene.rename()
    scene.stop()
    scene.restart()
    scene.write(MARKS["utf-16-be"] + "five\n".encode("utf-16-be"))
    assert scene.read() == [b"two", b"three", b"four", b"five"]
    assert scene.lines == 5 == scene.saved_lines
    scene.stop()


@pytest.mark.parametrize("restart", [False, True])
@pytest.mark.parametrize("name", ["utf-16-le", "utf-16-be"])
def test_copytruncate_leaves_a_file_without_a_mark(
    tmp_path: Path, name: str, restart: bool
) -> None:
    scene = make(tmp_path)
    scene.write(MARKS[name] + "10:00:00 first\n".encode(name))
    scene.read()
    scene.write("10:00:01 in the copy\n".encode(name))
    scene.copytruncate()
    scene.write("10:00:02 after\n".encode(name))
    if restart:
        scene.restart()
    assert Discovery([str(scene.path)]).scan().paths == [str(scene.path)]
    assert scene.read() == [b"10:00:01 in the copy", b"10:00:02 after"]
    assert scene.lines == 3 == scene.saved_lines
    scene.stop()


@pytest.mark.parametrize("restart", [False, True])
@pytest.mark.parametrize("name", ["utf-16-le", "utf-16-be"])
def test_copytruncate_under_a_writer_that_keeps_its_offset(
    tmp_path: Path, name: str, restart: bool
) -> None:
    scene = make(tmp_path)
    with scene.path.open("wb", buffering=0) as writer:
        writer.write(MARKS[name] + "10:00:00 first\n".encode(name) * 401)
        assert len(scene.read()) == 401
        scene.copytruncate()
        assert scene.read() == []
        writer.write("10:00:02 after\n10:00:03 more\n".encode(name))
        if restart:
            scene.restart()
        assert scene.read() == [b"10:00:02 after", b"10:00:03 more"]
    assert scene.lines == 403 == scene.saved_lines
    scene.stop()


def test_overlong_line_is_cut_and_the_file_goes_on(tmp_path: Path) -> None:
    scene = make(tmp_path)
    long = "x" * 50_000
    scene.write(MARKS["utf-16-le"] + f"before\n{long}\nafter\n".encode("utf-16-le"))
    assert scene.read() == [b"before", b"x" * 128, b"after"]
    assert sum(block.cut for block in scene.blocks) == 1
    assert scene.lines == 3 == scene.saved_lines
    scene.stop()


def test_readback_finds_whole_lines(tmp_path: Path) -> None:
    before = open_descriptors()
    content = MARKS["utf-16-le"] + encoded("utf-16-le") + "part".encode("utf-16-le") + b"i"
    for count in range(0, len(content) + 2, 3):
        scene = make(tmp_path / str(count), start=ReadBack(count))
        scene.write(content)
        read = scene.read()
        whole = content[max(0, len(content) - count) :]
        assert read == utf8()[len(TEXTS) - len(read) :]
        assert len(encoded("utf-16-le", TEXTS[len(TEXTS) - len(read) :])) <= len(whole)
        assert scene.lines == 0
        scene.write("ial\n".encode("utf-16-le")[1:])
        assert scene.read() == [b"partial"]
        scene.stop()
    assert open_descriptors() == before


def test_text_after_a_wrong_configuration_was_put_right(tmp_path: Path) -> None:
    """An offset that lies within a code unit of the encoding configured now."""
    scene = make(tmp_path, "utf-8")
    scene.write("one\ntwo\n".encode("utf-16-le"))
    scene.read()
    scene.wait(10.0)
    scene.form = Form("utf-16-le")
    scene.restart()
    scene.write("three\nfour\n".encode("utf-16-le"))
    assert scene.read()[-1] == b"four"
    scene.stop()


def test_invalid_code_units_cost_their_own_place_alone(tmp_path: Path) -> None:
    scene = make(tmp_path, "utf-16-le")
    scene.write("a\n".encode("utf-16-le") + b"\0\xd8b\0\0\xdc\n\0" + "c\n".encode("utf-16-le"))
    assert scene.read() == [b"a", "\ufffdb\ufffd".encode(), b"c"]
    assert scene.blocks[-1].after.offset == scene.path.stat().st_size
    assert sum(block.size for block in scene.blocks) == scene.path.stat().st_size
    scene.stop()


@given(st.binary(max_size=400), st.sampled_from(sorted({*MARKS, "latin-1", "utf-8"})))
def test_sizes_are_those_of_the_file_for_any_bytes(raw: bytes, name: str) -> None:
    coding, _, _ = recognise(b"", name)
    raw = raw[: coding.whole(len(raw))]
    data = coding.transcode(raw)
    assert coding.size(data) == len(raw)
    if not coding.plain:
        parts = data.split(b"\n")
        ends = (len(parts) - 1) * coding.width
        assert sum(map(coding.size, parts)) + ends == len(raw)
        begun = [coding.size(b"\n".join(parts[:count])) for count in range(1, len(parts))]
        last = coding.last_end(raw, 0)
        assert last == (begun[-1] + coding.width if begun else 0)
        assert coding.first_end(raw, 0) == (begun[0] + coding.width if begun else 0)


def test_plain_text_is_handed_on_as_it_is() -> None:
    data = b"\xff any bytes\n"
    assert PLAIN.transcode(data) is data
    assert Coding("latin-1").transcode(data[1:]) == data[1:]


def test_binary_is_still_refused(tmp_path: Path) -> None:
    noise = random.Random(1).randbytes(4096)
    for name, content in (("a", noise), ("b", b"\x7fELF" + b"\0\1" * 300)):
        (tmp_path / name).write_bytes(content)
        assert Discovery([str(tmp_path / name)]).scan().paths == []


def test_the_configuration_knows_every_encoding() -> None:
    for name in ENCODINGS:
        assert Source(name="app", paths=["/app.log"], encoding=name).encoding == name
        assert recognise(b"INFO started\n", name)[2]
