"""Whole lines out of a stream that comes in pieces, with bounded memory."""

from __future__ import annotations


class Cutter:
    """Cuts a stream at its newlines. Of a line without an end, at most ``limit`` bytes are held.

    Of a longer one the first ``keep`` bytes are handed on as a line, or nothing where that is 0;
    the rest of it is passed over.
    """

    def __init__(self, limit: int, keep: int = 0) -> None:
        self._limit = limit
        self._keep = keep
        self._parts: list[bytes] = []
        self._held = 0
        self._skipping = False

    def feed(self, piece: bytes) -> tuple[bytes, int]:
        """Return the lines that ``piece`` completes, and how many (0 or 1) it made too long."""
        if self._skipping:
            begin = piece.find(b"\n") + 1
            if begin == 0:
                return b"", 0
            piece = piece[begin:]
            self._skipping = False
        lines, cut = b"", 0
        end = piece.rfind(b"\n") + 1
        if end:
            lines = b"".join((*self._parts, piece[:end]))
            self._parts, self._held = [], 0
            piece = piece[end:]
        if piece:
            # not joined yet: a long line would be copied with each piece of it
            self._parts.append(piece)
            self._held += len(piece)
        if self._held > self._limit:
            if self._keep:
                lines += b"".join(self._parts)[: self._keep] + b"\n"
            self._parts, self._held = [], 0
            self._skipping, cut = True, 1
        return lines, cut

    def finish(self) -> bytes:
        """Return the last line with a newline added, at the end of a stream that has none there."""
        rest, self._parts, self._held = b"".join(self._parts), [], 0
        return rest + b"\n" if rest else b""
