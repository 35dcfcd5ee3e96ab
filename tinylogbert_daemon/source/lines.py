"""Any stream of bytes as blocks of whole records, for the one-shot commands."""

from __future__ import annotations

import gzip
import io
import lzma
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

from tinylogbert_daemon.errors import SourceError
from tinylogbert_daemon.source.content import SNIFF_BYTES, binary_reason, compression
from tinylogbert_daemon.source.encoding import Transcoder, recognise
from tinylogbert_daemon.source.rawfile import DECODE_ERRORS, OPENERS

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_STDIN = "-"
_BUFFER_BYTES = 1 << 17


def blocks_of(
    stream: BinaryIO, block_bytes: int = 1 << 20, record_bytes: int = 65_536
) -> Iterator[bytes]:
    """Yield the stream as blocks of whole records, each record ended by a newline.

    A block has at most ``block_bytes`` bytes. A record that does not fit one is cut to
    ``record_bytes`` and the rest of its line is passed over, so that memory stays bounded. A last
    record without a newline gets one. Raises :class:`SourceError` where reading fails.
    """
    if not 0 < record_bytes < block_bytes:
        raise ValueError("record_bytes must be above 0 and below block_bytes")
    rest = b""
    skipping = False
    while chunk := _read(stream, block_bytes - len(rest)):
        if skipping:
            begin = chunk.find(b"\n") + 1
            if begin == 0:
                continue
            chunk = chunk[begin:]
            skipping = False
        buffer = rest + chunk
        end = buffer.rfind(b"\n") + 1
        if end:
            yield buffer[:end]
            rest = buffer[end:]
        elif len(buffer) >= block_bytes:
            yield buffer[:record_bytes] + b"\n"
            rest = b""
            skipping = True
        else:
            rest = buffer
    if rest:
        yield rest + b"\n"


def _read(stream: BinaryIO, size: int) -> bytes:
    try:
        # one system call's worth: what a pipe has is handed on before the block is full
        read1 = getattr(stream, "read1", None)
        return cast(bytes, (read1 or stream.read)(size))
    except DECODE_ERRORS as error:
        name = getattr(stream, "name", None)
        where = name if isinstance(name, str) and name != "<stdin>" else "standard input"
        raise SourceError(f"{where}: {_words(error)}") from error


def open_input(path: str) -> BinaryIO:
    """Open a log for reading: ``-`` is standard input; gzip, xz and bzip2 are decompressed.

    UTF-16 and UTF-32 become UTF-8, and a byte order mark is passed over. What it is, is told by its
    first bytes. Raises :class:`SourceError` for what is no file, may
    not be read, is compressed otherwise, or is binary.
    """
    if path == _STDIN:
        return _decoded(sys.stdin.buffer, "standard input")
    try:
        stream = Path(path).open("rb")  # noqa: SIM115 - the caller closes it
    except (OSError, ValueError) as error:  # ValueError: a NUL byte in the name
        raise SourceError(f"{path}: {_words(error)}") from error
    try:
        return _decoded(stream, path)
    except BaseException:
        stream.close()
        raise


def _decoded(stream: BinaryIO, name: str) -> BinaryIO:
    plain = _peekable(stream)
    kind = compression(_peek(plain, name))
    if kind is not None:
        opener = OPENERS.get(kind)
        if opener is None:
            raise SourceError(f"{name}: compressed ({kind}): unpack it first")
        plain = _Made(opener(plain), stream, name)
    head = _peek(plain, name)[:SNIFF_BYTES]
    coding, mark, _ = recognise(head, "auto")
    if reason := binary_reason(coding.transcode(head[mark : coding.whole(len(head))])):
        raise SourceError(f"{name}: {reason}, not a log")
    if mark or not coding.plain:
        plain = _Made(_Transcoded(plain), plain, name)
    return cast(BinaryIO, plain)


class _Transcoded(io.RawIOBase):
    """A stream in UTF-8, whatever it was encoded in."""

    def __init__(self, stream: io.BufferedReader) -> None:
        self._stream = stream
        self._transcoder = Transcoder()
        self._waiting = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        room = memoryview(buffer).cast("B")
        more = True
        while more and not self._waiting:
            piece = self._stream.read1(_BUFFER_BYTES)
            more = bool(piece)
            self._waiting = self._transcoder.feed(piece, final=not more)
        given = self._waiting[: len(room)]
        self._waiting = self._waiting[len(room) :]
        room[: len(given)] = given
        return len(given)


class _Made(io.BufferedReader):
    """What was made of the content of a file: it keeps the file's name and closes it."""

    def __init__(
        self,
        made: io.BufferedIOBase | io.RawIOBase,
        stream: BinaryIO | io.BufferedReader,
        name: str,
    ) -> None:
        super().__init__(cast(io.RawIOBase, made), _BUFFER_BYTES)
        self._stream = stream
        self._name = name

    @property
    def name(self) -> str:
        return self._name

    def close(self) -> None:
        super().close()
        self._stream.close()


def _peekable(stream: BinaryIO) -> io.BufferedReader:
    if isinstance(stream, io.BufferedReader):
        return stream
    return io.BufferedReader(cast(io.RawIOBase, stream), _BUFFER_BYTES)


def _peek(stream: io.BufferedReader, name: str) -> bytes:
    try:
        return stream.peek(SNIFF_BYTES)
    except DECODE_ERRORS as error:
        raise SourceError(f"{name}: {_words(error)}") from error


def _words(error: BaseException) -> str:
    """Say in a few words what is wrong."""
    if isinstance(error, EOFError):
        return "the compressed data ends too early"
    if isinstance(error, gzip.BadGzipFile | lzma.LZMAError | zlib.error):
        return f"the compressed data is damaged ({error})"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    if isinstance(error, OSError):  # bzip2 says it so
        return f"the compressed data is damaged ({error})"
    return str(error).lower()
