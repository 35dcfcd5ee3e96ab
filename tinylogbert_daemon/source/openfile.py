"""One open file and the place in it: looking for what is new, truncation, the encoding."""

from __future__ import annotations

from tinylogbert_daemon.source.block import HEAD_BYTES, TAIL_BYTES, Position
from tinylogbert_daemon.source.content import SNIFF_BYTES
from tinylogbert_daemon.source.encoding import PLAIN, Buffer, recognise
from tinylogbert_daemon.source.identity import matches, read_tail
from tinylogbert_daemon.source.limits import Form, Limits, TruncatedError
from tinylogbert_daemon.source.rawfile import PackedFile, RawFile
from tinylogbert_daemon.source.seek import sniff


class OpenFile:
    """A file, which it owns, with how far it was read: ``offset``, in bytes of the file.

    ``size``, ``links`` and ``modified_ns`` are as of the last look; ``changed`` is when growth was
    last seen, in monotonic seconds.
    """

    def __init__(self, file: RawFile, limits: Limits, form: Form) -> None:
        status = file.look()
        self.device = status.device
        self.inode = status.inode
        self.size = status.size
        self.links = status.links
        self.modified_ns = status.modified_ns
        self.changed: float | None = None
        self._file = file
        self._limits = limits
        self._form = form
        self._rewind()

    def _rewind(self) -> None:
        """Go to the beginning of a file of which nothing is known."""
        self.offset = 0
        # the bytes before the offset, and the offset of the last window's first byte
        self._tail = b""
        self._base = 0
        # how the file began when it got its key
        self._head = b""
        self._readback_end: int | None = None
        self._coding = PLAIN
        self._recognised = False
        # the time of the last write when nothing but NUL bytes was found after the offset
        self._nothing_ns = -1

    @property
    def identity(self) -> tuple[int, int]:
        """The device and inode."""
        return self.device, self.inode

    @property
    def lag_bytes(self) -> int:
        """Bytes not handed on yet, as of the last look."""
        return max(0, self.size - self.offset)

    def has_content(self) -> bool:
        """Look whether there is anything in the file."""
        return self._file.look().size > 0

    def look(self) -> None:
        """Bring ``size`` up to date."""
        self.size = self._file.look().size

    def is_part_of(self, other: OpenFile, least: int = TAIL_BYTES) -> bool:
        """Tell by both its ends whether the file is a copy of the beginning of another one.

        Less than ``least`` bytes may be equal by chance, and are no copy.
        """
        if not least <= self.size <= other.size:
            return False
        length = min(self.size, TAIL_BYTES)
        return all(
            self._file.pread(length, at) == other._file.pread(length, at)
            for at in (0, self.size - length)
        )

    @property
    def head(self) -> bytes:
        """The first bytes of the file, at most ``HEAD_BYTES``."""
        return self._file.pread(HEAD_BYTES, 0)

    def fits(self, position: Position) -> bool:
        """Tell whether the file continues what ``position`` was taken of, as a copy does too."""
        return matches(self._file, position, self.size)

    @property
    def packed(self) -> bool:
        """Whether it is read out of a compressed file."""
        return isinstance(self._file, PackedFile)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _window(self, now: float, final: bool = False, *, at_once: bool = False) -> Buffer:
        """Return the bytes from the tail before the offset up to a block's length after it.

        All are whole code units. Of a file too short to tell its encoding there are none yet.
        ``at_once`` raises ``OSError`` instead of waiting for the disk.
        """
        pread = self._file.pread_at_once if at_once else self._file.pread
        status = self._file.look()
        size = status.size
        if size != self.size or self.changed is None:
            self.size = size
            self.changed = now
        self.links = status.links
        if size < self.offset:
            raise TruncatedError
        if not self._recognised and status.modified_ns != self._nothing_ns:
            any_text = self._recognise(final=final or self._is_quiet(now))
            self._nothing_ns = status.modified_ns if size > 0 and not any_text else -1
        end = self.offset
        if self._recognised:
            room = self._coding.room(self._limits.block_bytes)
            end += min(self._coding.whole(size - self.offset), room)
        if self._readback_end is not None:
            self._readback_end = self._coding.whole(min(self._readback_end, size))
            end = min(end, max(self._readback_end, self.offset))
        self._base = self.offset - len(self._tail)
        buffer = pread(end - self._base, self._base)
        if not buffer.startswith(self._tail):
            raise TruncatedError
        if self._head and pread(len(self._head), 0) != self._head:
            raise TruncatedError
        self.modified_ns = status.modified_ns
        return buffer

    def _recognise(self, *, final: bool = False) -> bool:
        """Find out the encoding and pass over its mark; say if there is any text.

        ``final`` decides by what there is.
        """
        head = sniff(self._file, self.size, SNIFF_BYTES)
        self._coding, mark, sure = recognise(head, self._form.encoding)
        self._recognised = bool(head) and (sure or final)
        if self._recognised and self.offset < mark:
            self._jump(mark)
        return bool(head)

    def _is_quiet(self, now: float) -> bool:
        return self.changed is not None and now - self.changed >= self._limits.partial_seconds

    def _advance(self, buffer: Buffer, end: int) -> None:
        """Move to what follows ``buffer[:end]``."""
        self.offset = self._base + end
        self._tail = bytes(buffer[max(0, end - TAIL_BYTES) : end])

    def _jump(self, offset: int) -> None:
        """Move to where the bytes before are not at hand."""
        self.offset = offset
        self._tail = read_tail(self._file, offset)
