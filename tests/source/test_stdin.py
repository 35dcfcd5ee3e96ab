"""Standard input at the end of a real pipe: back pressure, long lines, a cancelled reader."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing, contextmanager, suppress

import pytest

from tinylogbert_daemon.errors import SourceError
from tinylogbert_daemon.source.block import Block
from tinylogbert_daemon.source.stdin import Stdin

_BLOCK, _RECORD = 4096, 1000


@contextmanager
def _pipe() -> Iterator[tuple[int, int]]:
    reader, writer = os.pipe()
    ends = [reader, writer]
    try:
        yield reader, writer
    finally:
        for end in ends:
            with suppress(OSError):  # a test may have closed it
                os.close(end)


class Scene:
    def __init__(self, reader: int, executor: ThreadPoolExecutor) -> None:
        self.stdin = Stdin(reader)
        self.executor = executor
        self.blocks: list[Block] = []

    async def read(self, limit: int = 1_000_000) -> None:
        """Work on so many blocks, or on all."""
        blocks = self.stdin.blocks(
            "app", block_bytes=_BLOCK, record_bytes=_RECORD, executor=self.executor
        )
        async with aclosing(blocks):
            async for block in blocks:
                self.blocks.append(block)
                self.stdin.done()
                if len(self.blocks) >= limit:
                    return

    def lines(self) -> list[bytes]:
        return b"".join(block.data for block in self.blocks).split(b"\n")[:-1]


@pytest.fixture
def executor() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as made:
        yield made


def _fill(writer: int) -> int:
    """Write lines until the pipe takes no more; return how many bytes it took."""
    os.set_blocking(writer, False)
    size = 0
    while True:
        try:
            size += os.write(writer, b"0123456\n" * 512)
        except BlockingIOError:
            return size


def test_a_writer_waits_while_a_block_is_worked_on(executor: ThreadPoolExecutor) -> None:
    with _pipe() as (reader, writer):
        scene = Scene(reader, executor)
        first = _fill(writer)
        asyncio.run(scene.read(limit=1))
        assert len(scene.blocks[0].data) == _BLOCK
        # only the room of that one block is there again
        assert _fill(writer) == _BLOCK
        os.close(writer)
        asyncio.run(scene.read())
        assert scene.lines() == [b"0123456"] * ((first + _BLOCK) // 8)
        assert scene.blocks[-1].after.lines == (first + _BLOCK) // 8
        offsets = [block.offset for block in scene.blocks]
        assert offsets == list(range(0, first + _BLOCK, _BLOCK))
        assert {block.after.offset for block in scene.blocks} == {0}


def test_a_block_that_was_not_worked_on_is_yielded_again(executor: ThreadPoolExecutor) -> None:
    async def look(stdin: Stdin) -> bytes:
        blocks = stdin.blocks("b", block_bytes=_BLOCK, record_bytes=_RECORD, executor=executor)
        async with aclosing(blocks):
            async for block in blocks:
                assert block.source == "b"
                return block.data
        return b""

    with _pipe() as (reader, writer):
        scene = Scene(reader, executor)
        os.write(writer, b"one\ntwo\nthr")
        assert [asyncio.run(look(scene.stdin)) for _ in range(2)] == [b"one\ntwo\n"] * 2
        os.write(writer, b"ee\nfour")
        os.close(writer)
        asyncio.run(scene.read())
    assert scene.lines() == [b"one", b"two", b"three", b"four"]


def test_a_reader_that_is_cancelled_while_it_waits_loses_nothing(
    executor: ThreadPoolExecutor,
) -> None:
    async def cancelled(scene: Scene) -> None:
        task = asyncio.ensure_future(scene.read())
        async with asyncio.timeout(10):
            while len(scene.blocks) < 1:
                await asyncio.sleep(0)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    with _pipe() as (reader, writer):
        scene = Scene(reader, executor)
        os.write(writer, b"one\ntw")
        asyncio.run(cancelled(scene))
        os.write(writer, b"o\n")
        os.close(writer)
        asyncio.run(scene.read())
    assert scene.lines() == [b"one", b"two"]


@pytest.mark.parametrize("name", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-8"])
def test_what_has_a_byte_order_mark_is_read_as_utf_8(
    executor: ThreadPoolExecutor, name: str
) -> None:
    async def read(scene: Scene, written: bytes) -> None:
        reading = asyncio.ensure_future(scene.read())
        for byte in written:
            os.write(writer, bytes([byte]))
            await asyncio.sleep(0)
        os.close(writer)
        await reading

    with _pipe() as (reader, writer):
        scene = Scene(reader, executor)
        asyncio.run(read(scene, "\ufeffGrüße 🎉\nthe last".encode(name)))
    assert scene.lines() == ["Grüße 🎉".encode(), b"the last"]
    assert scene.blocks[-1].after.lines == 2


def test_a_long_and_an_endless_line_are_cut_and_counted(executor: ThreadPoolExecutor) -> None:
    with _pipe() as (reader, writer):
        scene = Scene(reader, executor)
        os.write(writer, b"a\n" + b"x" * 20_000 + b"\nb\n" + b"y" * 20_000)
        os.close(writer)
        asyncio.run(scene.read())
    assert scene.lines() == [b"a", b"x" * _RECORD, b"b", b"y" * _RECORD]
    assert sum(block.cut for block in scene.blocks) == 2
    assert scene.blocks[-1].after.lines == 4


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"\x1f\x8b\x08\x00", "compressed (gzip): unpack it first"),
        (b"\x7fELF" + b"\0\1\2" * 300, "binary (NUL bytes), not a log"),
    ],
)
def test_what_is_no_text_is_refused(
    executor: ThreadPoolExecutor, content: bytes, reason: str
) -> None:
    with _pipe() as (reader, writer):
        os.write(writer, content)
        with pytest.raises(SourceError) as caught:
            asyncio.run(Scene(reader, executor).read())
    assert str(caught.value) == f"standard input: {reason}"


def test_a_closed_standard_input_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", None)  # as Python leaves it under `<&-`
    with pytest.raises(SourceError, match="standard input is closed; pipe a log into it"):
        Stdin()
