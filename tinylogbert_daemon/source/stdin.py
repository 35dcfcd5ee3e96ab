"""Standard input as a stream of blocks that ends."""

from __future__ import annotations

import asyncio
import os
import select
import sys
from collections.abc import AsyncGenerator
from concurrent.futures import Executor
from dataclasses import replace

from tinylogbert_daemon.errors import SourceError
from tinylogbert_daemon.source.block import HEAD_BYTES, Block, FileKey, Position, digest
from tinylogbert_daemon.source.content import SNIFF_BYTES, binary_reason, compression
from tinylogbert_daemon.source.cutter import Cutter
from tinylogbert_daemon.source.encoding import Transcoder

PATH = "stdin"
"""Its name in metrics and status."""


class Stdin:
    """Standard input of the process; what was read and not worked on yet outlives a reload.

    There is no position to go on from: what the process has read is gone from a pipe. What waits
    in the pipe keeps its writer waiting. Raises :class:`SourceError` if it is closed.
    """

    def __init__(self, descriptor: int | None = None) -> None:
        if descriptor is None and sys.stdin is None:
            raise SourceError("standard input is closed; pipe a log into it")
        self._descriptor = 0 if descriptor is None else descriptor
        self._cutter: Cutter | None = None
        self._transcoder = Transcoder()
        self._key: FileKey | None = None
        self._offset = 0
        self._lines = 0
        self._pending: Block | None = None
        self._ended = False

    async def blocks(
        self, source: str, *, block_bytes: int, record_bytes: int, executor: Executor
    ) -> AsyncGenerator[Block, None]:
        """Yield blocks of about ``block_bytes`` up to the end of file; records are cut.

        Each is yielded again until :meth:`done` says that it was worked on. Raises
        :class:`SourceError` for what is no text or cannot be read.
        """
        loop = asyncio.get_running_loop()
        if self._cutter is None:
            self._cutter = Cutter(record_bytes, record_bytes)
        while True:
            while self._pending is None and not self._ended:
                await _readable(self._descriptor)
                # keeps what it reads itself: we may be cancelled meanwhile
                await loop.run_in_executor(executor, self._read, self._cutter, block_bytes)
            if self._pending is None:
                return
            yield replace(self._pending, source=source)

    def _text(self, content: bytes) -> bytes:
        """Return ``content`` in UTF-8; raises :class:`SourceError` for what is no text."""
        if self._key is None and (kind := compression(content)):
            raise SourceError(f"standard input: compressed ({kind}): unpack it first")
        content = self._transcoder.feed(content, final=self._ended)
        if self._key is None and (reason := binary_reason(content[:SNIFF_BYTES])):
            raise SourceError(f"standard input: {reason}, not a log")
        return content

    def done(self) -> None:
        """Let go of the block that was yielded."""
        self._pending = None

    def _read(self, cutter: Cutter, block_bytes: int) -> None:
        """Read what is there, up to a block."""
        pieces: list[bytes] = []
        size = 0
        while size < block_bytes and (not pieces or _has_more(self._descriptor)):
            try:
                piece = os.read(self._descriptor, block_bytes - size)
            except BlockingIOError:
                break
            except OSError as error:
                raise SourceError(
                    f"standard input: {(error.strerror or str(error)).lower()}"
                ) from error
            if not piece:
                self._ended = True
                break
            pieces.append(piece)
            size += len(piece)
        content = self._text(b"".join(pieces))
        if self._key is None and content:
            end = content.find(b"\n") + 1
            # as with files, the first line tells one content from another
            first = content[: min(end or HEAD_BYTES, HEAD_BYTES)]
            self._key = FileKey(0, 0, digest(first))
        data, cut = cutter.feed(content)
        if self._ended:
            data += cutter.finish()
        if data and self._key is not None:
            lines, begin = data.count(b"\n"), self._offset
            self._lines += lines
            self._offset += len(data)
            # the state counts its lines; an offset would say that one can go on from there
            after = Position(self._key, 0, self._lines, b"")
            self._pending = Block("", PATH, data, begin, lines, after, cut=cut)


def _has_more(descriptor: int) -> bool:
    waiting = select.poll()
    waiting.register(descriptor, select.POLLIN)
    return bool(waiting.poll(0))


async def _readable(descriptor: int) -> None:
    """Wait until there is something to read, or the end."""
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    try:
        loop.add_reader(descriptor, ready.set)
    except PermissionError:  # epoll takes no regular file: that never keeps one waiting
        return
    try:
        await ready.wait()
    finally:
        loop.remove_reader(descriptor)
