"""One open file as blocks of whole records: cutting, partial and overlong lines, NUL holes."""

from __future__ import annotations

import os
from dataclasses import replace

from tinylogbert_daemon.source.block import TAIL_BYTES, Block, FileKey, Position, digest
from tinylogbert_daemon.source.content import SNIFF_BYTES
from tinylogbert_daemon.source.encoding import PLAIN, recognise
from tinylogbert_daemon.source.identity import (
    fingerprint,
    fingerprint_length,
    matches,
    read_head,
    read_tail,
)
from tinylogbert_daemon.source.limits import Form, Limits, TruncatedError
from tinylogbert_daemon.source.seek import last_records, next_text, sniff

# How many blocks of an overlong line one call passes over before it reports.
_PASS_BLOCKS = 64


class FileReader:
    """Reads one descriptor, which it owns, from a position on.

    The hot path of :meth:`read` is an ``fstat``, a ``pread`` that takes in the bytes before the
    offset as well (so that truncation is seen in the same look as the new data), a comparison, an
    ``rfind``, a slice and a count. Nothing is done per line. Offsets are those of the file's
    bytes in every encoding, and always at whole code units.
    """

    def __init__(self, descriptor: int, limits: Limits, form: Form, source: str, path: str) -> None:
        status = os.fstat(descriptor)
        self.device = status.st_dev
        self.inode = status.st_ino
        self.size = status.st_size
        self.links = status.st_nlink
        self.modified_ns = status.st_mtime_ns
        # when growth was last seen, in monotonic seconds
        self.changed: float | None = None
        self._descriptor = descriptor
        self._limits = limits
        self._form = form
        self._source = source
        self._path = path
        self.start_over([])

    def start_over(self, known: list[Position]) -> None:
        """Read from the beginning a file that no longer is what ``known`` was taken of.

        Where it turns out to have the key of one of them all the same, it counts its lines on:
        its position will replace that one, and no line given before may be forgotten.
        """
        self.offset = 0
        self._lines = 0
        self._lines_before = {position.key: position.lines for position in known}
        # the bytes before the offset, and the offset of the last window's first byte
        self._tail = b""
        self._base = 0
        self._head = b""
        self._key: FileKey | None = None
        self._mid_line = False
        self._skipping = False
        self._readback_end: int | None = None
        self._saved = True
        self._coding = PLAIN
        self._recognised = False
        # the time of the last write when nothing but NUL bytes was found after the offset
        self._nothing_ns = -1

    def resume(self, position: Position, *, foreign: bool = False) -> bool:
        """Go on from ``position`` where it fits the file's content, and say whether it does.

        ``foreign`` takes up the position of another file, of which this one is a copy.
        """
        if not matches(self._descriptor, position, self.size):
            return False
        self.start_over([])
        self._set_key(os.pread(self._descriptor, fingerprint_length(position.key.head), 0))
        self._recognise()
        # whole, should the encoding have been configured anew
        self._jump(self._coding.whole(position.offset))
        self._lines = 0 if foreign else position.lines
        self._mid_line = position.mid_line
        self._skipping = position.skipping
        return True

    def read_back(self, count: int) -> None:
        """Hand on the whole lines in the last ``count`` bytes as readback before anything else."""
        self._recognise()
        self._readback_end = self._coding.whole(self.size)
        self._saved = False
        begin, self._skipping = last_records(
            self._descriptor, self.size, count, self._limits.block_bytes, self._coding
        )
        self._jump(max(begin, self.offset))

    @property
    def identity(self) -> tuple[int, int]:
        """The device and inode."""
        return self.device, self.inode

    @property
    def position(self) -> Position:
        """Where the file stands; a file without an identity gets a key that fits any content."""
        key = self._key or FileKey(self.device, self.inode, fingerprint(b""))
        return Position(
            key, self.offset, self._lines, digest(self._tail), self._mid_line, self._skipping
        )

    @property
    def lag_bytes(self) -> int:
        """Bytes not handed on yet, as of the last look."""
        return max(0, self.size - self.offset)

    def has_content(self) -> bool:
        """Look whether there is anything in the file."""
        return os.fstat(self._descriptor).st_size > 0

    def is_part_of(self, other: FileReader) -> bool:
        """Tell by both its ends whether the file is a copy of the beginning of another one.

        Less than ``TAIL_BYTES`` may be equal by chance, and is no copy.
        """
        if not TAIL_BYTES <= self.size <= other.size:
            return False
        return all(
            os.pread(self._descriptor, TAIL_BYTES, at)
            == os.pread(other._descriptor, TAIL_BYTES, at)
            for at in (0, self.size - TAIL_BYTES)
        )

    def close(self) -> None:
        """Close the descriptor."""
        os.close(self._descriptor)

    def read(self, now: float, *, final: bool = False) -> Block | None:
        """Return the next block, or None where there is nothing to hand on.

        ``now`` is in monotonic seconds. ``final`` hands on a partial line at once. Raises
        :class:`TruncatedError`, and ``OSError`` where the file cannot be read.
        """
        for _ in range(_PASS_BLOCKS):
            buffer = self._window(now, final)
            coding = self._coding
            begin = behind = len(self._tail)
            reached = self._base + len(buffer)
            if begin < len(buffer) and (
                self._skipping or self._mid_line or coding.is_nul(buffer, begin)
            ):
                begin = self._pass_over(buffer, begin)
                if begin == len(buffer):
                    continue
            end = coding.last_end(buffer, begin)
            if end > begin:
                data = coding.transcode(buffer[begin:end])
                return self._hand_on(data, data.count(b"\n"), buffer, end)
            if self._readback_end is not None and reached >= self._readback_end:
                if not self._saved:
                    return self._block(b"", self.offset, 0)
                self._readback_end = None
                continue
            if reached < coding.whole(self.size) and begin > behind:
                continue  # the rest is the beginning of a line: look at it from its start
            return self._incomplete(buffer, begin, now, final)
        return self._block(b"", self.offset, 0)

    def _incomplete(self, buffer: bytes, begin: int, now: float, final: bool) -> Block | None:
        """Deal with the beginning of a line: wait, cut it, or hand it on as it is."""
        coding = self._coding
        rest = len(buffer) - begin
        if rest == 0 or (coding.is_nul(buffer, begin) and not self._mid_line):
            return None
        most = coding.whole(self._limits.record_bytes)
        if rest > most or rest >= coding.room(self._limits.block_bytes):
            data = coding.transcode(buffer[begin : begin + most])
            self._skipping = True
            return replace(self._hand_on(data + b"\n", 1, buffer, len(buffer)), cut=1)
        quiet = 0.0 if self.changed is None else now - self.changed
        if final or quiet >= self._limits.partial_seconds:
            data = coding.transcode(buffer[begin:])
            block = self._hand_on(data + b"\n", 1, buffer, len(buffer))
            self._mid_line = True
            return replace(block, after=self.position)
        return None

    def _window(self, now: float, final: bool) -> bytes:
        """Return the bytes from the tail before the offset up to a block's length after it.

        All are whole code units. Of a file too short to tell its encoding there are none yet.
        """
        status = os.fstat(self._descriptor)
        size = status.st_size
        if size != self.size or self.changed is None:
            self.size = size
            self.changed = now
        self.links = status.st_nlink
        if size < self.offset:
            raise TruncatedError
        if not self._recognised and status.st_mtime_ns != self._nothing_ns:
            quiet = now - self.changed >= self._limits.partial_seconds
            if not self._recognise(final=final or quiet) and size > 0:
                self._nothing_ns = status.st_mtime_ns
        end = self.offset
        if self._recognised:
            room = self._coding.room(self._limits.block_bytes)
            end += min(self._coding.whole(size - self.offset), room)
        if self._readback_end is not None:
            self._readback_end = self._coding.whole(min(self._readback_end, size))
            end = min(end, max(self._readback_end, self.offset))
        self._base = self.offset - len(self._tail)
        buffer = os.pread(self._descriptor, end - self._base, self._base)
        if not buffer.startswith(self._tail):
            raise TruncatedError
        if self._head and os.pread(self._descriptor, len(self._head), 0) != self._head:
            raise TruncatedError
        self.modified_ns = status.st_mtime_ns
        return buffer

    def _pass_over(self, buffer: bytes, begin: int) -> int:
        """Move past what belongs to no record, and return where the first record begins.

        That is the rest of an overlong line, the end of a line handed on in part, and NUL bytes
        where a line should begin. All of the buffer may go that way. NUL bytes up to the end of
        the file stay: they may be room that the writer will fill.
        """
        at = begin
        if self._skipping:
            at = self._coding.first_end(buffer, begin)
            if at == 0:
                self._advance(buffer, len(buffer))
                return len(buffer)
            self._skipping = False
        elif self._mid_line:
            ends = self._coding.line_ends
            ending = next((e for e in ends if buffer.startswith(e, begin)), b"")
            at += len(ending)
            self._mid_line = not ending
        if not self._mid_line and at < len(buffer) and self._coding.is_nul(buffer, at):
            text = at + self._coding.whole(len(buffer) - at - len(buffer[at:].lstrip(b"\0")))
            if text < len(buffer):
                at = text
            elif self.modified_ns != self._nothing_ns:
                after = next_text(self._descriptor, self._base + at, self.size)
                if after is not None:
                    self._jump(self._coding.whole(after))
                    return len(buffer)
                self._nothing_ns = self.modified_ns
        self._advance(buffer, at)
        return at

    def _hand_on(self, data: bytes, lines: int, buffer: bytes, end: int) -> Block:
        """Return ``data`` as a block that begins at the offset, and move to ``end``."""
        begin = self.offset
        lines -= self._mid_line
        self._mid_line = False
        self._advance(buffer, end)
        if self._key is None:
            head = read_head(self._descriptor)
            # without an end of the first line yet, what was handed on of it has to do
            self._set_key(head or os.pread(self._descriptor, self.offset, 0))
        return self._block(data, begin, lines)

    def _block(self, data: bytes, offset: int, lines: int) -> Block:
        readback = self._readback_end is not None
        if not readback:
            self._lines += lines
        self._saved = True
        return Block(
            self._source,
            self._path,
            data,
            offset,
            lines,
            self.position,
            readback=readback,
            coding=self._coding,
        )

    def _recognise(self, *, final: bool = False) -> bool:
        """Find out the encoding and pass over its mark; say if there is any text.

        ``final`` decides by what there is.
        """
        head = sniff(self._descriptor, self.size, SNIFF_BYTES)
        self._coding, mark, sure = recognise(head, self._form.encoding)
        self._recognised = bool(head) and (sure or final)
        if self._recognised and self.offset < mark:
            self._jump(mark)
        return bool(head)

    def _set_key(self, head: bytes) -> None:
        if head:
            self._head = head
            self._key = FileKey(self.device, self.inode, fingerprint(head))
            self._lines += self._lines_before.get(self._key, 0)

    def _advance(self, buffer: bytes, end: int) -> None:
        """Move to what follows ``buffer[:end]``."""
        self.offset = self._base + end
        self._tail = buffer[max(0, end - TAIL_BYTES) : end]

    def _jump(self, offset: int) -> None:
        """Move to where the bytes before are not at hand."""
        self.offset = offset
        self._tail = read_tail(self._descriptor, offset)
