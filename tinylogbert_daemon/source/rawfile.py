"""The bytes of an open file: as they lie there, or unpacked while they are read."""

from __future__ import annotations

import bz2
import errno
import gzip
import io
import lzma
import os
import zlib
from collections.abc import Callable
from typing import TYPE_CHECKING, BinaryIO, NamedTuple, cast

from tinylogbert_daemon.source.block import HEAD_BYTES

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer as Buffer

_SKIP_BYTES = 1 << 18
_NOWAIT = getattr(os, "RWF_NOWAIT", 0)  # Linux alone has it
# xz -9 takes 65 MiB to unpack; a made-up header may ask for gigabytes
_XZ_MEMORY_BYTES = 1 << 27
# Unpacking that much takes a minute, in which its reader does nothing else.
MOST_UNPACKED_BYTES = 1 << 33


class _Xz(io.RawIOBase):
    """``lzma.LZMAFile`` for reading, in bounded memory."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._unpacker = lzma.LZMADecompressor(memlimit=_XZ_MEMORY_BYTES)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Buffer, /) -> int:
        room = memoryview(buffer).cast("B")
        while True:
            packed = b""
            if self._unpacker.eof:
                # streams may follow each other, with padding between them
                packed = self._unpacker.unused_data.lstrip(b"\0")
                while not packed:
                    if not (read := self._stream.read(_SKIP_BYTES)):
                        return 0
                    packed = read.lstrip(b"\0")
                self._unpacker = lzma.LZMADecompressor(memlimit=_XZ_MEMORY_BYTES)
            elif self._unpacker.needs_input and not (packed := self._stream.read(_SKIP_BYTES)):
                raise EOFError("the compressed data ends too early")
            if unpacked := self._unpacker.decompress(packed, len(room)):
                room[: len(unpacked)] = unpacked
                return len(unpacked)


OPENERS: dict[str, Callable[[BinaryIO], io.BufferedIOBase]] = {
    "gzip": lambda stream: gzip.GzipFile(fileobj=stream),
    "xz": lambda stream: io.BufferedReader(_Xz(stream)),
    "bzip2": bz2.BZ2File,
}
# bzip2 says OSError
DECODE_ERRORS = (EOFError, lzma.LZMAError, zlib.error, gzip.BadGzipFile, OSError)

PACKED_SUFFIXES = {".gz": "gzip", ".xz": "xz", ".bz2": "bzip2"}


class Look(NamedTuple):
    """What one look at a file says; ``size`` is of its content, unpacked."""

    device: int
    inode: int
    size: int
    links: int
    modified_ns: int


class RawFile:
    """A descriptor, which it owns, read at any place. All methods may raise ``OSError``.

    It ``may_be_at_once`` where the file system tells what lies in memory, as ext4 does.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self.may_be_at_once = _tells_what_is_cached(descriptor)

    def look(self) -> Look:
        """Look at the file as it is now."""
        status = os.fstat(self._descriptor)
        return Look(
            status.st_dev, status.st_ino, status.st_size, status.st_nlink, status.st_mtime_ns
        )

    def pread(self, count: int, at: int) -> bytes:
        """Return at most ``count`` bytes from ``at`` on; fewer at the end alone."""
        return os.pread(self._descriptor, count, at)

    def pread_at_once(self, count: int, at: int) -> bytearray:
        """Return ``count`` bytes from ``at`` on as they lie in the page cache, without waiting.

        Raises ``BlockingIOError`` where not all of them do. Only for a file that ``may_be_at_once``
        (preadv2(2), RWF_NOWAIT).
        """
        buffer = bytearray(count)
        if os.preadv(self._descriptor, [buffer], at, _NOWAIT) < count:
            raise BlockingIOError(errno.EAGAIN, "not at once")
        return buffer

    def data_after(self, at: int) -> int | None:
        """Return where the file system stores something from ``at`` on; None for nothing."""
        try:
            return os.lseek(self._descriptor, at, os.SEEK_DATA)
        except OSError as error:
            # other errors: a file system that knows no holes
            return None if error.errno == errno.ENXIO else at

    def close(self) -> None:
        """Close the descriptor."""
        os.close(self._descriptor)


def _tells_what_is_cached(descriptor: int) -> bool:
    """Return whether the file system knows reads that do not wait."""
    if not _NOWAIT:
        return False
    try:
        os.preadv(descriptor, [bytearray(1)], 0, _NOWAIT)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return True


class PackedFile(RawFile):
    """A compressed file that nobody writes any more, read as what it unpacks to.

    Reading goes forward in bounded memory: the last bytes read and the first ``HEAD_BYTES`` are
    kept, and going back to others unpacks from the beginning. The size is found by unpacking it
    once; what is damaged, not all there yet, or larger than ``MOST_UNPACKED_BYTES`` raises
    ``OSError`` then.
    """

    def __init__(self, descriptor: int, kind: str) -> None:
        super().__init__(descriptor)
        self.may_be_at_once = False  # it is to be unpacked
        self._kind = kind
        self._size: int | None = None
        self._rewind()
        self._head = self._read(HEAD_BYTES)
        self._kept, self._kept_at = self._head, 0

    def look(self) -> Look:
        """Look at the file, and unpack it all at the first time."""
        if self._size is None:
            at = self._kept_at + len(self._kept)
            while chunk := self._read(_SKIP_BYTES):
                at += len(chunk)
                if at > MOST_UNPACKED_BYTES:
                    raise OSError(errno.EFBIG, "unpacks to more than is looked into")
            self._size = at
            self._rewind()
        return super().look()._replace(size=self._size)

    def pread(self, count: int, at: int) -> bytes:
        """Return what :meth:`RawFile.pread` would of the unpacked file."""
        if at + count <= len(self._head) or (at == 0 and count <= HEAD_BYTES):
            return self._head[at : at + count]
        if at < self._kept_at:
            self._rewind()
        end = self._kept_at + len(self._kept)
        while end < at:
            chunk = self._read(min(_SKIP_BYTES, at - end))
            if not chunk:
                return b""
            self._kept, self._kept_at = chunk, end
            end += len(chunk)
        self._kept, self._kept_at = self._kept[at - self._kept_at :], at
        if len(self._kept) < count:
            self._kept += self._read(count - len(self._kept))
        return self._kept[:count]

    def data_after(self, at: int) -> int | None:
        """Return ``at``: nothing is known of holes."""
        return at

    def _rewind(self) -> None:
        os.lseek(self._descriptor, 0, os.SEEK_SET)
        stream = open(self._descriptor, "rb", closefd=False)  # noqa: SIM115 - lives on
        self._stream = OPENERS[self._kind](cast(BinaryIO, stream))
        self._kept, self._kept_at = b"", 0

    def _read(self, count: int) -> bytes:
        try:
            return self._stream.read(count)
        except DECODE_ERRORS as error:
            raise OSError(errno.EIO, "compressed data that is damaged or not complete") from error
