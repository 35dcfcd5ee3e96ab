"""One file as blocks of whole records: cutting, joining, partial and overlong lines, NUL holes."""

from __future__ import annotations

from dataclasses import replace

from tinylogbert_daemon.newlines import count_lines
from tinylogbert_daemon.source.block import Block, FileKey, Position, digest
from tinylogbert_daemon.source.encoding import Buffer
from tinylogbert_daemon.source.identity import (
    fingerprint,
    fingerprint_length,
    read_head,
    read_tail,
)
from tinylogbert_daemon.source.joining import Joining
from tinylogbert_daemon.source.limits import Form, Limits
from tinylogbert_daemon.source.openfile import OpenFile
from tinylogbert_daemon.source.rawfile import RawFile
from tinylogbert_daemon.source.seek import last_records, next_text

# How many blocks of an overlong line one call passes over before it reports.
_PASS_BLOCKS = 64


class FileReader(OpenFile):
    """Reads one file, which it owns, from a position on.

    The hot path of :meth:`read` is an ``fstat``, a ``pread`` that takes in the bytes before the
    offset as well (so that truncation is seen in the same look as the new data), a comparison, an
    ``rfind``, a slice and a count. Nothing is done per line. Offsets are those of the file's
    bytes in every encoding, and always at whole code units.
    """

    def __init__(self, file: RawFile, limits: Limits, form: Form, source: str, path: str) -> None:
        super().__init__(file, limits, form)
        self._source = source
        self._path = path
        self.given: Position | None = None
        """Where what was handed on ends; of a file truncated since, until the next is, before."""
        self.start_over([])

    def start_over(self, known: list[Position]) -> None:
        """Read from the beginning a file that no longer is what ``known`` was taken of.

        Where it turns out to have the key of one of them all the same, it counts its lines on:
        its position will replace that one, and no line given before may be forgotten.
        """
        self._rewind()
        self._lines = 0
        self._lines_before = {position.key: position.lines for position in known}
        self._key: FileKey | None = None
        self._mid_line = False
        self._skipping = False
        self._saved = True
        self._sighted = False

    def resume(self, position: Position, *, foreign: bool = False) -> bool:
        """Go on from ``position`` where it fits the file's content, and say whether it does.

        ``foreign`` takes up the position of another file, of which this one is a copy.
        """
        if not self.fits(position):
            return False
        self.start_over([])
        self._sighted = True
        self._set_key(self._file.pread(fingerprint_length(position.key.head), 0))
        self._recognise()
        # whole, should the encoding have been configured anew; a mark stays passed over
        self._jump(max(self.offset, self._coding.whole(position.offset)))
        self._lines = 0 if foreign and position.key != self._key else position.lines
        self._mid_line = position.mid_line
        self._skipping = position.skipping
        return True

    def read_back(self, count: int) -> None:
        """Hand on the whole lines in the last ``count`` bytes as readback before anything else."""
        self._recognise()
        self._readback_end = self._coding.whole(self.size)
        self._saved = False
        begin, self._skipping = last_records(
            self._file, self.size, count, self._limits.block_bytes, self._coding
        )
        self._jump(max(begin, self.offset))

    @property
    def position(self) -> Position:
        """Where the file stands; a file without an identity gets a key that fits any content."""
        key = self._key or FileKey(self.device, self.inode, fingerprint(b""))
        return Position(
            key, self.offset, self._lines, digest(self._tail), self._mid_line, self._skipping
        )

    def sight(self) -> Block | None:
        """Return, once of a file of which nothing is known, a block that has the state know it.

        It says that the file stands at its beginning or, where it is read back, at its last line.
        """
        if self._sighted:
            return None
        self._sighted = True
        head = read_head(self._file)
        # a hole at the beginning may be filled yet
        key = FileKey(self.device, self.inode, fingerprint(b"" if head[:1] == b"\0" else head))
        at, skipping = self.offset, False
        if self._readback_end is not None:
            end = self._readback_end
            at, skipping = last_records(self._file, end, 0, self._limits.block_bytes, self._coding)
        tail = digest(read_tail(self._file, at))
        lines = self._lines + self._lines_before.get(key, 0)
        after = self.given = Position(key, at, lines, tail, skipping=skipping)
        return Block(self._source, self._path, b"", at, 0, after, sighting=True)

    def standing(self) -> Block:
        """Return a block without data that has the state know where the file stands."""
        return Block(self._source, self._path, b"", self.offset, 0, self.position, sighting=True)

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
                quiet = final or self._is_quiet(now)
                return self._lines_of(buffer, slice(begin, end), quiet)
            if self._readback_end is not None and reached >= self._readback_end:
                if not self._saved:
                    return self._block(b"", self.offset, 0)
                self._readback_end = None
                continue
            if reached < coding.whole(self.size) and begin > behind:
                continue  # the rest is the beginning of a line: look at it from its start
            return self._incomplete(buffer, begin, now, final)
        return self._block(b"", self.offset, 0)

    def read_at_once(self, now: float) -> Block | None:
        """Return the next block if it is whole lines, and all of it can be had without waiting.

        None says nothing; :meth:`read` does. May raise what that raises, and where it would wait,
        ``OSError``; nothing is changed then.
        """
        new = self._key is None or not (self._sighted and self._recognised)
        if (
            not self._file.may_be_at_once
            or new
            or self._skipping
            or self._mid_line
            or self._readback_end is not None
        ):
            return None
        buffer = self._window(now, at_once=True)
        begin = len(self._tail)
        end = self._coding.last_end(buffer, begin)
        if end <= begin or self._coding.is_nul(buffer, begin):
            return None
        return self._lines_of(buffer, slice(begin, end), self._is_quiet(now))

    def _lines_of(self, buffer: Buffer, span: slice, quiet: bool) -> Block | None:
        """Hand on the whole lines at ``span``, or what is joined of them."""
        if self._form.joining is not None:
            reached = self._base + len(buffer)
            ended = self._readback_end is not None and reached >= self._readback_end
            ended = ended or (quiet and reached >= self._coding.whole(self.size))
            return self._joined(self._form.joining, buffer, span, ended)
        data = self._coding.transcode(bytes(memoryview(buffer)[span]))
        return self._hand_on(data, count_lines(data), buffer, span.stop)

    def _incomplete(self, buffer: Buffer, begin: int, now: float, final: bool) -> Block | None:
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
        if final or self._is_quiet(now):
            data = coding.transcode(buffer[begin:])
            block = self._hand_on(data + b"\n", 1, buffer, len(buffer))
            self._mid_line = True
            return replace(block, after=self.position)
        return None

    def _joined(self, joining: Joining, buffer: Buffer, span: slice, ending: bool) -> Block | None:
        """Hand on joined records of the whole lines at ``span``, unless they wait for more.

        Where the file is ``ending``, none waits, and a partial line goes with them.
        """
        coding, limits = self._coding, self._limits
        stop, rest = span.stop, len(buffer) - span.stop
        original = coding.transcode(buffer[span])
        partial = ending and self._readback_end is None and 0 < rest <= limits.record_bytes
        if partial := partial and not coding.is_nul(buffer, stop):
            original += coding.transcode(buffer[stop:]) + b"\n"
            stop = len(buffer)
        held = len(buffer) - span.start
        full = held > limits.record_bytes or held >= coding.room(limits.block_bytes)
        data, cut = joining.take(original, limits.record_bytes, ending=ending, full=full)
        if not data:
            return None
        if len(data) < len(original):
            original = original[: len(data)]
            stop = span.start + coding.size(data)
        block = self._hand_on(data, original.count(b"\n"), buffer, stop)
        self._mid_line = partial
        return replace(block, cut=cut, original=original, after=self.position)

    def _pass_over(self, buffer: Buffer, begin: int) -> int:
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
                after = next_text(self._file, self._base + at, self.size)
                if after is not None:
                    self._jump(self._coding.whole(after))
                    return len(buffer)
                self._nothing_ns = self.modified_ns
        self._advance(buffer, at)
        return at

    def _hand_on(self, data: bytes, lines: int, buffer: Buffer, end: int) -> Block:
        """Return ``data`` as a block that begins at the offset, and move to ``end``."""
        begin = self.offset
        lines -= self._mid_line
        self._mid_line = False
        self._advance(buffer, end)
        if self._key is None:
            head = read_head(self._file)
            # without an end of the first line yet, what was handed on of it has to do
            self._set_key(head or self._file.pread(self.offset, 0))
        return self._block(data, begin, lines)

    def _block(self, data: bytes, offset: int, lines: int) -> Block:
        readback = self._readback_end is not None
        if not readback:
            self._lines += lines
        self._saved = True
        self.given = self.position
        return Block(
            self._source,
            self._path,
            data,
            offset,
            lines,
            self.given,
            readback=readback,
            coding=self._coding,
        )

    def _set_key(self, head: bytes) -> None:
        if head:
            self._head = head
            self._key = FileKey(self.device, self.inode, fingerprint(head))
            self._lines += self._lines_before.get(self._key, 0)
