"""Stack traces as one record: joined in the block, held until they are whole, counted exactly."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.source.scene import Scene, open_descriptors
from tinylogbert_daemon.config.sources import Preset
from tinylogbert_daemon.source.joining import PRESETS, Joining
from tinylogbert_daemon.source.tail import Form, Limits, ReadBack

JAVA = b"""\
2026-11-24 10:00:00 ERROR cannot store order
java.lang.IllegalStateException: no connection
\tat com.shop.Orders.store(Orders.java:17)
\tat com.shop.Main.main(Main.java:3)
Caused by: java.net.ConnectException: refused
\tat java.base/sun.nio.ch.Net.connect0(Native Method)
\t... 2 more
2026-11-24 10:00:01 INFO java.util.Timer started
"""
PYTHON = b"""\
ERROR:root:cannot store order
Traceback (most recent call last):
  File "shop.py", line 3, in store
    connection.send(order)
ConnectionResetError: [Errno 104] Connection reset by peer

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "shop.py", line 9, in main
    store(order)
shop.errors.StoreError
INFO:root:ValueError is what follows
"""
GO = b"""\
panic: runtime error: index out of range [3] with length 3

goroutine 1 [running]:
main.store({0xc000012345, 0x3})
\t/src/shop/main.go:12 +0x1d
main.(*Shop).Run(...)
\t/src/shop/main.go:20
created by main.main in goroutine 1
\t/src/shop/main.go:30 +0x25
exit status 2
2026/11/24 10:00:01 started
"""
LIMITS = Limits(block_bytes=1024, record_bytes=512)


def make(directory: Path, joining: Joining, *, start: ReadBack | None = None) -> Scene:
    directory.mkdir(exist_ok=True)
    return Scene(directory, limits=LIMITS, start=start, form=Form(joining=joining))


def indented() -> Joining:
    return Joining("indented")


@pytest.mark.parametrize(("name", "text"), [("java", JAVA), ("python", PYTHON), ("go", GO)])
def test_a_stack_trace_is_one_record(name: str, text: bytes) -> None:
    joined, cut = Joining(name).join(text, 65_536)
    assert cut == 0
    assert len(joined) == len(text)
    trace, after = joined.split(b"\n")[:-1]
    assert trace == b" ".join(text.split(b"\n")[:-2])
    assert text.endswith(b"\n" + after + b"\n")
    assert Joining(name).join(text.replace(b"\n", b"\r\n"), 65_536)[0].count(b"\n") == 2


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_ordinary_lines_stay_as_they_are(name: str) -> None:
    lines = (
        b"2026-11-24 10:00:00 INFO at work",
        b"Nov 24 10:00:00 db1 sshd[12]: Error: a.b.Exception",
        b"[main] INFO com.shop.Main - started (in 3 s)",
        b'{"level": "error", "message": "Traceback (most recent call last):"}',
    )
    data = b"".join(line + b"\n" for line in lines)
    assert Joining(name).join(data, 65_536) == (data, 0)


def test_start_alone_continue_alone_and_both() -> None:
    data = b"2026 a\nb\n c\n2026 d\n 2026 e\n"
    start, more = re.compile(rb"^\d{4}"), re.compile(rb"^ |^2026 d")
    assert Joining(start=start).join(data, 99)[0] == b"2026 a b  c\n2026 d  2026 e\n"
    assert Joining(continuation=more).join(data, 99)[0] == b"2026 a\nb  c 2026 d  2026 e\n"
    assert Joining("none", start, more).join(data, 99)[0] == b"2026 a\nb  c\n2026 d  2026 e\n"
    assert Joining("indented", None, re.compile(rb"b$")).join(data, 99)[0] == (
        b"2026 a b  c\n2026 d  2026 e\n"
    )
    with pytest.raises(ValueError, match="a preset or a pattern"):
        Joining()


def test_patterns_see_one_line_and_its_beginning_alone() -> None:
    empty = Joining(continuation=re.compile(rb"^\s"))
    assert empty.join(b"one\n\ntwo\n three\n", 99)[0] == b"one\n\ntwo  three\n"
    far = Joining(continuation=re.compile(rb"more"))
    data = b"one\n" + b"x" * 300 + b" more\nand more\n"
    assert far.join(data, 999)[0] == b"one\n" + b"x" * 300 + b" more and more\n"


@given(st.lists(st.sampled_from([b"a", b" b", b"", b"\tccc", b"dddd" * 5]), max_size=60))
def test_joining_is_the_same_as_line_by_line(lines: list[bytes]) -> None:
    most = 24
    records: list[bytes] = []
    cuts = 0
    for line in lines:
        if records and line[:1] in (b" ", b"\t"):
            if len(records[-1]) + 1 + len(line) <= most:
                records[-1] += b" " + line
                continue
            cuts += 1
        records.append(line)
    joined, cut = indented().join(b"".join(line + b"\n" for line in lines), most)
    assert joined == b"".join(record + b"\n" for record in records)
    assert cut == cuts


def test_the_last_record_waits_for_the_next_one(tmp_path: Path) -> None:
    scene = make(tmp_path, Joining("java"))
    lines = JAVA.splitlines(keepends=True)
    for line in lines[:-1]:
        scene.write(line)
        assert scene.wait(4.0) == []
    scene.write(lines[-1])
    assert scene.read() == [b" ".join(line.rstrip(b"\n") for line in lines[:-1])]
    assert (scene.lines, scene.saved_lines) == (7, 7)
    assert scene.wait(4.9) == []
    assert scene.wait(0.2) == [lines[-1].rstrip()]
    assert scene.wait(60.0) == []
    assert scene.lines == 8 == scene.saved_lines
    scene.stop()


def test_every_split_of_a_write_gives_the_same_records(tmp_path: Path) -> None:
    before = open_descriptors()
    content = b"one\n  1\n  2\ntwo\nthree\n\t3\nfour\n"
    for split in range(len(content) + 1):
        scene = make(tmp_path / str(split), indented())
        scene.write(content[:split])
        records = scene.read()
        if split % 2:
            scene.restart()
        scene.write(content[split:])
        records += scene.read() + scene.wait(5.0)
        assert records == [b"one   1   2", b"two", b"three \t3", b"four"]
        assert scene.lines == 7 == scene.saved_lines
        for block in scene.blocks:
            assert content[block.offset :].startswith(block.original or b"")
        scene.stop()
    assert open_descriptors() == before


def test_records_that_cross_blocks(tmp_path: Path) -> None:
    scene = make(tmp_path, indented())
    records, lines = [], 0
    for number in range(400):
        more = [b"  frame %d.%d" % (number, at) for at in range(number % 9)]
        lines += 1 + len(more)
        records.append([b"record %d" % number, *more])
    scene.write(b"".join(line + b"\n" for record in records for line in record))
    read = []
    while (block := scene.tail.read()) is not None:
        scene.check(block)
        scene.blocks.append(block)
        scene.saved[block.after.key] = block.after
        read += block.data.split(b"\n")[:-1]
        scene.restart()
    read += scene.read() + scene.wait(5.0)  # a restart begins the quiet time anew
    assert read == [b" ".join(record) for record in records]
    assert scene.lines == lines == scene.saved_lines
    assert len(scene.blocks) > 10
    scene.stop()


def test_offsets_and_lines_of_records_are_those_of_the_file(tmp_path: Path) -> None:
    for name in ("utf-8", "utf-16-le"):
        (tmp_path / name).mkdir()
        form = Form(name, Joining("indented"))
        scene = Scene(tmp_path / name, limits=LIMITS, form=form)
        texts = [f"é record {n}\n" + "  frame 世界\n" * (n % 3) for n in range(200)]
        scene.write("".join(texts).encode(name))
        scene.read()
        scene.wait(5.0)
        offsets, lines = [], []
        for block in scene.blocks:
            places = block.places()
            offsets += places[0][:-1]
            lines += [block.after.lines - block.lines + at for at in places[1][:-1]]
        want = ["".join(texts[:n]) for n in range(200)]
        assert offsets == [len(text.encode(name)) for text in want]
        assert lines == [text.count("\n") for text in want]
        scene.stop()


def test_a_record_that_goes_on_after_the_quiet_time_begins_another(tmp_path: Path) -> None:
    scene = make(tmp_path, indented())
    scene.write(b"one\n  1\n  2")
    assert scene.read() == []
    assert scene.wait(5.0) == [b"one   1   2"]
    scene.write(b" and a half\n  3\ntwo\n")
    assert scene.read() == [b" and a half   3"]
    assert scene.wait(5.0) == [b"two"]
    assert scene.lines == 5 == scene.saved_lines
    scene.stop()


def test_rotation_ends_a_record(tmp_path: Path) -> None:
    scene = make(tmp_path, indented())
    scene.write(b"one\n  1\n")
    assert scene.read() == []
    scene.rename()
    scene.write(b"two\n  2\nthree\n  3\n")
    assert scene.read() == [b"one   1", b"two   2"]
    scene.copytruncate()
    scene.write(b"four\n")
    assert scene.wait(1.0) == [b"three   3"]
    assert scene.wait(6.0) == [b"four"]
    assert scene.lines == 7 == scene.saved_lines
    scene.stop()


def test_an_endless_record_is_cut_into_several_and_no_line_is_lost(tmp_path: Path) -> None:
    whole = b"one\n" + b"  frame of nineteen\n" * 500 + b"two\n"
    read: dict[int, list[bytes]] = {}
    for step in (17, 100, 100_000):
        scene = make(tmp_path / str(step), indented())
        read[step] = []
        for at in range(0, len(whole), step):
            scene.write(whole[at : at + step])
            read[step] += scene.read()
        read[step] += scene.wait(5.0)
        assert b" ".join(read[step]) == whole[:-1].replace(b"\n", b" ")
        assert max(map(len, read[step])) <= LIMITS.record_bytes
        assert scene.lines == 502 == scene.saved_lines
        scene.stop()
    assert read[17] == read[100] == read[100_000]
    assert sum(block.cut for block in scene.blocks) == len(read[17]) - 2


def test_an_overlong_line_after_a_held_record(tmp_path: Path) -> None:
    scene = make(tmp_path, indented())
    scene.write(b"one\n  1\n" + b"x" * 5000)
    assert scene.read() == [b"one   1", b"x" * 512]
    scene.write(b"\n  2\ntwo\n")
    assert scene.read() == [b"  2"]
    assert scene.wait(5.0) == [b"two"]
    assert scene.lines == 5 == scene.saved_lines
    assert sum(block.cut for block in scene.blocks) == 1
    scene.stop()


def test_readback_ends_with_its_last_record(tmp_path: Path) -> None:
    scene = make(tmp_path, indented(), start=ReadBack(1 << 20))
    scene.write(b"one\n  1\ntwo\n  2\npart")
    assert scene.read() == [b"one   1", b"two   2"]
    assert {block.readback for block in scene.blocks} == {True}
    scene.write(b"ial\n  3\n")
    assert scene.wait(5.0) + scene.wait(5.0) == [b"partial   3"]
    assert scene.lines == 2 == scene.saved_lines
    scene.stop()


def test_the_configuration_knows_every_preset() -> None:
    assert set(get_args(Preset)) == {"none", *PRESETS}
