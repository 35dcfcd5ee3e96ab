"""Finding places in an open file: where the last records begin, and where text follows a hole."""

from __future__ import annotations

import errno
import os

_SCAN_BYTES = 1 << 20
_SCANS = 64


def last_records(descriptor: int, size: int, count: int, reach: int) -> tuple[int, bool]:
    """Return where the first line within the last ``count`` of ``size`` bytes begins.

    Where they all belong to one line without an end, that is the beginning of this line, if it
    lies within ``reach`` bytes before; else the end of the file, and True: the rest of the line
    has to be passed over.
    """
    if count >= size:
        return 0, False
    start = size - count - 1  # a newline there begins a line exactly ``count`` bytes from the end
    for at in range(start, size, reach):
        window = os.pread(descriptor, min(reach, size - at), at)
        if (found := window.find(b"\n")) >= 0:
            return at + found + 1, False
    before = max(0, start - reach)
    found = os.pread(descriptor, start - before, before).rfind(b"\n")
    if found < 0 and before > 0:
        return size, True
    return before + found + 1, False


def next_text(descriptor: int, offset: int, size: int) -> int | None:
    """Return where the NUL bytes from ``offset`` on end; None where they reach the end.

    Holes are jumped over. Of NUL bytes that are stored, at most 64 MiB are looked through; then
    the place reached so far is returned.
    """
    for _ in range(_SCANS):
        try:
            offset = os.lseek(descriptor, offset, os.SEEK_DATA)
        except OSError as error:
            if error.errno == errno.ENXIO:  # nothing but a hole up to the end
                return None
        window = os.pread(descriptor, _SCAN_BYTES, offset)
        text = window.lstrip(b"\0")
        offset += len(window) - len(text)
        if text:
            return offset
        if offset >= size or not window:
            return None
    return offset
