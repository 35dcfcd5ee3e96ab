"""Text encodings: told by a file's first bytes, transcoded to UTF-8 a block at a time."""

from __future__ import annotations

import codecs
from dataclasses import dataclass

from tinylogbert_daemon.encodings import BY_MARK, ENCODINGS

Buffer = bytes | bytearray
"""What was read of a file."""

_WIDEST = 4
# From so many bytes on, NUL bytes in every other place alone are taken for UTF-16.
_GUESS_BYTES = 8
_GUESS_LOOK_BYTES = 32


@dataclass(frozen=True, slots=True)
class Coding:
    """How the bytes of a file are text; all of it works on whole blocks.

    ``width`` is the size of a code unit in bytes. Blocks begin at a whole unit of the file, and
    their newlines are looked for at whole units: in UTF-16 a newline's bytes also stand across
    two other characters. ``plain`` says that the bytes are handed on as they are.
    """

    name: str
    width: int = 1
    plain: bool = False

    @property
    def newline(self) -> bytes:
        """A newline's bytes."""
        return "\n".encode(self.name)

    @property
    def line_ends(self) -> tuple[bytes, bytes]:
        """The bytes that may end a line whose beginning was handed on."""
        return self.newline, "\r\n".encode(self.name)

    def first_end(self, buffer: Buffer, begin: int) -> int:
        """Return the index behind the first newline from ``begin`` on, or 0 without one."""
        if self.width == 1:
            return buffer.find(b"\n", begin) + 1
        newline = self.newline
        at = buffer.find(newline, begin)
        while at >= 0 and (at - begin) % self.width:
            at = buffer.find(newline, at + 1)
        return at + self.width if at >= 0 else 0

    def last_end(self, buffer: Buffer, begin: int) -> int:
        """Return the index behind the last newline from ``begin`` on, or 0 without one."""
        if self.width == 1:
            return buffer.rfind(b"\n", begin) + 1
        newline = self.newline
        at = buffer.rfind(newline, begin)
        while at >= 0 and (at - begin) % self.width:
            at = buffer.rfind(newline, begin, at + len(newline) - 1)
        return at + self.width if at >= 0 else 0

    def is_nul(self, buffer: Buffer, at: int) -> bool:
        """Tell whether the code unit at ``at`` is a NUL character."""
        return buffer[at] == 0 and (
            self.width == 1 or buffer[at : at + self.width] == bytes(self.width)
        )

    def whole(self, count: int) -> int:
        """Return how many of ``count`` bytes are whole code units."""
        return count - count % self.width

    def room(self, count: int) -> int:
        """Return how many bytes of the file, in whole units, never become more than ``count``."""
        # Latin-1 doubles, UTF-16 grows by half, UTF-32 never grows
        return self.whole(count if self.plain or self.width == _WIDEST else count // 2)

    def transcode(self, raw: Buffer) -> bytes:
        """Return ``raw`` in UTF-8; what is no text becomes U+FFFD, one for each code unit."""
        if self.plain or (self.width == 1 and raw.isascii()):
            return bytes(raw)
        return raw.decode(self.name, "replace").encode()

    def size(self, data: bytes) -> int:
        """Return how many bytes of the file became ``data``, a part of what was transcoded."""
        if self.plain or (self.width == 1 and data.isascii()):
            return len(data)
        return len(data.decode("utf-8", "replace").encode(self.name, "replace"))


class Transcoder:
    """Makes UTF-8 of a stream that comes in pieces; its encoding is told by its first bytes."""

    def __init__(self) -> None:
        self._decoder: codecs.IncrementalDecoder | None = None
        self._head = b""
        self._is_told = False

    def feed(self, piece: bytes, *, final: bool = False) -> bytes:
        """Return what ``piece`` completes, without the byte order mark; ``final`` ends it."""
        if not self._is_told:
            self._head += piece
            coding, mark, sure = recognise(self._head, "auto")
            if not (self._head and sure) and not final:
                return b""
            self._is_told = True
            piece = self._head[mark:]
            if not coding.plain:
                self._decoder = codecs.getincrementaldecoder(coding.name)("replace")
        if self._decoder is None:
            return piece
        return self._decoder.decode(piece, final).encode()


PLAIN = Coding("utf-8", plain=True)

_CODINGS: dict[str, Coding] = {
    name: PLAIN if name == PLAIN.name else Coding(name, len("\n".encode(name)))
    for name in ENCODINGS
    if name not in BY_MARK
}
# Unicode 15, section 23.8; the longer first, as one begins with another
_MARKS = (
    (b"\xff\xfe\0\0", "utf-32-le"),
    (b"\0\0\xfe\xff", "utf-32-be"),
    (b"\xef\xbb\xbf", "utf-8"),
    (b"\xff\xfe", "utf-16-le"),
    (b"\xfe\xff", "utf-16-be"),
)


def recognise(head: bytes, encoding: str) -> tuple[Coding, int, bool]:
    """Return a file's coding, the length of its byte order mark (0 without one), and if it is sure.

    ``head`` is how the file begins and ``encoding`` one of
    :data:`~tinylogbert_daemon.encodings.ENCODINGS`: ``auto`` goes by the mark, ``utf-16`` and
    ``utf-32`` by the mark and without one are little-endian. UTF-16 without a mark (what is left
    after a truncation) is told by NUL bytes in every other place. It is not sure where a few more
    bytes may tell otherwise.
    """
    if encoding == "latin-1":
        return _CODINGS[encoding], 0, True
    sure = not any(len(head) < len(mark) and mark.startswith(head) for mark, _ in _MARKS)
    for mark, name in _MARKS:
        if head.startswith(mark) and (encoding == "auto" or name.startswith(encoding)):
            return _CODINGS[name], len(mark), sure
    if encoding in ("auto", "utf-16"):
        sure = sure and (len(head) >= _GUESS_BYTES or b"\0" not in head.lstrip(b"\0"))
        default = "utf-8" if encoding == "auto" else "utf-16-le"
        return _CODINGS[_without_mark(head) or default], 0, sure
    return _CODINGS.get(encoding, _CODINGS["utf-32-le"]), 0, sure


def _without_mark(head: bytes) -> str | None:
    """Tell UTF-16 by the ASCII characters that a log line begins with."""
    head = head[:_GUESS_LOOK_BYTES]
    if len(head) < _GUESS_BYTES or b"\0" not in head:
        return None
    first, second = head[::2], head[1::2]
    for text, other, name in ((first, second, "utf-16-le"), (second, first, "utf-16-be")):
        # the first unit may still belong to the hole before the text
        if not other.strip(b"\0") and b"\0" not in text[1:]:
            return name
    return None
